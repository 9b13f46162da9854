//! Sample documents for this crate's tests.

use std::collections::BTreeMap;

use faultlab_harness::report::{PartReport, Report, SCHEMA, Status, TestReport, Timing};
use faultlab_suites::{Credit, Kind, Points};

use crate::batch_results::{Attempt, BatchResults, Status as SubmissionStatus};
use crate::grade::{SubmissionTime, grade};
use crate::grading_record::{GradingRecord, OutcomeTiming};
use crate::intake::{Contents, Refusal, Student, Submission};
use crate::policy::{ByHand, Policy};
use crate::store::{Hashes, Key};

/// A test that earned `earned` of `possible` points.
pub(crate) fn test(number: &str, earned: u32, possible: u32) -> TestReport {
    let passed = earned == possible;
    let lost = |text: &str| (!passed).then(|| text.to_owned());
    TestReport {
        number: number.parse().expect("it is a number"),
        title: format!("Test {number}"),
        asserts: "something holds".to_owned(),
        kind: Kind::Run,
        unreliable: false,
        credit: Credit::ShareOfSeeds,
        status: match earned {
            _ if passed => Status::Passed,
            0 => Status::Failed,
            _ => Status::Partial,
        },
        points_earned: Points::whole(earned),
        points_possible: Points::whole(possible),
        seeds_planned: 20,
        seeds_run: 20,
        seeds_passed: if passed { 20 } else { 3 },
        failing_seeds: if passed { vec![] } else { vec![7] },
        property: lost("results-ok"),
        reason: lost("client1 expected `1` and got `2`"),
        book: None,
        also_broken: Vec::new(),
        shown_seed: (!passed).then_some(7),
        excerpt: lost("client1 -> server1: Request"),
        shrinking: None,
        searches: Vec::new(),
        reproduce: format!("./scripts/run-tests.sh lab9 -n {number}"),
    }
}

/// A report of these tests, with a part for each part's number.
pub(crate) fn report(tests: &[TestReport]) -> Report {
    let mut numbers: Vec<u32> = tests.iter().map(|test: &TestReport| test.number.part).collect();
    numbers.dedup();
    let part = |number| PartReport {
        number,
        title: format!("Part {number}"),
        points_earned: Points::ZERO,
        points_possible: Points::ZERO,
    };
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        lab: "lab9".to_owned(),
        title: "Counting".to_owned(),
        seed: 1,
        seeds: 20,
        complete: true,
        base_labs: Vec::new(),
        compile_error: None,
        points_earned: Points::ZERO,
        points_possible: Points::ZERO,
        parts: numbers.into_iter().map(part).collect(),
        tests: tests.to_vec(),
        timing: Timing::default(),
    };
    report.add_up();
    report
}

/// A batch with every status: one submission is graded, one does not compile, one is rejected, one has
/// an infrastructure error, and one student did not submit.
pub(crate) fn book() -> BatchResults {
    let mut broken = report(&[]);
    broken.compile_error = Some("error: expected `;`\n --> src/lib.rs".to_owned());
    let link = Refusal::Link("lib.rs".to_owned());
    let files = || Contents::Files(BTreeMap::new());
    let ada =
        Student { name: "=Ada()".to_owned(), email: "ada@x.edu".to_owned(), ..student("ada") };
    let bob = Student { name: "Bob \u{202e}B".to_owned(), ..student("bob") };
    let report = report(&[test("1.1", 5, 5), test("1.2", 2, 10), test("2.1", 0, 5)]);
    BatchResults {
        attempts: vec![
            attempt(ada, SubmissionStatus::Graded, files(), Some(report), None),
            attempt(
                bob,
                SubmissionStatus::DoesNotCompile,
                files(),
                Some(broken),
                Some("error: expected `;`"),
            ),
            attempt(
                student("eve"),
                SubmissionStatus::Refused,
                Contents::Refused(link.clone()),
                None,
                Some(&link.to_string()),
            ),
            attempt(
                student("kim"),
                SubmissionStatus::InfrastructureError,
                files(),
                None,
                Some("the disk is full"),
            ),
        ],
        missing: vec![student("zoe")],
        ..BatchResults::default()
    }
}

fn student(id: &str) -> Student {
    Student { id: id.to_owned(), ..Student::default() }
}

fn attempt(
    student: Student,
    status: SubmissionStatus,
    contents: Contents,
    report: Option<Report>,
    reason: Option<&str>,
) -> Attempt {
    let grades = report.iter().map(|report| {
        let handed_in =
            SubmissionTime { student: "", students: &[], submitted: None, marked_late: false };
        (student.id.clone(), grade(report, handed_in, &Policy::default(), &ByHand::default()))
    });
    let grades = grades.collect();
    Attempt {
        submission: Submission {
            students: vec![student],
            attempt: 1,
            submitted: None,
            late: false,
            from: Vec::new(),
            notes: Vec::new(),
            fixes: Vec::new(),
            contents,
        },
        status,
        key: None,
        outcome: report.map(outcome),
        grades,
        reason: reason.map(str::to_owned),
        chosen_by: Vec::new(),
    }
}

/// An outcome with this report.
pub(crate) fn outcome(report: Report) -> GradingRecord {
    let hashes = Hashes {
        sources: "s".to_owned(),
        suite: "u".to_owned(),
        toolchain: "t".to_owned(),
        seeds: "1/20".to_owned(),
        base_labs: String::new(),
    };
    GradingRecord {
        schema: crate::grading_record::SCHEMA.to_owned(),
        key: Key::of(&hashes),
        hashes,
        confinement: "none".to_owned(),
        report,
        flaky: Vec::new(),
        hidden: Vec::new(),
        shapes: BTreeMap::new(),
        timing: OutcomeTiming::default(),
    }
}
