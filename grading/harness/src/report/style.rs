//! The colours of a terminal report. Texts always contain colours; the output stream removes them for a file or a
//! pipe, and with `NO_COLOR`.

use std::fmt::Display;

use colored::{ColoredString, Colorize};

use super::Status;

/// How a text looks.
pub(crate) type Style = fn(ColoredString) -> ColoredString;

pub(crate) const PLAIN: Style = |text| text;
pub(crate) const BOLD: Style = |text| text.bold();
pub(crate) const DIM: Style = |text| text.dimmed();
pub(crate) const GREEN: Style = |text| text.green().bold();
pub(crate) const RED: Style = |text| text.red().bold();
pub(crate) const YELLOW: Style = |text| text.yellow().bold();
pub(crate) const CYAN: Style = |text| text.cyan().bold();

/// The text in this style.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    // By default, the crate decides for all streams, by looking at standard output and the environment.
    colored::control::set_override(true);
    style(ColoredString::from(text.to_string())).to_string()
}

/// A status as shown in the report's status column, with its colour.
pub(crate) fn status(status: Status) -> (&'static str, Style) {
    match status {
        Status::Passed => ("PASS", GREEN),
        Status::Partial => ("PARTIAL", YELLOW),
        Status::Failed => ("FAIL", RED),
        Status::Inconclusive => ("UNDECIDED", YELLOW),
        Status::NotImplemented => ("TODO", CYAN),
        Status::TimedOut => ("TIMEOUT", RED),
    }
}
