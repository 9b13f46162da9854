#![doc = include_str!("FORMAT.md")]

use std::io::{self, BufRead, Read, Take, Write};

use serde::{Deserialize, Serialize};

use super::show::text::{safe, shorten};
use super::{Ending, EventKind, Header, Trace, TraceEvent, VERSION};
use crate::hosting::NodeFailure;

/// A line of a trace file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The first line.
    Header(Header),
    /// In a journal: a node is about to handle this event.
    Before(EventKind),
    /// An event has happened.
    Event(TraceEvent),
    /// The last line of a run that reached its end.
    Ending(Ending),
}

/// The longest line that is read, in bytes.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 2 << 30;

/// Why a file is not a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceFileError {
    /// The file cannot be read.
    #[error("cannot read the trace: {0}")]
    Io(#[from] io::Error),
    /// A line is invalid, or out of order.
    #[error("line {line}: {problem}")]
    BadLine {
        /// The line's number, from 1.
        line: usize,
        /// The problem, and what to do.
        problem: String,
    },
    /// The file has no lines.
    #[error("the file is empty; a trace starts with a line {{\"header\": ...}}. Record it again")]
    Empty,
    /// The trace was written by a newer version.
    #[error(
        "the trace has format version {0}, but this program reads only up to {VERSION}: update the program, or \
         record the trace again"
    )]
    TooNew(u64),
    /// There is no such version.
    #[error(
        "the trace has format version {0}, but versions start at 1: undo the change, or record the trace again"
    )]
    NoSuchVersion(u64),
}

/// Writes one line.
///
/// # Errors
/// If writing to `out` fails.
pub fn write_line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    out.write_all(text.as_bytes())
}

/// Writes a whole trace.
///
/// # Errors
/// If writing to `out` fails.
pub fn write(out: &mut impl Write, trace: &Trace) -> io::Result<()> {
    write_line(out, &Line::Header(trace.header.clone()))?;
    for event in &trace.events {
        write_line(out, &Line::Event(event.clone()))?;
    }
    trace.ending.iter().try_for_each(|ending| write_line(out, &Line::Ending(ending.clone())))
}

/// Reads a trace, or the journal of a run that was cut off. In a journal, the last event is the one
/// that killed the process, and it has a failure.
///
/// Accepts Windows line endings and a byte order mark, and skips empty lines.
///
/// # Errors
/// Names the invalid line, and what to do about it. A truncated last line (the writer died) is
/// ignored.
pub fn read(input: impl BufRead) -> Result<Trace, TraceFileError> {
    let mut lines = Lines { input: input.take(FILE_BYTES_MAX), bytes: Vec::new(), number: 0 };
    let mut trace: Option<Trace> = None;
    let mut before = None;
    while let Some(is_whole) = lines.next()? {
        let number = lines.number;
        let bad = |problem: String| TraceFileError::BadLine { line: number, problem };
        if lines.text().is_empty() {
            continue;
        }
        let line = match parse(lines.text()) {
            Ok(line) => line,
            Err(TraceFileError::BadLine { problem, .. }) => {
                // Only the last line may be truncated.
                if !is_whole && trace.is_some() {
                    break;
                }
                let is_strange = trace.is_none() && !lines.text().starts_with(b"{\"header\"");
                return Err(bad(if is_strange { not_a_trace(&problem) } else { problem }));
            }
            Err(error) => return Err(error),
        };
        match (line, &mut trace) {
            (Line::Header(header), None) => {
                trace = Some(Trace { header, events: Vec::new(), ending: None });
            }
            (Line::Header(_), Some(_)) => {
                return Err(bad(
                    "a second header: a file holds one trace, split it here".to_owned()
                ));
            }
            (_, None) => {
                let problem = "a trace starts with its header, a line {\"header\": ...}, which is \
                               missing: record it again";
                return Err(bad(problem.to_owned()));
            }
            (_, Some(Trace { ending: Some(_), .. })) => {
                let problem =
                    "something follows the trace's ending: remove it, and what is after it";
                return Err(bad(problem.to_owned()));
            }
            (Line::Before(what), Some(_)) => before = Some(what),
            (Line::Event(event), Some(trace)) => {
                before = None;
                trace.events.push(event);
            }
            (Line::Ending(ending), Some(trace)) => trace.ending = Some(ending),
        }
    }
    let mut trace = trace.ok_or(TraceFileError::Empty)?;
    if let Some(what) = before {
        let failure = NodeFailure::ProcessLost { how: "ended while handling this".to_owned() };
        trace.events.push(TraceEvent { failure: Some(failure), ..TraceEvent::new(None, what) });
    }
    Ok(trace)
}

