//! Reports of tests that were not run, and a lab's report before its tests are in it.

use faultlab_suites::{Part, Points, Suite, Test};

use super::{PartReport, Report, SCHEMA, Status, TestReport, Timing};

impl Report {
    /// A complete report about these tests of a suite, with the parts that have some.
    #[must_use]
    pub fn of_tests(suite: &Suite, seed: u64, seeds: u64, tests: Vec<TestReport>) -> Self {
        let has_tests = |part: &&Part| tests.iter().any(|test| test.number.part == part.number());
        let part = |part: &Part| PartReport {
            number: part.number(),
            title: part.title().to_owned(),
            points_earned: Points::ZERO,
            points_possible: Points::ZERO,
        };
        let mut report = Self {
            schema: SCHEMA.to_owned(),
            lab: suite.lab().to_owned(),
            title: suite.title().to_owned(),
            seed,
            seeds,
            complete: true,
            base_labs: Vec::new(),
            compile_error: None,
            points_earned: Points::ZERO,
            points_possible: Points::ZERO,
            parts: suite.parts().iter().filter(has_tests).map(part).collect(),
            tests,
            timing: Timing::default(),
        };
        report.add_up();
        report
    }
}

impl TestReport {
    /// The report of a test that was not run, for this reason. `seeds` is the number of seeds per run
    /// test.
    #[must_use]
    pub fn not_run(
        test: &Test,
        seeds: u64,
        status: Status,
        reason: &str,
        reproduce: String,
    ) -> Self {
        Self {
            number: test.number(),
            title: test.title().to_owned(),
            asserts: test.asserts().to_owned(),
            kind: test.kind(),
            unreliable: test.is_unreliable(),
            credit: test.credit(),
            status,
            points_earned: Points::ZERO,
            points_possible: test.points(),
            seeds_planned: test.seeds(seeds),
            seeds_run: 0,
            seeds_passed: 0,
            failing_seeds: Vec::new(),
            property: None,
            reason: Some(reason.to_owned()),
            book: None,
            also_broken: Vec::new(),
            shown_seed: None,
            excerpt: None,
            shrinking: None,
            searches: Vec::new(),
            reproduce,
        }
    }
}
