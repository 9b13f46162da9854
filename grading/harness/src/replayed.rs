//! Replays a saved trace in the submission's own program, whose output goes to a file. The results go to other files,
//! so that what a node prints cannot be taken for them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use faultlab::hosting::Submission;
use faultlab::trace::replay::{Replay, ReplayStatus};
use faultlab::trace::{Trace, file};
use faultlab_suites::{Suite, replay_saved};
use serde::{Deserialize, Serialize};

use crate::worker::captured_output::CapturedOutput;

/// The files of one replay.
#[derive(Clone, Debug)]
pub struct ReplayFiles(PathBuf);

impl ReplayFiles {
    /// The files in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The command that replays `trace` in `program`. What the program prints is appended to the file
    /// of what nodes print.
    ///
    /// # Errors
    /// When that file cannot be opened.
    pub fn command(&self, program: &Path, trace: &Path) -> io::Result<Command> {
        let output = OpenOptions::new().create(true).append(true).open(self.printed())?;
        let mut command = Command::new(program);
        command.arg("--replay").arg(trace).arg(&self.0).stdout(output.try_clone()?).stderr(output);
        Ok(command)
    }

    /// To which the program's output is appended.
    pub(crate) fn printed(&self) -> PathBuf {
        self.0.join("printed")
    }

    fn result(&self) -> PathBuf {
        self.0.join("result.json")
    }

    fn run(&self) -> PathBuf {
        self.0.join("run.trace")
    }

    /// The result and the new run, if the program got that far. A refused trace has no new run.
    pub fn read(&self) -> Option<(ReplayResult, Option<Trace>)> {
        let result = serde_json::from_slice(&fs::read(self.result()).ok()?).ok()?;
        let run = File::open(self.run()).ok();
        Some((result, run.and_then(|run| file::read(BufReader::new(run)).ok())))
    }

    /// The result is written last, so that there is none without its run.
    fn write(&self, result: &ReplayResult, run: Option<&Trace>) -> io::Result<()> {
        if let Some(run) = run {
            let mut out = BufWriter::new(File::create(self.run())?);
            file::write(&mut out, run)?;
            out.flush()?;
        }
        fs::write(self.result(), serde_json::to_vec(result)?)
    }
}

/// What a replay found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayVerdict {
    /// The run no longer fails.
    Fixed,
    /// It still fails.
    Reproduced,
    /// It can no longer be followed.
    NoLongerApplies,
    /// The file is not a trace of this lab, or no engine can perform it.
    Refused,
}

/// The result of a replay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayResult {
    /// What it found.
    pub verdict: ReplayVerdict,
    /// The same in words.
    pub said: String,
}

impl ReplayResult {
    fn refused(problem: impl ToString) -> Self {
        Self { verdict: ReplayVerdict::Refused, said: problem.to_string() }
    }

    fn of(replay: &Replay) -> Self {
        let verdict = match replay.status {
            ReplayStatus::Fixed { .. } => ReplayVerdict::Fixed,
            ReplayStatus::Reproduced { .. } => ReplayVerdict::Reproduced,
            ReplayStatus::NoLongerApplies { .. } => ReplayVerdict::NoLongerApplies,
            ReplayStatus::Unsupported { .. } => return Self::refused(&replay.status),
        };
        let mut said = replay.status.to_string();
        if let Some(difference) = &replay.difference {
            said.push_str(&format!("\n{difference}"));
        }
        Self { verdict, said }
    }
}

/// Replays a trace, and writes the result to the files in `folder`.
pub(crate) fn main(suite: &Suite, submission: &Submission, path: &str, folder: &str) -> ExitCode {
    let files = ReplayFiles::in_folder(Path::new(folder));
    let written = match replayed(suite, submission, path, &files) {
        Ok(replay) => {
            let run = Some(&replay.trace).filter(|run| !run.events.is_empty());
            files.write(&ReplayResult::of(&replay), run)
        }
        Err(refused) => files.write(&refused, None),
    };
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replayed(
    suite: &Suite,
    submission: &Submission,
    path: &str,
    files: &ReplayFiles,
) -> Result<Replay, ReplayResult> {
    let opened = File::open(path).map_err(ReplayResult::refused)?;
    let saved = file::read(BufReader::new(opened)).map_err(ReplayResult::refused)?;
    let mut output = CapturedOutput::open(&files.printed()).map_err(ReplayResult::refused)?;
    let mut printed = || output.take();
    replay_saved(suite, &saved, submission, &mut printed).map_err(ReplayResult::refused)
}
