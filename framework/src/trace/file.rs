//! Traces on disk: one JSON document a line.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use super::{Ending, Header, Trace, TraceEvent, VERSION, What};
use crate::worker::NodeFailure;

/// A line of a trace file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The first line.
    Header(Header),
    /// In a journal: the node is about to handle this.
    Before(What),
    /// It has happened.
    Event(TraceEvent),
    /// The last line of a run that came to its end.
    Ending(Ending),
}

/// Why a file is not a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceFileError {
    /// The file cannot be read.
    #[error("cannot read the trace: {0}")]
    Io(#[from] io::Error),
    /// A line is not what this format has there.
    #[error("line {line}: {problem}")]
    BadLine {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The file has no lines.
    #[error("the file is empty; a trace starts with a line {{\"header\": ...}}")]
    Empty,
    /// The trace was written by a newer version.
    #[error("the trace has format version {0}, and this program reads up to {VERSION}; update it")]
    TooNew(u32),
}

/// Writes one line.
///
/// # Errors
/// What `out` says.
pub fn write_line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    out.write_all(text.as_bytes())
}

/// Writes a whole trace.
///
/// # Errors
/// What `out` says.
pub fn write(out: &mut impl Write, trace: &Trace) -> io::Result<()> {
    write_line(out, &Line::Header(trace.header.clone()))?;
    for event in &trace.events {
        write_line(out, &Line::Event(event.clone()))?;
    }
    trace.ending.iter().try_for_each(|ending| write_line(out, &Line::Ending(ending.clone())))
}

/// Reads a trace, or the journal of a run that was cut off: then the last event is the one that the
/// run died in, with a failure that says so.
///
/// # Errors
/// Names the line that is not part of a trace. A last line that is cut short (the writer died) is
/// left out.
pub fn read(input: impl BufRead) -> Result<Trace, TraceFileError> {
    let mut lines = Vec::new();
    for (index, text) in input.lines().enumerate() {
        lines.push((index + 1, text?));
    }
    while lines.last().is_some_and(|(_, text)| text.trim().is_empty()) {
        lines.pop();
    }
    let count = lines.len();
    let mut trace: Option<Trace> = None;
    let mut before = None;
    for (number, text) in lines {
        let bad = |problem: String| TraceFileError::BadLine { line: number, problem };
        let line = match serde_json::from_str::<Line>(&text) {
            Ok(line) => line,
            Err(error) if error.is_eof() && number == count && number > 1 => break,
            Err(error) => return Err(bad(format!("not a line of a trace: {error}"))),
        };
        match (line, &mut trace) {
            (Line::Header(header), None) if header.version > VERSION => {
                return Err(TraceFileError::TooNew(header.version));
            }
            (Line::Header(header), None) => {
                trace = Some(Trace { header, events: Vec::new(), ending: None });
            }
            (Line::Header(_), Some(_)) => return Err(bad("a second header".to_owned())),
            (_, None) => return Err(bad("a trace starts with its header".to_owned())),
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
