//! The widths of reports.

use std::io::{self, IsTerminal};

/// The width of a report that does not go to a terminal.
pub(crate) const COLUMNS: usize = 80;

/// The maximum width; longer lines are hard to read.
const COLUMNS_MAX: usize = 120;

/// The width of the terminal on standard output, limited to what a report uses; `None` if there is
/// no terminal.
pub(crate) fn of_terminal() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    // A terminal of unknown width reports 0.
    let columns = rustix::termios::tcgetwinsize(&out).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { COLUMNS } else { columns.min(COLUMNS_MAX) })
}
