//! Feedback for a student: which points were lost, why, and how to reproduce it.

use askama::Template;
use faultlab::trace::show;
use faultlab_harness::report::TestReport;
use faultlab_suites::Points;

use super::text::{Html, markdown, markdown_block};
use crate::batch_results::{Attempt, Entry, Status};
use crate::grade::{Adjustment, TestGrade};
use crate::grading_record::HIDDEN_TITLE;
use crate::policy::Comment;

/// A test, as the student sees it.
pub struct TestFeedback<'f> {
    /// The report.
    pub test: &'f TestReport,
    /// Its points.
    pub grade: &'f TestGrade,
    /// Whether its contents are hidden from students.
    pub hidden: bool,
    /// Comments by hand on it.
    pub comments: Vec<&'f Comment>,
}

impl TestFeedback<'_> {
    /// The title, or a placeholder if the test is hidden.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.hidden { HIDDEN_TITLE } else { &self.test.title }
    }

    /// The missing points.
    #[must_use]
    pub fn lost(&self) -> Points {
        self.grade.earned.missing_to(self.grade.possible)
    }

    /// The result in a few words, unless the test is hidden.
    #[must_use]
    pub fn verdict(&self) -> Option<String> {
        (!self.hidden).then(|| self.result())
    }

    fn result(&self) -> String {
        let TestReport { seeds_passed, seeds_planned, status, .. } = self.test;
        match status.as_str() {
            "timed-out" if self.test.seeds_run == 0 => "not run".to_owned(),
            "not-implemented" => "not implemented yet".to_owned(),
            "timed-out" => "did not finish".to_owned(),
            "passed" | "failed" | "inconclusive" if *seeds_planned <= 1 => {
                status.as_str().to_owned()
            }
            _ => format!("{seeds_passed} of {seeds_planned} runs passed"),
        }
    }

    /// What broke, if something did.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.test.reason.as_deref().map(show::with_short_durations)
    }

    /// The other properties that broke, and how.
    #[must_use]
    pub fn also_broken(&self) -> Vec<(&str, String)> {
        let also = self.test.also_broken.iter();
        also.map(|also| (also.property.as_str(), show::with_short_durations(&also.reason)))
            .collect()
    }

    /// Why the points differ from the suite's.
    #[must_use]
    pub fn change(&self) -> Option<String> {
        self.grade.change.as_ref().map(|change| match change {
            Adjustment::Withdrawn(why) => format!("withdrawn: {why}"),
            Adjustment::Reweighted => format!(
                "counts {} points instead of {}",
                self.grade.possible, self.test.points_possible
            ),
            Adjustment::Override(why) => {
                format!("{} points given by hand: {why}", self.grade.earned)
            }
        })
    }
}

#[derive(Template)]
#[template(path = "feedback.html")]
struct Page<'f> {
    lab: &'f str,
    title: &'f str,
    entry: &'f Entry<'f>,
    status: Status,
    points: Option<Points>,
    possible: Option<Points>,
    graded: Option<String>,
    comments: Vec<&'f Comment>,
    notes: Vec<String>,
    base_lab_errors: Vec<(&'f str, &'f str)>,
    steps: &'f [String],
    reason: Option<&'f str>,
    lost: Vec<TestFeedback<'f>>,
    kept: Vec<TestFeedback<'f>>,
    style: &'static str,
}

/// A lab's names.
#[derive(Clone, Copy, Debug)]
pub struct Lab<'l> {
    /// Its name: `lab1`.
    pub name: &'l str,
    /// Its title.
    pub title: &'l str,
}

/// `feedback.html`.
#[must_use]
pub fn html(entry: &Entry<'_>, lab: Lab<'_>) -> String {
    let (lost, kept) = tests(entry);
    let page = Page {
        lab: lab.name,
        title: lab.title,
        entry,
        status: entry.status(),
        points: entry.points(),
        possible: entry.grade().map(|grade| grade.possible),
        graded: graded_attempt(entry),
        comments: comments(entry),
        notes: entry.notes(),
        base_lab_errors: broken_base_labs(entry).collect(),
        steps: entry.grade().map_or(&[], |grade| &grade.steps),
        reason: entry.attempt().and_then(|attempt| attempt.reason.as_deref()),
        lost,
        kept,
        style: super::STYLE,
    };
    page.render().expect("a page renders to memory")
}

