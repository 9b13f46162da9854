//! Students who handed in with different people, so that it is not clear which submission is theirs.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;

use crate::intake::{Student, Submission};
use crate::policy::{Attempts, Policy};

/// A student with submissions of different groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeveralGroups {
    /// The student's name in the results.
    pub student: String,
    /// The names of each group's submission in the folder of submissions.
    pub submissions: Vec<String>,
    /// Whether times or attempt numbers say which one is the last.
    pub is_ordered: bool,
}

/// The students who are in several groups.
#[must_use]
pub fn in_several<'s>(submissions: impl IntoIterator<Item = &'s Submission>) -> Vec<SeveralGroups> {
    let mut by_student: BTreeMap<&str, Vec<&Submission>> = BTreeMap::new();
    for one in submissions {
        for student in &one.students {
            by_student.entry(&student.id).or_default().push(one);
        }
    }
    let several = by_student.into_iter().filter_map(|(student, all)| {
        let groups: BTreeSet<Vec<&str>> = all.iter().map(|one| members(one)).collect();
        let orders: BTreeSet<(u32, Option<&str>)> =
            all.iter().map(|one| (one.attempt, one.submitted.as_deref())).collect();
        (groups.len() > 1).then(|| SeveralGroups {
            student: student.to_owned(),
            submissions: all.iter().map(|one| one.from.join(", ")).collect(),
            is_ordered: orders.len() == all.len(),
        })
    });
    several.collect()
}

/// What staff should know before grading begins: who is in several groups, who is missing from the submission of
/// their group, and which names look like one student or two.
#[must_use]
pub fn remarks(submissions: &[&Submission], missing: &[Student]) -> Vec<String> {
    let quoted = |names: &[&str]| format!("`{}`", names.join("` and `"));
    let several = in_several(submissions.iter().copied()).into_iter().map(|one| {
        let all: Vec<&str> = one.submissions.iter().map(String::as_str).collect();
        format!("`{}` is in several groups: {}", one.student, quoted(&all))
    });
    let mut remarks: Vec<String> = several.collect();
    for student in missing.iter().filter(|student| !student.group.is_empty()) {
        let is_theirs = |one: &&&Submission| {
            one.students.len() > 1 && one.students.iter().any(|it| it.group == student.group)
        };
        for one in submissions.iter().filter(is_theirs) {
            remarks.push(format!(
                "`{}` is in group `{}` and is not in the name of its submission {}",
                student.id,
                student.group,
                quoted(&one.from.iter().map(String::as_str).collect::<Vec<_>>())
            ));
        }
    }
    // The names of files that were not given by a platform, by how they read without regard to case.
    let mut alike: BTreeMap<String, Vec<(&Submission, &str)>> = BTreeMap::new();
    for one in submissions.iter().filter(|one| one.submitted.is_none()) {
        for name in &one.from {
            alike.entry(plain(name).to_lowercase()).or_default().push((one, name));
        }
    }
    for all in alike.values() {
        let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
        let spellings: BTreeSet<&str> = names.iter().map(|name| plain(name)).collect();
        if spellings.len() < 2 {
            continue;
        }
        let groups: BTreeSet<Vec<&str>> = all.iter().map(|(one, _)| members(one)).collect();
        let people = if groups.len() > 1 { "different students" } else { "one student" };
        remarks.push(format!("{} are taken for {people}", quoted(&names)));
    }
    remarks
}

/// A name without an archive's ending and without an attempt's number.
fn plain(name: &str) -> &str {
    let stem = faultlab_intake::without_ending(name);
    stem.rsplit_once('#').map_or(stem, |(stem, _)| stem)
}

/// The students of a submission, in order.
fn members(one: &Submission) -> Vec<&str> {
    let mut members: Vec<&str> = one.students.iter().map(|student| student.id.as_str()).collect();
    members.sort_unstable();
    members
}

