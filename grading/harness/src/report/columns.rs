//! How wide a report is.

use std::io::{self, IsTerminal};

/// The width of a report that is not drawn for a terminal.
pub(crate) const COLUMNS: usize = 80;

/// On a wider terminal lines would be longer than an eye follows.
const COLUMNS_MAX: usize = 120;

/// The width of the terminal on standard output, as far as a report uses it; `None` when it is none.
pub(crate) fn of_terminal() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    // A terminal that does not know its width says 0.
    let columns = rustix::termios::tcgetwinsize(&out).map_or(0, |size| usize::from(size.ws_col));
    Some(if columns == 0 { COLUMNS } else { columns.min(COLUMNS_MAX) })
}