/// Which attempt was graded, when it was handed in, and what others there are. Nothing if there is nothing
/// to say.
#[must_use]
pub fn graded_attempt(entry: &Entry<'_>) -> Option<String> {
    let submission = &entry.attempt()?.submission;
    let at = submission.submitted.as_ref().map(|at| format!(", handed in at {at}"));
    if entry.attempts.len() < 2 && submission.attempt == 1 {
        return submission.submitted.as_ref().map(|at| format!("graded: handed in at {at}"));
    }
    let mut text = format!("graded: attempt {}{}", submission.attempt, at.unwrap_or_default());
    let others = entry.attempts.iter().enumerate().filter(|(index, _)| *index != entry.counts);
    let others: Vec<String> = others
        .map(|(_, other)| {
            let points = other.points(&entry.student.id);
            let points = points.map_or("no grade".to_owned(), |points| format!("{points} points"));
            format!("attempt {}: {points}", other.submission.attempt)
        })
        .collect();
    if !others.is_empty() {
        text.push_str(&format!(". Others: {}", others.join(", ")));
    }
    Some(text)
}

/// `feedback.md`.
#[must_use]
pub fn markdown_page(entry: &Entry<'_>, lab: Lab<'_>) -> String {
    let mut text = format!("# {}: {}\n\n", lab.name, markdown(lab.title));
    text.push_str(&format!("**{}**\n", short(entry)));
    let attempt = entry.attempt();
    let notes = entry.notes();
    let steps = entry.grade().map_or(&[][..], |grade| &grade.steps);
    let graded = graded_attempt(entry);
    for (index, remark) in graded.iter().chain(&notes).chain(steps).enumerate() {
        let before = if index == 0 { "\n" } else { "" };
        text.push_str(&format!("{before}- {}\n", markdown(remark)));
    }
    match (entry.status(), attempt.and_then(|attempt| attempt.reason.as_deref())) {
        (Status::InfrastructureError, _) | (_, None) => {}
        (Status::DoesNotCompile, Some(reason)) => {
            text.push_str("\nThe compiler says:\n\n");
            text.push_str(&markdown_block(reason));
        }
        (_, Some(reason)) => text.push_str(&format!("\n{}\n", markdown(reason))),
    }
    text.push_str(&base_lab_errors(entry));
    if let Some(grade) = entry.grade().filter(|grade| !grade.parts.is_empty()) {
        text.push_str("\n| part | points | of |\n|---|---:|---:|\n");
        for part in &grade.parts {
            let title = markdown(&part.title);
            let (earned, possible) = (part.earned, part.possible);
            text.push_str(&format!("| {} {title} | {earned} | {possible} |\n", part.number));
        }
    }
    text.push_str(&general_comments(entry));
    let (lost, kept) = tests(entry);
    let is_special =
        |shown: &&TestFeedback<'_>| shown.grade.change.is_some() || !shown.comments.is_empty();
    for shown in lost.iter().chain(kept.iter().filter(is_special)) {
        text.push('\n');
        test_markdown(shown, &mut text);
    }
    text
}

/// Comments by hand on no test that is shown by itself.
pub(super) fn comments<'e>(entry: &Entry<'e>) -> Vec<&'e Comment> {
    let is_run = |number| {
        let report = entry.attempt().and_then(Attempt::report);
        report.is_some_and(|report| report.tests.iter().any(|test| test.number == number))
    };
    entry.comments.iter().filter(|one| !one.test.is_some_and(is_run)).collect()
}

/// The same as text.
pub(super) fn general_comments(entry: &Entry<'_>) -> String {
    let all = comments(entry);
    let mut text = if all.is_empty() { String::new() } else { "\n## Comments\n".to_owned() };
    for comment in all {
        let change = comment.points.describe();
        text.push_str(&format!("\n{}{change}\n", markdown(&comment.text)));
    }
    text
}

/// The student's own base labs that do not compile, each with the compiler's output.
fn broken_base_labs<'e>(entry: &Entry<'e>) -> impl Iterator<Item = (&'e str, &'e str)> {
    let base_labs = entry.attempt().map_or(&[][..], Attempt::base_labs);
    base_labs.iter().filter_map(|base| Some((base.lab.as_str(), base.compile_error.as_deref()?)))
}

/// The same as text.
pub(super) fn base_lab_errors(entry: &Entry<'_>) -> String {
    let text = |(lab, error): (&str, &str)| {
        format!("\nThe compiler says about {lab}:\n\n{}", markdown_block(error))
    };
    broken_base_labs(entry).map(text).collect()
}

