//! The colours of a terminal report. What is written to a file or a pipe loses them on the way.

use anstyle::{AnsiColor, Style};

use super::Status;

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// The text in this style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The word for a status in a report's status column, in its colour.
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
