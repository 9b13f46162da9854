//! Draws a trace: one column per node if they fit, otherwise a list.

use super::Options;
use super::diagram::{Diagram, DiagramEvent, DiagramItem, EventMark, Note};
use super::phrases::here;
use super::text::{Role, Text, columns, wrap};
use crate::{Address, Characters};

/// The minimum distance between two lifelines, so that an arrow's head fits.
const LANE_MIN: usize = 4;

/// The maximum distance between two lifelines, for legibility.
const LANE_MAX: usize = 13;

/// The columns reserved for text.
const WORDS_MIN: usize = 38;

/// A diagram with more lines than this repeats the names below it.
const FOOTER_LINES: usize = 20;

/// Adds the diagram's lines.
pub(super) fn draw(diagram: &Diagram, options: &Options, out: &mut Vec<Text>) {
    let gutter = Gutter::new(diagram);
    match Lanes::new(diagram, &gutter, options) {
        Some(lanes) => lanes.draw(diagram, &gutter, out),
        None => list(diagram, &gutter, options, out),
    }
}

/// The column with the events' numbers and times.
struct Gutter {
    number: usize,
    time: usize,
}

impl Gutter {
    fn new(diagram: &Diagram) -> Self {
        let moments = || {
            diagram.items.iter().filter_map(|item| match item {
                DiagramItem::Moment(moment) => Some(moment),
                DiagramItem::Omitted { .. } | DiagramItem::Checked { .. } => None,
            })
        };
        let number = moments().map(|moment| moment.number.to_string().len()).max().unwrap_or(1);
        let time = moments().filter_map(|moment| Some(milliseconds(moment.time_ns?).len())).max();
        Self { number: number.max(2), time: if diagram.timed { time.unwrap_or(1) + 3 } else { 0 } }
    }

    /// Its width in columns, including the blanks after it.
    fn width(&self) -> usize {
        self.number + self.time + 2
    }

    fn line(&self, moment: Option<&DiagramEvent>) -> Text {
        let Some(moment) = moment else {
            return Text::default().with(Role::Plain, " ".repeat(self.width()));
        };
        let time = moment.time_ns.map(milliseconds).unwrap_or_default();
        let number = format!("{:>1$}", moment.number, self.number);
        let time = format!("{time:>0$}  ", self.time);
        Text::default().with(Role::Quiet, number).with(Role::Plain, time)
    }

    fn heading(&self) -> Text {
        let unit = if self.time > 0 { "ms" } else { "" };
        let words = format!("{:>1$}{unit:>2$}  ", "#", self.number, self.time);
        Text::default().with(Role::Quiet, words)
    }
}

/// A time in milliseconds, with one digit after the point.
pub(in crate::trace) fn milliseconds(ns: u64) -> String {
    format!("{}.{}", ns / 1_000_000, ns / 100_000 % 10)
}

/// The characters of a diagram.
struct Glyphs {
    lifeline: char,
    gap: char,
    line: char,
    odd_line: char,
    crossing: char,
    leave_right: char,
    leave_left: char,
    head_right: char,
    head_left: char,
    stub: char,
    stub_right: char,
    stub_left: char,
    lost: char,
    itself: char,
}

const UNICODE: Glyphs = Glyphs {
    lifeline: '│',
    gap: '┊',
    line: '─',
    odd_line: '╌',
    crossing: '┼',
    leave_right: '├',
    leave_left: '┤',
    head_right: '▶',
    head_left: '◀',
    stub: '╌',
    stub_right: '▹',
    stub_left: '◃',
    lost: '✗',
    itself: '↺',
};

const ASCII: Glyphs = Glyphs {
    lifeline: '|',
    gap: ':',
    line: '-',
    odd_line: '=',
    crossing: '+',
    leave_right: '|',
    leave_left: '|',
    head_right: '>',
    head_left: '<',
    stub: '.',
    stub_right: '>',
    stub_left: '<',
    lost: 'x',
    itself: '@',
};

impl Glyphs {
    fn of(options: &Options) -> &'static Self {
        match options.characters {
            Characters::Unicode => &UNICODE,
            Characters::Ascii => &ASCII,
        }
    }
}

/// The columns that stay free for an ellipsis at the end of a line and an arrow, which are longer in ASCII.
fn spare(options: &Options) -> usize {
    match options.characters {
        Characters::Unicode => 0,
        Characters::Ascii => 4,
    }
}

