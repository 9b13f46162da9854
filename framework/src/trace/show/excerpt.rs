//! Selects the events of a long trace to show.

use std::collections::BTreeSet;

use super::super::causality::Causality;
use super::super::culprit::Analysis;
use super::super::growth::Growth;
use super::super::repetition::{Repetition, folded_at};
use super::super::{CopyKind, EventKind, Trace, TraceEvent};
use crate::Address;

/// If more events than these are left of a run that grows, its first events are shown.
const UNFOLDED_MAX: usize = 40;

/// The shown events of a trace, and those that could have influenced its end.
#[derive(Debug)]
pub(in crate::trace) struct Excerpt {
    /// The indices of the events shown.
    pub(in crate::trace) chosen: BTreeSet<usize>,
    /// For each event, whether it could have influenced how the run ended.
    pub(in crate::trace) past: Vec<bool>,
    /// The nodes of the shown events.
    pub(in crate::trace) nodes: BTreeSet<Address>,
    /// The repetitions of which only the first round is shown.
    pub(in crate::trace) folded: Vec<Repetition>,
}

/// A trace without what goes on and on: later rounds of what repeats and, if the run only grows, most of it.
#[derive(Debug)]
pub(in crate::trace) struct Folded {
    /// The events that are left.
    pub(in crate::trace) left: BTreeSet<usize>,
    /// The repetitions of which only the first round is left.
    repetitions: Vec<Repetition>,
}

impl Folded {
    pub(in crate::trace) fn new(trace: &Trace, analysis: &Analysis) -> Self {
        let count = trace.events.len();
        let repetitions = analysis.repetitions.clone();
        let unfolded = |index: &usize| folded_at(&repetitions, *index).is_none();
        let left: BTreeSet<usize> = (0..count).filter(unfolded).collect();
        if left.len() <= UNFOLDED_MAX || analysis.growth.is_none() {
            return Self { left, repetitions };
        }
        let folded = Growth::folded(count);
        let left = (0..count).filter(|index| !folded.contains(index));
        let left = left.chain(analysis.culprit).collect();
        Self { left, repetitions: Vec::new() }
    }
}

impl Excerpt {
    /// Selects at most `events_max` events of a trace, plus a few small ones.
    ///
    /// The events that explain how the run went wrong have priority, above all the one at fault. Then come
    /// the events of the client in question, or else the latest events that could have influenced the end.
    pub(in crate::trace) fn new(
        trace: &Trace,
        causality: &Causality,
        analysis: &Analysis,
        events_max: usize,
    ) -> Self {
        let count = trace.events.len();
        let past = relevant(trace, causality, analysis);
        if count <= events_max {
            let nodes = trace.header.nodes.iter().copied().collect();
            return Self { chosen: (0..count).collect(), past, nodes, folded: Vec::new() };
        }
        let folded = Folded::new(trace, analysis);
        if folded.left.len() <= events_max {
            let nodes = trace.header.nodes.iter().copied().collect();
            // Of what goes on and on, nothing is beside the point.
            let past = vec![true; count];
            return Self { chosen: folded.left, past, nodes, folded: folded.repetitions };
        }
        let mut chosen = BTreeSet::new();
        let quota = events_max - events_max / 6;
        take(&mut chosen, analysis.ends.iter().copied(), quota);
        take(&mut chosen, analysis.shown.iter().copied(), quota);
        let late: Vec<usize> = chosen.iter().copied().collect();
        let late = late.into_iter().rev().filter(|&index| {
            matches!(trace.events[index].what, EventKind::Deliver { copy: CopyKind::Duplicate, .. })
                || overtaken_by(trace, causality, index) > 0
        });
        take(&mut chosen, late.filter_map(|index| causality.origin(index)), quota);
        // With an operation in focus, its client's events are enough; otherwise, show the latest events
        // of all nodes.
        let is_focused = analysis.client.is_some();
        let own = |&index: &usize| {
            let event = &trace.events[index];
            let is_own = || event.what.node() == analysis.client;
            past[index] && (!is_focused || is_own() || is_fault(event))
        };
        take(&mut chosen, (0..count).rev().filter(own), if is_focused { quota / 2 } else { quota });
        if !is_focused && analysis.culprit.is_none() {
            take(&mut chosen, (0..count).rev(), quota);
        }
        let mut nodes = BTreeSet::new();
        for &index in &chosen {
            nodes.extend(ends_of(&trace.events[index].what));
        }
        let starts = (0..count).filter(|&index| {
            let what = &trace.events[index].what;
            is_start(what) && what.node().is_some_and(|node| nodes.contains(&node))
        });
        take(&mut chosen, starts, events_max);
        // A note that one small event is omitted takes as much space as the event.
        for index in 1..count.saturating_sub(1) {
            let event = &trace.events[index];
            let is_small = event.sent.is_empty()
                && event.timers.is_empty()
                && event.stored.is_empty()
                && event.state.is_none()
                && event.logged.is_empty()
                && event.printed.is_empty();
            let between = chosen.contains(&(index - 1)) && chosen.contains(&(index + 1));
            let known = ends_of(&event.what).all(|node| nodes.contains(&node));
            if between && is_small && known {
                chosen.insert(index);
            }
        }
        Self { chosen, past, nodes, folded: Vec::new() }
    }
}

