//! Statistics of a batch, for the staff page.

use std::collections::{BTreeMap, BTreeSet};

use faultlab_harness::report::{Status as TestStatus, TestReport};
use faultlab_suites::{Points, TestNumber};

use crate::batch_results::{Attempt, BatchResults, Entry, Status};

/// A histogram of students by points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// The students in each bin.
    pub bins: Vec<u64>,
    /// The width of a bin, in points.
    pub width: Points,
}

/// The histogram of the points, with ten to twenty bins of a round width.
#[must_use]
pub fn histogram(points: &[Points], possible: Points) -> Histogram {
    const WIDTHS: [u64; 9] = [10, 25, 50, 100, 200, 250, 500, 1_000, 2_500];
    let most = points.iter().copied().chain([possible]).max().unwrap_or_default().as_hundredths();
    let width = WIDTHS.into_iter().find(|width| most / width < 20).unwrap_or(most / 20 + 1);
    let mut bins = vec![0; usize::try_from(most / width).unwrap_or(0) + 1];
    for points in points {
        if let Some(bin) = usize::try_from(points.as_hundredths() / width)
            .ok()
            .and_then(|index| bins.get_mut(index))
        {
            *bin += 1;
        }
    }
    Histogram { bins, width: Points::hundredths(width) }
}

/// The median; the lower one if there are two.
#[must_use]
pub fn median(points: &[Points]) -> Option<Points> {
    let mut sorted = points.to_vec();
    sorted.sort();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

/// The mean, rounded down to the hundredth.
#[must_use]
pub fn mean(points: &[Points]) -> Option<Points> {
    let sum: Points = points.iter().copied().sum();
    let count = points.len() as u64;
    sum.as_hundredths().checked_div(count).map(Points::hundredths)
}

/// A test's results over the whole batch.
#[derive(Clone, Debug)]
pub struct TestFigures<'b> {
    /// Any report of it, for the fields that are the same in all.
    pub test: &'b TestReport,
    /// How many students' submissions ran it.
    pub run: u64,
    /// How many passed it completely.
    pub passed: u64,
    /// How many have a `todo!` where this test needs code.
    pub not_implemented: u64,
    /// The median of the earned points.
    pub median: Points,
}

impl TestFigures<'_> {
    /// The percentage that passed, rounded down.
    #[must_use]
    pub fn percent(&self) -> u64 {
        (self.passed * 100).checked_div(self.run).unwrap_or(0)
    }
}

/// Figures for each test, in order.
#[must_use]
pub fn tests<'b>(entries: &[Entry<'b>]) -> Vec<TestFigures<'b>> {
    let mut by_number: BTreeMap<TestNumber, Vec<&'b TestReport>> = BTreeMap::new();
    for attempt in entries.iter().filter_map(Entry::attempt) {
        for test in attempt.report().iter().flat_map(|report| &report.tests) {
            by_number.entry(test.number).or_default().push(test);
        }
    }
    let figures = by_number.into_values().map(|reports| {
        let count =
            |status: TestStatus| reports.iter().filter(|test| test.status == status).count() as u64;
        let earned: Vec<Points> = reports.iter().map(|test| test.points_earned).collect();
        TestFigures {
            test: reports[0],
            run: reports.len() as u64,
            passed: count(TestStatus::Passed),
            not_implemented: count(TestStatus::NotImplemented),
            median: median(&earned).unwrap_or_default(),
        }
    });
    figures.collect()
}

/// Students whose submissions fail in the same way.
#[derive(Clone, Debug)]
pub struct Group<'b> {
    /// The first test that each of them fails.
    pub test: &'b TestReport,
    /// The property that is violated there, or what else goes wrong.
    pub what: String,
    /// The tests in which all of them lose points.
    pub numbers: String,
    /// The students.
    pub students: Vec<&'b str>,
}

/// Groups students by failure: the same first failing test, with the same property and the same
/// failure signature. The largest group comes first.
#[must_use]
pub fn groups<'b>(entries: &[Entry<'b>]) -> Vec<Group<'b>> {
    let mut groups: BTreeMap<(TestNumber, String, &str), Group<'b>> = BTreeMap::new();
    let mut common: BTreeMap<(TestNumber, String, &str), BTreeSet<TestNumber>> = BTreeMap::new();
    for entry in entries {
        let Some(attempt) = entry.attempt() else { continue };
        let Some((test, what)) = first_failure(attempt) else { continue };
        let shape = attempt
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.shapes.get(&test.number.to_string()).map(String::as_str));
        let key = (test.number, what.clone(), shape.unwrap_or_default());
        let lost = failed(attempt).map(|test| test.number).collect();
        match common.get_mut(&key) {
            None => drop(common.insert(key.clone(), lost)),
            Some(numbers) => numbers.retain(|number| lost.contains(number)),
        }
        groups
            .entry(key)
            .or_insert_with(|| Group { test, what, numbers: String::new(), students: Vec::new() })
            .students
            .push(&entry.student.id);
    }
    for (key, group) in &mut groups {
        let numbers = common.get(key).into_iter().flatten().map(ToString::to_string);
        group.numbers = numbers.collect::<Vec<String>>().join(", ");
    }
    let mut groups: Vec<Group<'b>> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.students.len()));
    groups
}

fn failed(attempt: &Attempt) -> impl Iterator<Item = &TestReport> {
    let tests = attempt.report().map_or(&[][..], |report| &report.tests);
    tests.iter().filter(|test| test.status != TestStatus::Passed)
}

fn first_failure(attempt: &Attempt) -> Option<(&TestReport, String)> {
    if attempt.status != Status::Graded {
        return None;
    }
    let test = failed(attempt).next()?;
    Some((test, what_broke(test)))
}