/// The sign of an event at its node, and its colour.
fn sign(mark: EventMark, characters: Characters) -> (char, Role) {
    let (sign, ascii, role) = match mark {
        EventMark::Start | EventMark::Restart => ('○', 'o', Role::Strong),
        EventMark::Injection => ('▲', '^', Role::Warning),
        EventMark::Reconnection => ('◌', '=', Role::Quiet),
        EventMark::Message => ('●', '*', Role::Message),
        EventMark::Lost => ('✗', 'x', Role::Warning),
        EventMark::Timer => ('◔', 'T', Role::Timer),
        EventMark::Call => ('◆', 'C', Role::Client),
        EventMark::Return => ('◇', 'R', Role::Client),
        EventMark::Crash => ('✗', 'X', Role::Warning),
        EventMark::NetworkChange | EventMark::Stage | EventMark::Check => (' ', ' ', Role::Plain),
        EventMark::Failure => ('✗', '!', Role::Bad),
    };
    (if characters == Characters::Unicode { sign } else { ascii }, role)
}

/// The legend of a diagram's signs, on one line.
pub(super) fn legend(characters: Characters) -> String {
    let marks = [
        (EventMark::Start, "starts"),
        (EventMark::Call, "is given a command"),
        (EventMark::Return, "returns a result"),
        (EventMark::Message, "gets a message"),
        (EventMark::Timer, "timer fires"),
        (EventMark::Lost, "lost, crashed or failed"),
    ];
    let words = marks.map(|(mark, words)| format!("{} {words}", sign(mark, characters).0));
    words.join("  ")
}

/// A line of the diagram, cell by cell.
type Cells = Vec<(char, Role)>;

/// The columns of the nodes.
struct Lanes {
    /// The column of each node's lifeline.
    at: Vec<usize>,
    /// The distance between adjacent lifelines.
    step: usize,
    /// The diagram's width.
    width: usize,
    /// The width of the text next to it.
    words: usize,
    /// Whether the names are all on one line, or each on its own.
    level: bool,
    characters: Characters,
    glyphs: &'static Glyphs,
}

impl Lanes {
    /// The lanes, if they fit.
    fn new(diagram: &Diagram, gutter: &Gutter, options: &Options) -> Option<Self> {
        let names: Vec<usize> = diagram.nodes.iter().map(|node| node.as_str().len()).collect();
        let (first, last) = (*names.first()?, *names.last()?);
        let longest = names.iter().copied().max()?;
        let words_min = WORDS_MIN.max(options.width / 2);
        let room = options.width.checked_sub(gutter.width() + words_min + 2)?;
        // On one line if the names fit, with half a name at either end.
        let gaps = names.len() - 1;
        let side = room.saturating_sub(first / 2 + last.div_ceil(2)) / gaps.max(1);
        let level = first / 2 + last.div_ceil(2) <= room && (gaps == 0 || side > longest);
        let step = if level { side } else { room.saturating_sub(2) / gaps.max(1) };
        let step = step.min(LANE_MAX);
        if gaps > 0 && step < LANE_MIN {
            return None;
        }
        let start = if level { first / 2 } else { 0 };
        let at: Vec<usize> = (0..names.len()).map(|lane| start + lane * step).collect();
        let width = at.last()? + if level { last.div_ceil(2) } else { 2 };
        let width = width.max(at.last()? + 2);
        Some(Self {
            at,
            step,
            width,
            words: options.width.checked_sub(gutter.width() + width + 2)? - spare(options),
            level,
            characters: options.characters,
            glyphs: Glyphs::of(options),
        })
    }

    fn draw(&self, diagram: &Diagram, gutter: &Gutter, out: &mut Vec<Text>) {
        let start = out.len();
        let names = self.names(&diagram.nodes);
        for (index, cells) in names.iter().enumerate() {
            let left = if index + 1 == names.len() { gutter.heading() } else { gutter.line(None) };
            out.push(line(left, cells, &Text::default()));
        }
        let mut down = vec![false; diagram.nodes.len()];
        for item in &diagram.items {
            match item {
                DiagramItem::Omitted { words, up } => {
                    let cells = self.cells(up, self.glyphs.gap);
                    for words in wrap(words, self.words, 3, 0) {
                        out.push(line(gutter.line(None), &cells, &words));
                    }
                }
                DiagramItem::Checked { words, up } => {
                    let cells = self.cells(up, self.glyphs.lifeline);
                    for words in wrap(words, self.words, 3, 2) {
                        out.push(line(gutter.line(None), &cells, &words));
                    }
                }
                DiagramItem::Moment(moment) => {
                    self.moment(moment, gutter, out);
                    down = moment.up.iter().map(|up| !up).collect();
                    if let (true, Some(lane)) = (moment.ends_lane, moment.lane) {
                        down[lane] = true;
                    }
                }
            }
        }
        if out.len() - start > FOOTER_LINES {
            let up: Vec<bool> = down.iter().map(|down| !down).collect();
            if self.level {
                out.push(line(
                    gutter.line(None),
                    &self.cells(&up, self.glyphs.lifeline),
                    &Text::default(),
                ));
            }
            for cells in names.iter().rev() {
                out.push(line(gutter.line(None), cells, &Text::default()));
            }
        }
    }

