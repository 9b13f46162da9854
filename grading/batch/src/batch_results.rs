//! Batch results: the results of every student so far. All documents are rendered from them.

use std::collections::{BTreeMap, BTreeSet};

use faultlab_harness::report::{BaseLab, Report};
use faultlab_suites::Points;
use serde::{Deserialize, Serialize};

use crate::grade::{self, Grade, SubmissionTime};
use crate::grading_record::{GradingRecord, InfraError};
use crate::groups;
use crate::intake::{Contents, Student, Submission};
use crate::policy::{Attempts, Comment, Corrections, Policy};
use crate::store::{Key, Store};

/// The state of a student's submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Its tests were run.
    Graded,
    /// It does not compile and earns no points.
    DoesNotCompile,
    /// It was rejected and earns no points.
    Refused,
    /// The grader failed; there is no grade yet.
    InfrastructureError,
    /// It is waiting to be graded; there is no grade yet.
    Waiting,
    /// Nothing was submitted.
    NotSubmitted,
}

impl Status {
    /// The status as documents write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Graded => "graded",
            Self::DoesNotCompile => "does-not-compile",
            Self::Refused => "refused",
            Self::InfrastructureError => "infrastructure-error",
            Self::Waiting => "waiting",
            Self::NotSubmitted => "not-submitted",
        }
    }

    /// Whether there is a grade that can go into a gradebook.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Graded | Self::DoesNotCompile | Self::Refused)
    }
}

/// One attempt of one student or group, and its result.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The submission, without its files.
    pub submission: Submission,
    /// Its status.
    pub status: Status,
    /// The key of its grading record.
    pub key: Option<Key>,
    /// Its grading record.
    pub outcome: Option<GradingRecord>,
    /// Its grade for each student, by folder name.
    pub grades: BTreeMap<String, Grade>,
    /// Why there are no grades.
    pub reason: Option<String>,
    /// The students for whom the policy says that this submission counts, by folder name.
    pub chosen_by: Vec<String>,
}

impl Attempt {
    /// The result of a submission: its grading record, or else its infrastructure error.
    #[must_use]
    pub fn of(
        one: &SubmissionEntry,
        outcome: Option<GradingRecord>,
        failed: Option<InfraError>,
        corrections: &Corrections,
    ) -> Self {
        attempt(one, outcome, failed, corrections)
    }

    /// The student's points; none while there is no grade.
    #[must_use]
    pub fn points(&self, student: &str) -> Option<Points> {
        match (self.grades.get(student), self.status) {
            (Some(grade), _) => Some(grade.points),
            (None, status) => status.is_final().then_some(Points::ZERO),
        }
    }

    /// Remarks for the student: on the submitted files, and on the labs that the submission was built
    /// on.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let base_labs = self.base_labs().iter().map(|base| format!("built on {}", base.describe()));
        let Submission { fixes, notes, .. } = &self.submission;
        fixes.iter().chain(notes).cloned().chain(base_labs).collect()
    }

    /// The labs that the submission was built on.
    #[must_use]
    pub fn base_labs(&self) -> &[BaseLab] {
        self.report().map_or(&[], |report| &report.base_labs)
    }

    /// The report, if the compiler ran.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.outcome.as_ref().map(|outcome| &outcome.report)
    }
}

/// A student with all attempts.
#[derive(Clone, Debug)]
pub struct Entry<'b> {
    /// The student.
    pub student: &'b Student,
    /// The attempts, in order; none if nothing was submitted.
    pub attempts: Vec<&'b Attempt>,
    /// The index of the attempt that counts.
    pub counts: usize,
    /// The grade of a student who submitted nothing and has points by hand.
    pub by_hand: Option<&'b Grade>,
    /// Comments by hand.
    pub comments: &'b [Comment],
    /// Which of several attempts counts, where the policy does not name one.
    pub which: Attempts,
}

