//! `index.html`: the whole batch on one page, for staff.

use askama::Template;
use faultlab_suites::Points;
use sha2::{Digest as _, Sha256};

use super::About;
use super::clusters::{self, Cluster};
use super::statistics::{self, Flaky, Group, Histogram, Section, TestFigures};
use super::text::Html;
use crate::batch_results::{BatchResults, Entry, Status};

/// The script that sorts and filters. The page's security policy allows no other.
const SCRIPT: &str = include_str!("../../templates/index.js");

/// How many of the slowest are listed.
const SLOWEST: usize = 10;

/// How many clusters of failures are listed; `failures.csv` has all.
const CLUSTERS: usize = 30;

/// The points of everyone, where those who handed in nothing have none.
struct Distribution {
    histogram: Histogram,
    median: Option<Points>,
    mean: Option<Points>,
}

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'b> {
    lab: &'b str,
    title: &'b str,
    parts: Vec<u32>,
    entries: &'b [Entry<'b>],
    counts: Vec<(Status, usize)>,
    median: Option<Points>,
    mean: Option<Points>,
    possible: Points,
    histogram: Histogram,
    /// The same with those who handed in nothing, if there are any.
    with_missing: Option<Distribution>,
    sections: Vec<Section<'b>>,
    clusters: Vec<Cluster<'b>>,
    has_groups: bool,
    has_sections: bool,
    tests: Vec<TestFigures<'b>>,
    groups: Vec<Group<'b>>,
    flaky: Vec<Flaky<'b>>,
    slowest: Vec<(&'b str, u64, u64)>,
    broken: Vec<(&'b str, &'b str)>,
    how: &'b [(&'static str, String)],
    left_out: &'b [(&'static str, Vec<String>)],
    style: &'static str,
    script: &'static str,
    script_hash: String,
}

/// The page.
#[must_use]
pub fn html(book: &BatchResults, about: &About<'_>) -> String {
    let entries = book.entries();
    let points: Vec<Points> = entries.iter().filter_map(Entry::points).collect();
    let grades = || entries.iter().filter_map(Entry::grade);
    let possible = grades().map(|grade| grade.possible).max().unwrap_or_default();
    let parts = grades()
        .max_by_key(|grade| grade.parts.len())
        .map(|grade| grade.parts.iter().map(|part| part.number).collect())
        .unwrap_or_default();
    let all = [
        Status::Graded,
        Status::DoesNotCompile,
        Status::Refused,
        Status::NotSubmitted,
        Status::Waiting,
        Status::InfrastructureError,
    ];
    let count = |status| entries.iter().filter(|entry| entry.status() == status).count();
    let nothing =
        entries.iter().filter(|entry| entry.points().is_none() && entry.attempts.is_empty());
    let nothing = nothing.count();
    let with_missing = (nothing > 0).then(|| {
        let mut points = points.clone();
        points.resize(points.len() + nothing, Points::ZERO);
        Distribution {
            histogram: statistics::histogram(&points, possible),
            median: statistics::median(&points),
            mean: statistics::mean(&points),
        }
    });
    let mut clusters = clusters::clusters(&entries);
    clusters.truncate(CLUSTERS);
    let page = Page {
        with_missing,
        sections: statistics::sections(&entries),
        clusters,
        has_groups: entries.iter().any(|entry| !entry.student.group.is_empty()),
        has_sections: entries.iter().any(|entry| !entry.student.section.is_empty()),
        lab: about.lab.name,
        title: about.lab.title,
        parts,
        entries: &entries,
        counts: all.map(|status| (status, count(status))).to_vec(),
        median: statistics::median(&points),
        mean: statistics::mean(&points),
        possible,
        histogram: statistics::histogram(&points, possible),
        tests: statistics::tests(&entries),
        groups: statistics::groups(&entries),
        flaky: statistics::flaky(book),
        slowest: slowest(&entries),
        broken: broken(&entries),
        how: &about.how,
        left_out: &about.left_out,
        style: super::STYLE,
        script: SCRIPT,
        script_hash: base64(&Sha256::digest(SCRIPT.as_bytes())),
    };
    page.render().expect("a page renders to memory")
}

