//! Which events of a long trace are worth showing.

use std::collections::BTreeSet;

use super::super::causality::Causality;
use super::super::{Copy, Ending, Trace, TraceEvent, What};
use crate::Address;

/// The indices of at most `events_max` events, or a few small ones more, in order: the first ones, and the last of those that could
/// have had a part in how the run ended.
pub(in crate::trace) fn excerpt(
    trace: &Trace,
    causality: &Causality,
    events_max: usize,
) -> BTreeSet<usize> {
    let count = trace.events.len();
    if count <= events_max {
        return (0..count).collect();
    }
    let past = relevant(trace, causality);
    let mut chosen: BTreeSet<usize> = (0..events_max / 5).collect();
    let quota = events_max - chosen.len();
    // One place in eight is kept for the sendings of what arrived late.
    let mut latest = (chosen.len()..count).rev().filter(|&index| past[index]);
    let mut end: BTreeSet<usize> = latest.by_ref().take(quota - quota / 8).collect();
    let late = end.iter().copied().filter(|&index| {
        matches!(trace.events[index].what, What::Deliver { copy: Copy::Duplicate, .. })
            || overtaken_by(trace, causality, index) > 0
    });
    let origins: Vec<usize> = late.filter_map(|index| causality.origin(index)).collect();
    for origin in origins.into_iter().rev() {
        if end.len() < quota && !chosen.contains(&origin) {
            end.insert(origin);
        }
    }
    for index in latest {
        if end.len() >= quota {
            break;
        }
        end.insert(index);
    }
    // Fewer than that took part: the latest others fill the places.
    for index in (chosen.len()..count).rev() {
        if end.len() >= quota {
            break;
        }
        end.insert(index);
    }
    chosen.extend(end);
    // To say that one small event is left out takes as much room as to show it.
    for index in 1..count.saturating_sub(1) {
        let event = &trace.events[index];
        let is_small = event.sent.is_empty() && event.timers.is_empty() && event.state.is_none();
        let between = chosen.contains(&(index - 1)) && chosen.contains(&(index + 1));
        if between && is_small && event.logged.is_empty() && event.printed.is_empty() {
            chosen.insert(index);
        }
    }
    chosen
}

/// For each event, whether it could have had a part in how the run ended.
pub(in crate::trace) fn relevant(trace: &Trace, causality: &Causality) -> Vec<bool> {
    let mut past = causality.past(ends(trace));
    for (index, event) in trace.events.iter().enumerate() {
        if matches!(event.what, What::Network { .. } | What::Crash { .. }) {
            past[index] = true;
        } else if index + 1 < trace.events.len() && is_without_effect(&trace.events, index) {
            past[index] = false;
        }
    }
    past
}

/// Whether a node handled something and nothing at all came of it: its state is as it was, and nobody
/// can tell that it happened.
pub(in crate::trace) fn is_without_effect(events: &[TraceEvent], index: usize) -> bool {
    let event = &events[index];
    let brought_a_result = events.get(index + 1).is_some_and(
        |next| matches!(next.what, What::Return { node, .. } if Some(node) == event.what.node()),
    );
    matches!(event.what, What::Deliver { .. } | What::Fire { .. })
        && event.sent.is_empty()
        && event.timers.is_empty()
        && event.state.is_none()
        && event.failure.is_none()
        && !brought_a_result
}

/// The events in which the run ended: the last one, and the last at each node that the violation
/// names.
fn ends(trace: &Trace) -> BTreeSet<usize> {
    let mut ends: BTreeSet<usize> = trace.events.len().checked_sub(1).into_iter().collect();
    let words = match &trace.ending {
        Some(Ending::Violated(violation)) => format!("{} {}", violation.expected, violation.seen),
        Some(Ending::Failed { reason }) => reason.clone(),
        _ => return ends,
    };
    let named: BTreeSet<Address> = words
        .split(|character: char| !character.is_ascii_alphanumeric() && !"-_./".contains(character))
        .filter_map(|word| word.trim_end_matches('.').parse().ok())
        .collect();
    let mut seen = BTreeSet::new();
    for (index, event) in trace.events.iter().enumerate().rev() {
        let lost = matches!(event.what, What::Lose { .. });
        if let Some(node) = event.what.node().filter(|node| !lost && named.contains(node))
            && seen.insert(node)
        {
            ends.insert(index);
        }
    }
    ends
}

/// How many messages that the same node sent later to the same receiver arrived before the message of
/// event `index`.
pub(in crate::trace) fn overtaken_by(trace: &Trace, causality: &Causality, index: usize) -> usize {
    let What::Deliver { node, from, .. } = trace.events[index].what else { return 0 };
    let Some(origin) = causality.origin(index) else { return 0 };
    (origin + 1..index)
        .filter(|&other| {
            matches!(trace.events[other].what,
                What::Deliver { node: to, from: sender, copy: Copy::Original, .. }
                    if to == node && sender == from)
                && causality.origin(other).is_some_and(|sent| sent > origin)
        })
        .count()
}
