//! What a trace can describe but no engine can perform yet, so that no replay skips it.

use super::difference::describe;
use crate::trace::compare::{sent_text, write_text};
use crate::trace::{EventKind, Fate, SentMessage, Trace, TraceEvent};

/// The index of the first event of a saved run that no engine can perform, with its description and the
/// reason.
pub(crate) fn unsupported(saved: &Trace) -> Option<(usize, String)> {
    saved.events.iter().enumerate().find_map(|(index, event)| Some((index, reason(event)?)))
}

/// Why no engine can perform this event, if none can. An engine that learns to perform something takes
/// it out of here.
fn reason(event: &TraceEvent) -> Option<String> {
    let why = what_is_missing(&event.what).map(str::to_owned).or_else(|| missing_for(event))?;
    Some(format!("{}, but {why}", describe(&event.what)))
}

/// What the engines lack for an event, without its effects.
fn what_is_missing(what: &EventKind) -> Option<&'static str> {
    const RESTART: Option<&str> = Some("the engines cannot restart a node");
    const FORGE: Option<&str> = Some("the engines cannot forge a message");
    match what {
        EventKind::Restart { .. } => RESTART,
        EventKind::Inject { .. } => FORGE,
        EventKind::Reconnect { .. } => Some("the engines have no sessions that break"),
        EventKind::Deliver { provenance, .. } | EventKind::Lose { provenance, .. } => {
            if provenance.sent_as.is_some() {
                Some("the engines cannot corrupt a message")
            } else if provenance.forged_by.is_some() {
                FORGE
            } else if provenance.incarnation.is_first() {
                None
            } else {
                RESTART
            }
        }
        EventKind::Start { incarnation, .. }
        | EventKind::Fire { incarnation, .. }
        | EventKind::Crash { incarnation, .. }
            if !incarnation.is_first() =>
        {
            RESTART
        }
        _ => None,
    }
}

/// What the engines lack for an event's effects.
fn missing_for(event: &TraceEvent) -> Option<String> {
    if event.interrupted_after.is_some() {
        return Some(
            "the node crashes within the handler, and the engines crash nodes only between events"
                .to_owned(),
        );
    }
    if let Some(write) = event.stored.first() {
        let write = write_text(write);
        return Some(format!("the node {write}, and the engines have no stable storage"));
    }
    let misbehaves =
        |sent: &&SentMessage| sent.misbehaviour.is_some() || sent.fate == Fate::Withheld;
    let sent = sent_text(event.sent.iter().find(misbehaves)?);
    Some(format!("the node is Byzantine in sending {sent}, and the engines have no such nodes"))
}
