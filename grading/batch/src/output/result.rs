//! `result.json`: everything known about one student, as one versioned document.

use faultlab_harness::report::Report;
use faultlab_suites::{Points, TestNumber};
use serde::{Deserialize, Serialize};

use crate::batch_results::{Entry, Status};
use crate::grade::Grade;
use crate::grading_record::{GradingRecord, OutcomeTiming};
use crate::intake::{Student, Submission};
use crate::policy::Comment;
use crate::store::Hashes;

/// The name and version of the document's format.
pub const SCHEMA: &str = "faultlab-result/1";

/// A student's result: the report of the attempt that counts, and batch grading's additions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudentResult {
    /// The report, as `run-tests.sh --json` writes it. Its fields are at the same level as `grading`.
    #[serde(flatten)]
    pub report: Option<Report>,
    /// The fields that batch grading adds.
    pub grading: Grading,
}

/// The fields that batch grading adds to a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grading {
    /// [`SCHEMA`].
    pub schema: String,
    /// The student.
    pub student: Student,
    /// The other members of the group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together_with: Vec<String>,
    /// The state of the submission.
    pub status: Status,
    /// Why there are no tests, if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The points that count.
    pub points: Option<Points>,
    /// How they were computed.
    pub grade: Option<Grade>,
    /// Which attempt counts.
    pub attempt: Option<u32>,
    /// All attempts, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<OtherAttempt>,
    /// When it was submitted, as reported by the platform.
    pub submitted: Option<String>,
    /// Whether the platform marks it as late.
    pub marked_late: bool,
    /// Remarks on the submitted files.
    pub notes: Vec<String>,
    /// How staff put it right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<String>,
    /// Comments by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
    /// The inputs that the result depends on.
    pub hashes: Option<Hashes>,
    /// The tier of confinement that the submission's process ran in.
    pub confinement: Option<String>,
    /// Tests with different results for the same seed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky: Vec<TestNumber>,
    /// When it was graded, and how long that took.
    pub timing: Option<OutcomeTiming>,
}

/// One of several attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherAttempt {
    /// Its number.
    pub attempt: u32,
    /// Its status.
    pub status: Status,
    /// Its final points.
    pub points: Option<Points>,
    /// Whether it is the one that counts.
    pub counts: bool,
}

/// The result of a student.
#[must_use]
pub fn result(entry: &Entry<'_>) -> StudentResult {
    let attempt = entry.attempt();
    let submission = attempt.map(|attempt| &attempt.submission);
    let outcome = attempt.and_then(|attempt| attempt.outcome.as_ref());
    let grading = Grading {
        schema: SCHEMA.to_owned(),
        student: entry.student.clone(),
        together_with: submission.map(|one| others(one, &entry.student.id)).unwrap_or_default(),
        status: entry.status(),
        reason: attempt.and_then(|attempt| attempt.reason.clone()),
        points: entry.points(),
        grade: entry.grade().cloned(),
        attempt: submission.map(|submission| submission.attempt),
        attempts: if entry.attempts.len() > 1 { attempts(entry) } else { Vec::new() },
        submitted: submission.and_then(|submission| submission.submitted.clone()),
        marked_late: submission.is_some_and(|submission| submission.late),
        notes: submission
            .iter()
            .flat_map(|submission| submission.notes.iter().cloned())
            .chain(entry.note_on_groups())
            .collect(),
        fixes: submission.map(|submission| submission.fixes.clone()).unwrap_or_default(),
        comments: entry.comments.to_vec(),
        hashes: outcome.map(|outcome| outcome.hashes.clone()),
        confinement: outcome.map(|outcome| outcome.confinement.clone()),
        flaky: outcome.map(|outcome| outcome.flaky.clone()).unwrap_or_default(),
        timing: outcome.map(|outcome| outcome.timing.clone()),
    };
    StudentResult { report: outcome.map(GradingRecord::public_report), grading }
}

fn others(submission: &Submission, id: &str) -> Vec<String> {
    let all = submission.students.iter().map(|student| student.id.clone());
    all.filter(|other| other != id).collect()
}

fn attempts(entry: &Entry<'_>) -> Vec<OtherAttempt> {
    let all = entry.attempts.iter().enumerate().map(|(index, attempt)| OtherAttempt {
        attempt: attempt.submission.attempt,
        status: attempt.status,
        points: attempt.points(&entry.student.id),
        counts: index == entry.counts,
    });
    all.collect()
}