pub(super) fn test_markdown(shown: &TestFeedback<'_>, text: &mut String) {
    let test = shown.test;
    let (number, earned, possible) = (test.number, shown.grade.earned, shown.grade.possible);
    text.push_str(&format!("## {number} {}\n\n", markdown(shown.title())));
    match shown.verdict() {
        Some(verdict) => text.push_str(&format!("{earned} of {possible} points; {verdict}.\n")),
        None => text.push_str(&format!("{earned} of {possible} points.\n")),
    }
    if let Some(change) = shown.change() {
        text.push_str(&format!("\n{}\n", markdown(&change)));
    }
    for comment in &shown.comments {
        text.push_str(&format!(
            "\nComment{}: {}\n",
            comment.points.describe(),
            markdown(&comment.text)
        ));
    }
    if shown.hidden || shown.lost() == Points::ZERO {
        return;
    }
    text.push_str(&format!("\nIt asserts that {}.\n", markdown(&test.asserts)));
    if let Some(reason) = shown.reason() {
        let property = test.property.as_deref().unwrap_or_default();
        let property = if property.is_empty() { String::new() } else { format!("{property}: ") };
        text.push_str(&format!(
            "\nWhat broke:\n\n{}",
            markdown_block(&format!("{property}{reason}"))
        ));
    }
    if let Some(excerpt) = &test.excerpt {
        text.push_str(&format!("\nThe run:\n\n{}", markdown_block(excerpt)));
    }
    if let Some(address) = &test.book {
        text.push_str(&format!("\nThe book explains this kind of mistake: `book/{address}`\n"));
    }
    text.push_str(&format!("\nRun it again:\n\n{}", markdown_block(&test.reproduce)));
}

/// The tests that lost points, and the others.
pub(super) fn tests<'e>(entry: &Entry<'e>) -> (Vec<TestFeedback<'e>>, Vec<TestFeedback<'e>>) {
    let attempt = entry.attempt();
    let (Some(outcome), Some(grade)) =
        (attempt.and_then(|attempt| attempt.outcome.as_ref()), entry.grade())
    else {
        return (Vec::new(), Vec::new());
    };
    let shown = outcome.report.tests.iter().zip(&grade.tests).map(|(test, grade)| TestFeedback {
        test,
        grade,
        hidden: outcome.hidden.contains(&test.number),
        comments: entry.comments.iter().filter(|one| one.test == Some(test.number)).collect(),
    });
    shown.partition(|shown| shown.lost() > Points::ZERO)
}

/// The result in one line.
#[must_use]
pub fn short(entry: &Entry<'_>) -> String {
    let points = entry.points().unwrap_or_default();
    match entry.status() {
        Status::Graded => {
            let possible = entry.grade().map(|grade| grade.possible).unwrap_or_default();
            format!("{points} of {possible} points")
        }
        Status::DoesNotCompile => format!("{points} points: it does not compile"),
        Status::Refused => format!("{points} points: the submission was rejected"),
        Status::NotSubmitted if entry.grade().is_some() => {
            format!("{points} points: nothing was submitted")
        }
        Status::InfrastructureError => {
            "no grade yet: the grader failed, and the submission will be graded again".to_owned()
        }
        Status::Waiting => "no grade yet: waiting to be graded".to_owned(),
        Status::NotSubmitted => "nothing was submitted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::test;

    #[test]
    fn a_lost_test_says_what_broke_and_where_the_book_explains_it() {
        let report = TestReport {
            reason: Some("no result after 89.976300716s".to_owned()),
            book: Some("lab9-mistakes.html#silence".to_owned()),
            ..test("1.1", 0, 5)
        };
        let grade = TestGrade {
            number: report.number,
            raw: Points::ZERO,
            earned: Points::ZERO,
            possible: Points::whole(5),
            change: None,
        };
        let shown =
            TestFeedback { test: &report, grade: &grade, hidden: false, comments: Vec::new() };
        let mut text = String::new();
        test_markdown(&shown, &mut text);
        assert!(text.contains("no result after 89.97s"), "{text}");
        assert!(text.contains("`book/lab9-mistakes.html#silence`"), "{text}");
        text.clear();
        test_markdown(&TestFeedback { hidden: true, ..shown }, &mut text);
        assert!(!text.contains("book") && !text.contains("89.97s"), "{text}");
    }
}
