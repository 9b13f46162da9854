//! Failure signatures: how a run ends, without what differs between submissions.

use faultlab::trace::{Trace, What};

/// How many final events make up a failure signature.
const EVENTS: usize = 4;

/// The failure signature of a run: which kinds of events happened to which kinds of nodes at its
/// end. Texts of messages, timers and states are the student's own and are ignored.
#[must_use]
pub fn shape(trace: &Trace) -> String {
    let skipped = trace.events.len().saturating_sub(EVENTS);
    let words: Vec<String> = trace.events[skipped..]
        .iter()
        .map(|event| {
            let word = match &event.what {
                What::Start { node, .. } => format!("start {node}"),
                What::Deliver { node, from, .. } => format!("{from} -> {node}"),
                What::Lose { node, from, .. } => format!("{from} -x {node}"),
                What::Fire { node, .. } => format!("timer {node}"),
                What::Command { node, .. } => format!("command {node}"),
                What::Return { node, .. } => format!("result {node}"),
                What::Crash { node } => format!("crash {node}"),
                What::Network { .. } => "network".to_owned(),
                What::Check { property } => format!("check {property}"),
            };
            // Clients are interchangeable, and so are servers.
            let word: String = word.chars().filter(|letter| !letter.is_ascii_digit()).collect();
            if event.failure.is_some() { format!("{word}!") } else { word }
        })
        .collect();
    words.join("; ")
}