/// The submissions that took longest: student, processor time and real time in milliseconds.
fn slowest<'b>(entries: &[Entry<'b>]) -> Vec<(&'b str, u64, u64)> {
    let mut all: Vec<(&str, u64, u64)> = entries
        .iter()
        .filter_map(|entry| {
            let timing = &entry.attempt()?.outcome.as_ref()?.timing;
            Some((entry.student.id.as_str(), timing.cpu_ms, timing.wall_ms))
        })
        .collect();
    all.sort_by_key(|(_, _, wall_ms)| std::cmp::Reverse(*wall_ms));
    all.truncate(SLOWEST);
    all
}

fn broken<'b>(entries: &[Entry<'b>]) -> Vec<(&'b str, &'b str)> {
    let broken = entries.iter().filter(|entry| entry.status() == Status::InfrastructureError);
    broken
        .map(|entry| {
            let reason = entry.attempt().and_then(|attempt| attempt.reason.as_deref());
            (entry.student.id.as_str(), reason.unwrap_or_default())
        })
        .collect()
}

/// A bar of the histogram.
struct Bar {
    x: usize,
    middle: usize,
    width: usize,
    y: u64,
    height: u64,
    label: String,
    count: u64,
}

/// The histogram's height and width, in the picture's units.
const PICTURE: (u64, usize) = (150, 960);

impl Page<'_> {
    fn bars(&self, histogram: &Histogram) -> Vec<Bar> {
        let most = histogram.bins.iter().copied().max().unwrap_or(0).max(1);
        let width = PICTURE.1 / histogram.bins.len().max(1);
        let bars = histogram.bins.iter().enumerate().map(|(index, count)| {
            let height = count * PICTURE.0 / most;
            let from = histogram.width.as_hundredths() * index as u64;
            Bar {
                x: index * width + width / 8,
                middle: index * width + width / 2,
                width: width - width / 4,
                y: 20 + PICTURE.0 - height,
                height,
                label: Points::hundredths(from).to_string(),
                count: *count,
            }
        });
        bars.collect()
    }

    fn picture_width(&self) -> usize {
        PICTURE.1
    }

    /// A student's folder name, and whose it is if it does not say.
    fn label(&self, id: &str) -> String {
        let entry = self.entries.iter().find(|entry| entry.student.id == id);
        entry.map_or_else(|| id.to_owned(), |entry| entry.student.label())
    }

    fn shown(&self, points: &Option<Points>) -> String {
        points.map_or_else(|| "–".to_owned(), |points| points.to_string())
    }

    /// Each test of a cluster, with how many students fail it.
    fn counts(&self, cluster: &Cluster<'_>) -> String {
        let all = cluster.tests.iter().map(|(test, count)| format!("{test}: {count}"));
        all.collect::<Vec<String>>().join(", ")
    }

    fn part(&self, entry: &Entry<'_>, part: &u32) -> String {
        let grade =
            entry.grade().and_then(|grade| grade.parts.iter().find(|one| one.number == *part));
        grade.map(|part| part.earned.to_string()).unwrap_or_default()
    }

    fn tone(&self, status: &Status) -> &'static str {
        match status {
            Status::Graded => "good",
            Status::DoesNotCompile | Status::Refused => "bad",
            Status::NotSubmitted | Status::Waiting => "soft",
            Status::InfrastructureError => "odd",
        }
    }

    fn first_line<'t>(&self, text: &'t str) -> &'t str {
        text.lines().next().unwrap_or_default()
    }

    fn seconds(&self, milliseconds: &u64) -> String {
        format!("{}.{:02}", milliseconds / 1_000, milliseconds % 1_000 / 10)
    }
}

/// Base64, as a Content-Security-Policy requires it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= chunk.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_known_values() {
        let table =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (text, expected) in table {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
