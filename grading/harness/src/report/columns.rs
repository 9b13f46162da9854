//! The widths of reports.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

/// The width of a report that does not go to a terminal.
pub(crate) const COLUMNS: usize = 80;

/// The maximum width; longer lines are hard to read.
const COLUMNS_MAX: usize = 120;

/// The height of a screen that is not known.
const LINES: usize = 40;

/// The fewest lines that a screen is taken to have.
const LINES_MIN: usize = 24;

/// The width to which sentences are wrapped: that of a narrow terminal, or else the usual one.
pub(crate) fn of_sentences() -> usize {
    static WIDTH: OnceLock<usize> = OnceLock::new();
    *WIDTH.get_or_init(|| of_terminal().map_or(COLUMNS, |terminal| terminal.columns.min(COLUMNS)))
}

/// The size of the terminal on standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Its width, limited to what a report uses.
    pub(crate) columns: usize,
    /// Its height, or a usual one if it is not known.
    pub(crate) lines: usize,
}

/// The terminal on standard output; `None` if there is none.
pub(crate) fn of_terminal() -> Option<Terminal> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    // A terminal of unknown size reports 0.
    let known = |count: u16| Some(usize::from(count)).filter(|&count| count > 0);
    let size = rustix::termios::tcgetwinsize(&out).ok();
    let columns = size.and_then(|size| known(size.ws_col)).unwrap_or(COLUMNS);
    let lines = size.and_then(|size| known(size.ws_row)).unwrap_or(LINES);
    Some(Terminal { columns: columns.min(COLUMNS_MAX), lines: lines.max(LINES_MIN) })
}
