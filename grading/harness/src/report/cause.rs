//! Causes: which failing tests break in the same way, so that a report shows one run for all of them.
//!
//! Two failures have one cause if they break the same property and their reasons have the same
//! *skeleton*: the text without numbers and values. A panic counts by its message and its place alone.
//! This is a guess, made to keep a report short; `-v` shows every failing test by itself.

use faultlab_suites::{Kind, Points};

use super::terminal::number_of;
use super::{Report, Status, TestReport};
use crate::session::property;

/// The failing tests with one cause.
#[derive(Clone, Debug)]
pub(crate) struct Cause<'a> {
    /// The test whose run is shown: the one with the simplest run.
    pub(crate) shown: &'a TestReport,
    /// The others, in order.
    pub(crate) same: Vec<&'a TestReport>,
}

/// The causes of a report's failing tests, in the order of their first tests.
pub(crate) fn causes(report: &Report) -> Vec<Cause<'_>> {
    causes_of(&report.tests)
}

/// The tests whose runs a report shows: one for each cause.
pub(crate) fn shown_tests(tests: &[TestReport]) -> Vec<&TestReport> {
    causes_of(tests).into_iter().map(|cause| cause.shown).collect()
}

fn causes_of(tests: &[TestReport]) -> Vec<Cause<'_>> {
    let mut groups: Vec<(Key, Vec<&TestReport>)> = Vec::new();
    for test in tests {
        if matches!(test.status, Status::Passed | Status::NotImplemented) {
            continue;
        }
        let key = Key::of(test);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, tests)) => tests.push(test),
            None => groups.push((key, vec![test])),
        }
    }
    groups.into_iter().filter_map(|(_, tests)| Cause::of(tests)).collect()
}

impl<'a> Cause<'a> {
    fn of(mut same: Vec<&'a TestReport>) -> Option<Self> {
        // A search finds a shortest run; a shrunk one may still be a little longer.
        let simplicity = |test: &TestReport| {
            let kind = match test.kind {
                Kind::Unit => 0,
                Kind::Search => 1,
                Kind::Run => 2,
            };
            (test.excerpt.is_none(), kind)
        };
        let (at, _) = same.iter().enumerate().min_by_key(|(_, test)| simplicity(test))?;
        let shown = same.remove(at);
        Some(Self { shown, same })
    }

    /// Whether a handler panicked: then the message and the place say more than the run.
    pub(crate) fn is_panic(&self) -> bool {
        self.shown.property.as_deref() == Some(property::NO_PANIC)
    }

    /// Names the tests that are not shown, with what each lost: `in 4 more tests, which lost 10 points: 2.4
    /// (-1), 2.5 to 2.7 (-3 each)`.
    pub(crate) fn describe_same(&self) -> String {
        let follows = |before: &&TestReport, after: &&TestReport| {
            let (here, next) = (before.number, after.number);
            here.part == next.part && here.place + 1 == next.place && lost(before) == lost(after)
        };
        let words = |range: &[&TestReport]| match range {
            [first, _, .., last] => {
                format!("{} to {} (-{} each)", first.number, last.number, lost(first))
            }
            few => {
                let each = few.iter().map(|test| format!("{} (-{})", test.number, lost(test)));
                each.collect::<Vec<_>>().join(", ")
            }
        };
        let tests: Vec<String> = self.same.chunk_by(follows).map(words).collect();
        let lost: Points = self.same.iter().map(|test| lost(test)).sum();
        let count = number_of(self.same.len() as u64, "more test");
        let points = if lost.to_string() == "1" { "point" } else { "points" };
        format!("in {count}, which lost {lost} {points}: {}", tests.join(", "))
    }
}

/// What a test lost.
fn lost(test: &TestReport) -> Points {
    test.points_earned.missing_to(test.points_possible)
}

/// What failures with one cause have in common.
#[derive(PartialEq, Eq)]
struct Key {
    property: Option<String>,
    /// Whether it is the failure of a single machine: in a unit test, the command is not left to chance.
    is_unit: bool,
    skeleton: String,
}

impl TestReport {
    /// Whether the shrunk run fails for the cause for which the seed's run does. True if there is none.
    #[must_use]
    pub fn is_shrunk_alike(&self) -> bool {
        self.shrunk().is_none_or(|run| Key::of(self) == Key::with_reason(self, &run.reason))
    }
}

