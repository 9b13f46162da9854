//! Replays saved traces in the submission's own program.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use faultlab::hosting::Submission;
use faultlab::trace::file;
use faultlab::trace::replay;
use faultlab_suites::{Suite, replay_saved};

use crate::report::{Drawing, columns, paragraph, style};

/// The indentation of continuation lines.
const INDENT: usize = 4;

/// The exit codes of a replaying program. A node is unlikely to exit with one of them, and a node
/// that exits with code 0 does not make its run count as fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum ReplayExit {
    /// The run no longer fails.
    Fixed = 120,
    /// The run still fails, or no longer applies.
    NotFixed = 121,
    /// The file is not a trace of this lab.
    NoTrace = 122,
    /// The result could not be printed.
    NotWritten = 123,
}

impl ReplayExit {
    /// The status that this exit code stands for; `None` if the program ended before it had one.
    pub(crate) fn of_code(code: i32) -> Option<Self> {
        [Self::Fixed, Self::NotFixed, Self::NoTrace, Self::NotWritten]
            .into_iter()
            .find(|&verdict| verdict as i32 == code)
    }
}

/// Replays each file's trace and prints its status, with the run if it still fails. Exits with the
/// worst status.
pub(crate) fn main(suite: &Suite, submission: &Submission, files: &[String]) -> ExitCode {
    let verdicts = files.iter().map(|file| one(suite, submission, file));
    ExitCode::from(verdicts.max().unwrap_or(ReplayExit::Fixed) as u8)
}

fn one(suite: &Suite, submission: &Submission, path: &str) -> ReplayExit {
    let name = Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy());
    let read = File::open(path)
        .map_err(|error| error.to_string())
        .and_then(|file| file::read(BufReader::new(file)).map_err(|error| error.to_string()));
    let saved = match read {
        Ok(saved) => saved,
        Err(problem) => return refused(path, &problem),
    };
    let replay = match replay_saved(suite, &saved, submission) {
        Ok(replay) => replay,
        Err(error) => return refused(path, &error.to_string()),
    };
    let (style, verdict) = match replay.status {
        replay::ReplayStatus::Fixed { .. } => (style::GREEN, ReplayExit::Fixed),
        replay::ReplayStatus::Reproduced { .. } => (style::RED, ReplayExit::NotFixed),
        replay::ReplayStatus::NoLongerApplies { .. } => (style::YELLOW, ReplayExit::NotFixed),
        replay::ReplayStatus::Unsupported { .. } => {
            return refused(path, &replay.status.to_string());
        }
    };
    let mut said = format!("{name}: {}", replay.status);
    if let Some(difference) = &replay.difference {
        said.push_str(&format!("\n{difference}"));
    }
    // Only the status is coloured, not the name.
    let said = paragraph(&said, INDENT);
    let (name, said) = said.split_once(": ").unwrap_or((&name, &said));
    let mut text = format!("{name}: {}\n", style::paint(style, said));
    if matches!(replay.status, replay::ReplayStatus::Reproduced { .. }) {
        let terminal = columns::of_terminal();
        let drawing = Drawing {
            columns: terminal.map_or(columns::COLUMNS, |terminal| terminal.columns),
            colour: terminal.is_some(),
            ..Drawing::default()
        };
        text.push('\n');
        text.push_str(&drawing.indented(&replay.trace));
        text.push('\n');
    }
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("cannot write to standard output: {error}");
            ReplayExit::NotWritten
        }
        _ => verdict,
    }
}

fn refused(path: &str, problem: &str) -> ReplayExit {
    eprintln!("{path}: {problem}");
    ReplayExit::NoTrace
}