    /// The names over the columns.
    fn names(&self, nodes: &[Address]) -> Vec<Cells> {
        let mut lines = vec![vec![(' ', Role::Plain); self.width]];
        for (lane, node) in nodes.iter().enumerate() {
            let at = self.at[lane];
            let start = if self.level { at - (node.as_str().len() / 2).min(at) } else { at };
            if !self.level && lane > 0 {
                let mut next = vec![(' ', Role::Plain); self.width];
                for &earlier in &self.at[..lane] {
                    next[earlier] = (self.glyphs.lifeline, Role::Quiet);
                }
                lines.push(next);
            }
            if let Some(cells) = lines.last_mut() {
                for (offset, character) in node.as_str().chars().enumerate() {
                    if cells.len() <= start + offset {
                        cells.push((' ', Role::Plain));
                    }
                    cells[start + offset] = (character, Role::Strong);
                }
            }
        }
        lines
    }

    /// The lifelines of the nodes that are up.
    fn cells(&self, up: &[bool], lifeline: char) -> Cells {
        let mut cells = vec![(' ', Role::Plain); self.width];
        for (&at, _) in self.at.iter().zip(up).filter(|&(_, &up)| up) {
            cells[at] = (lifeline, Role::Quiet);
        }
        cells
    }

    fn moment(&self, moment: &DiagramEvent, gutter: &Gutter, out: &mut Vec<Text>) {
        let plain = self.cells(&moment.up, self.glyphs.lifeline);
        let mut after = plain.clone();
        if let (true, Some(lane)) = (moment.ends_lane, moment.lane) {
            after[self.at[lane]] = (' ', Role::Plain);
        }
        for (index, words) in
            wrap(&marked(moment), self.words, moment.lines_max, 2).into_iter().enumerate()
        {
            let (left, cells) = match index {
                0 => (gutter.line(Some(moment)), self.event(moment)),
                _ => (gutter.line(None), after.clone()),
            };
            out.push(line(left, &cells, &words));
        }
        for note in &moment.notes {
            let width = self.words.saturating_sub(2);
            let lines = note.texts().flat_map(|text| wrap(text, width, note.lines_max, 2));
            for (index, words) in lines.enumerate() {
                let cells = match moment.lane {
                    Some(lane) if index == 0 => self.stubs(&after, lane, note),
                    _ => after.clone(),
                };
                let mut indented = Text::default().with(Role::Plain, "  ");
                indented.spans.extend(words.spans);
                out.push(line(gutter.line(None), &cells, &indented));
            }
        }
    }

    /// The line of an event: its arrow and its mark.
    fn event(&self, moment: &DiagramEvent) -> Cells {
        let mut cells = self.cells(&moment.up, self.glyphs.lifeline);
        if moment.mark == EventMark::NetworkChange {
            let between = cells.iter_mut().filter(|(character, _)| *character == ' ');
            between.for_each(|cell| *cell = (self.glyphs.stub, Role::Quiet));
        }
        let Some(lane) = moment.lane else { return cells };
        let here = self.at[lane];
        if let Some((from, label)) = &moment.arrow {
            let there = self.at[*from];
            let role = if moment.odd || moment.mark == EventMark::Lost {
                Role::Warning
            } else {
                Role::Message
            };
            let body = if moment.odd { self.glyphs.odd_line } else { self.glyphs.line };
            let (low, high) = (here.min(there), here.max(there));
            if low == high {
                if let Some(cell) = cells.get_mut(here + 1) {
                    *cell = (self.glyphs.itself, role);
                }
            } else {
                for (at, cell) in cells.iter_mut().enumerate().take(high).skip(low + 1) {
                    let crosses = self.at.contains(&at) && cell.0 != ' ';
                    *cell = (if crosses { self.glyphs.crossing } else { body }, role);
                }
                let (leave, head, beside) = if there < here {
                    (self.glyphs.leave_right, self.glyphs.head_right, here - 1)
                } else {
                    (self.glyphs.leave_left, self.glyphs.head_left, here + 1)
                };
                cells[there] = (if cells[there].0 == ' ' { body } else { leave }, role);
                cells[beside] = (head, role);
                self.label(&mut cells, label, (there, here), role);
            }
        }
        let (sign, role) = sign(moment.mark, self.characters);
        let role = if moment.odd && role == Role::Message { Role::Warning } else { role };
        cells[here] = (sign, role);
        cells
    }

