//! A history and its check result as a self-contained HTML page.

use std::fmt::Write as _;

use serde::Serialize;

use crate::Address;

use super::check_result::{CheckResult, SequentialCheckResult};
use super::explain::{Explanation, ShownOperation, explain, text};
use super::history::History;
use super::model::Model;
use crate::abridge::in_the_middle;

const TEMPLATE: &str = include_str!("page.html");

/// The most operations shown on a page: those around the failing one, if there is one.
const OPERATIONS_MAX: usize = 20_000;
/// Commands, results and states in the whole history are cut to this length.
const TEXT_LENGTH_MAX: usize = 100;
/// Limit on the total size of state texts, before they are cut.
const STATE_BYTES_MAX: usize = 1 << 26;

/// A history and its check result as an HTML page: every operation on its client's lane, and for a
/// violation, the operations that show it and the states between them. With a result about sequential
/// consistency, the page includes it.
///
/// The page is one file without links, so it works offline. It draws only the visible operations, so
/// 10,000 operations scroll as fast as ten. It contains at most 20,000 operations (those nearest to the
/// failing one) and cuts long texts, so it never exceeds 16 MiB. It follows the system's light or dark
/// mode.
///
/// # Panics
/// If the check result is that of another history, and its numbers are not those of operations.
pub fn page<M: Model>(
    model: &M,
    history: &History<M::Command, M::Result>,
    verdict: &CheckResult,
    sequential: Option<&SequentialCheckResult>,
    title: &str,
) -> String {
    let (class, words, failing) = match verdict {
        CheckResult::Linearizable { .. } => ("good", "Linearizable".to_owned(), None),
        CheckResult::NotLinearizable(violation) => {
            ("bad", "Not linearizable".to_owned(), Some(violation))
        }
        CheckResult::Unknown(limit) => ("", format!("Unknown: {limit}"), None),
    };
    let explanation = failing.map(|violation| explain(model, history, violation));
    let mut sentence = match (&explanation, verdict) {
        (Some(explanation), _) => explanation.sentence(),
        (None, CheckResult::Linearizable { .. }) => {
            "The results are those of a single copy that executes each command at one instant between its call and its return.".to_owned()
        }
        (None, _) => "It is not known whether this history is linearizable.".to_owned(),
    };
    match sequential {
        Some(SequentialCheckResult::SequentiallyConsistent { .. }) => {
            sentence.push_str(". It is sequentially consistent: there is an order that agrees with each client, but not with real time.");
        }
        Some(SequentialCheckResult::NotSequentiallyConsistent) => {
            sentence.push_str(". It is not sequentially consistent either.");
        }
        Some(SequentialCheckResult::Unknown(_)) | None => {}
    }
    let key = failing.and_then(|violation| violation.key.clone());
    let around = failing.map(|violation| violation.operation);
    let whole = whole(model, history, verdict, around, key.as_deref());
    let total = history.operations().len();
    let mut extent = match whole.operations.len() == total {
        true => format!("{total} operations."),
        false => format!("{} of {total} operations.", whole.operations.len()),
    };
    if let Some(key) = &key {
        let _ = write!(extent, " Operations on keys other than {} are pale.", escape(key));
    }
    let plain = explanation.as_ref().map_or(String::new(), |why| why.to_text(100, false));
    let data = Data { why: explanation.as_ref().map(Picture::of), history: whole };
    // In a script element, only `<` could end the element.
    let json = serde_json::to_string(&data).expect("texts and numbers").replace('<', "\\u003c");
    let why = explanation.as_ref().map_or(String::new(), why);
    fill(&[
        ("title", escape(title)),
        ("class", class.to_owned()),
        ("verdict", escape(&words)),
        ("sentence", escape(&sentence)),
        ("why", why),
        ("extent", extent),
        ("text", escape(&plain)),
        ("data", json),
    ])
}

/// The template with these values inserted. Placeholders in the values are not replaced.
fn fill(values: &[(&str, String)]) -> String {
    let mut page = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, behind) = after.split_once("}}").expect("a placeholder ends");
        let value = values.iter().find(|(of, _)| *of == name);
        page.push_str(&value.expect("every placeholder has a value").1);
        rest = behind;
    }
    page.push_str(rest);
    page
}

/// The part of the page about a violation.
fn why(explanation: &Explanation) -> String {
    let mut html = String::new();
    let _ = write!(
        html,
        "<h2>Why</h2>\n<p class=\"quiet\">{}</p>\n<div class=\"lanes\" id=\"why\" tabindex=\"0\" role=\"img\" aria-label=\"The operations that show the violation\"></div>\n<div class=\"detail\" id=\"why-detail\" aria-live=\"polite\"><span class=\"quiet\">Choose an operation to read it.</span></div>\n<h2>An order that explains all other results</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"An order of the operations\"><table>\n<tr><th></th><th>client</th><th>command</th><th>result</th><th>state before</th><th>state after</th></tr>\n",
        escape(&explanation.context())
    );
    let mut before = explanation.initial.clone();
    for (at, after) in explanation.steps() {
        let ShownOperation { client, command, result, .. } = &explanation.operations[at];
        let (class, mark) = if at == explanation.failing { ("bad", "✗ ") } else { ("", "") };
        let _ = writeln!(
            html,
            "<tr class=\"{class}\" data-operation=\"{at}\"><td>{mark}{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            at + 1,
            escape(client.as_str()),
            escape(command),
            escape(result.as_deref().unwrap_or("(no answer)")),
            escape(&before),
            escape(&after)
        );
        before = after;
    }
    html.push_str("</table></div>\n");
    html
}

