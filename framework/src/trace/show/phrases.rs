//! Phrases for headings, endings, durations and state changes.

use std::time::Duration;

use super::super::culprit::{self, Analysis};
use super::super::repetition::Repetition;
use super::super::{
    Ending, Engine, SentMessage, SetTimer, StorageFate, StorageOperation, StorageWrite, StoredItem,
    Trace,
};
use super::diagram::{Note, Topic};
use super::diff::{self, Change};
use super::text::{Role, Text, columns, safe, safe_together, shorten};
use crate::Address;
use crate::abridge::{common_start, durations};

/// The most changes of one state that are shown.
const CHANGES_MAX: usize = 8;

/// How much of the common start of two long texts is shown at most.
const COMMON_CHARS_MAX: usize = 24;

pub(super) fn set_timer(timer: &SetTimer) -> Text {
    let delay = if timer.min_ns == timer.max_ns {
        duration(timer.min_ns)
    } else {
        format!("{} to {}", duration(timer.min_ns), duration(timer.max_ns))
    };
    Text::default()
        .with(Role::Quiet, "sets timer ")
        .with_untrusted(Role::Timer, &timer.timer)
        .with_remark(Role::Quiet, format!(" in {delay}"))
}

/// A write to stable storage, in an event that sent these messages.
pub(super) fn write(write: &StorageWrite, sent: &[SentMessage]) -> Text {
    let verb = match write.operation {
        StorageOperation::Save => "saves ",
        StorageOperation::Append if write.key.is_empty() => "appends ",
        StorageOperation::Append => "appends to ",
        StorageOperation::Sync => "syncs",
    };
    let text = Text::default().with(Role::Strong, verb);
    let text = match (write.operation, write.key.as_str()) {
        (StorageOperation::Sync, "") => text,
        (StorageOperation::Sync, key) => {
            text.with(Role::Strong, " ").with_untrusted(Role::Strong, key)
        }
        (_, key) => stored_value(text, key, &write.value, write.bytes),
    };
    let before = usize::try_from(write.sent_before).unwrap_or(usize::MAX);
    match before.checked_sub(1).and_then(|last| sent.get(last)) {
        Some(last) => text.with(Role::Quiet, format!(", after sending #{}", last.id)),
        None => text,
    }
}

/// A record or log entry that a restarted node finds, or does not find.
pub(super) fn found(item: &StoredItem) -> Text {
    let (verb, role, fate) = match item.fate {
        StorageFate::Kept => ("finds ", Role::Strong, ""),
        StorageFate::Torn => ("finds ", Role::Warning, ", torn"),
        StorageFate::Corrupted => ("finds ", Role::Warning, ", corrupted"),
        StorageFate::Unsynced => ("misses ", Role::Warning, ", which was not synced"),
        StorageFate::Lost => ("misses ", Role::Warning, ", which the storage lost"),
    };
    let text = Text::default().with(role, verb);
    stored_value(text, &item.key, &item.value, item.bytes).with(role, fate)
}

/// `key: value (12 bytes)`.
fn stored_value(text: Text, key: &str, value: &str, bytes: u64) -> Text {
    let text = match key {
        "" => text,
        key => text.with_untrusted(Role::Plain, key).with(Role::Plain, ": "),
    };
    let noun = if bytes == 1 { "byte" } else { "bytes" };
    text.with_untrusted(Role::Added, value).with(Role::Quiet, format!(" ({bytes} {noun})"))
}

/// Adds notes on the changes of a node's state.
pub(super) fn state_changes(before: &str, state: &str, notes: &mut Vec<Note>) {
    let changes = diff::changes(before, state);
    let shown = paired(&changes[..changes.len().min(CHANGES_MAX)]);
    notes.extend(shown.into_iter().map(|(change, added)| state_change(change, added)));
    if changes.len() > CHANGES_MAX {
        let more = format!("… and {} more changes", changes.len() - CHANGES_MAX);
        notes.push(Note::plain(Text::default().with(Role::Quiet, more), 1));
    }
}

/// The changes in their order, except that what was added stands with what was removed in the same place.
fn paired(changes: &[Change]) -> Vec<(&Change, Option<&Change>)> {
    let mut pairs: Vec<(&Change, Option<&Change>)> = Vec::new();
    for change in changes {
        let is_replaced = |pair: &&mut (&Change, Option<&Change>)| match (&**pair, change) {
            ((Change::Removed { path, .. }, None), Change::Added { path: added, .. }) => {
                path == added
            }
            _ => false,
        };
        match pairs.iter_mut().find(is_replaced) {
            Some(pair) => pair.1 = Some(change),
            None => pairs.push((change, None)),
        }
    }
    pairs
}

