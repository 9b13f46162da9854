//! A violation drawn in the terminal: one lane per client, time running to the right.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Address;
use crate::abridge::{around_difference, in_the_middle, where_they_differ, without_field_names};

use super::explain::{Explanation, ShownOperation};

/// The maximum length of a label on a bar.
const LABEL_LENGTH_MAX: usize = 36;
/// The minimum width of a drawing.
const WIDTH_MIN: usize = 40;

const RED: &str = "\x1b[31;1m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

impl Explanation {
    /// The violation as text: a lane for each client, then the order that explains the other operations,
    /// with the state after each step. Lines have at most `width` characters (but a `width` below 40 counts
    /// as 40). With `color`, the failing operation is red.
    #[must_use]
    pub fn to_text(&self, width: usize, color: bool) -> String {
        let width = width.max(WIDTH_MIN);
        let mut text = String::new();
        for line in wrap(&self.context(), width - 2) {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
        self.draw_lanes(&mut text, width, color);
        self.draw_order(&mut text, width, color);
        text
    }

    /// How many operations are shown, and which were left out.
    pub(super) fn context(&self) -> String {
        let shown = self.operations.len();
        let mut words = match shown == self.total {
            true => format!("All {shown} operations:"),
            false => format!("{shown} of {} operations show it", self.total),
        };
        if shown < self.total {
            if self.before > 0 {
                let _ = write!(
                    words,
                    "; the {} before them lead to the first state in any order that explains them",
                    self.before
                );
            }
            if let Some(key) = &self.key {
                let _ = write!(words, "; all are on key {key}");
            }
            words.push(':');
        }
        words
    }

    /// The operations in the explanation's order, each with the state after it. The failing one, in its
    /// position or at the end, is shown with what it would return there.
    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, String)> {
        let here = format!("here it returns {}", self.actual_here);
        let placed = self.order.iter().any(|placed| placed.operation == self.failing);
        let last = (!placed).then(|| (self.failing, here.clone()));
        let steps = self.order.iter().map(move |placed| match placed.operation == self.failing {
            true => (placed.operation, format!("{} ({here})", placed.state)),
            false => (placed.operation, placed.state.clone()),
        });
        steps.chain(last)
    }