    /// Writes a message's name on its arrow, next to the receiver, if it fits.
    fn label(&self, cells: &mut Cells, label: &str, (there, here): (usize, usize), role: Role) {
        // The space between two lifelines, without the arrow's head.
        let room = self.step - 2;
        let length = columns(label) + 2;
        if label.is_empty() || length + 1 > room || columns(label) != label.chars().count() {
            return;
        }
        let spare = room - length;
        let start = if there < here {
            here - self.step + 1 + spare.div_ceil(2)
        } else {
            here + 2 + spare / 2
        };
        let padded = format!(" {label} ");
        for (cell, character) in cells[start..].iter_mut().zip(padded.chars()) {
            *cell = (character, role);
        }
    }

    /// The line of a sent message: short arrows toward its receivers.
    fn stubs(&self, plain: &Cells, lane: usize, note: &Note) -> Cells {
        let mut cells = plain.clone();
        let here = self.at[lane];
        let role = if note.lost { Role::Warning } else { Role::Message };
        for &to in &note.stubs {
            let there = self.at[to];
            let (leave, body, head, sign) = if there > here {
                (self.glyphs.leave_right, here + 1, here + 2, self.glyphs.stub_right)
            } else if there < here {
                (self.glyphs.leave_left, here - 1, here - 2, self.glyphs.stub_left)
            } else {
                continue;
            };
            let both = cells[here].1 == role && cells[here].0 != leave;
            cells[here] = (if both { self.glyphs.crossing } else { leave }, role);
            cells[body] = (self.glyphs.stub, role);
            cells[head] = (if note.lost { self.glyphs.lost } else { sign }, role);
        }
        cells
    }
}

/// What happened, with a mark if it is where the run went wrong.
fn marked(moment: &DiagramEvent) -> Text {
    let mark = if moment.is_culprit { here() } else { Text::default() };
    mark.followed_by(&moment.head)
}

/// One line: numbers, diagram, text.
fn line(mut left: Text, cells: &Cells, words: &Text) -> Text {
    for &(character, role) in cells {
        match left.spans.last_mut() {
            Some((last, text)) if *last == role => text.push(character),
            _ => left.spans.push((role, character.into())),
        }
    }
    left.spans.push((Role::Plain, "  ".to_owned()));
    left.spans.extend(words.spans.iter().cloned());
    left
}

/// The diagram as a list, for more nodes than fit as columns.
fn list(diagram: &Diagram, gutter: &Gutter, options: &Options, out: &mut Vec<Text>) {
    let width = options.width - gutter.width() - 3 - spare(options);
    out.push(gutter.heading());
    for item in &diagram.items {
        let moment = match item {
            DiagramItem::Omitted { words, .. } => {
                out.push(line(gutter.line(None), &Vec::new(), words));
                continue;
            }
            DiagramItem::Checked { words, .. } => {
                for words in wrap(words, width, 3, 2) {
                    out.push(line(gutter.line(None), &vec![(' ', Role::Plain)], &words));
                }
                continue;
            }
            DiagramItem::Moment(moment) => moment,
        };
        let (sign, role) = sign(moment.mark, options.characters);
        let mut head = if moment.is_culprit { here() } else { Text::default() };
        let node = moment.lane.map(|lane| diagram.nodes[lane].to_string());
        head = match (&moment.arrow, node) {
            (Some((from, _)), Some(node)) => {
                head.with(Role::Strong, format!("{} → {node} ", diagram.nodes[*from]))
            }
            (None, Some(node)) if !moment.mark.names_its_node() => {
                head.with(Role::Strong, format!("{node} "))
            }
            _ => head,
        };
        let head = head.followed_by(&moment.head);
        for (index, words) in wrap(&head, width, moment.lines_max, 2).into_iter().enumerate() {
            let left = gutter.line(Some(moment).filter(|_| index == 0));
            let sign = if index == 0 { (sign, role) } else { (' ', Role::Plain) };
            out.push(line(left, &vec![sign], &words));
        }
        for note in &moment.notes {
            let wrapped = |text| wrap(text, width.saturating_sub(2), note.lines_max, 2);
            for words in note.texts().flat_map(wrapped) {
                let mut indented = Text::default().with(Role::Plain, "  ");
                indented.spans.extend(words.spans);
                out.push(line(gutter.line(None), &vec![(' ', Role::Plain)], &indented));
            }
        }
    }
}
