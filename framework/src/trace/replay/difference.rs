//! The first difference between a saved run and the same run now.

use std::fmt;

use crate::trace::compare::{
    Aspect, describe_provenance, first_difference, interrupted, sent_text, short, timer_text,
    write_text,
};
use crate::trace::{EventKind, Trace, TraceEvent};

/// The aspects to compare. States are not compared: a field may have been added, and relevant differences show
/// in the node's effects.
const ASPECTS: [Aspect; 5] =
    [Aspect::What, Aspect::Sent, Aspect::Timers, Aspect::Stored, Aspect::Failure];

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
    /// Compares events and effects by their texts.
    pub(super) fn between(then: &Trace, now: &Trace) -> Option<Self> {
        let (event, aspect) = first_difference(then, now, &ASPECTS)?;
        let (then, now) = match (then.events.get(event), now.events.get(event), aspect) {
            (Some(then), Some(now), Some(aspect)) => in_event(then, now, aspect),
            (Some(then), _, _) => (describe(&then.what), "the run ends before it".to_owned()),
            (None, Some(now), _) => ("the run had ended".to_owned(), describe(&now.what)),
            (None, None, _) => return None,
        };
        Some(Self { event, then, now })
    }
}

/// Describes the difference between two events, then and now.
fn in_event(then: &TraceEvent, now: &TraceEvent, aspect: Aspect) -> (String, String) {
    let node = then.what.node().map(|node| node.to_string()).unwrap_or_default();
    let did = |text: Option<String>, verb: &str, nothing: &str| match text {
        Some(text) => format!("{verb} {text}"),
        None => nothing.to_owned(),
    };
    match aspect {
        Aspect::Sent => {
            let (then, now) = first_other(&then.sent, &now.sent, sent_text);
            let then = did(then, "sent", "sent nothing more");
            (format!("{node} {then}"), did(now, "it sends", "it sends nothing more"))
        }
        Aspect::Timers => {
            let (then, now) = first_other(&then.timers, &now.timers, timer_text);
            let then = did(then, "set the timer", "set no other timer");
            (format!("{node} {then}"), did(now, "it sets", "it sets none"))
        }
        Aspect::Stored => {
            let (then, now) = first_other(&then.stored, &now.stored, write_text);
            let text = |write: Option<String>| {
                write.unwrap_or_else(|| "writes nothing more to stable storage".to_owned())
            };
            (format!("{node} {}", text(then)), format!("it {}", text(now)))
        }
        Aspect::Failure => {
            let failed = |event: &TraceEvent, verb: &str, not: &str| match &event.failure {
                Some(failure) => format!("{verb}: {failure}"),
                None => not.to_owned(),
            };
            let before = format!("{node} {}", failed(then, "failed", "did not fail"));
            (before, format!("it {}", failed(now, "fails", "does not")))
        }
        _ => {
            let text = |event: &TraceEvent| match event.interrupted_after {
                Some(effects) => format!("{}, {}", describe(&event.what), interrupted(effects)),
                None => describe(&event.what),
            };
            (text(then), text(now))
        }
    }
}

/// Describes the first elements in which two lists differ.
fn first_other<T>(
    then: &[T],
    now: &[T],
    text: impl Fn(&T) -> String,
) -> (Option<String>, Option<String>) {
    let texts = |list: &[T], index| list.get(index).map(&text);
    (0..then.len().max(now.len()))
        .map(|index| (texts(then, index), texts(now, index)))
        .find(|(then, now)| then != now)
        .unwrap_or_default()
}

/// Describes an event.
pub(super) fn describe(what: &EventKind) -> String {
    match what {
        EventKind::Start { node, .. } => format!("{node} starts"),
        EventKind::Deliver { node, from, message, provenance, .. } => {
            format!("{node} gets {}{} from {from}", short(message), describe_provenance(provenance))
        }
        EventKind::Lose { node, from, message, .. } => {
            format!("{} from {from} to {node} is lost", short(message))
        }
        EventKind::Fire { node, timer, .. } => format!("{node}'s timer {} fires", short(timer)),
        EventKind::Command { node, command, .. } => format!("{node} is given {}", short(command)),
        EventKind::Return { node, result, .. } => format!("{node} returns {}", short(result)),
        EventKind::Crash { node, .. } => format!("{node} crashes"),
        EventKind::Restart { node, incarnation, .. } => {
            format!("{node} restarts as incarnation {incarnation}")
        }
        EventKind::Inject { by, from, to, message, replays, .. } => {
            let verb = if replays.is_some() { "repeats" } else { "forges" };
            format!("{by} {verb} {} from {from} to {to}", short(message))
        }
        EventKind::Reconnect { node, peer } => format!("{node} is connected to {peer} again"),
        EventKind::Network { change } => change.clone(),
        EventKind::Stage { title } => format!("the stage \"{title}\" begins"),
        EventKind::Check { property } => format!("it is checked that {property}"),
    }
}
