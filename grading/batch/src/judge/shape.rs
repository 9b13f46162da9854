//! The shape of a run: how it ends, without what differs from one submission to the next.

use faultlab::trace::{Trace, What};

/// How many events at the end of a run make its shape.
const EVENTS: usize = 4;

/// The shape of a failing run: what kinds of events happened to which nodes at its end. Texts of
/// messages, timers and states are the student's own and do not count.
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
            // Clients are alike, and so are servers.
            let word: String = word.chars().filter(|letter| !letter.is_ascii_digit()).collect();
            if event.failure.is_some() { format!("{word}!") } else { word }
        })
        .collect();
    words.join("; ")
}
