//! The report: one versioned document from which all output is rendered.

mod cause;
pub(crate) mod columns;
mod excerpt;
mod html;
mod json;
mod junit;
mod limits;
mod not_run;
pub(crate) mod output;
mod paragraph;
pub(crate) mod style;
pub mod terminal;

use std::time::Duration;

use faultlab::trace::{Trace, show};
use faultlab_suites::help::{Failure, Help};
use faultlab_suites::{Credit, Kind, Points, SearchSummary, Suite, TestNumber};
use serde::{Deserialize, Serialize};

use crate::session::TraceFiles;

pub use crate::build::BaseLab;
pub use crate::worker::protocol::HandlerCost;

pub(crate) use cause::shown_tests;
pub(crate) use excerpt::Drawing;
pub use excerpt::excerpt;
pub use html::to_html;
pub use json::{json_text, to_json};
pub use junit::to_junit;
pub use limits::limits;
pub(crate) use paragraph::paragraph;

/// The help for a test, if it fails and there is some. `run` is the run that its report shows.
pub(crate) fn help_for(suite: &Suite, test: &TestReport, run: Option<&Trace>) -> Option<Help> {
    let fails = !matches!(test.status, Status::Passed | Status::NotImplemented);
    let property = test.property.as_deref().filter(|_| fails)?;
    suite.help(&Failure::new(test.number, property, run))
}

/// A reason in a few lines: long values are cut as in a diagram, and durations have few digits.
pub(crate) fn brief(reason: &str) -> String {
    reason.split('\n').map(show::shortened).collect::<Vec<_>>().join("\n")
}

/// The name and version of the document's format.
pub const SCHEMA: &str = "faultlab-report/1";

/// A submission's results.
///
/// The same submission and seed give the same document, except for [`timing`](Report::timing),
/// which does not affect the grade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// The lab: `lab1`.
    pub lab: String,
    /// The lab's title.
    pub title: String,
    /// The suite's seed.
    pub seed: u64,
    /// How many seeds to run per run test.
    pub seeds: u64,
    /// Whether every test of the lab ran to its end; otherwise the points are those of the listed
    /// tests only.
    pub complete: bool,
    /// The labs that this lab builds on, and whose version of them was used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub base_labs: Vec<BaseLab>,
    /// The compiler's output, if the submission does not compile; then no test was run.
    pub compile_error: Option<String>,
    /// What was earned.
    pub points_earned: Points,
    /// What could be earned.
    pub points_possible: Points,
    /// The parts that have tests here.
    pub parts: Vec<PartReport>,
    /// The tests, in order.
    pub tests: Vec<TestReport>,
    /// What was measured in real time.
    pub timing: Timing,
}

/// A part's results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReport {
    /// Its number.
    pub number: u32,
    /// Its title.
    pub title: String,
    /// What was earned.
    pub points_earned: Points,
    /// What could be earned.
    pub points_possible: Points,
}

/// A test's results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// Its number: `"2.4"`.
    pub number: TestNumber,
    /// Its title.
    pub title: String,
    /// What it asserts.
    pub asserts: String,
    /// Its kind.
    pub kind: Kind,
    /// Whether its network intentionally loses, duplicates or delays messages.
    pub unreliable: bool,
    /// How its points are given.
    pub credit: Credit,
    /// Its status.
    pub status: Status,
    /// What was earned.
    pub points_earned: Points,
    /// What could be earned.
    pub points_possible: Points,
    /// How many seeds were planned.
    pub seeds_planned: u64,
    /// How many were run: fewer if a run hung.
    pub seeds_run: u64,
    /// How many of them passed.
    pub seeds_passed: u64,
    /// The others, in order.
    pub failing_seeds: Vec<u64>,
    /// The property that was violated, if one was.
    pub property: Option<String>,
    /// How it was violated, or what else went wrong; `None` if all seeds passed.
    pub reason: Option<String>,
    /// Where the book explains this kind of mistake: `lab1-mistakes.html#timers-multiply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<String>,
    /// Other properties that are violated at the end of the shown run, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_broken: Vec<AlsoBroken>,
    /// The seed of the run that `property`, `reason` and `excerpt` describe, and that was shrunk.
    pub shown_seed: Option<u64>,
    /// The end of that run, drawn as a diagram in plain text.
    pub excerpt: Option<String>,
    /// What came of shrinking that run; `None` if nobody tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrinking: Option<Shrinking>,
    /// Statistics of a search test's searches, for the shown seed or else the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<SearchSummary>,
    /// The command that reproduces the shown run, or else the test.
    pub reproduce: String,
}

