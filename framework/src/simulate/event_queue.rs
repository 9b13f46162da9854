//! The event queue, ordered by time. Events at the same time are in the order in which they were
//! scheduled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::num::NonZeroU32;

use super::buffer_pool::BufferId;
use crate::trace::{Incarnation, MessageId, TimerId};

/// A scheduled event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScheduledEvent {
    /// A copy of a message arrives.
    Arrival(InFlight),
    /// A timer fires, unless the incarnation that set it has ended.
    Fire { slot: usize, timer: BufferId, id: TimerId, incarnation: Incarnation },
    /// A rate-limited client may get its next command.
    NextCommand { slot: usize },
    /// The timeline's intervention with this index takes place.
    Intervention { index: usize },
    /// When following a saved run: a message that nobody sent, with this index, is given to the network.
    Forge { index: usize },
    /// The time of observation after the last result is over.
    Over,
}

/// A copy of a message in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InFlight {
    // Slots have four bytes here, so that an event of the queue stays small.
    from: u32,
    to: u32,
    /// The incarnation of the sender that sent it.
    pub(super) sent_by: Incarnation,
    /// The incarnation of the receiver when it was sent.
    pub(super) sent_to: Incarnation,
    pub(super) message: BufferId,
    /// If it is not what it seems: which of the run's tampered messages it is.
    pub(super) tampered: Option<NonZeroU32>,
    pub(super) id: MessageId,
}

impl InFlight {
    /// A copy of a message from one slot to another, with their incarnations when it was sent.
    #[inline]
    pub(super) fn new(
        (from, to): (usize, usize),
        (sent_by, sent_to): (Incarnation, Incarnation),
        message: BufferId,
        id: MessageId,
    ) -> Self {
        let slot = |slot| u32::try_from(slot).expect("a slot is an index of a node in memory");
        Self { from: slot(from), to: slot(to), sent_by, sent_to, message, tampered: None, id }
    }

    /// The slot of the sender.
    #[inline]
    pub(super) fn from(&self) -> usize {
        self.from as usize
    }

    /// The slot of the receiver.
    #[inline]
    pub(super) fn to(&self) -> usize {
        self.to as usize
    }
}

// A run may have many of them pending.
const _: () = assert!(size_of::<ScheduledEvent>() <= 40);

/// The time of an event, and the index in [`EventQueue::planned`] where the event itself is stored.
/// Entries are small because the heap moves several of them per operation.
///
/// No two have the same `order`, so the index never matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at_ns: u64,
    order: u64,
    index: u32,
}

/// The first order of events that are scheduled with a rank. Events that are scheduled later without a rank
/// start at [`UNRANKED`].
const RANKED: u64 = 1 << 32;
const UNRANKED: u64 = 1 << 62;

/// The scheduled events.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    // Reversed, because the heap returns the greatest entry first.
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

    /// From now on, at the same time, events without a rank come after those with a rank. Events that are already
    /// scheduled come before both.
    pub(super) fn rank(&mut self) {
        self.planned_ever = UNRANKED;
    }

    /// Schedules an event with its rank among the events at that time. Ranks are distinct.
    pub(super) fn schedule_ranked(&mut self, at_ns: u64, rank: usize, planned: ScheduledEvent) {
        self.insert(at_ns, RANKED + rank as u64, planned);
    }

    fn insert(&mut self, at_ns: u64, order: u64, planned: ScheduledEvent) {
        let index = match self.free.pop() {
            Some(index) => {
                self.planned[index as usize] = planned;
                index
            }
            None => {
                self.planned.push(planned);
                u32::try_from(self.planned.len() - 1).expect("limits keep the plan small")
            }
        };
        self.heap.push(Reverse(Entry { at_ns, order, index }));
    }

    /// Removes and returns the next event, if it is due by `deadline_ns`.
    pub(super) fn take(&mut self, deadline_ns: u64) -> Option<(u64, ScheduledEvent)> {
        let next = self.heap.peek_mut()?;
        if next.0.at_ns > deadline_ns {
            return None;
        }
        let Reverse(Entry { at_ns, index, .. }) = PeekMut::pop(next);
        self.free.push(index);
        Some((at_ns, self.planned[index as usize]))
    }

    /// The next events in order, with their times, up to a maximum.
    pub(super) fn next_scheduled(
        &self,
        most: usize,
    ) -> impl Iterator<Item = (u64, ScheduledEvent)> {
        let entries = self.heap.as_slice();
        // In a heap, every entry comes before those below it. So the next event is the earliest entry
        // whose parent was visited.
        let mut candidates = BinaryHeap::new();
        candidates.extend(entries.first().map(|entry| (*entry, 0)));
        std::iter::from_fn(move || {
            let (Reverse(entry), index) = candidates.pop()?;
            let below = [2 * index + 1, 2 * index + 2].into_iter();
            candidates.extend(below.filter_map(|index| Some((*entries.get(index)?, index))));
            Some((entry.at_ns, self.planned[entry.index as usize]))
        })
        .take(most)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
