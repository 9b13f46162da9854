//! An outcome: what grading one set of files came to, on some machine at some time.

use std::collections::BTreeMap;

use faultlab_harness::report::{Report, TestReport};
use faultlab_suites::TestNumber;
use jiff::Timestamp;
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
    pub flaky: Vec<TestNumber>,
    /// Tests whose contents stay with the staff.
    pub hidden: Vec<TestNumber>,
    /// How the runs of failing tests end: equal for submissions that fail in the same way.
    pub shapes: BTreeMap<String, String>,
    /// When and how long. Takes no part in the grade.
    pub timing: OutcomeTiming,
}

impl Outcome {
    /// The report as far as it may leave the staff's hands: of hidden tests only what they are worth.
    #[must_use]
    pub fn public_report(&self) -> Report {
        let mut report = self.report.clone();
        let is_hidden = |test: &TestReport| self.hidden.contains(&test.number);
        for test in report.tests.iter_mut().filter(|test| is_hidden(test)) {
            *test = TestReport {
                title: HIDDEN_TITLE.to_owned(),
                asserts: String::new(),
                failing_seeds: Vec::new(),
                property: None,
                reason: None,
                shown_seed: None,
                excerpt: None,
                searches: Vec::new(),
                reproduce: String::new(),
                ..test.clone()
            };
        }
        let hidden_parts = report.parts.iter_mut().filter(|part| {
            let mut tests = report.tests.iter().filter(|test| test.number.part == part.number);
            tests.clone().count() > 0 && tests.all(is_hidden)
        });
        hidden_parts.for_each(|part| part.title = HIDDEN_PART.to_owned());
        report
    }
}

/// What hidden tests are called outside.
pub const HIDDEN_TITLE: &str = "a hidden test";

/// What a part of hidden tests is called outside.
pub const HIDDEN_PART: &str = "Hidden tests";

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
    /// Tests of which a run was lost, and came to its end when it was repeated alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovered: Vec<TestNumber>,
}

/// What went wrong on our side. The submission is graded again when the grader is run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// What went wrong.
    pub what: String,
    /// When.
    pub at: String,
}

impl Infrastructure {
    /// What goes wrong now.
    #[must_use]
    pub fn now(what: String) -> Self {
        Self { what, at: moment() }
    }
}

/// This moment, as documents write it.
#[must_use]
pub fn moment() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
