//! Causality: which events of a trace could have caused an event.
//!
//! The relation is Lamport's *happened before* ("Time, Clocks, and the Ordering of Events in a
//! Distributed System", CACM 1978): events at one node are ordered, and a message is sent before it
//! arrives. Only events in an event's causal past can have influenced it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::Range;

use super::{EventKind, MessageId, TimerId, Trace, TraceEvent};
use crate::Address;

/// The direct causes of every event of a trace. Events are identified by their index.
#[derive(Clone, Debug)]
pub struct Causality {
    /// For each event: the previous one at its node.
    earlier: Vec<Option<usize>>,
    /// For each event: the one that sent or injected its message, or set its timer; for an injected
    /// message that repeats another one, the one that sent that.
    origin: Vec<Option<usize>>,
}

impl Causality {
    /// The causality of these events, which must be in the order in which they happened.
    ///
    /// A message sent more than once under one id (in a search the network is a set) counts as
    /// caused by its first sending.
    #[must_use]
    pub fn new(events: &[TraceEvent]) -> Self {
        let mut last: BTreeMap<Address, usize> = BTreeMap::new();
        let mut sent: BTreeMap<MessageId, usize> = BTreeMap::new();
        let mut set: BTreeMap<(Address, TimerId), usize> = BTreeMap::new();
        let mut earlier = Vec::with_capacity(events.len());
        let mut origin = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            origin.push(match &event.what {
                EventKind::Deliver { id, .. } | EventKind::Lose { id, .. } => sent.get(id).copied(),
                EventKind::Inject { replays: Some(id), .. } => sent.get(id).copied(),
                EventKind::Fire { node, id, .. } => set.get(&(*node, *id)).copied(),
                _ => None,
            });
            // A lost message reaches no node, so it is not ordered with a node's events.
            let node = event.what.node().filter(|_| !matches!(event.what, EventKind::Lose { .. }));
            earlier.push(node.and_then(|node| last.insert(node, index)));
            if let EventKind::Inject { id, .. } = event.what {
                sent.entry(id).or_insert(index);
            }
            for message in &event.sent {
                sent.entry(message.id).or_insert(index);
            }
            if let Some(node) = node {
                for timer in &event.timers {
                    set.insert((node, timer.id), index);
                }
            }
        }
        Self { earlier, origin }
    }

    /// The event that sent or injected the message of event `index`, or set its timer. For an injected
    /// message that repeats another one, the event that sent that.
    #[must_use]
    pub fn origin(&self, index: usize) -> Option<usize> {
        self.origin.get(index).copied().flatten()
    }

    /// The event before event `index` at the same node.
    #[must_use]
    pub fn earlier(&self, index: usize) -> Option<usize> {
        self.earlier.get(index).copied().flatten()
    }

    /// For each event, whether it is one of `ends` or in the causal past of one.
    #[must_use]
    pub fn past(&self, ends: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut past = vec![false; self.earlier.len()];
        let mut open: Vec<usize> = ends.into_iter().filter(|&end| end < past.len()).collect();
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut past[index], true) {
                open.extend(self.earlier[index].into_iter().chain(self.origin[index]));
            }
        }
        past
    }
}

/// An equivalent order of a search's events that is easier to read: consequences of an event follow it
/// directly where possible. Returns the events' indices in their new order.
///
/// Only events at different nodes that no message connects are swapped, since those commute. A
/// forged message connects the events that injected and delivered it. A result
/// and the next command stay with the event that brought the result. Calls and returns keep their
/// relative order, because it matters which call returned before another began. Events that affect the
/// whole network keep their position between the events before and after them. The event that ended
/// the run stays last. A trace with times is already in order and is not changed.
#[must_use]
pub fn readable_order(events: &[TraceEvent]) -> Vec<usize> {
    if events.iter().any(|event| event.time_ns.is_some()) {
        return (0..events.len()).collect();
    }
    let groups = Groups::new(events);
    let mut done = vec![false; groups.starts.len()];
    let mut missing: Vec<usize> = groups.before.iter().map(BTreeSet::len).collect();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); missing.len()];
    for (group, causes) in groups.before.iter().enumerate() {
        causes.iter().for_each(|&cause| after[cause].push(group));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..missing.len()).filter(|&group| missing[group] == 0).map(Reverse).collect();
    // Groups that the latest ones enabled, the latest on top, so that consequences come first.
    let mut thread: Vec<usize> = Vec::new();
    let mut order = Vec::with_capacity(events.len());
    while let Some(group) = thread.pop().or_else(|| ready.pop().map(|Reverse(group)| group)) {
        if std::mem::replace(&mut done[group], true) {
            continue;
        }
        order.extend(groups.events(group));
        let mut enabled = Vec::new();
        for &next in &after[group] {
            missing[next] -= 1;
            if missing[next] == 0 {
                ready.push(Reverse(next));
                if groups.follows[next].contains(&group) {
                    enabled.push(next);
                }
            }
        }
        // Reversed, so that the earliest consequence is on top.
        thread.extend(enabled.into_iter().rev());
    }
    order
}

/// Groups of events that stay together, and their required order.
struct Groups {
    /// The first event of each group.
    starts: Vec<usize>,
    count: usize,
    /// For each group: the groups that it is a consequence of.
    follows: Vec<BTreeSet<usize>>,
    /// For each group: the groups that must come before it.
    before: Vec<BTreeSet<usize>>,
}

impl Groups {
    fn new(events: &[TraceEvent]) -> Self {
        let causality = Causality::new(events);
        let mut starts: Vec<usize> = Vec::new();
        let mut group_of = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let stays =
                index > 0 && is_history(event) && causality.earlier(index) == Some(index - 1);
            if !stays {
                starts.push(index);
            }
            group_of.push(starts.len() - 1);
        }
        let mut follows = vec![BTreeSet::new(); starts.len()];
        let mut before = vec![BTreeSet::new(); starts.len()];
        let (mut history, mut barrier, mut since) = (None, None, 0);
        for (index, event) in events.iter().enumerate() {
            let group = group_of[index];
            let causes = causality.earlier(index).into_iter().chain(causality.origin(index));
            follows[group]
                .extend(causes.map(|cause| group_of[cause]).filter(|&cause| cause != group));
            before[group].extend(barrier);
            if is_history(event) {
                before[group].extend(history.replace(group).filter(|&cause| cause != group));
            }
            if matches!(
                event.what,
                EventKind::Network { .. } | EventKind::Stage { .. } | EventKind::Check { .. }
            ) {
                before[group].extend(since..group);
                (barrier, since) = (Some(group), group);
            }
        }
        for (before, follows) in before.iter_mut().zip(&follows) {
            before.extend(follows);
        }
        if let Some(last) = before.len().checked_sub(1) {
            before[last].extend(0..last);
        }
        Self { starts, count: events.len(), follows, before }
    }

    fn events(&self, group: usize) -> Range<usize> {
        self.starts[group]..self.starts.get(group + 1).copied().unwrap_or(self.count)
    }
}

/// Whether an event is part of the history of calls and returns.
fn is_history(event: &TraceEvent) -> bool {
    matches!(event.what, EventKind::Command { .. } | EventKind::Return { .. })
}

/// The trace with its events in their [readable order](readable_order).
#[must_use]
pub fn readable(trace: &Trace) -> Trace {
    let order = readable_order(&trace.events);
    let events = order.into_iter().map(|index| trace.events[index].clone()).collect();
    Trace { header: trace.header.clone(), events, ending: trace.ending.clone() }
}
