//! Grading records: the result of grading one set of files, on some machine at some time.

use std::collections::BTreeMap;

use faultlab_harness::report::{Report, Status, TestReport};
use faultlab_suites::{Credit, Kind, Points, TestNumber};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::{Hashes, Key};

/// The name and version of the document's format.
pub const SCHEMA: &str = "faultlab-outcome/1";

/// The result of grading a set of files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradingRecord {
    /// [`SCHEMA`].
    pub schema: String,
    /// Its key.
    pub key: Key,
    /// The inputs that it depends on.
    pub hashes: Hashes,
    /// The sandbox tier in which the submission ran.
    pub confinement: String,
    /// The report.
    pub report: Report,
    /// Tests that passed and failed for the same seed.
    pub flaky: Vec<TestNumber>,
    /// Tests whose contents students do not see.
    pub hidden: Vec<TestNumber>,
    /// Failure signatures of failing tests: equal for submissions that fail in the same way.
    pub shapes: BTreeMap<String, String>,
    /// When it was graded, and how long that took. This does not affect the grade.
    pub timing: OutcomeTiming,
}

impl GradingRecord {
    /// The report without the contents of hidden tests, of which only the points remain.
    #[must_use]
    pub fn public_report(&self) -> Report {
        let mut report = self.report.clone();
        let is_hidden = |test: &TestReport| self.hidden.contains(&test.number);
        for test in report.tests.iter_mut().filter(|test| is_hidden(test)) {
            *test = points_only(test);
        }
        let hidden_parts = report.parts.iter_mut().filter(|part| {
            let mut tests = report.tests.iter().filter(|test| test.number.part == part.number);
            tests.clone().count() > 0 && tests.all(is_hidden)
        });
        hidden_parts.for_each(|part| part.title = HIDDEN_PART.to_owned());
        report
    }
}

/// A hidden test as students see it: its number and its points. Every other field is the same for all
/// submissions, so that nothing else about its runs can be read from it.
fn points_only(test: &TestReport) -> TestReport {
    let (earned, possible) = (test.points_earned, test.points_possible);
    TestReport {
        number: test.number,
        title: HIDDEN_TITLE.to_owned(),
        asserts: String::new(),
        kind: Kind::Run,
        unreliable: false,
        credit: Credit::default(),
        status: match earned {
            _ if earned == possible => Status::Passed,
            Points::ZERO => Status::Failed,
            _ => Status::Partial,
        },
        points_earned: earned,
        points_possible: possible,
        seeds_planned: 0,
        seeds_run: 0,
        seeds_passed: 0,
        failing_seeds: Vec::new(),
        property: None,
        reason: None,
        book: None,
        also_broken: Vec::new(),
        shown_seed: None,
        excerpt: None,
        shrinking: None,
        searches: Vec::new(),
        reproduce: String::new(),
    }
}

/// The public title of hidden tests.
pub const HIDDEN_TITLE: &str = "a hidden test";

/// The public title of a part of hidden tests.
pub const HIDDEN_PART: &str = "Hidden tests";

/// When a record was made, and what it cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeTiming {
    /// When it was finished: `2026-11-23T15:04:05Z`.
    pub graded_at: String,
    /// The machine's name.
    pub machine: String,
    /// Real time, in milliseconds.
    pub wall_ms: u64,
    /// Processor time of everything that was started, in milliseconds.
    pub cpu_ms: u64,
    /// Tests in which a run failed once and passed when repeated alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovered: Vec<TestNumber>,
}

/// An infrastructure error. The submission is graded again when the grader runs again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfraError {
    /// What went wrong.
    pub what: String,
    /// When.
    pub at: String,
}

impl InfraError {
    /// An infrastructure error at the current time.
    #[must_use]
    pub fn now(what: String) -> Self {
        Self { what, at: moment() }
    }
}

/// The current time, as documents write it.
#[must_use]
pub fn moment() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
