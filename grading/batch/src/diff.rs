//! Compares two gradings: whose points changed, and why.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use faultlab_suites::{Points, TestNumber};
use serde::Serialize;

use crate::output::{StudentResult, plain};
use crate::store;

/// What changed for one student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GradeDifference {
    /// The student.
    pub student: String,
    /// The points before, if there was a grade.
    pub before: Option<Points>,
    /// The points now.
    pub after: Option<Points>,
    /// Tests with different points, with both values.
    pub tests: Vec<(TestNumber, Points, Points)>,
    /// Which inputs have changed.
    pub why: Vec<&'static str>,
    /// Which of the two gradings the student is in, if only in one. There is nothing to compare then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_in: Option<Side>,
    /// Whether the same files now earn fewer points.
    pub dropped_with_same_sources: bool,
}

/// One of the two gradings that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The earlier one.
    Old,
    /// The later one.
    New,
}

/// Compares the results in two folders.
///
/// # Errors
/// When one of them cannot be read.
pub fn diff(old: &Path, new: &Path) -> anyhow::Result<Vec<GradeDifference>> {
    let (old, new) = (read(old)?, read(new)?);
    let mut students: Vec<&String> = old.keys().chain(new.keys()).collect();
    students.sort();
    students.dedup();
    let changes = students.into_iter().filter_map(|student| {
        let (before, after) = (old.get(student), new.get(student));
        let points = |result: &StudentResult| result.grading.points;
        let only_in = match (before, after) {
            (Some(_), None) => Some(Side::Old),
            (None, Some(_)) => Some(Side::New),
            (_, _) => None,
        };
        let both = before.zip(after);
        let change = GradeDifference {
            student: student.clone(),
            before: before.and_then(points),
            after: after.and_then(points),
            tests: both.map(|(before, after)| tests(before, after)).unwrap_or_default(),
            why: both.map(|(before, after)| why(before, after)).unwrap_or_default(),
            only_in,
            dropped_with_same_sources: false,
        };
        if only_in.is_some() {
            return Some(change);
        }
        let dropped = change.after < change.before && change.after.is_some();
        let same_sources = !change.why.contains(&SOURCE);
        let change =
            GradeDifference { dropped_with_same_sources: dropped && same_sources, ..change };
        (change.before != change.after || !change.tests.is_empty()).then_some(change)
    });
    Ok(changes.collect())
}

const SOURCE: &str = "source";

fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, StudentResult>> {
    let mut results = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path().join("result.json");
        if path.is_file() {
            let result: StudentResult = store::read_json(&path)?;
            results.insert(result.grading.student.id.clone(), result);
        }
    }
    anyhow::ensure!(!results.is_empty(), "{} contains no results", folder.display());
    Ok(results)
}

fn tests(before: &StudentResult, after: &StudentResult) -> Vec<(TestNumber, Points, Points)> {
    let points = |result: &StudentResult| -> BTreeMap<TestNumber, Points> {
        let grade = result.grading.grade.as_ref();
        let tests = grade.map_or(&[][..], |grade| &grade.tests);
        tests.iter().map(|test| (test.number, test.earned)).collect()
    };
    let (before, after) = (points(before), points(after));
    let mut numbers: Vec<TestNumber> = before.keys().chain(after.keys()).copied().collect();
    numbers.sort();
    numbers.dedup();
    let get = |points: &BTreeMap<TestNumber, Points>, number: TestNumber| {
        points.get(&number).copied().unwrap_or_default()
    };
    numbers
        .into_iter()
        .map(|number| (number, get(&before, number), get(&after, number)))
        .filter(|(_, before, after)| before != after)
        .collect()
}

fn why(before: &StudentResult, after: &StudentResult) -> Vec<&'static str> {
    let (Some(old), Some(new)) = (&before.grading.hashes, &after.grading.hashes) else {
        return if before.grading.status == after.grading.status {
            Vec::new()
        } else {
            vec!["status"]
        };
    };
    let mut why: Vec<&str> = [
        (SOURCE, &old.sources, &new.sources),
        ("suite", &old.suite, &new.suite),
        ("toolchain", &old.toolchain, &new.toolchain),
        ("seed", &old.seeds, &new.seeds),
        ("base labs", &old.base_labs, &new.base_labs),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(what, _, _)| what)
    .collect();
    let raw = |result: &StudentResult| result.report.as_ref().map(|report| report.points_earned);
    if why.is_empty() {
        let same = raw(before) == raw(after);
        why.push(if same {
            "policy or overrides"
        } else {
            "unknown: same inputs, different result"
        });
    }
    why
}

/// Formats the changes as text.
#[must_use]
pub fn text(changes: &[GradeDifference]) -> String {
    if changes.is_empty() {
        return "no grade changed\n".to_owned();
    }
    let mut text = String::new();
    let shown = |points: Option<Points>| {
        points.map_or_else(|| "no grade".to_owned(), |points| points.to_string())
    };
    for change in changes.iter().filter(|change| change.only_in.is_none()) {
        let (before, after) = (shown(change.before), shown(change.after));
        let tests: Vec<String> = change
            .tests
            .iter()
            .map(|(number, before, after)| format!("{number}: {before} -> {after}"))
            .collect();
        text.push_str(&format!("{}: {before} -> {after}", plain(&change.student)));
        if !change.why.is_empty() {
            text.push_str(&format!(", because of {}", change.why.join(", ")));
        }
        if !tests.is_empty() {
            text.push_str(&format!(" ({})", tests.join(", ")));
        }
        text.push('\n');
    }
    for (side, name) in [(Side::Old, "old"), (Side::New, "new")] {
        let only = changes.iter().filter(|change| change.only_in == Some(side));
        let only: Vec<String> = only
            .map(|change| {
                let points = shown(change.before.or(change.after));
                format!("{} ({points})", plain(&change.student))
            })
            .collect();
        if !only.is_empty() {
            text.push_str(&format!("only in the {name} grading: {}\n", only.join(", ")));
        }
    }
    let dropped: Vec<&str> = changes
        .iter()
        .filter(|change| change.dropped_with_same_sources)
        .map(|change| change.student.as_str())
        .collect();
    if !dropped.is_empty() {
        text.push_str(&format!(
            "fewer points for the same files: {}\n",
            plain(&dropped.join(", "))
        ));
    }
    text
}