/// The lines of a file, one at a time.
struct Lines<R> {
    input: Take<R>,
    bytes: Vec<u8>,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line. Returns `None` at the end of the file, otherwise whether the line is
    /// terminated.
    fn next(&mut self) -> Result<Option<bool>, TraceFileError> {
        self.bytes.clear();
        self.number += 1;
        let mut limited = (&mut self.input).take(LINE_BYTES_MAX as u64 + 1);
        limited.read_until(b'\n', &mut self.bytes)?;
        let is_whole = self.bytes.last() == Some(&b'\n');
        let too_large = |what: &str, limit: u64| TraceFileError::BadLine {
            line: self.number,
            problem: format!(
                "the {what} has more than {limit} bytes: record a shorter run, or print and keep less"
            ),
        };
        if self.bytes.len() > LINE_BYTES_MAX && !is_whole {
            return Err(too_large("line", LINE_BYTES_MAX as u64));
        }
        if !is_whole && self.input.limit() == 0 {
            return Err(too_large("file", FILE_BYTES_MAX));
        }
        Ok((!self.bytes.is_empty()).then_some(is_whole))
    }

    /// The line without its line ending, blanks, and byte order mark.
    fn text(&self) -> &[u8] {
        let text = self.bytes.trim_ascii();
        let mark = [0xef, 0xbb, 0xbf].as_slice();
        if self.number == 1 { text.strip_prefix(mark).unwrap_or(text) } else { text }
    }
}

/// Parses one line. An error has no line number yet.
fn parse(text: &[u8]) -> Result<Line, TraceFileError> {
    match serde_json::from_slice::<Line>(text) {
        Ok(Line::Header(header)) => {
            check_version(u64::from(header.version))?;
            Ok(Line::Header(converted(header)))
        }
        Ok(line) => Ok(line),
        Err(error) => {
            // A newer header may be completely different, but it always has a version.
            if let Ok(line) = serde_json::from_slice::<AnyHeader>(text) {
                check_version(line.header.version)?;
            }
            Err(TraceFileError::BadLine { line: 0, problem: problem(text, &error) })
        }
    }
}

fn check_version(version: u64) -> Result<(), TraceFileError> {
    match version {
        0 => Err(TraceFileError::NoSuchVersion(version)),
        _ if version > u64::from(VERSION) => Err(TraceFileError::TooNew(version)),
        _ => Ok(()),
    }
}

/// The header of an earlier version as one of this version.
///
/// Version 1 had no restarts, so that all its incarnations are the first, which is what a reader
/// assumes. Its messages arrived as their senders sent them. So only the number changes.
fn converted(header: Header) -> Header {
    Header { version: VERSION, ..header }
}

/// The part of a header that all versions share.
#[derive(Deserialize)]
struct AnyHeader {
    header: AnyVersion,
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u64,
}

/// Describes what is wrong with a line, and what to do.
fn problem(text: &[u8], error: &serde_json::Error) -> String {
    // The error's own line number is always 1, because lines are parsed one at a time.
    let message = error.to_string();
    let message = match message.rfind(" at line ") {
        Some(at) => format!("{} (column {})", &message[..at], error.column()),
        None => message,
    };
    let message = shorten(&safe(&message), 200);
    let start = shorten(&safe(&String::from_utf8_lossy(&text[..text.len().min(64)])), 32);
    if error.is_eof() {
        format!("the line is cut short: {message}; remove it, or record the trace again")
    } else {
        format!(
            "not a line of a trace: {message}, in `{start}`; undo the change to it, or record the \
             trace again"
        )
    }
}

/// Describes what is wrong with a file that is not a trace.
fn not_a_trace(problem: &str) -> String {
    format!("this is not a trace, which starts with a line {{\"header\": ...}}: {problem}")
}
