//! Following saved traces again, in the submission's own program: what each came to.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use faultlab::trace::file;
use faultlab::trace::replay::Verdict;
use faultlab::worker::Submission;
use faultlab_suites::{Suite, replay_saved};

use crate::report::{columns, indented_excerpt, paragraph, style};

/// Where the second line of a verdict starts.
const INDENT: usize = 4;

/// Follows each file's trace and prints its verdict, and the run where it breaks again. The exit code is
/// 0 when every trace is fixed, 1 when one is not, and 2 when a file is no trace of this lab.
pub(crate) fn main(suite: &Suite, submission: &Submission, files: &[String]) -> ExitCode {
    let mut worst = 0;
    for file in files {
        worst = worst.max(one(suite, submission, file));
    }
    ExitCode::from(worst)
}

fn one(suite: &Suite, submission: &Submission, path: &str) -> u8 {
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
    let (colour, code) = match replay.verdict {
        Verdict::Fixed { .. } => (style::GREEN, 0),
        Verdict::Reproduced { .. } => (style::RED, 1),
        Verdict::NoLongerApplies { .. } => (style::YELLOW, 1),
    };
    let mut said = format!("{name}: {}", replay.verdict);
    if let Some(difference) = &replay.difference {
        said.push_str(&format!("\n{difference}"));
    }
    // The name stays plain; the verdict starts with its word.
    let said = paragraph(&said, INDENT).replacen(": ", &format!(": {colour}"), 1);
    let mut text = format!("{said}{colour:#}\n");
    if matches!(replay.verdict, Verdict::Reproduced { .. }) {
        let terminal = columns::of_terminal();
        let columns = terminal.unwrap_or(columns::COLUMNS);
        text.push('\n');
        text.push_str(&indented_excerpt(&replay.trace, columns, terminal.is_some()));
        text.push('\n');
    }
    // Who stops reading is told no more.
    let _ = anstream::stdout().write_all(text.as_bytes());
    code
}

fn refused(path: &str, problem: &str) -> u8 {
    eprintln!("{path}: {problem}");
    2
}
