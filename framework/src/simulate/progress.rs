//! How far a run is, and when it ends.

use super::nodes::Nodes;
use super::scenario::Scenario;

/// The phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not all clients are done, or an intervention is pending.
    Running,
    /// All clients are done, and the run continues for the scenario's observation time.
    Lingering,
    /// The run has ended, and the properties are checked from this index on.
    Checking { next: usize },
}

/// The progress of a run.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) phase: Phase,
    /// When a client last received a command or a result, or an intervention took place.
    last_progress_ns: u64,
    /// Whether something has happened since the last negative check for completion.
    may_be_done: bool,
    /// The number of scheduled interventions that have not taken place yet.
    pub(super) interventions_left: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Running,
            last_progress_ns: 0,
            may_be_done: true,
            interventions_left: 0,
        }
    }

    /// Takes in that a client received a command or a result, or an intervention took place.
    #[inline]
    pub(super) fn made(&mut self, now_ns: u64) {
        self.last_progress_ns = now_ns;
    }

    /// Takes in something after which the run may be done.
    #[inline]
    pub(super) fn may_be_done(&mut self) {
        self.may_be_done = true;
    }

    /// Whether the run is over except for its observation time: every client that can finish is done, and no
    /// intervention is scheduled. Each change is examined once.
    #[inline]
    pub(super) fn is_done(&mut self, scenario: &Scenario, nodes: &Nodes) -> bool {
        if !self.may_be_done || self.phase != Phase::Running {
            return false;
        }
        self.may_be_done = false;
        scenario.until_done && self.interventions_left == 0 && nodes.clients_are_done()
    }

    /// The latest time at which the run ends. It never decreases.
    #[inline]
    pub(super) fn deadline_ns(&self, scenario: &Scenario) -> u64 {
        let may_stall = scenario.until_done && self.interventions_left == 0;
        if may_stall && self.phase == Phase::Running {
            let stalled_ns = self.last_progress_ns.saturating_add(scenario.stalled_ns);
            scenario.deadline_ns.min(stalled_ns)
        } else {
            scenario.deadline_ns
        }
    }
}