impl<'b> Entry<'b> {
    /// The attempt that counts.
    #[must_use]
    pub fn attempt(&self) -> Option<&'b Attempt> {
        self.attempts.get(self.counts).copied()
    }

    /// Remarks for the student: on the attempt that counts, and on why it does.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.attempt().map(Attempt::notes).unwrap_or_default();
        notes.extend(self.note_on_groups());
        notes
    }

    /// Which submission counts, if the student handed in with different people.
    #[must_use]
    pub fn note_on_groups(&self) -> Option<String> {
        let others = |attempt: &Attempt| -> BTreeSet<String> {
            let all = attempt.submission.students.iter().map(|student| student.id.clone());
            all.filter(|id| *id != self.student.id).collect()
        };
        let with = |attempt: &Attempt| {
            let others: Vec<String> = others(attempt).into_iter().collect();
            if others.is_empty() {
                "alone".to_owned()
            } else {
                format!("with {}", others.join(", "))
            }
        };
        let groups: BTreeSet<BTreeSet<String>> =
            self.attempts.iter().map(|attempt| others(attempt)).collect();
        let counts = self.attempt().filter(|_| groups.len() > 1)?;
        let all: Vec<String> = self.attempts.iter().map(|attempt| with(attempt)).collect();
        let why = match self.which {
            _ if counts.chosen_by.contains(&self.student.id) => "the policy says so",
            Attempts::Best => "it has the most points",
            Attempts::Last => "it is the last one",
        };
        let (all, counts) = (all.join("; "), with(counts));
        Some(format!("handed in by different groups: {all}. The submission {counts} counts: {why}"))
    }

    /// The status of the attempt that counts.
    #[must_use]
    pub fn status(&self) -> Status {
        self.attempt().map_or(Status::NotSubmitted, |attempt| attempt.status)
    }

    /// The points that count.
    #[must_use]
    pub fn points(&self) -> Option<Points> {
        match self.attempt() {
            Some(attempt) => attempt.points(&self.student.id),
            None => self.by_hand.map(|grade| grade.points),
        }
    }

    /// The grade that counts.
    #[must_use]
    pub fn grade(&self) -> Option<&'b Grade> {
        match self.attempt() {
            Some(attempt) => attempt.grades.get(&self.student.id),
            None => self.by_hand,
        }
    }
}

/// The results of all students.
#[derive(Clone, Debug, Default)]
pub struct BatchResults {
    /// Every attempt.
    pub attempts: Vec<Attempt>,
    /// Students who submitted nothing.
    pub missing: Vec<Student>,
    /// The grades of those of them who have points by hand, by folder name.
    pub by_hand: BTreeMap<String, Grade>,
    /// Which of several attempts counts.
    pub which: Attempts,
    /// Comments by hand, by folder name.
    pub comments: BTreeMap<String, Vec<Comment>>,
}

/// A submission with the key of its grading record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubmissionEntry {
    /// The submission, without its files.
    pub submission: Submission,
    /// The key of its grading record, if it has files.
    pub key: Option<Key>,
}

impl BatchResults {
    /// Looks up the result of each submission.
    #[must_use]
    pub fn open(
        store: &Store,
        submissions: &[SubmissionEntry],
        missing: &[Student],
        corrections: &Corrections,
    ) -> Self {
        let attempts = submissions.iter().map(|one| {
            let outcome = one.key.as_ref().and_then(|key| store.outcome(key));
            let failed = match (&one.key, &outcome) {
                (Some(key), None) => store.infra_error(key),
                _ => None,
            };
            attempt(one, outcome, failed, corrections)
        });
        let by_hand = missing.iter().filter_map(|student| {
            Some((student.id.clone(), grade_of_nothing(&student.id, corrections)?))
        });
        let mut comments: BTreeMap<String, Vec<Comment>> = BTreeMap::new();
        for comment in &corrections.comments {
            comments.entry(comment.student.clone()).or_default().push(comment.clone());
        }
        Self {
            attempts: attempts.collect(),
            missing: missing.to_vec(),
            by_hand: by_hand.collect(),
            which: corrections.policy.attempts,
            comments,
        }
    }

