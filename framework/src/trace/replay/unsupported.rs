//! What a trace can describe but an engine cannot perform yet, so that no replay skips it.

use super::difference::describe;
use crate::trace::compare::sent_text;
use crate::trace::{Engine, EventKind, Fate, Forger, SentMessage, Trace, TraceEvent, hex};

/// The index of the first event of a saved run that this engine cannot perform, with its description and the
/// reason.
pub(crate) fn unsupported(saved: &Trace, engine: Engine) -> Option<(usize, String)> {
    let reason = |event| reason(event, engine);
    saved.events.iter().enumerate().find_map(|(index, event)| Some((index, reason(event)?)))
}

/// Why this engine cannot perform an event, if it cannot. An engine that learns to perform something takes
/// it out of here.
fn reason(event: &TraceEvent, engine: Engine) -> Option<String> {
    let simulates = engine == Engine::Simulate;
    let why = missing(&event.what, simulates)
        .map(str::to_owned)
        .or_else(|| misbehaves(event).filter(|_| !simulates))?;
    Some(format!("{}, but {why}", describe(&event.what)))
}

/// What an engine lacks for an event, without its effects.
fn missing(what: &EventKind, simulates: bool) -> Option<&'static str> {
    const UNKNOWN: Option<&str> = Some("the file does not have the message's encoding");
    const FORGE: Option<&str> = Some("a search cannot forge a message");
    match what {
        EventKind::Inject { by: Forger::Network, encoding, .. } if simulates => {
            if hex::read(encoding).is_some_and(|bytes| !bytes.is_empty()) { None } else { UNKNOWN }
        }
        EventKind::Inject { by: Forger::Node(_), .. } if simulates => {
            Some("a node of the engines forges a message only within a handler")
        }
        EventKind::Inject { .. } => FORGE,
        EventKind::Reconnect { .. } => Some("the engines have no sessions that break"),
        EventKind::Deliver { provenance, .. } | EventKind::Lose { provenance, .. } => {
            if provenance.sent_as.is_some() && simulates {
                let encoding = provenance.encoding.as_deref().and_then(hex::read);
                if encoding.is_some() { None } else { UNKNOWN }
            } else if provenance.sent_as.is_some() {
                Some("a search cannot corrupt a message")
            } else if provenance.forged_by.is_some() && !simulates {
                FORGE
            } else {
                None
            }
        }
        _ => None,
    }
}

/// What a search lacks for an event's effects.
fn misbehaves(event: &TraceEvent) -> Option<String> {
    let misbehaves =
        |sent: &&SentMessage| sent.misbehaviour.is_some() || sent.fate == Fate::Withheld;
    let sent = sent_text(event.sent.iter().find(misbehaves)?);
    Some(format!("the node is Byzantine in sending {sent}, and a search has no such nodes"))
}