/// A note on one change of a state: on one line if it is short, or else with the old and the new
/// value on separate lines. `added` is what replaced a removed value.
fn state_change(change: &Change, added: Option<&Change>) -> Note {
    let place = |path: &str| match path {
        "" => "state".to_owned(),
        path => shorten(&safe(path), 60),
    };
    let signed = |sign: &str, role: Role, path: &str, value: &str| {
        let text = Text::default().with(role, format!("{sign} "));
        let text = if path.is_empty() { text } else { text.with(role, format!("{path}: ")) };
        text.with(role, value)
    };
    let note = |text: Text| Note { topic: Topic::Change, ..Note::plain(text, 3) };
    let removed_text = |path: &str, old: &str| signed("-", Role::Removed, path, old);
    let added_text = |path: &str, new: &str| signed("+", Role::Added, path, new);
    let alone = |value: &str| {
        let [value] = safe_together([value]);
        value
    };
    match change {
        Change::Changed { path, old, new } => {
            let path = place(path);
            let [old, new] = &safe_together([old, new]);
            let (old, new) = &without_common_start(old, new);
            if columns(&path) + columns(old) + columns(new) <= 60 {
                let text = Text::default()
                    .with(Role::Plain, format!("~ {path}: "))
                    .with(Role::Removed, old)
                    .with(Role::Quiet, " → ")
                    .with(Role::Added, new);
                note(text)
            } else {
                Note { below: Some(added_text(&path, new)), ..note(removed_text(&path, old)) }
            }
        }
        Change::Added { path, new } => note(added_text(&safe(path), &alone(new))),
        Change::Removed { path, old } => {
            let path = safe(path);
            match added {
                Some(Change::Added { new, .. }) => {
                    let [old, new] = &safe_together([old, new]);
                    Note { below: Some(added_text(&path, new)), ..note(removed_text(&path, old)) }
                }
                _ => note(removed_text(&path, &alone(old))),
            }
        }
        Change::TooLarge => {
            let text = "the state changed, and is too large to compare";
            Note { lines_max: 1, ..note(Text::default().with(Role::Quiet, text)) }
        }
    }
}

/// Names the nodes that have no column.
pub(super) fn hidden(nodes: &[Address]) -> Option<Text> {
    let names: Vec<String> = nodes.iter().take(8).map(Address::to_string).collect();
    let more = match nodes.len() {
        0 => return None,
        1..=8 => String::new(),
        count => format!(" and {} more", count - 8),
    };
    Some(Text::default().with(Role::Quiet, format!("Not shown: {}{more}.", names.join(", "))))
}

/// Two long texts without most of their common start.
fn without_common_start(old: &str, new: &str) -> (String, String) {
    let common = common_start(old, new);
    if common < COMMON_CHARS_MAX
        || old.chars().count().max(new.chars().count()) < 2 * COMMON_CHARS_MAX
    {
        return (old.to_owned(), new.to_owned());
    }
    let rest = |text: &str| {
        let kept: String = text.chars().skip(common - COMMON_CHARS_MAX / 2).collect();
        format!("…{kept}")
    };
    (rest(old), rest(new))
}

/// The heading: the test and the run.
pub(super) fn heading(trace: &Trace) -> Text {
    let header = &trace.header;
    let mut text = Text::default();
    if !header.lab.is_empty() {
        text = text.with_untrusted(Role::Quiet, &format!("{} ", header.lab));
    }
    if !header.test.is_empty() {
        text = text.with_untrusted(Role::Strong, &format!("{} ", header.test));
    }
    if !header.title.is_empty() {
        text = text.with_untrusted(Role::Strong, &format!("{}, ", header.title));
    }
    let engine = match header.engine {
        Engine::Simulate => format!("simulated with seed {}", header.seed),
        Engine::Search => "found by search".to_owned(),
        Engine::Deploy => "run in real time".to_owned(),
    };
    match header.known_fault_model() {
        Some(model) => text.with(Role::Quiet, format!("{engine}; {model}")),
        None => text.with_untrusted(Role::Quiet, &format!("{engine}; {}", header.fault_model)),
    }
}

/// How many events are not shown, and how many of them could not have influenced the end.
pub(super) fn omitted((events, aside): (usize, usize)) -> Text {
    let noun = if events == 1 { "event" } else { "events" };
    let words = match aside {
        0 => format!("… {events} {noun} …"),
        _ if aside == events => format!("… {events} unrelated {noun} …"),
        _ => format!("… {events} {noun}, {aside} of them unrelated …"),
    };
    Text::default().with(Role::Quiet, words)
}

