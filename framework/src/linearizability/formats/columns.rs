//! Logs and their columns: one event per line.
//!
//! ```text
//! INFO  jepsen.util - 0  :invoke  :write  1
//! INFO [2018-11-06 13:46:47,969] jepsen worker 0 - jepsen.util 0  :invoke  :write  1
//! 2018-11-06 13:46:47,969{GMT}  INFO  [jepsen worker 0] jepsen.util: 0  :invoke  :write  1
//! 0  :invoke  :write  1
//! ```

use super::edn::{self, excerpt};
use super::events::{Event, Kind, is_client};
use super::{FailedCas, FormatError};

/// The part of Jepsen that logs events.
const LOGGER: &str = "jepsen.util";

/// Reads all lines, and says what a failed compare-and-set means in such a file.
pub(super) fn read(text: &str) -> Result<(Vec<Event>, FailedCas), FormatError> {
    let mut events = Vec::new();
    let mut failed_cas = FailedCas::Ignored;
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        if line.trim().is_empty() {
            continue;
        }
        let (layout, columns) = split_head(line);
        if layout == Layout::Porcupine {
            failed_cas = FailedCas::NotEqual;
        }
        if let Some(columns) = columns {
            events.extend(event(columns, number)?);
        } else if layout == Layout::Columns {
            let problem = format!("`{}` is not a line of a Jepsen log", excerpt(line));
            return Err(FormatError::new(number, problem));
        }
    }
    Ok((events, failed_cas))
}

/// Whether this line is from a log, or consists of columns.
pub(super) fn is_one(line: &str) -> bool {
    let (layout, columns) = split_head(line);
    layout != Layout::Columns || columns.is_some()
}

/// What a line is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// A log with lines like those of Porcupine's collection: `INFO  jepsen.util - `.
    Porcupine,
    /// Another log.
    Log,
    /// No log.
    Columns,
}

/// Separates a line's columns from what comes before them. There are none in a line of a log about something else.
fn split_head(line: &str) -> (Layout, Option<&str>) {
    if let Some((head, rest)) = line.split_once(LOGGER)
        && !rest.starts_with(|next: char| next.is_alphanumeric() || "._".contains(next))
    {
        let columns = rest.strip_prefix(':').unwrap_or(rest).trim_start();
        let columns = columns.strip_prefix("- ").unwrap_or(columns);
        let is_old = rest.starts_with(" - ") && !head.contains('[');
        return (if is_old { Layout::Porcupine } else { Layout::Log }, Some(columns));
    }
    if has_type(line) {
        return (Layout::Columns, Some(line));
    }
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let mut words = line.split_whitespace().take(4);
    let is_log = words.any(|word| LEVELS.contains(&word)) || line.contains("jepsen.");
    (if is_log { Layout::Log } else { Layout::Columns }, None)
}

/// Whether the second column of this line is the type of an event.
fn has_type(line: &str) -> bool {
    let kind = line.split_whitespace().nth(1);
    kind.is_some_and(|kind| matches!(kind, ":invoke" | ":ok" | ":fail" | ":info"))
}

/// Reads the columns of an event, unless it is one of the nemesis.
fn event(columns: &str, line: usize) -> Result<Option<Event>, FormatError> {
    let fail = |problem| FormatError::new(line, problem);
    let (process, rest) = column(columns);
    let (kind, rest) = column(rest);
    let (function, rest) = column(rest);
    let word = |text: &str| edn::read(text).map_err(fail);
    if kind.is_empty() {
        let problem = format!(
            "`{}` is not an event; its columns are process, type, function and value",
            excerpt(columns.trim())
        );
        return Err(fail(problem));
    }
    let process = word(process)?;
    let kind = Kind::of(&word(kind)?, line)?;
    if !is_client(&process, kind) {
        return Ok(None);
    }
    if rest.trim().is_empty() {
        let found = 2 + usize::from(!function.is_empty());
        let problem = format!(
            "there are {found} columns; an event has four (process, type, function and value), with tabs or spaces between them"
        );
        return Err(fail(problem));
    }
    let (value, error) = edn::read_first(rest).map_err(fail)?;
    let has_error = !error.trim().is_empty();
    if has_error && !matches!(kind, Kind::Fail | Kind::Info) {
        return Err(fail(format!("`{}` follows the value", excerpt(error))));
    }
    Event::new(line, &process, kind, &word(function)?, None, value, has_error).map(Some)
}

/// Separates the first column.
fn column(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}
