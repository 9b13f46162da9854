//! Grades: what a submission earns under a policy, with every step from raw to final points.

use faultlab_harness::report::{Report, TestReport};
use faultlab_suites::{Points, TestNumber};
use serde::{Deserialize, Serialize};

use crate::policy::comments::PointsChange;
use crate::policy::{ByHand, Lateness, Override, Policy};

/// A submission's points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// Each test, in order.
    pub tests: Vec<TestGrade>,
    /// Each part, in order.
    pub parts: Vec<PartGrade>,
    /// The points that the suite gave.
    pub raw: Points,
    /// The points that the suite can give.
    pub raw_possible: Points,
    /// The points after withdrawals, new weights and overrides.
    pub earned: Points,
    /// The possible points after these.
    pub possible: Points,
    /// The final points, after lateness and rounding.
    pub points: Points,
    /// A sentence for the student about each step that changed something.
    pub steps: Vec<String>,
    /// The late days that the student's budget paid for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_days: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(days: &u64) -> bool {
    *days == 0
}

/// A test's points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestGrade {
    /// Its number.
    pub number: TestNumber,
    /// The points that the suite gave.
    pub raw: Points,
    /// The points that count.
    pub earned: Points,
    /// What could be earned.
    pub possible: Points,
    /// Why these differ from the suite's points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Adjustment>,
}

/// Why a test's points differ from the suite's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adjustment {
    /// The test does not count.
    Withdrawn(String),
    /// The test has a different weight.
    Reweighted,
    /// The points were given by hand.
    Override(String),
}

/// A part's points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartGrade {
    /// Its number.
    pub number: u32,
    /// Its title.
    pub title: String,
    /// The points that count.
    pub earned: Points,
    /// What could be earned.
    pub possible: Points,
}

/// The students who submitted, and when.
#[derive(Clone, Copy, Debug)]
pub struct SubmissionTime<'a> {
    /// The student who gets the grade.
    pub student: &'a str,
    /// The students' folder names in the results.
    pub students: &'a [&'a str],
    /// The submission time, as reported by the platform.
    pub submitted: Option<&'a str>,
    /// Whether the platform marks it as late.
    pub marked_late: bool,
}

/// Grades a report under a policy, with what was done by hand for this student.
#[must_use]
pub fn grade(
    report: &Report,
    handed_in: SubmissionTime<'_>,
    policy: &Policy,
    by_hand: &ByHand<'_>,
) -> Grade {
    let mut steps = Vec::new();
    let overrides = &by_hand.overrides;
    let tests: Vec<TestGrade> =
        report.tests.iter().map(|test| grade_test(test, policy, overrides, &mut steps)).collect();
    let sum = |part: u32, points: fn(&TestGrade) -> Points| {
        tests.iter().filter(|test| test.number.part == part).map(points).sum()
    };
    let parts: Vec<PartGrade> = report
        .parts
        .iter()
        .map(|part| PartGrade {
            number: part.number,
            title: part.title.clone(),
            earned: sum(part.number, |test| test.earned),
            possible: sum(part.number, |test| test.possible),
        })
        .collect();
    let mut earned: Points = parts.iter().map(|part| part.earned).sum();
    for comment in &by_hand.comments {
        if comment.points != PointsChange::Nothing {
            earned = comment.points.apply(earned);
            let about = comment.test.map(|test| format!("test {test}: ")).unwrap_or_default();
            steps.push(format!("by hand{}: {about}{}", comment.points.describe(), comment.text));
        }
    }
    let possible = parts.iter().map(|part| part.possible).sum();

    let mut points = earned;
    let mut late_days = 0;
    if let Some(late) = &policy.late {
        let lateness = late.lateness(handed_in.students, handed_in.submitted);
        let (lateness, paid) = late.after_budget(handed_in.student, lateness);
        late_days = paid;
        if paid > 0 {
            let all = late.budget_days.unwrap_or_default();
            let used = late.used_days.get(handed_in.student).copied().unwrap_or_default() + paid;
            steps.push(format!("late days: {paid} used here, {used} of {all} in the term so far"));
        }
        match &lateness {
            Lateness::InTime => {}
            Lateness::Late { days, percent } => {
                let days = if *days == 1 { "1 day".to_owned() } else { format!("{days} days") };
                steps.push(format!("late by {days} (each started day counts): {percent} % less"));
            }
            Lateness::Unknown(why) if handed_in.marked_late => {
                steps.push(format!(
                    "treated as on time, although the platform marks it as late: {why}"
                ));
            }
            Lateness::Unknown(why) => steps.push(format!("treated as on time: {why}")),
        }
        points = lateness.left(points);
    }
    if let Some(rounding) = policy.rounding {
        let rounded = rounding.round(points);
        if rounded != points {
            steps.push(format!("{points} points rounded to {rounded}"));
        }
        points = rounded;
    }
    let (raw, raw_possible) = (report.points_earned, report.points_possible);
    Grade { tests, parts, raw, raw_possible, earned, possible, points, steps, late_days }
}