    fn draw_lanes(&self, text: &mut String, width: usize, color: bool) {
        let drawing = Drawing::of(self);
        let name_width = drawing.lanes.iter().map(|lane| lane.client.as_str().len()).max();
        let name_width = name_width.unwrap_or(0) + 4;
        for (start, end) in drawing.bands(width.saturating_sub(name_width)) {
            for lane in &drawing.lanes {
                let mut line = format!("  {:<1$}", lane.client, name_width - 2);
                let mut red = false;
                for at in start..end.min(lane.cells.len()) {
                    let (character, is_failing) = lane.cells[at];
                    if color && is_failing != red {
                        line.push_str(if is_failing { RED } else { RESET });
                        red = is_failing;
                    }
                    line.push(character);
                }
                if red {
                    line.push_str(RESET);
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
            text.push('\n');
        }
    }

    /// What the failing operation returned and what it would return, so that their difference is seen even if
    /// neither fits into the table.
    fn draw_difference(&self, text: &mut String, width: usize) {
        let seen = self.operations[self.failing].result.as_deref().unwrap_or("(no answer)");
        let lines = [
            ("it returned", seen, &*self.actual_here),
            ("here it returns", &*self.actual_here, seen),
        ];
        text.push('\n');
        for (label, value, other) in lines {
            let value = around_difference(value, other, width.saturating_sub(21));
            let _ = writeln!(text, "    {label:<15}  {value}");
        }
    }

    fn draw_order(&self, text: &mut String, width: usize, color: bool) {
        let order = match self.order.is_empty() {
            true => "At the start:",
            false => "An order that explains all other results:",
        };
        let _ = writeln!(text, "  {order}");
        let mut rows = vec![[
            "".to_owned(),
            "".to_owned(),
            "".to_owned(),
            "".to_owned(),
            self.initial.clone(),
        ]];
        let mut failing_row = 0;
        for (step, state) in self.steps() {
            let ShownOperation { client, command, result, .. } = &self.operations[step];
            let is_failing = step == self.failing;
            if is_failing {
                failing_row = rows.len();
            }
            rows.push([
                format!("{}{}", if is_failing { "✗ " } else { "" }, step + 1),
                client.to_string(),
                command.clone(),
                result.as_deref().unwrap_or("(no answer)").to_owned(),
                state,
            ]);
        }
        let header = ["", "client", "command", "result", "state after"];
        let mut widths = column_widths(header, &rows);
        // The command, the result and the state share the remaining width.
        let rest = width.saturating_sub(widths[0] + widths[1] + 4 * 2 + 4).max(12);
        if widths[2..].iter().sum::<usize>() > rest {
            for cell in rows.iter_mut().flat_map(|row| &mut row[2..]) {
                *cell = without_field_names(cell);
            }
            widths = column_widths(header, &rows);
        }
        shrink(&mut widths[2..], rest);
        let is_cut = |column: usize| rows[failing_row][column].chars().count() > widths[column];
        let is_shown_below = is_cut(3) || is_cut(4);
        if is_cut(4) {
            rows[failing_row][4] = in_the_middle("see below", widths[4]);
        }
        // Of a long state, what the step changed is shown.
        let states: Vec<String> = rows.iter().map(|row| row[4].clone()).collect();
        for (at, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != failing_row) {
            let other = states.get(if at == 0 { 1 } else { at - 1 });
            row[4] = where_they_differ(&states[at], other.map_or("", String::as_str), widths[4]);
        }
        let mut line = |cells: [&str; 5], style: &str| {
            let mut line = String::from("    ");
            for (cell, &width) in cells.iter().zip(&widths) {
                let _ = write!(line, "{:<width$}  ", in_the_middle(cell, width));
            }
            let line = line.trim_end();
            let _ = match color && !style.is_empty() {
                true => writeln!(text, "{style}{line}{RESET}"),
                false => writeln!(text, "{line}"),
            };
        };
        line(header, DIM);
        for (at, row) in rows.iter().enumerate() {
            line(row.each_ref().map(String::as_str), if at == failing_row { RED } else { "" });
        }
        if is_shown_below {
            self.draw_difference(text, width);
        }
    }
}

/// How many characters the cells of each column have at most.
fn column_widths(header: [&str; 5], rows: &[[String; 5]]) -> [usize; 5] {
    let mut widths = header.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// A command with its result, if there is one, in at most this many characters. Both lose their field names, and then
/// their middles, before the other loses everything.
fn command_with_result(command: &str, result: Option<&str>, max: usize) -> String {
    let arrow = if result.is_some() { " → " } else { "" };
    let result = result.unwrap_or_default();
    let length = |text: &str| text.chars().count();
    let whole = format!("{command}{arrow}{result}");
    if length(&whole) <= max {
        return whole;
    }
    let (command, result) = (without_field_names(command), without_field_names(result));
    let mut lengths = [length(&command), length(&result)];
    shrink(&mut lengths, max.saturating_sub(length(arrow)));
    let [command, result] = [(command, lengths[0]), (result, lengths[1])]
        .map(|(text, length)| in_the_middle(&text, length));
    format!("{command}{arrow}{result}")
}

/// Shrinks columns, the widest first, until their total fits.
fn shrink(widths: &mut [usize], total: usize) {
    while widths.iter().sum::<usize>() > total {
        match widths.iter_mut().max() {
            Some(widest) if *widest > 1 => *widest -= 1,
            _ => return,
        }
    }
}

/// Wraps a text into lines of at most this width.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

struct Lane {
    client: Address,
    // The character in each column, and whether it belongs to the failing operation.
    cells: Vec<(char, bool)>,
}

/// The position of a call or return in time: the time, the turn at that time, and whether it is a return.
type Moment = (u64, usize, bool);

/// The call and the return of each operation, as moments. Their order is the order of the drawing.
///
/// Operations of one client at one instant take turns, so that each starts where the previous one ends.
/// All other events of an instant are drawn as concurrent: calls first, returns last.
fn moments(operations: &[ShownOperation]) -> Vec<(Moment, Option<Moment>)> {
    // For each client, its latest operation and the turn of its call.
    let mut latest: BTreeMap<Address, (usize, usize)> = BTreeMap::new();
    let mut turns = vec![0; operations.len()];
    let mut goes_on = vec![false; operations.len()];
    let mut last_turns: BTreeMap<u64, usize> = BTreeMap::new();
    for (at, shown) in operations.iter().enumerate() {
        if let Some(&(before, turn)) = latest.get(&shown.client)
            && operations[before].returned == Some(shown.called)
        {
            goes_on[before] = true;
            turns[at] = if operations[before].called == shown.called { turn + 1 } else { 1 };
        }
        latest.insert(shown.client, (at, turns[at]));
        let last = last_turns.entry(shown.called).or_default();
        *last = turns[at].max(*last);
    }
    let moment = |(at, shown): (usize, &ShownOperation)| {
        let returned = shown.returned.map(|time| {
            let last_turn = last_turns.get(&time).copied().unwrap_or(0);
            let turn = match goes_on[at] {
                true if time == shown.called => turns[at],
                true => 0,
                false => last_turn,
            };
            (time, turn, true)
        });
        ((shown.called, turns[at], false), returned)
    };
    operations.iter().enumerate().map(moment).collect()
}

struct Drawing {
    lanes: Vec<Lane>,
    width: usize,
    // For each column, whether it is inside a label, where a line should not be broken.
    in_label: Vec<bool>,
}

impl Drawing {
    fn of(explanation: &Explanation) -> Self {
        let operations = &explanation.operations;
        let label = |at: usize| {
            let ShownOperation { command, result, .. } = &operations[at];
            let mark = if at == explanation.failing { "✗" } else { "" };
            let number = format!("{mark}{} ", at + 1);
            let left = LABEL_LENGTH_MAX.saturating_sub(number.chars().count());
            number + &command_with_result(command, result.as_deref(), left)
        };
        let labels: Vec<String> = (0..operations.len()).map(label).collect();

        // The column of each call and each return: far enough apart for labels.
        let moments = moments(operations);
        let mut events: Vec<Moment> =
            moments.iter().flat_map(|&(call, end)| [Some(call), end]).flatten().collect();
        events.sort_unstable();
        events.dedup();
        let at_event = |event: Moment| events.binary_search(&event).expect("it is there");
        let mut columns: Vec<usize> = Vec::with_capacity(events.len());
        for &event in &events {
            let mut column = columns.last().map_or(0, |last| last + 2);
            for (&(call, end), label) in moments.iter().zip(&labels) {
                if end == Some(event) {
                    let start = columns[at_event(call)];
                    column = column.max(start + label.chars().count() + 3);
                }
            }
            columns.push(column);
        }
        let mut width = columns.last().copied().unwrap_or(0) + 1;
        for (&(call, end), label) in moments.iter().zip(&labels) {
            if end.is_none() {
                let start = columns[at_event(call)];
                width = width.max(start + label.chars().count() + 5);
            }
        }

        let mut clients: Vec<Address> = operations.iter().map(|shown| shown.client).collect();
        clients.sort_unstable();
        clients.dedup();
        let mut lanes: Vec<Lane> = clients
            .iter()
            .map(|&client| Lane { client, cells: vec![(' ', false); width] })
            .collect();
        let mut in_label = vec![false; width + 1];
        for (at, (shown, label)) in operations.iter().zip(&labels).enumerate() {
            let failing = at == explanation.failing;
            let lane = clients.binary_search(&shown.client).expect("it has a lane");
            let cells = &mut lanes[lane].cells;
            let (call, end) = moments[at];
            let start = columns[at_event(call)];
            let end = end.map_or(width - 1, |end| columns[at_event(end)]);
            let (line, left, right) = match shown.returned {
                Some(_) if failing => ('═', '╞', '╡'),
                Some(_) => ('─', '├', '┤'),
                None => ('╌', '├', '▷'),
            };
            for cell in &mut cells[start..=end] {
                *cell = (line, failing);
            }
            cells[start].0 = left;
            cells[end].0 = right;
            for (place, character) in (start + 1..).zip(label.chars()) {
                cells[place].0 = character;
                in_label[place] = true;
            }
        }
        Self { lanes, width, in_label }
    }

    /// Cuts the drawing into pieces of at most this width, between labels if possible.
    fn bands(&self, width: usize) -> Vec<(usize, usize)> {
        let mut bands = Vec::new();
        let mut start = 0;
        while start < self.width {
            let furthest = (start + width).min(self.width);
            let mut end = furthest;
            while end < self.width && end > start && self.in_label[end] {
                end -= 1;
            }
            if end == start {
                end = furthest;
            }
            bands.push((start, end));
            start = end;
        }
        bands
    }
}