/// The property that a failing test violates, or what else goes wrong.
pub(super) fn what_broke(test: &TestReport) -> String {
    match (&test.property, test.status) {
        (Some(property), _) => property.clone(),
        (None, TestStatus::NotImplemented) => "not implemented yet".to_owned(),
        (None, TestStatus::TimedOut) => "does not finish".to_owned(),
        (None, _) => test.reason.as_deref().map(without_values).unwrap_or_default(),
    }
}

/// The students of a section of the course.
#[derive(Clone, Debug)]
pub struct Section<'b> {
    /// Its name.
    pub name: &'b str,
    /// How many students it has.
    pub students: usize,
    /// How many of them handed in.
    pub handed_in: usize,
    /// The median of the points of those who handed in.
    pub median: Option<Points>,
    /// Their mean.
    pub mean: Option<Points>,
}

/// The sections, if the roster names any.
#[must_use]
pub fn sections<'b>(entries: &[Entry<'b>]) -> Vec<Section<'b>> {
    let mut by_name: BTreeMap<&str, Vec<&Entry<'b>>> = BTreeMap::new();
    for entry in entries {
        by_name.entry(&entry.student.section).or_default().push(entry);
    }
    if by_name.keys().all(|name| name.is_empty()) {
        return Vec::new();
    }
    let sections = by_name.into_iter().map(|(name, entries)| {
        let points: Vec<Points> = entries.iter().filter_map(|entry| entry.points()).collect();
        let handed_in = entries.iter().filter(|entry| !entry.attempts.is_empty()).count();
        let (median, mean) = (median(&points), mean(&points));
        Section { name, students: entries.len(), handed_in, median, mean }
    });
    sections.collect()
}

/// A reason without parts that differ between submissions: numbers, quoted values, code locations.
fn without_values(reason: &str) -> String {
    let first = reason.lines().next().unwrap_or_default();
    let first = first.split(", at ").next().unwrap_or_default();
    let mut kept = String::new();
    let mut quoted = false;
    for letter in first.chars() {
        match letter {
            '`' | '"' => {
                quoted = !quoted;
                if quoted {
                    kept.push('…');
                }
            }
            _ if quoted => {}
            '0'..='9' => {
                if !kept.ends_with('#') {
                    kept.push('#');
                }
            }
            _ => kept.push(letter),
        }
    }
    kept
}

/// A test whose runs differed between reruns.
#[derive(Clone, Debug)]
pub struct Flaky<'b> {
    /// Its number.
    pub number: TestNumber,
    /// What was observed.
    pub what: &'static str,
    /// The students with whose submissions it was observed.
    pub students: Vec<&'b str>,
}

/// Flaky tests, each with the students affected.
#[must_use]
pub fn flaky(book: &BatchResults) -> Vec<Flaky<'_>> {
    const DIFFERS: &str = "reruns of a seed differ";
    const RECOVERED: &str = "a run failed once and passed when repeated alone";
    let mut flaky: BTreeMap<(TestNumber, &'static str), BTreeSet<&str>> = BTreeMap::new();
    for attempt in &book.attempts {
        let Some(outcome) = &attempt.outcome else { continue };
        let differs = outcome.flaky.iter().map(|number| (*number, DIFFERS));
        let recovered = outcome.timing.recovered.iter().map(|number| (*number, RECOVERED));
        for what in differs.chain(recovered) {
            let students = attempt.submission.students.iter().map(|student| student.id.as_str());
            flaky.entry(what).or_default().extend(students);
        }
    }
    let flaky = flaky.into_iter().map(|((number, what), ids)| Flaky {
        number,
        what,
        students: ids.into_iter().collect(),
    });
    flaky.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_round_bins_and_counts_everyone() {
        let points = [0, 250, 9_950, 10_000].map(Points::hundredths);
        let histogram = histogram(&points, Points::whole(100));
        assert_eq!(histogram.width, Points::whole(10));
        assert_eq!(histogram.bins, [2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(super::histogram(&[], Points::ZERO).bins, [0]);
        let more = super::histogram(&[Points::whole(7)], Points::whole(5));
        assert_eq!(more.bins.iter().sum::<u64>(), 1);
    }

    #[test]
    fn medians_and_means_are_exact() {
        let points = [300, 100, 250, 0].map(Points::hundredths);
        assert_eq!(median(&points), Some(Points::whole(1)));
        assert_eq!(mean(&points), Some(Points::hundredths(162)));
        assert_eq!((median(&[]), mean(&[])), (None, None));
    }

    #[test]
    fn reasons_are_compared_without_their_values() {
        assert_eq!(without_values("client12 got `a` not `b`, at x.rs:3"), "client# got … not …");
    }

    #[test]
    fn flaky_tests_are_listed_with_their_students() {
        let mut book = crate::fixtures::book();
        assert!(flaky(&book).is_empty());
        let number = |text: &str| text.parse().expect("it is a number");
        let outcome = book.attempts[0].outcome.as_mut().expect("it is graded");
        outcome.flaky.push(number("2.1"));
        outcome.timing.recovered.push(number("1.2"));
        let seen: Vec<(String, &str, Vec<&str>)> = flaky(&book)
            .into_iter()
            .map(|one| (one.number.to_string(), one.what, one.students))
            .collect();
        let expected = [
            ("1.2".to_owned(), "a run failed once and passed when repeated alone", vec!["ada"]),
            ("2.1".to_owned(), "reruns of a seed differ", vec!["ada"]),
        ];
        assert_eq!(seen, expected);
    }
}