/// Another property that a failed test's run violates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlsoBroken {
    /// Its name.
    pub property: String,
    /// How it was violated.
    pub reason: String,
}

/// What came of shrinking a failing run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shrinking {
    /// A shorter run that fails in the same way.
    Shrunk(ShrunkRun),
    /// Nothing, for this reason.
    NotShrunk(String),
}

/// A run that fails as that of a test's seed does, and is shorter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShrunkRun {
    /// How many events it has.
    pub events: u64,
    /// How many events the seed's run has.
    pub original_events: u64,
    /// How it violates the property.
    pub reason: String,
    /// Other properties that it violates, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_broken: Vec<AlsoBroken>,
    /// The run as a diagram in plain text.
    pub excerpt: String,
    /// How many steps of nodes were simulated to find it.
    pub steps: u64,
    /// Whether it might have become shorter, but the limit of steps was reached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut_short: bool,
}

impl TestReport {
    /// The shrunk run that is shown instead of that of the seed, if there is one.
    #[must_use]
    pub fn shrunk(&self) -> Option<&ShrunkRun> {
        match &self.shrinking {
            Some(Shrinking::Shrunk(run)) => Some(run),
            Some(Shrinking::NotShrunk(_)) | None => None,
        }
    }

    /// How the property is violated in the run that is shown.
    #[must_use]
    pub fn shown_reason(&self) -> Option<&str> {
        self.shrunk().map(|run| run.reason.as_str()).or(self.reason.as_deref())
    }

    /// The other properties that the shown run violates.
    #[must_use]
    pub fn shown_also_broken(&self) -> &[AlsoBroken] {
        self.shrunk().map_or(&self.also_broken, |run| &run.also_broken)
    }

    /// The diagram of the run that is shown.
    #[must_use]
    pub fn shown_excerpt(&self) -> Option<&str> {
        self.shrunk().map(|run| run.excerpt.as_str()).or(self.excerpt.as_deref())
    }

    /// The file name of the shown run's trace in the folder of a session.
    #[must_use]
    pub fn shown_trace(&self) -> Option<String> {
        let suffix = if self.shrunk().is_some() { TraceFiles::SHRUNK } else { "" };
        Some(format!("{}-{}{suffix}.trace", self.number, self.shown_seed?))
    }
}

/// A test's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every seed passed.
    Passed,
    /// Some seeds passed and earn their share of the points.
    Partial,
    /// It did not pass.
    Failed,
    /// It could not be decided. This is not a pass.
    Inconclusive,
    /// The submission has a `todo!` where this test needs code.
    NotImplemented,
    /// A handler did not return.
    TimedOut,
}

impl Status {
    /// The status as written in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::NotImplemented => "not-implemented",
            Self::TimedOut => "timed-out",
        }
    }
}

/// Measurements in real time. They do not affect the grade.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Compiling the submission, in milliseconds.
    pub compile_ms: u64,
    /// Running the tests, in milliseconds.
    pub run_ms: u64,
    /// The cost of handlers, most expensive first.
    pub handlers: Vec<HandlerCost>,
}

impl Timing {
    /// A time in milliseconds.
    #[must_use]
    pub fn millis(time: Duration) -> u64 {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Report {
    /// Adds up parts and the lab from the tests.
    pub fn add_up(&mut self) {
        for part in &mut self.parts {
            let tests = || self.tests.iter().filter(|test| test.number.part == part.number);
            part.points_earned = tests().map(|test| test.points_earned).sum();
            part.points_possible = tests().map(|test| test.points_possible).sum();
        }
        self.points_earned = self.parts.iter().map(|part| part.points_earned).sum();
        self.points_possible = self.parts.iter().map(|part| part.points_possible).sum();
    }
}
