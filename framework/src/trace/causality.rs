//! Causality: which events of a trace an event could have been caused by.
//!
//! The relation is Lamport's *happened before* (Time, Clocks, and the Ordering of Events in a
//! Distributed System, CACM 1978): what happens at one node is in order, and a message is sent before
//! it arrives. What is not in the causal past of an event cannot have had any part in it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::{MessageId, TimerId, Trace, TraceEvent, What};
use crate::Address;

/// The direct causes of every event of a trace. Events are named by their index in it.
#[derive(Clone, Debug)]
pub struct Causality {
    /// For each event: the one before it at its node.
    earlier: Vec<Option<usize>>,
    /// For each event: the one that sent its message, or set its timer.
    origin: Vec<Option<usize>>,
}

impl Causality {
    /// The causality of these events, which are in the order in which they happened.
    ///
    /// A message that was sent more than once under one id (in a search the network is a set) counts
    /// as caused by its first sending.
    #[must_use]
    pub fn new(events: &[TraceEvent]) -> Self {
        let mut last: BTreeMap<Address, usize> = BTreeMap::new();
        let mut sent: BTreeMap<MessageId, usize> = BTreeMap::new();
        let mut set: BTreeMap<(Address, TimerId), usize> = BTreeMap::new();
        let mut earlier = Vec::with_capacity(events.len());
        let mut origin = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            origin.push(match &event.what {
                What::Deliver { id, .. } | What::Lose { id, .. } => sent.get(id).copied(),
                What::Fire { node, id, .. } => set.get(&(*node, *id)).copied(),
                _ => None,
            });
            // A lost message reaches no node, so it has no place in a node's order.
            let node = event.what.node().filter(|_| !matches!(event.what, What::Lose { .. }));
            earlier.push(node.and_then(|node| last.insert(node, index)));
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

    /// The event that sent the message of event `index`, or set its timer.
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

/// An order of a search's events that reads better and means the same: what follows from an event
/// comes right after it where it can. Gives the events' indices in their new order.
///
/// Events at different nodes that no message ties commute, and only those change places. Calls and
/// returns keep their order among each other, because which call returned before which was made is part of
/// what a run means; what concerns the whole network keeps its place between what was before and
/// after it; the last event, in which the run ended, stays the last. A trace with times is in the
/// order of its times already, and keeps it.
#[must_use]
pub fn readable_order(events: &[TraceEvent]) -> Vec<usize> {
    let count = events.len();
    if events.iter().any(|event| event.time_ns.is_some()) {
        return (0..count).collect();
    }
    let causality = Causality::new(events);
    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
    let (mut history, mut barrier, mut since_barrier) = (None, None, Vec::new());
    for (index, event) in events.iter().enumerate() {
        before[index].extend(causality.earlier[index].into_iter().chain(causality.origin[index]));
        before[index].extend(barrier);
        match event.what {
            What::Command { .. } | What::Return { .. } => {
                before[index].extend(history.replace(index));
                since_barrier.push(index);
            }
            What::Network { .. } | What::Check { .. } => {
                before[index].extend(since_barrier.drain(..));
                barrier = Some(index);
            }
            _ => since_barrier.push(index),
        }
    }
    if let Some(last) = count.checked_sub(1) {
        before[last].extend(0..last);
    }

    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, causes) in before.iter().enumerate() {
        causes.iter().for_each(|&cause| after[cause].push(index));
    }
    let mut missing: Vec<usize> = before.iter().map(BTreeSet::len).collect();
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..count).filter(|&index| missing[index] == 0).map(Reverse).collect();
    let mut done = vec![false; count];
    let mut order = Vec::with_capacity(count);
    // What the latest events made possible, the latest on top: their consequences come first.
    let mut thread: Vec<usize> = Vec::new();
    while order.len() < count {
        let next = loop {
            match thread.pop().or_else(|| ready.pop().map(|Reverse(index)| index)) {
                Some(index) if done[index] => {}
                Some(index) => break index,
                // Every cause of an event stands before it, so some event is always ready.
                None => unreachable!("causes cannot form a circle"),
            }
        };
        done[next] = true;
        order.push(next);
        let mut enabled = Vec::new();
        for &index in &after[next] {
            missing[index] -= 1;
            if missing[index] == 0 {
                ready.push(Reverse(index));
                let follows =
                    causality.origin[index] == Some(next) || causality.earlier[index] == Some(next);
                if follows {
                    enabled.push(index);
                }
            }
        }
        // The consequence that came first comes first again.
        thread.extend(enabled.into_iter().rev());
    }
    order
}

/// The trace with its events in their [readable order](readable_order).
#[must_use]
pub fn readable(trace: &Trace) -> Trace {
    let order = readable_order(&trace.events);
    let events = order.into_iter().map(|index| trace.events[index].clone()).collect();
    Trace { header: trace.header.clone(), events, ending: trace.ending.clone() }
}
