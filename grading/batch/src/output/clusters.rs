//! The same failure across the class: clusters of failing tests by the rule that is broken and by how the
//! run ends.

use std::collections::{BTreeMap, BTreeSet};

use faultlab_harness::report::{Status as TestStatus, TestReport};
use faultlab_suites::TestNumber;

use super::statistics::what_broke;
use super::text::cell;
use crate::batch_results::{Attempt, Entry, Status};

/// Failures of one kind.
#[derive(Clone, Debug)]
pub struct Cluster<'b> {
    /// The broken rule, or what else went wrong.
    pub rule: String,
    /// How the runs end: the failure signature.
    pub shape: &'b str,
    /// How many students fail each test in this way.
    pub tests: BTreeMap<TestNumber, usize>,
    /// The students.
    pub students: BTreeSet<&'b str>,
    /// The failure with the shortest run.
    pub representative: Representative<'b>,
}

/// One failure that stands for a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Representative<'b> {
    /// The student.
    pub student: &'b str,
    /// The attempt.
    pub attempt: &'b Attempt,
    /// The test.
    pub test: &'b TestReport,
}

impl Representative<'_> {
    /// Prefers runs that are recorded, then short ones.
    fn rank(&self) -> (bool, usize, TestNumber) {
        let lines = self.test.excerpt.as_deref().map(|excerpt| excerpt.lines().count());
        (lines.is_none(), lines.unwrap_or(usize::MAX), self.test.number)
    }

    /// The recorded run, below the results folder.
    #[must_use]
    pub fn trace(&self) -> Option<String> {
        let key = self.attempt.key.as_ref()?.as_str();
        let seed = self.test.shown_seed?;
        Some(format!(".work/{key}/traces/{}-{seed}.trace", self.test.number))
    }
}

/// The clusters of all failures, those of the most students first.
#[must_use]
pub fn clusters<'b>(entries: &[Entry<'b>]) -> Vec<Cluster<'b>> {
    let mut clusters: BTreeMap<(String, &'b str), Cluster<'b>> = BTreeMap::new();
    for entry in entries {
        let Some(attempt) = entry.attempt().filter(|one| one.status == Status::Graded) else {
            continue;
        };
        let Some(outcome) = &attempt.outcome else { continue };
        let student = entry.student.id.as_str();
        for test in outcome.report.tests.iter().filter(|test| test.status != TestStatus::Passed) {
            let shape = outcome.shapes.get(&test.number.to_string()).map_or("", String::as_str);
            let rule = what_broke(test);
            let this = Representative { student, attempt, test };
            let cluster = clusters.entry((rule.clone(), shape)).or_insert_with(|| Cluster {
                rule,
                shape,
                tests: BTreeMap::new(),
                students: BTreeSet::new(),
                representative: this,
            });
            cluster.students.insert(student);
            *cluster.tests.entry(test.number).or_default() += 1;
            if this.rank() < cluster.representative.rank() {
                cluster.representative = this;
            }
        }
    }
    let mut clusters: Vec<Cluster<'b>> = clusters.into_values().collect();
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.students.len()));
    clusters
}

/// `failures.csv`: a row for each cluster and test.
///
/// # Errors
/// None in practice, since writing to memory does not fail.
pub fn table(entries: &[Entry<'_>]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "cluster",
        "rule",
        "run_ends_with",
        "students",
        "test",
        "students_in_test",
        "example_student",
        "example_test",
        "example_run",
        "all_students",
    ])?;
    for (index, cluster) in clusters(entries).iter().enumerate() {
        let all: Vec<&str> = cluster.students.iter().copied().collect();
        for (test, count) in &cluster.tests {
            let example = &cluster.representative;
            writer.write_record([
                &(index + 1).to_string(),
                &cell(&cluster.rule),
                &cell(cluster.shape),
                &cluster.students.len().to_string(),
                &test.to_string(),
                &count.to_string(),
                &cell(example.student),
                &example.test.number.to_string(),
                &example.trace().unwrap_or_default(),
                &cell(&all.join(" ")),
            ])?;
        }
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::book;

    #[test]
    fn equal_failures_are_one_cluster_with_a_count_for_each_test() {
        let mut book = book();
        let mut second = book.attempts[0].clone();
        second.submission.students[0].id = "amy".to_owned();
        let tests = &mut second.outcome.as_mut().expect("it is graded").report.tests;
        // Amy fails 1.2 in a shorter run, and 2.1 in another way.
        tests[1].excerpt = Some("short".to_owned());
        tests[2].property = Some("another".to_owned());
        let first = &mut book.attempts[0].outcome.as_mut().expect("it is graded").report.tests;
        first[1].excerpt = Some("long\nrun".to_owned());
        book.attempts.push(second);
        let entries = book.entries();
        let clusters = clusters(&entries);
        let shown: Vec<String> = clusters
            .iter()
            .map(|cluster| {
                let tests = cluster.tests.iter().map(|(test, count)| format!("{test}: {count}"));
                let tests: Vec<String> = tests.collect();
                let (students, example) = (cluster.students.len(), cluster.representative.student);
                format!(
                    "{}, {students} students ({}), as {example}",
                    cluster.rule,
                    tests.join(", ")
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "results-ok, 2 students (1.2: 2, 2.1: 1), as amy",
                "another, 1 students (2.1: 1), as amy"
            ]
        );
        let table = String::from_utf8(table(&entries).expect("memory")).expect("text");
        assert_eq!(table.lines().nth(1), Some("1,results-ok,,2,1.2,2,amy,1.2,,ada amy"));
        assert_eq!(table.lines().count(), 4);
    }
}
