//! The event queue, ordered by time and, within one time, by when the event was scheduled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::buffer_pool::BufferId;
use crate::trace::{MessageId, TimerId};

/// A scheduled event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScheduledEvent {
    /// A copy of a message arrives.
    Arrival(InFlight),
    /// A timer fires.
    Fire { slot: usize, timer: BufferId, id: TimerId },
    /// A rate-limited client may have its next command.
    NextCommand { slot: usize },
    /// The timeline's intervention of this index takes place.
    Intervention { index: usize },
    /// The time to observe after the last answer is over.
    Over,
}

/// A copy of a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InFlight {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) message: BufferId,
    pub(super) id: MessageId,
}

/// The time of an event, and the index in [`EventQueue::planned`] where the event itself is stored.
/// Entries are small because the heap moves several of them per operation.
///
/// No two have the same `order`, so the index never matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at_ns: u64,
    order: u64,
    place: u32,
}

/// Orders of events scheduled with a rank start at the first; those scheduled later without a rank
/// start at the second.
const RANKED: u64 = 1 << 32;
const UNRANKED: u64 = 1 << 62;

/// The plan.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    // The heap gives the greatest first, and the earliest is wanted.
    heap: BinaryHeap<Reverse<Entry>>,
    planned: Vec<ScheduledEvent>,
    free: Vec<u32>,
    planned_ever: u64,
}

impl EventQueue {
    pub(super) fn schedule(&mut self, at_ns: u64, planned: ScheduledEvent) {
        self.insert(at_ns, self.planned_ever, planned);
        self.planned_ever += 1;
    }

    /// From now on, what is planned without a rank comes after all that has one, and what was planned before comes
    /// before it, at one time.
    pub(super) fn rank(&mut self) {
        self.planned_ever = UNRANKED;
    }

    /// Plans something with its rank among what happens at that time. No two have the same rank.
    pub(super) fn schedule_ranked(&mut self, at_ns: u64, rank: usize, planned: ScheduledEvent) {
        self.insert(at_ns, RANKED + rank as u64, planned);
    }

    fn insert(&mut self, at_ns: u64, order: u64, planned: ScheduledEvent) {
        let place = match self.free.pop() {
            Some(place) => {
                self.planned[place as usize] = planned;
                place
            }
            None => {
                self.planned.push(planned);
                u32::try_from(self.planned.len() - 1).expect("limits keep the plan small")
            }
        };
        self.heap.push(Reverse(Entry { at_ns, order, place }));
    }

    /// Takes the next event, if it is due by `deadline_ns`.
    pub(super) fn take(&mut self, deadline_ns: u64) -> Option<(u64, ScheduledEvent)> {
        let next = self.heap.peek_mut()?;
        if next.0.at_ns > deadline_ns {
            return None;
        }
        let Reverse(Entry { at_ns, place, .. }) = PeekMut::pop(next);
        self.free.push(place);
        Some((at_ns, self.planned[place as usize]))
    }

    /// The next events in order, with their times, up to a maximum.
    pub(super) fn next_scheduled(
        &self,
        most: usize,
    ) -> impl Iterator<Item = (u64, ScheduledEvent)> {
        let entries = self.heap.as_slice();
        // In a heap, everything below an entry comes after it. The next event is the earliest entry
        // whose parent was visited.
        let mut candidates = BinaryHeap::new();
        candidates.extend(entries.first().map(|entry| (*entry, 0)));
        std::iter::from_fn(move || {
            let (Reverse(entry), index) = candidates.pop()?;
            let below = [2 * index + 1, 2 * index + 2].into_iter();
            candidates.extend(below.filter_map(|index| Some((*entries.get(index)?, index))));
            Some((entry.at_ns, self.planned[entry.place as usize]))
        })
        .take(most)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
