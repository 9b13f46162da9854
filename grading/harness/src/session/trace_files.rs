//! The files to which workers record runs.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use faultlab::trace::{Trace, file};

use super::planner::Recording;
use crate::worker::protocol::RunName;

/// The files of one recording.
pub(crate) struct TraceFiles {
    /// The trace.
    pub(super) trace: PathBuf,
    /// What the worker prints.
    pub(super) printed: PathBuf,
}

impl TraceFiles {
    /// The suffix of the shrunk run's files.
    pub(crate) const SHRUNK: &str = "-shrunk";

    /// The files of a run's recording with this suffix.
    pub(super) fn of(folder: &Path, run: RunName, suffix: &str) -> Self {
        let trace = folder.join(format!("{}-{}{suffix}.trace", run.test, run.seed));
        Self { printed: trace.with_extension("printed"), trace }
    }

    /// Removes what an earlier recording left. The worker's output is appended.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(&self.printed);
        let _ = fs::remove_file(&self.trace);
    }

    /// Reads the trace.
    pub(super) fn read_trace(&self) -> Option<Trace> {
        let file = File::open(&self.trace).ok()?;
        file::read(BufReader::new(file)).ok()
    }

    /// Reads the trace and the output.
    pub(super) fn read(&self) -> Recording {
        let printed = fs::read(&self.printed).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        Recording { trace: self.read_trace(), printed }
    }
}
