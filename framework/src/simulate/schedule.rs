//! The schedule of a run: its clock, what happens before time advances, and what happens later.

use std::collections::VecDeque;

use super::buffer_pool::{BufferId, BufferPool};
use super::event_queue::{EventQueue, InFlight, ScheduledEvent};
use crate::trace::{Incarnation, TimerId};

/// Something to do before time advances.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    Make { slot: usize },
    Init { slot: usize },
    Restore { slot: usize, incarnation: Incarnation },
    Handle(InFlight),
    Fire { slot: usize, timer: BufferId, id: TimerId, incarnation: Incarnation },
    Command { slot: usize },
    Intervene { index: usize },
    Check(Checked),
}

/// The property that is checked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Checked {
    /// The property of the intervention with this index.
    InTimeline(usize),
    /// The final property with this index.
    AtTheEnd(usize),
    /// The choice of the intervention with this index.
    Decision(usize),
    /// The condition at this position among those that interventions still wait for.
    Condition { position: usize },
    /// The property with this index that must always hold, after an event at the node in this slot, or after a crash.
    Always { index: usize, slot: Option<usize> },
}

/// The clock, the ready tasks, the scheduled events, and the bytes that these carry.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    pub(super) now_ns: u64,
    pub(super) ready: VecDeque<Task>,
    pub(super) current: Option<Task>,
    pub(super) queue: EventQueue,
    pub(super) buffers: BufferPool,
}

impl Schedule {
    /// The current task.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    pub(super) fn task(&self) -> &Task {
        self.current.as_ref().expect("there is a current task")
    }

    /// Schedules an event, with the rank of a saved event if it is one.
    pub(super) fn plan(&mut self, at_ns: u64, saved: Option<usize>, planned: ScheduledEvent) {
        match saved {
            Some(event) => self.queue.schedule_ranked(at_ns, event, planned),
            None => self.queue.schedule(at_ns, planned),
        }
    }

    /// The time that is this long from now.
    #[inline]
    pub(super) fn after(&self, delay_ns: u64) -> u64 {
        self.now_ns.saturating_add(delay_ns)
    }
}
