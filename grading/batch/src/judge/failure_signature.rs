//! Failure signatures: how a run ends, without values that differ between submissions.

use faultlab::trace::{EventKind, Trace};

/// How many final events make up a failure signature.
const EVENTS: usize = 4;

/// The failure signature of a run: which kinds of events happened to which kinds of nodes at its
/// end. Texts of messages, timers and states are the student's own and are ignored.
#[must_use]
pub fn failure_signature(trace: &Trace) -> String {
    let skipped = trace.events.len().saturating_sub(EVENTS);
    let words: Vec<String> = trace.events[skipped..]
        .iter()
        .map(|event| {
            let word = match &event.what {
                EventKind::Start { node, .. } => format!("start {node}"),
                EventKind::Deliver { node, from, .. } => format!("{from} -> {node}"),
                EventKind::Lose { node, from, .. } => format!("{from} -x {node}"),
                EventKind::Fire { node, .. } => format!("timer {node}"),
                EventKind::Command { node, .. } => format!("command {node}"),
                EventKind::Return { node, .. } => format!("result {node}"),
                EventKind::Crash { node, .. } => format!("crash {node}"),
                EventKind::Restart { node, .. } => format!("restart {node}"),
                EventKind::Inject { from, to, .. } => format!("inject {from} -> {to}"),
                EventKind::Reconnect { node, peer } => format!("reconnect {node} {peer}"),
                EventKind::Network { .. } => "network".to_owned(),
                EventKind::Stage { title } => format!("stage {title}"),
                EventKind::Check { property } => format!("check {property}"),
            };
            // Clients are interchangeable, and so are servers.
            let word: String = word.chars().filter(|letter| !letter.is_ascii_digit()).collect();
            if event.failure.is_some() { format!("{word}!") } else { word }
        })
        .collect();
    words.join("; ")
}