/// Adds events until there are `quota` of them.
fn take(chosen: &mut BTreeSet<usize>, events: impl Iterator<Item = usize>, quota: usize) {
    for index in events {
        if chosen.len() >= quota {
            break;
        }
        chosen.insert(index);
    }
}

/// The nodes at which an event happens and from which its message comes.
fn ends_of(what: &EventKind) -> impl Iterator<Item = Address> {
    let from = match what {
        EventKind::Deliver { from, .. } | EventKind::Lose { from, .. } => Some(*from),
        _ => None,
    };
    what.node().into_iter().chain(from)
}

fn is_start(what: &EventKind) -> bool {
    matches!(what, EventKind::Start { .. })
}

/// Whether the event is a fault or its repair, or is cut short by one, which explains much of what follows, or divides the
/// run in stages.
fn is_fault(event: &TraceEvent) -> bool {
    event.interrupted_after.is_some()
        || matches!(
            event.what,
            EventKind::Network { .. }
                | EventKind::Stage { .. }
                | EventKind::Crash { .. }
                | EventKind::Restart { .. }
                | EventKind::Reconnect { .. }
        )
}

/// For each event, whether it could have influenced one of `ends`.
fn relevant(trace: &Trace, causality: &Causality, analysis: &Analysis) -> Vec<bool> {
    let ends = &analysis.ends;
    let mut past = causality.past(ends.iter().copied());
    let last = ends.last().copied().unwrap_or_default();
    for (index, event) in trace.events.iter().enumerate() {
        if is_fault(event) {
            past[index] = index <= last;
        } else if !ends.contains(&index) && is_without_effect(&trace.events, index) {
            past[index] = false;
        }
    }
    // What explains the end is not beside the point, even if it had no effect: a swallowed request.
    for &index in &analysis.shown {
        past[index] = true;
    }
    past
}

/// Whether a node handled an event without any visible effect: its state is unchanged, and it sent
/// nothing.
pub(in crate::trace) fn is_without_effect(events: &[TraceEvent], index: usize) -> bool {
    let event = &events[index];
    let brought_a_result = events.get(index + 1).is_some_and(
        |next| matches!(next.what, EventKind::Return { node, .. } if Some(node) == event.what.node()),
    );
    matches!(event.what, EventKind::Deliver { .. } | EventKind::Fire { .. })
        && event.sent.is_empty()
        && event.timers.is_empty()
        && event.stored.is_empty()
        && event.interrupted_after.is_none()
        && event.state.is_none()
        && event.failure.is_none()
        && !brought_a_result
}

/// How many messages from the same sender to the same receiver overtook the message of event
/// `index`.
pub(in crate::trace) fn overtaken_by(trace: &Trace, causality: &Causality, index: usize) -> usize {
    let EventKind::Deliver { node, from, ref provenance, .. } = trace.events[index].what else {
        return 0;
    };
    if provenance.forged_by.is_some() {
        return 0;
    }
    let Some(origin) = causality.origin(index) else { return 0 };
    (origin + 1..index)
        .filter(|&other| {
            matches!(trace.events[other].what,
                EventKind::Deliver { node: to, from: sender, copy: CopyKind::Original, .. }
                    if to == node && sender == from)
                && causality.origin(other).is_some_and(|sent| sent > origin)
        })
        .count()
}