    /// Every student once, ordered by folder name.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let mut by_student: BTreeMap<&str, (&Student, Vec<&Attempt>)> = BTreeMap::new();
        for attempt in &self.attempts {
            for student in &attempt.submission.students {
                by_student.entry(&student.id).or_insert((student, vec![])).1.push(attempt);
            }
        }
        for student in &self.missing {
            by_student.entry(&student.id).or_insert((student, vec![]));
        }
        let entries = by_student.into_values().map(|(student, mut attempts)| {
            attempts.sort_by_key(|attempt| {
                (attempt.submission.attempt, attempt.submission.submitted.as_deref())
            });
            let counts = self.counting(&student.id, &attempts);
            let by_hand = self.by_hand.get(&student.id);
            let comments = self.comments.get(&student.id).map_or(&[][..], Vec::as_slice);
            Entry { student, attempts, counts, by_hand, comments, which: self.which }
        });
        entries.collect()
    }

    fn counting(&self, student: &str, attempts: &[&Attempt]) -> usize {
        let last = attempts.len().saturating_sub(1);
        let is_chosen = |attempt: &&Attempt| attempt.chosen_by.iter().any(|id| id == student);
        if let Some(chosen) = attempts.iter().rposition(is_chosen) {
            return chosen;
        }
        match self.which {
            Attempts::Last => last,
            Attempts::Best => attempts
                .iter()
                .enumerate()
                .filter_map(|(index, attempt)| {
                    Some((attempt.points(student)?, std::cmp::Reverse(index)))
                })
                .max()
                .map_or(last, |(_, std::cmp::Reverse(index))| index),
        }
    }
}

fn attempt(
    one: &SubmissionEntry,
    outcome: Option<GradingRecord>,
    failed: Option<InfraError>,
    corrections: &Corrections,
) -> Attempt {
    let submission = one.submission.clone();
    let students: Vec<&str> =
        submission.students.iter().map(|student| student.id.as_str()).collect();
    // An override applies to one student, a submission to a whole group.
    let grade = |report: &Report, student: &str| {
        let handed_in = SubmissionTime {
            student,
            students: &students,
            submitted: submission.submitted.as_deref(),
            marked_late: submission.late,
        };
        grade::grade(report, handed_in, &corrections.policy, &corrections.by_hand(student))
    };
    // A refused submission has a grade only if points were given for it by hand.
    let is_refused = matches!(submission.contents, Contents::Refused(_));
    let report = match &outcome {
        Some(outcome) => Some(outcome.public_report()),
        None => corrections.not_run.clone().filter(|_| is_refused),
    };
    let has_grade =
        |student: &&&str| outcome.is_some() || corrections.by_hand(student).has_points();
    let grades = report.iter().flat_map(|report| {
        let students = students.iter().filter(has_grade);
        students.map(|student| ((*student).to_owned(), grade(report, student)))
    });
    let grades = grades.collect();
    let (status, reason) = match (&submission.contents, &outcome, failed) {
        (Contents::Refused(refusal), _, _) => (Status::Refused, Some(refusal.to_string())),
        (Contents::Unreadable(error), _, _) => (Status::InfrastructureError, Some(error.clone())),
        (Contents::Files(_), Some(outcome), _) => match &outcome.report.compile_error {
            Some(error) => (Status::DoesNotCompile, Some(error.clone())),
            None => (Status::Graded, None),
        },
        (Contents::Files(_), None, Some(failed)) => {
            (Status::InfrastructureError, Some(failed.what))
        }
        (Contents::Files(_), None, None) => (Status::Waiting, None),
    };
    let is_chosen = |student: &&&str| {
        let name = corrections.policy.counts.get(**student);
        name.is_some_and(|name| groups::is_called(&submission, name))
    };
    let chosen_by =
        students.iter().filter(is_chosen).map(|student| (*student).to_owned()).collect();
    let key = one.key.clone();
    Attempt { submission, status, key, outcome, grades, reason, chosen_by }
}

/// The grade of a student who submitted nothing, if points were given by hand.
fn grade_of_nothing(student: &str, corrections: &Corrections) -> Option<Grade> {
    let by_hand = corrections.by_hand(student);
    let report = corrections.not_run.as_ref().filter(|_| by_hand.has_points())?;
    // What was not submitted is not late.
    let policy = Policy { late: None, ..corrections.policy.clone() };
    let handed_in =
        SubmissionTime { student, students: &[student], submitted: None, marked_late: false };
    Some(grade::grade(report, handed_in, &policy, &by_hand))
}
