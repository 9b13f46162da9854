//! Draws the end of a failing run as a diagram.

use faultlab::trace::Trace;
use faultlab::trace::show::{Options, diagram};

use super::columns::COLUMNS;

/// The most events in an excerpt.
const EVENTS_MAX: usize = 12;

/// The indentation of an excerpt in a report.
const INDENT: usize = 4;

/// The end of a run as a space-time diagram, in plain text of at most 80 columns. If the clients'
/// results are inconsistent, the few operations that show it follow.
#[must_use]
pub fn excerpt(trace: &Trace) -> String {
    draw(trace, COLUMNS, false)
}

/// The same, indented, for a report of this width, with or without colours.
pub(crate) fn indented_excerpt(trace: &Trace, columns: usize, colour: bool) -> String {
    indented(&draw(trace, columns, colour))
}

/// Indents an excerpt for a report.
pub(crate) fn indented(excerpt: &str) -> String {
    let mut text = String::new();
    for line in excerpt.lines() {
        text.push_str(format!("{:INDENT$}{line}", "").trim_end());
        text.push('\n');
    }
    text
}

fn draw(trace: &Trace, columns: usize, colour: bool) -> String {
    let width = columns.saturating_sub(INDENT);
    let options =
        Options { width, colour, events_max: EVENTS_MAX, heading: false, ..Options::default() };
    let mut text = diagram(trace, &options);
    if let Some(lanes) = faultlab_suites::lanes(trace, width) {
        text.push_str("\nResults that no order of the commands explains:\n");
        text.push_str(&lanes);
    }
    text
}
