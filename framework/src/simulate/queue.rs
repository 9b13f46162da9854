//! What is going to happen, ordered by time and, at one time, by when it was planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::pool::Handle;
use crate::trace::{MessageId, TimerId};

/// Something that is going to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// A copy of a message arrives.
    Arrival(InFlight),
    /// A timer fires.
    Fire { slot: usize, timer: Handle, id: TimerId },
    /// A rate-limited client may have its next command.
    NextCommand { slot: usize },
    /// The timeline's intervention of this index takes place.
    Intervention { index: usize },
    /// The time after the last answer is over.
    Over,
}

/// A copy of a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InFlight {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) message: Handle,
    pub(super) id: MessageId,
}

#[derive(Debug)]
struct Entry {
    at_ns: u64,
    order: u64,
    planned: Planned,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first, and the earliest is wanted.
        (other.at_ns, other.order).cmp(&(self.at_ns, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

/// The plan.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    planned_ever: u64,
}

impl Queue {
    pub(super) fn plan(&mut self, at_ns: u64, planned: Planned) {
        self.heap.push(Entry { at_ns, order: self.planned_ever, planned });
        self.planned_ever += 1;
    }

    /// Takes what happens next, if it happens by `deadline_ns`.
    pub(super) fn take(&mut self, deadline_ns: u64) -> Option<(u64, Planned)> {
        if self.heap.peek()?.at_ns > deadline_ns {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at_ns, entry.planned))
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
