//! An outcome: what grading one set of files came to, on some machine at some time.

use std::collections::BTreeMap;

use faultlab_harness::report::Report;
use serde::{Deserialize, Serialize};

use crate::store::{Hashes, Key};

/// The name and version of the document's format.
pub const SCHEMA: &str = "faultlab-outcome/1";

/// What grading a set of files came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA`].
    pub schema: String,
    /// Its name.
    pub key: Key,
    /// What it depends on.
    pub hashes: Hashes,
    /// The tier of confinement that the submission's process ran in.
    pub confinement: String,
    /// The report.
    pub report: Report,
    /// Tests that once passed and once did not, in runs of the same seed.
    pub flaky: Vec<faultlab_suites::TestNumber>,
    /// Tests whose contents stay with the staff.
    pub hidden: Vec<faultlab_suites::TestNumber>,
    /// How the runs of failing tests end: equal for submissions that fail in the same way.
    pub shapes: BTreeMap<String, String>,
    /// When and how long. Takes no part in the grade.
    pub timing: OutcomeTiming,
}

/// When an outcome was made, and what it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeTiming {
    /// When it was finished: `2026-11-23T15:04:05Z`.
    pub graded_at: String,
    /// On which machine.
    pub machine: String,
    /// Real time, in milliseconds.
    pub wall_ms: u64,
    /// Processor time of everything that was started, in milliseconds.
    pub cpu_ms: u64,
}

/// What went wrong on our side. The submission is graded again when the grader is run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// What went wrong.
    pub what: String,
    /// When.
    pub at: String,
}