impl Key {
    fn of(test: &TestReport) -> Self {
        Self::with_reason(test, test.reason.as_deref().unwrap_or_default())
    }

    /// The key of a test's failure with this reason.
    fn with_reason(test: &TestReport, reason: &str) -> Self {
        let property = test.property.clone();
        if property.as_deref() == Some(property::NO_PANIC)
            && let Some((_, panic)) = reason.split_once(" panicked: ")
        {
            return Self { property, is_unit: false, skeleton: panic_skeleton(panic) };
        }
        // What follows a semicolon is detail: where two runs differ, how many runs were skipped.
        let reason = reason.split("; ").next().unwrap_or_default();
        // In runs, chance decides which command is answered wrongly first. What was seen says how.
        let is_unit = test.kind == Kind::Unit;
        let seen = reason.rsplit_once(", but ").filter(|_| !is_unit).map(|(_, seen)| seen);
        Self { property, is_unit, skeleton: skeleton(seen.unwrap_or(reason), is_unit) }
    }
}

/// What a reason says where there is no value.
const NO_VALUE: &str = "nothing";

/// A panic's message without numbers, and its place as it is.
fn panic_skeleton(panic: &str) -> String {
    match panic.rsplit_once(", at ") {
        Some((message, place)) => format!("{} at {place}", skeleton(message, true)),
        None => skeleton(panic, true),
    }
}

/// A text without what differs from run to run: numbers, strings, and what a value contains. With
/// `variants`, the names of values stay.
fn skeleton(text: &str, variants: bool) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let (piece, after) = match first {
            '"' => (Some("_"), &rest[string_end(rest)..]),
            _ if first.is_ascii_digit() => {
                let number =
                    |character: char| character.is_ascii_alphanumeric() || character == '.';
                (Some("_"), rest.trim_start_matches(number))
            }
            _ if is_word(first) => {
                let end = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                let after_blank = after.strip_prefix(' ').unwrap_or(after);
                let is_value = first.is_uppercase() && !out.is_empty();
                let value = match after_blank.chars().next() {
                    Some('{') if is_value => &after_blank[bracket_end(after_blank)..],
                    _ if is_value && after.starts_with('(') => &after[bracket_end(after)..],
                    _ => after,
                };
                let is_value = is_value && !variants || word == NO_VALUE;
                let name = if is_value { "_" } else { letters(word) };
                (Some(name), value)
            }
            _ => (None, &rest[first.len_utf8()..]),
        };
        match piece {
            Some(piece) => out.push_str(piece),
            None => out.push(first),
        }
        rest = after;
    }
    // `_ or _ or _` is one list of values, however long.
    while out.contains("_ or _") {
        out = out.replace("_ or _", "_");
    }
    out
}

/// A word without its number: clients are interchangeable.
fn letters(word: &str) -> &str {
    word.trim_end_matches(|character: char| character.is_ascii_digit())
}

/// Where a string that starts with a quotation mark ends.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == '"' && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

/// Where a value that starts with a bracket ends.
fn bracket_end(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        match character {
            '"' => {
                at += string_end(&text[at..]);
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        at += character.len_utf8();
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_has_no_numbers_and_no_values() {
        let same = [
            "client1 got Appended(\"a]\") for Append { key: \"x\", value: \"(\\\"\" }",
            "client12 got KeyNotFound for Get { key: \"y}\" }",
        ];
        for text in same {
            assert_eq!(skeleton(text, false), "client got _ for _");
        }
        assert_eq!(skeleton(same[0], true), "client got Appended for Append");
        assert_eq!(skeleton("it is Value(\"1\") or Value(\"2\") or X", false), "it is _");
        assert_eq!(
            skeleton("client2 had waited 29.598s for command 6", false),
            "client had waited _ for command _"
        );
        assert_eq!(skeleton("the key held nothing", false), skeleton("the key held \"\"", false));
        assert_eq!(skeleton("unfinished (\"", false), "unfinished (_");
        assert_eq!(skeleton("so Some({", false), "so _");
    }

    #[test]
    fn a_panic_is_its_message_and_its_place() {
        let at =
            |place: &str| panic_skeleton(&format!("the len is 3 but the index is 7, at {place}"));
        assert_eq!(
            at("src/client.rs:30:44"),
            "the len is _ but the index is _ at src/client.rs:30:44"
        );
        assert_ne!(at("src/client.rs:30:44"), at("src/client.rs:31:44"));
    }
}