/// Escapes a text for HTML.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// The data for the page's script.
#[derive(Serialize)]
struct Data {
    why: Option<Picture>,
    history: Picture,
}

#[derive(Serialize)]
struct Picture {
    clients: Vec<String>,
    columns: usize,
    operations: Vec<Drawn>,
}

/// An operation: lane, column of its call, column of its return (-1: none), command, result, flags (1:
/// failing, 2: on another key), times, position in the order, state after it, number in the history.
#[derive(Serialize)]
struct Drawn(
    usize,
    usize,
    i64,
    String,
    Option<String>,
    u8,
    u64,
    Option<u64>,
    Option<usize>,
    Option<String>,
    usize,
);

const FAILING: u8 = 1;
const OTHER_KEY: u8 = 2;

/// Lanes and columns of operations: one lane per client, one column per distinct call or return.
struct Grid {
    clients: Vec<Address>,
    columns: Vec<(u64, bool)>,
}

impl Grid {
    fn of(operations: impl Iterator<Item = (Address, u64, Option<u64>)>) -> Self {
        let mut grid = Self { clients: Vec::new(), columns: Vec::new() };
        for (client, called, returned) in operations {
            grid.clients.push(client);
            grid.columns.push((called, false));
            grid.columns.extend(returned.map(|at| (at, true)));
        }
        grid.clients.sort_unstable();
        grid.clients.dedup();
        grid.columns.sort_unstable();
        grid.columns.dedup();
        grid
    }

    fn cell(&self, client: Address, called: u64, returned: Option<u64>) -> (usize, usize, i64) {
        let column = |event| self.columns.binary_search(&event).unwrap_or_default();
        let lane = self.clients.binary_search(&client).unwrap_or_default();
        (lane, column((called, false)), returned.map_or(-1, |at| column((at, true)) as i64))
    }

    fn picture(self, operations: Vec<Drawn>) -> Picture {
        let clients = self.clients.iter().map(Address::to_string).collect();
        Picture { clients, columns: self.columns.len(), operations }
    }
}

impl Picture {
    /// The operations that show a violation.
    fn of(explanation: &Explanation) -> Self {
        let operations = &explanation.operations;
        let grid =
            Grid::of(operations.iter().map(|shown| (shown.client, shown.called, shown.returned)));
        let drawn = operations.iter().enumerate().map(|(at, shown)| {
            let (lane, call, end) = grid.cell(shown.client, shown.called, shown.returned);
            let order = explanation.order.iter().position(|placed| placed.operation == at);
            let state = order.map(|order| explanation.order[order].state.clone());
            let flags = if at == explanation.failing { FAILING } else { 0 };
            let ShownOperation { number, command, result, called, returned, .. } = shown.clone();
            Drawn(lane, call, end, command, result, flags, called, returned, order, state, number)
        });
        let drawn = drawn.collect();
        grid.picture(drawn)
    }
}

/// The whole history, or the part of it that fits the limit of a page.
fn whole<M: Model>(
    model: &M,
    history: &History<M::Command, M::Result>,
    verdict: &CheckResult,
    around: Option<usize>,
    key: Option<&str>,
) -> Picture {
    let operations = history.operations();
    let mut numbers: Vec<usize> = (0..operations.len()).collect();
    numbers.sort_by_key(|&number| (operations[number].called, number));
    if numbers.len() > OPERATIONS_MAX {
        let centre = around.and_then(|around| numbers.iter().position(|&number| number == around));
        let start = centre.unwrap_or(0).saturating_sub(OPERATIONS_MAX / 2);
        let start = start.min(numbers.len() - OPERATIONS_MAX);
        numbers = numbers[start..start + OPERATIONS_MAX].to_vec();
    }
    let mut placed: Vec<Option<(usize, Option<String>)>> = vec![None; operations.len()];
    if let CheckResult::Linearizable { order } = verdict {
        let mut state = model.init();
        let mut bytes = 0;
        for (position, &number) in order.iter().enumerate() {
            model.step(&mut state, &operations[number].command);
            let mut after = None;
            if bytes < STATE_BYTES_MAX {
                let whole = format!("{state:?}");
                bytes += whole.len();
                after = Some(in_the_middle(&whole, TEXT_LENGTH_MAX));
            }
            placed[number] = Some((position, after));
        }
    }
    let grid = Grid::of(numbers.iter().map(|&number| {
        let operation = &operations[number];
        (operation.client, operation.called, operation.returned)
    }));
    let drawn = numbers.iter().map(|&number| {
        let operation = &operations[number];
        let (lane, call, end) = grid.cell(operation.client, operation.called, operation.returned);
        let mut flags = if around == Some(number) { FAILING } else { 0 };
        if key.is_some() && model.key(&operation.command).as_deref() != key {
            flags |= OTHER_KEY;
        }
        let (position, state) = placed[number].take().unzip();
        Drawn(
            lane,
            call,
            end,
            in_the_middle(&text(&operation.command), TEXT_LENGTH_MAX),
            operation.result.as_ref().map(|result| in_the_middle(&text(result), TEXT_LENGTH_MAX)),
            flags,
            operation.called,
            operation.returned,
            position,
            state.flatten(),
            number,
        )
    });
    let drawn = drawn.collect();
    grid.picture(drawn)
}