fn grade_test(
    test: &TestReport,
    policy: &Policy,
    overrides: &[&Override],
    steps: &mut Vec<String>,
) -> TestGrade {
    let number = test.number;
    let mut grade = TestGrade {
        number,
        raw: test.points_earned,
        earned: test.points_earned,
        possible: test.points_possible,
        change: None,
    };
    if let Some(changed) = policy.tests.get(&number) {
        if let Some(points) = changed.points {
            grade.earned = points
                .share(test.points_earned.as_hundredths(), test.points_possible.as_hundredths());
            grade.possible = points;
            grade.change = Some(Adjustment::Reweighted);
        }
        if let Some(why) = &changed.withdrawn {
            (grade.earned, grade.possible) = (Points::ZERO, Points::ZERO);
            steps.push(format!("test {number} was withdrawn: {why}"));
            grade.change = Some(Adjustment::Withdrawn(why.clone()));
        }
    }
    if let Some(by_hand) = overrides.iter().find(|one| one.test == number) {
        let (given, reason) = (by_hand.points, &by_hand.reason);
        steps.push(format!("test {number}: {given} points given by hand: {reason}"));
        grade.earned = given;
        grade.change = Some(Adjustment::Override(reason.clone()));
    }
    grade
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{report, test};
    use crate::policy::Comment;

    fn grade_with(policy: &str, overrides: &[Override]) -> Grade {
        let report = report(&[test("1.1", 5, 5), test("1.2", 2, 10), test("2.1", 0, 5)]);
        let policy = policy.parse().expect("it is a policy");
        let by_hand = ByHand { overrides: overrides.iter().collect(), comments: Vec::new() };
        let handed_in = SubmissionTime {
            student: "ada",
            students: &["ada"],
            submitted: Some("2026-11-21T12:00:00Z"),
            marked_late: false,
        };
        grade(&report, handed_in, &policy, &by_hand)
    }

    #[test]
    fn without_a_policy_the_points_are_the_suites() {
        let grade = grade_with("", &[]);
        assert_eq!(
            (grade.raw, grade.earned, grade.points),
            (Points::whole(7), grade.raw, grade.raw)
        );
        assert_eq!(grade.possible, Points::whole(20));
        assert!(grade.steps.is_empty());
    }

    #[test]
    fn comments_change_points_before_lateness_and_a_budget_pays_for_days() {
        let report = report(&[test("1.1", 5, 5), test("1.2", 2, 10)]);
        let policy =
            "[late]\ndue = \"2026-11-20T11:00:00Z\"\npercent_per_day = 10\nbudget_days = 1\n";
        let policy: Policy = policy.parse().expect("it is a policy");
        let comment = Comment {
            student: "ada".to_owned(),
            test: None,
            item: "names".to_owned(),
            points: PointsChange::Less(Points::whole(2)),
            text: "Names say nothing.".to_owned(),
            line: 2,
        };
        let by_hand = ByHand { overrides: Vec::new(), comments: vec![&comment] };
        let handed_in = SubmissionTime {
            student: "ada",
            students: &["ada"],
            submitted: Some("2026-11-21T12:00:00Z"),
            marked_late: false,
        };
        let grade = grade(&report, handed_in, &policy, &by_hand);
        assert_eq!((grade.earned, grade.points), (Points::whole(5), Points::hundredths(450)));
        assert_eq!(grade.late_days, 1);
        assert_eq!(
            grade.steps,
            [
                "by hand (2 points less): Names say nothing.",
                "late days: 1 used here, 1 of 1 in the term so far",
                "late by 1 day (each started day counts): 10 % less",
            ]
        );
    }

    #[test]
    fn steps_are_applied_in_order_and_described() {
        let policy = r#"
            [late]
            due = "2026-11-21T11:00:00Z"
            percent_per_day = 10
            [rounding]
            to = 0.5
            direction = "up"
            [tests."1.1"]
            withdrawn = "it was wrong"
            [tests."1.2"]
            points = 20
        "#;
        let by_hand = Override {
            student: "ada".to_owned(),
            test: "2.1".parse().expect("it is a number"),
            points: Points::whole(3),
            reason: "only a typo".to_owned(),
            line: 2,
        };
        let grade = grade_with(policy, &[by_hand]);
        // 1.1 is withdrawn, 1.2 counts double, and the points of 2.1 are given by hand.
        assert_eq!((grade.earned, grade.possible), (Points::whole(7), Points::whole(25)));
        assert_eq!(grade.points, Points::hundredths(650));
        assert_eq!(grade.raw, Points::whole(7));
        assert_eq!(
            grade.steps,
            [
                "test 1.1 was withdrawn: it was wrong",
                "test 2.1: 3 points given by hand: only a typo",
                "late by 1 day (each started day counts): 10 % less",
                "6.3 points rounded to 6.5",
            ]
        );
    }
}