impl SeveralGroups {
    /// Checks that the policy says which submission counts.
    ///
    /// # Errors
    /// Says what to add to it.
    pub fn check(&self, policy: &Policy) -> anyhow::Result<()> {
        let Self { student, submissions, is_ordered } = self;
        if *is_ordered || policy.attempts == Attempts::Best || policy.counts.contains_key(student) {
            return Ok(());
        }
        let all = submissions.join("` and `");
        let first = &submissions[0];
        bail!(
            "`{student}` is in several groups (`{all}`), and nothing says which submission counts: add \
             `attempts = \"best\"` to the policy, or a section `[counts]` with `{student:?} = {first:?}`"
        );
    }
}

/// Whether a submission is the one that a policy names: by the name of one of its entries, with or without an
/// archive's ending.
#[must_use]
pub fn is_called(one: &Submission, name: &str) -> bool {
    one.from.iter().any(|from| from == name || faultlab_intake::without_ending(from) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::Contents;

    fn submission(from: &str, submitted: Option<&str>) -> Submission {
        let ids = from.split('+');
        Submission {
            students: ids.map(|id| Student { id: id.to_owned(), ..Student::default() }).collect(),
            attempt: 1,
            submitted: submitted.map(str::to_owned),
            late: false,
            from: vec![format!("{from}.zip")],
            notes: Vec::new(),
            fixes: Vec::new(),
            contents: Contents::Files(BTreeMap::new()),
        }
    }

    #[test]
    fn whoever_is_in_two_groups_is_found() {
        let all = [submission("x+y", None), submission("y+z", None), submission("z+y", None)];
        let found = in_several(&all);
        let students: Vec<&str> = found.iter().map(|one| one.student.as_str()).collect();
        assert_eq!(students, ["y"], "the order of a group's names does not matter");
        let error = found[0].check(&Policy::default()).expect_err("it is not clear").to_string();
        assert!(error.contains("(`x+y.zip` and `y+z.zip` and `z+y.zip`)"), "{error}");
        assert!(error.contains("`[counts]` with `\"y\" = \"x+y.zip\"`"), "{error}");
        let best: Policy = "attempts = \"best\"".parse().expect("it is a policy");
        assert!(found[0].check(&best).is_ok());
        let named: Policy = "[counts]\ny = \"x+y\"".parse().expect("it is a policy");
        assert!(found[0].check(&named).is_ok());
        assert!(is_called(&all[0], "x+y") && is_called(&all[0], "x+y.zip"));
        assert!(!is_called(&all[1], "x+y"));
    }

    #[test]
    fn missing_members_and_names_that_are_alike_are_named() {
        let of_group = |mut one: Submission| {
            one.students.iter_mut().for_each(|student| student.group = "g 1".to_owned());
            one
        };
        let all =
            [of_group(submission("a+b", None)), submission("Kim", None), submission("kim", None)];
        let all: Vec<&Submission> = all.iter().collect();
        let missing = Student { id: "c".to_owned(), group: "g 1".to_owned(), ..Student::default() };
        let expected = [
            "`c` is in group `g 1` and is not in the name of its submission `a+b.zip`",
            "`Kim.zip` and `kim.zip` are taken for different students",
        ];
        assert_eq!(remarks(&all, &[missing]), expected);
        let mut merged = submission("kim", None);
        merged.students[0].id = "Kim".to_owned();
        let remarks = remarks(&[&submission("Kim", None), &merged], &[]);
        assert_eq!(remarks, ["`Kim.zip` and `kim.zip` are taken for one student"]);

        // The folders in which Moodle has the files of one student are not alike.
        let mut of_moodle = submission("kim", None);
        of_moodle.from = ["Kim_7_assignsubmission_file_", "Kim_7_assignsubmission_onlinetext_"]
            .map(str::to_owned)
            .to_vec();
        assert!(self::remarks(&[&of_moodle], &[]).is_empty());
    }

    #[test]
    fn times_say_which_submission_is_the_last() {
        let all = [submission("x+y", Some("1")), submission("y+z", Some("2"))];
        assert!(in_several(&all)[0].check(&Policy::default()).is_ok());
        let all = [submission("x+y", Some("1")), submission("y+z", Some("1"))];
        assert!(in_several(&all)[0].check(&Policy::default()).is_err());
    }
}
