//! Lookahead: steps that a run is certain to take, whatever the current step does.
//!
//! A message takes at least the network's shortest latency. Until then, nodes can only handle events
//! that are already scheduled, and steps of different nodes do not depend on each other. A driver
//! may execute them at once, as long as it calls [`stepped`](Simulation::stepped) in the order that
//! [`advance`](Simulation::advance) returns.

use super::event_queue::ScheduledEvent;
use super::nodes::Nodes;
use super::progress::Phase;
use super::schedule::Task;
use super::simulation::Simulation;
use crate::hosting::Event;

/// How many scheduled events are examined. If there are more within the latency, examining them all
/// would take longer than the prefetching saves.
const LOOKAHEAD_MAX: usize = 32;

/// A step that a run is certain to take; see [`Simulation::for_each_certain_step`].
#[derive(Clone, Copy, Debug)]
pub struct LookaheadStep<'a> {
    /// The node's slot.
    pub slot: usize,
    /// The event that it will handle.
    pub event: Event<'a>,
    /// The client's next command, if the step may bring it the result of the current one.
    pub command: Option<&'a [u8]>,
}

/// The nodes with events before the examined one.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// By slot.
    is_busy: Vec<bool>,
    slots: Vec<usize>,
    /// How many of them are clients that have not crashed and are not done.
    clients_left: usize,
}

impl Busy {
    /// Makes all of `nodes` nodes idle, in time proportional to the number of busy ones.
    fn clear(&mut self, nodes: usize) {
        for slot in self.slots.drain(..) {
            self.is_busy[slot] = false;
        }
        self.is_busy.resize(nodes, false);
        self.clients_left = 0;
    }

    /// Adds a node, and returns whether it is new.
    fn add(&mut self, slot: usize, nodes: &Nodes) -> bool {
        if std::mem::replace(&mut self.is_busy[slot], true) {
            return false;
        }
        self.slots.push(slot);
        self.clients_left += usize::from(nodes.get(slot).is_left());
        true
    }

    /// Whether every node is busy.
    fn are_all(&self) -> bool {
        self.slots.len() == self.is_busy.len()
    }
}

impl Simulation {
    /// While there is a current step ([`Next::Step`](super::Next::Step)): reports the next step of each
    /// other node that is certain to take one.
    ///
    /// A step is not certain, and is skipped, if its node may take another one first, or if the run may end
    /// before it, other than by a failure. [`advance`](Self::advance) returns each reported step later, unless
    /// the run fails before. A step that is reported again is the same step.
    pub fn for_each_certain_step(&mut self, take: &mut dyn FnMut(LookaheadStep<'_>)) {
        // A client's result may trigger an intervention, after which no step is certain. A property that must always
        // hold may query a node before its next step.
        if !self.triggers.is_empty() || self.checks_every_event() {
            return;
        }
        let mut busy = std::mem::take(&mut self.busy);
        busy.clear(self.nodes.len());
        self.look_ahead(&mut busy, take);
        self.busy = busy;
    }

    fn look_ahead(&mut self, busy: &mut Busy, take: &mut dyn FnMut(LookaheadStep<'_>)) {
        for task in self.schedule.current.iter().chain(&self.schedule.ready) {
            match *task {
                Task::Make { slot }
                | Task::Init { slot }
                | Task::Restore { slot, .. }
                | Task::Fire { slot, .. }
                | Task::Command { slot } => {
                    busy.add(slot, &self.nodes);
                }
                Task::Handle(message) => {
                    busy.add(message.to(), &self.nodes);
                }
                Task::Intervene { .. } | Task::Check(_) => return,
            }
        }
        let horizon_ns = self.schedule.after(self.transport.network.shortest_latency_ns());
        let by_ns = horizon_ns.min(self.progress.deadline_ns(&self.scenario));
        for (at_ns, planned) in self.schedule.queue.next_scheduled(LOOKAHEAD_MAX) {
            if at_ns > by_ns || busy.are_all() || self.may_end(busy) {
                return;
            }
            let slot = match planned {
                ScheduledEvent::Over
                | ScheduledEvent::Intervention { .. }
                | ScheduledEvent::Forge { .. } => return,
                ScheduledEvent::NextCommand { slot } => {
                    busy.add(slot, &self.nodes);
                    continue;
                }
                ScheduledEvent::Arrival(message)
                    if self.transport.would_pass(message, &self.nodes) =>
                {
                    message.to()
                }
                ScheduledEvent::Fire { slot, incarnation, .. }
                    if self.nodes.is_running(slot, incarnation) =>
                {
                    slot
                }
                ScheduledEvent::Arrival(_) | ScheduledEvent::Fire { .. } => continue,
            };
            if !busy.add(slot, &self.nodes) {
                continue;
            }
            match planned {
                ScheduledEvent::Arrival(message) => {
                    let from = self.nodes.identity(message.from());
                    let client = self.nodes.get_mut(slot).client.as_mut();
                    let command = client.and_then(|client| client.command_after(self.seed, at_ns));
                    let message = self.schedule.buffers.bytes(message.message);
                    take(LookaheadStep { slot, event: Event::Message { from, message }, command });
                }
                ScheduledEvent::Fire { timer, .. } => {
                    let event = Event::Timer { timer: self.schedule.buffers.bytes(timer) };
                    take(LookaheadStep { slot, event, command: None });
                }
                ScheduledEvent::Over
                | ScheduledEvent::Intervention { .. }
                | ScheduledEvent::Forge { .. }
                | ScheduledEvent::NextCommand { .. } => {}
            }
        }
    }

    /// The command that the node of the current step gets at once, as its next event, if this step brings it
    /// the result of the current one. `None` if there is no such command, or if it is not certain.
    pub fn command_after_this(&mut self) -> Option<&[u8]> {
        let Some(Task::Handle(message)) = self.schedule.current else { return None };
        if !self.triggers.is_empty() || self.checks_every_event() || !self.schedule.ready.is_empty()
        {
            return None;
        }
        let now_ns = self.schedule.now_ns;
        self.nodes.get_mut(message.to()).client.as_mut()?.command_after(self.seed, now_ns)
    }
}

impl Simulation {
    /// Whether the run may end because the busy nodes complete all clients. (One step can complete many
    /// commands, if the client can answer them itself.)
    fn may_end(&self, busy: &Busy) -> bool {
        let awaits = self.scenario.until_done && self.progress.phase == Phase::Running;
        awaits && busy.clients_left == self.nodes.clients_left()
    }
}
