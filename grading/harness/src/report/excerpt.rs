//! The end of a failing run, drawn as a diagram.

use faultlab::trace::Trace;
use faultlab::trace::show::{Options, diagram};

use super::columns::COLUMNS;

/// How many events an excerpt has at most.
const EVENTS_MAX: usize = 12;

/// How far an excerpt is indented in a report.
const INDENT: usize = 4;

/// The end of a run as a space-time diagram, in plain text that fits in a report of 80 columns; below it, where the
/// results of the clients have no explanation, the few of them that show it.
#[must_use]
pub fn excerpt(trace: &Trace) -> String {
    draw(trace, COLUMNS, false)
}

/// The same, indented, for a report of so many columns, with or without colours.
pub(crate) fn indented_excerpt(trace: &Trace, columns: usize, colour: bool) -> String {
    indented(&draw(trace, columns, colour))
}

/// Each line of an excerpt where it stands in a report.
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
        text.push_str("\nThe results that no order of the commands explains:\n");
        text.push_str(&lanes);
    }
    text
}
