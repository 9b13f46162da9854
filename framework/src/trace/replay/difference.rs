//! Where two runs part: the first event in which changed code does something else than it did.

use std::fmt;

use crate::trace::show::text::safe;
use crate::trace::show::words::duration;
use crate::trace::{SentMessage, SetTimer, Trace, TraceEvent, What};

/// The longest text of a message, command or result that is shown whole, in characters.
const CHARACTERS_MAX: usize = 100;

/// The first difference between a saved run and the same run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The index of the saved trace's event.
    pub event: usize,
    /// What happened then.
    pub then: String,
    /// What happens now.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, then, now } = self;
        write!(f, "first difference: event {}: {then}; now {now}", event + 1)
    }
}

impl Difference {
    /// Compares what happened and what nodes did, by their texts. States are not compared: a field may have been
    /// added to one, and what matters of it shows in what the node does.
    pub(super) fn between(then: &Trace, now: &Trace) -> Option<Self> {
        let count = then.events.len().max(now.events.len());
        (0..count).find_map(|index| {
            let (then, now) = match (then.events.get(index), now.events.get(index)) {
                (Some(then), Some(now)) => in_event(then, now)?,
                (Some(then), None) => (words(&then.what), "the run ends before it".to_owned()),
                (None, Some(now)) => ("the run had ended".to_owned(), words(&now.what)),
                (None, None) => return None,
            };
            Some(Self { event: index, then, now })
        })
    }
}

/// What is different in two events, then and now.
fn in_event(then: &TraceEvent, now: &TraceEvent) -> Option<(String, String)> {
    if without_id(&then.what) != without_id(&now.what) {
        return Some((words(&then.what), words(&now.what)));
    }
    let node = then.what.node().map(|node| node.to_string()).unwrap_or_default();
    let did = |text: Option<String>, verb: &str, nothing: &str| match text {
        Some(text) => format!("{verb} {text}"),
        None => nothing.to_owned(),
    };
    let message = |sent: &SentMessage| format!("{} to {}", short(&sent.message), sent.to);
    if let Some((then, now)) = first_other(&then.sent, &now.sent, message) {
        let then = did(then, "sent", "sent nothing more");
        return Some((format!("{node} {then}"), did(now, "it sends", "it sends nothing more")));
    }
    let timer = |set: &SetTimer| {
        let (timer, min, max) = (short(&set.timer), duration(set.min_ns), duration(set.max_ns));
        if min == max { format!("{timer} in {min}") } else { format!("{timer} in {min} to {max}") }
    };
    if let Some((then, now)) = first_other(&then.timers, &now.timers, timer) {
        let then = did(then, "set the timer", "set no other timer");
        return Some((format!("{node} {then}"), did(now, "it sets", "it sets none")));
    }
    if then.failure != now.failure {
        let failed = |event: &TraceEvent, verb: &str, not: &str| match &event.failure {
            Some(failure) => format!("{verb}: {failure}"),
            None => not.to_owned(),
        };
        let before = format!("{node} {}", failed(then, "failed", "did not fail"));
        return Some((before, format!("it {}", failed(now, "fails", "does not"))));
    }
    None
}

/// The first place in which two lists differ, in words.
fn first_other<T>(
    then: &[T],
    now: &[T],
    text: impl Fn(&T) -> String,
) -> Option<(Option<String>, Option<String>)> {
    let texts = |list: &[T], index| list.get(index).map(&text);
    (0..then.len().max(now.len()))
        .map(|index| (texts(then, index), texts(now, index)))
        .find(|(then, now)| then != now)
}

/// What happened, without the numbers that a run gives to messages and timers.
fn without_id(what: &What) -> What {
    let mut what = what.clone();
    if let What::Deliver { id, .. } | What::Lose { id, .. } | What::Fire { id, .. } = &mut what {
        *id = 0;
    }
    what
}

/// A node's text as it is shown: of a long one its start and its end, where long values differ.
fn short(text: &str) -> String {
    let text: Vec<char> = safe(text).chars().collect();
    let part = |part: &[char]| part.iter().collect::<String>();
    if text.len() <= CHARACTERS_MAX {
        return part(&text);
    }
    let half = CHARACTERS_MAX / 2;
    format!("{}…{}", part(&text[..half]), part(&text[text.len() - half..]))
}

/// What happened, in words.
fn words(what: &What) -> String {
    match what {
        What::Start { node, .. } => format!("{node} starts"),
        What::Deliver { node, from, message, .. } => {
            format!("{node} gets {} from {from}", short(message))
        }
        What::Lose { node, from, message, .. } => {
            format!("{} from {from} to {node} is lost", short(message))
        }
        What::Fire { node, timer, .. } => format!("{node}'s timer {} fires", short(timer)),
        What::Command { node, command, .. } => format!("{node} is given {}", short(command)),
        What::Return { node, result, .. } => format!("{node} returns {}", short(result)),
        What::Crash { node } => format!("{node} crashes"),
        What::Network { change } => change.clone(),
        What::Check { property } => format!("it is checked that {property}"),
    }
}