/// Which events repeat in a place where they are not shown.
pub(super) fn repeated(trace: &Trace, repetition: &Repetition) -> Text {
    let Repetition { first, period, is_exact, .. } = *repetition;
    let (events, verb) = match period {
        1 => (format!("event {}", first + 1), "repeats"),
        _ => (format!("events {} to {}", first + 1, first + period), "repeat"),
    };
    let times = match repetition.times() {
        1 => "once more".to_owned(),
        times => format!("{times} more times"),
    };
    let how = if is_exact { "" } else { ", with other numbers and texts" };
    let until = match trace.events[repetition.end - 1].time_ns {
        Some(end_ns) => format!(", until {}", duration(end_ns)),
        None => String::new(),
    };
    Text::default().with(Role::Quiet, format!("… {events} {verb} {times}{how}{until} …"))
}

/// That a property was checked.
pub(super) fn checked(property: &str) -> Text {
    Text::default().with(Role::Quiet, "checked: ").with_untrusted(Role::Quiet, property)
}

/// The mark of the event at fault.
pub(in crate::trace) fn here() -> Text {
    Text::default().with(Role::Bad, "here → ")
}

/// How a run ended, in one sentence, and where it went wrong if that is known.
pub(in crate::trace) fn ending(trace: &Trace, analysis: &Analysis) -> Text {
    let mut text = how_it_ended(trace);
    if let Some(pointer) = pointer(trace, analysis) {
        text = text.with(Role::Plain, " ");
        text.spans.extend(pointer.spans);
    }
    text
}

/// Where a run went wrong, if that is known and not plain to see.
pub(in crate::trace) fn pointer(trace: &Trace, analysis: &Analysis) -> Option<Text> {
    let mut text = Text::default();
    if let Some(culprit) = analysis.culprit.filter(|culprit| culprit + 1 < trace.events.len()) {
        text = text.with(Role::Strong, format!("Look at event {}.", culprit + 1));
    }
    if let Some(field) = culprit::field(trace) {
        let blank = if text.spans.is_empty() { "" } else { " " };
        text = text
            .with(Role::Plain, format!("{blank}Look at the field "))
            .with_untrusted(Role::Strong, &field)
            .with(Role::Plain, ".");
    }
    if let Some(growth) = &analysis.growth {
        let blank = if text.spans.is_empty() { "" } else { " " };
        text = text.with(Role::Plain, format!("{blank}{}", growth.sentence()));
    }
    (!text.spans.is_empty()).then_some(text)
}

/// How a run ended, in one sentence.
fn how_it_ended(trace: &Trace) -> Text {
    let text = Text::default();
    let count = trace.events.len();
    match &trace.ending {
        None => {
            let text = text.with(Role::Bad, format!("The run was cut off after event {count}"));
            match trace.events.last().and_then(|event| event.failure.as_ref()) {
                Some(failure) => text
                    .with(Role::Plain, ": ")
                    .with_untrusted(Role::Plain, &failure.to_string())
                    .with(Role::Plain, "."),
                None => text.with(Role::Plain, "."),
            }
        }
        Some(Ending::Held) => text.with(Role::Plain, "Every property held."),
        Some(Ending::GoalReached { goal }) => text
            .with(Role::Plain, "The goal \"")
            .with_untrusted(Role::Strong, goal)
            .with(Role::Plain, "\" was reached."),
        Some(Ending::Violated(violation)) => {
            let texts = [&violation.expected, &violation.seen].map(|text| durations(text));
            let [expected, seen] = safe_together(texts.each_ref().map(String::as_str));
            text.with(Role::Bad, "Broken: ")
                .with_untrusted(Role::Strong, &violation.property)
                .with(Role::Plain, ". Expected ")
                .with(Role::Added, expected)
                .with(Role::Plain, ", but ")
                .with(Role::Removed, seen)
                .with(Role::Plain, ".")
        }
        Some(Ending::Failed { reason }) => text
            .with(Role::Bad, "Failed: ")
            .with_untrusted(Role::Plain, reason)
            .with(Role::Plain, "."),
    }
}

/// The name that a `Debug` text starts with: `Request` of `Request { .. }`.
pub(in crate::trace) fn variant(text: &str) -> &str {
    let end = text
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// A duration in a suitable unit, with three digits.
pub(in crate::trace) fn duration(ns: u64) -> String {
    let rounded = match ns {
        0..10_000 => ns,
        10_000..10_000_000 => ns / 1_000 * 1_000,
        10_000_000..10_000_000_000 => ns / 100_000 * 100_000,
        _ => ns / 10_000_000 * 10_000_000,
    };
    format!("{:?}", Duration::from_nanos(rounded))
}
