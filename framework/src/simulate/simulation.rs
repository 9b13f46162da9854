//! The simulation: a state machine that decides on the next step and takes in its result.
//!
//! It does no I/O and calls no node; its driver does (see [`Simulation::run`]). So many simulations can
//! advance together, with their steps sent to node processes in batches.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::buffer_pool::{BufferId, BufferPool};
use super::digest::Digest;
use super::event_queue::{EventQueue, InFlight, ScheduledEvent};
use super::links::Links;
use super::lookahead::Busy;
use super::network::{Arrivals, Network};
use super::outcome::{Outcome, RunFailure, Verdict};
use super::scenario::{Intervention, Scenario, When};
use super::simulated_node::SimulatedNode;
use super::view::SimulationView;
use crate::hosting::{EncodedEffect, Event, Host, NodeFailure, Output, Span};
use crate::property::{CheckError, Property, Traffic, Violation};
use crate::random::{Random, Stream};
use crate::trace::replay::{Arrival, Script};
use crate::trace::{Fate, MessageId, TimerId, Trace};
use crate::{Address, NodeSpec};

/// A run in progress.
pub struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    pub(super) now_ns: u64,
    pub(super) nodes: Vec<SimulatedNode>,
    /// The slot of each address. Used for lookups only; never iterated.
    slots: FxHashMap<Address, usize>,
    /// The slot of the first client.
    pub(super) first_client: Option<usize>,
    /// How many clients have not crashed and are not done.
    pub(super) clients_left: usize,
    pub(super) traffic: Traffic,
    pub(super) buffers: BufferPool,
    pub(super) queue: EventQueue,
    pub(super) ready_tasks: VecDeque<Task>,
    pub(super) current: Option<Task>,
    pub(super) network: Network,
    links: Links,
    network_random: Random,
    timer_random: Random,
    digest: Digest,
    steps: u64,
    messages_ever: MessageId,
    timers_ever: TimerId,
    /// Interventions, by index, that wait for a client's results.
    pub(super) triggers: Vec<(Address, u64, usize)>,
    /// The number of interventions that have not taken place yet.
    timeline_left: usize,
    /// When a client last received a command or a result, or an intervention took place.
    last_progress_ns: u64,
    /// Whether something has happened since the last negative check for completion.
    may_be_done: bool,
    pub(super) phase: Phase,
    verdict: Option<Verdict>,
    /// While properties are checked at the end: the verdict for the first one that did not hold.
    broken_first: Option<Verdict>,
    /// The violations after that.
    also_violated: Vec<Violation>,
    /// Reusable buffer for [`Simulation::for_each_certain_step`](Self::for_each_certain_step).
    pub(super) busy: Busy,
    /// When recording: notes for the recorder.
    pub(super) notes: Option<RecorderNotes>,
    /// When following a saved run: its network and timers.
    pub(super) script: Option<Box<Script>>,
}

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

/// What the driver must do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Construct the node in this slot (see [`Simulation::spec`]) and call [`Simulation::made`].
    Make(usize),
    /// Let the node in this slot handle [`Simulation::event`] and call [`Simulation::stepped`].
    Step(usize),
    /// Call [`Simulation::check_property`], and [`Simulation::checked`] with its result.
    Check,
    /// Nothing: the run has finished.
    Finished,
}

/// Something to do before time advances.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    Make { slot: usize },
    Init { slot: usize },
    Handle(InFlight),
    Fire { slot: usize, timer: BufferId, id: TimerId },
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
}

/// Information for a recorder beyond the step itself.
#[derive(Debug, Default)]
pub(super) struct RecorderNotes {
    /// The messages that the last step sent, with their fates.
    pub(super) sent: Vec<(MessageId, Fate)>,
    /// The timers that the last step set.
    pub(super) timers: Vec<TimerId>,
    /// Events that are not steps, in order, each with its time.
    pub(super) happened: Vec<(u64, SideEvent)>,
}

/// An event that is not a step.
#[derive(Debug)]
pub(super) enum SideEvent {
    Lost { message: InFlight, bytes: Vec<u8>, reason: &'static str },
    Returned { slot: usize, result: Vec<u8> },
    Crashed(Address),
    Network(String),
}

impl Simulation {
    /// A run of `scenario` with this seed. If the scenario is invalid ([`Scenario::validate`]), the run ends before it
    /// begins, with [`RunFailure::Scenario`].
    #[must_use]
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        Self::with_script(scenario, seed, None)
    }

    /// The run of `scenario` that follows a saved one: network and timers behave as recorded. Only
    /// [`Following`](super::replay::Following) makes one, because each step needs a host that can render.
    pub(super) fn following(scenario: Scenario, saved: &Trace) -> Self {
        let fixed_end_ns = (!scenario.until_done).then_some(scenario.deadline_ns);
        let script = Script::new(saved, fixed_end_ns);
        Self::with_script(scenario, saved.header.seed, Some(Box::new(script)))
    }

    fn with_script(scenario: Scenario, seed: u64, script: Option<Box<Script>>) -> Self {
        let mut simulation = Self {
            seed,
            now_ns: 0,
            nodes: Vec::new(),
            slots: FxHashMap::default(),
            first_client: None,
            clients_left: 0,
            traffic: Traffic::default(),
            buffers: BufferPool::default(),
            queue: EventQueue::default(),
            ready_tasks: VecDeque::new(),
            current: None,
            network: scenario.network.clone(),
            links: Links::default(),
            network_random: Random::new(seed, Stream::Network),
            timer_random: Random::new(seed, Stream::Timers),
            digest: Digest::default(),
            steps: 0,
            messages_ever: 0,
            timers_ever: 0,
            triggers: Vec::new(),
            timeline_left: 0,
            last_progress_ns: 0,
            may_be_done: true,
            phase: Phase::Running,
            verdict: None,
            broken_first: None,
            also_violated: Vec::new(),
            busy: Busy::default(),
            notes: None,
            script,
            scenario,
        };
        if let Err(error) = simulation.scenario.validate() {
            simulation.fail(RunFailure::Scenario(error));
            return simulation;
        }
        if simulation.script.is_some() {
            simulation.queue.rank();
        }
        // All nodes are constructed before the first one starts, and all have started before the
        // first command.
        let specs = simulation.scenario.system.nodes().to_vec();
        let slots: Vec<usize> = specs.into_iter().map(|spec| simulation.add(spec)).collect();
        simulation.schedule_timeline();
        simulation.ready_tasks.extend(slots.iter().map(|&slot| Task::Make { slot }));
        simulation.ready_tasks.extend(slots.iter().map(|&slot| Task::Init { slot }));
        for slot in slots {
            let command = simulation.schedule_command(slot);
            simulation.ready_tasks.extend(command);
        }
        simulation
    }

    /// When following a saved run: tells the script which step begins.
    fn tell_script(&mut self, task: Task) {
        let Some(script) = &mut self.script else { return };
        match task {
            Task::Init { slot } => script.start(self.nodes[slot].address()),
            Task::Handle(message) => script.deliver(message.id),
            Task::Fire { id, .. } => script.fire(id),
            Task::Command { slot } => {
                let node = &self.nodes[slot];
                let answered = node.client.as_ref().map_or(0, |client| client.answered());
                script.give(node.address(), answered);
            }
            Task::Make { .. } | Task::Check(_) | Task::Intervene { .. } => {}
        }
    }

    fn schedule_timeline(&mut self) {
        let mut planned = Vec::new();
        for (index, (when, _)) in self.scenario.timeline.iter().enumerate() {
            match *when {
                // Interventions at time zero take place before the nodes start.
                When::At(0) => self.ready_tasks.push_back(Task::Intervene { index }),
                When::At(at_ns) => {
                    planned.push((at_ns, index));
                    self.timeline_left += 1;
                }
                When::Answered(client, results) => self.triggers.push((client, results, index)),
            }
        }
        for (at_ns, index) in planned {
            let intervention = &self.scenario.timeline[index].1;
            let saved = self
                .script
                .as_mut()
                .and_then(|script| script.intervene(at_ns, &intervention.recorded()));
            self.schedule(at_ns, saved, ScheduledEvent::Intervention { index });
        }
    }

    fn add(&mut self, spec: NodeSpec) -> usize {
        let slot = self.nodes.len();
        self.slots.entry(spec.address()).or_insert(slot);
        let node = SimulatedNode::new(spec);
        if node.client.is_some() {
            self.first_client.get_or_insert(slot);
        }
        self.clients_left += usize::from(node.is_left());
        self.nodes.push(node);
        slot
    }

    /// Returns what the driver must do next.
    pub fn advance(&mut self) -> Next {
        self.current = None;
        loop {
            if self.verdict.is_some() {
                return Next::Finished;
            }
            if let Some(task) = self.ready_tasks.pop_front() {
                if let Some(next) = self.begin(task) {
                    return next;
                }
                continue;
            }
            if let Phase::Checking { next } = self.phase {
                if next == self.scenario.checks.len() {
                    self.verdict = Some(self.broken_first.take().unwrap_or(Verdict::Held));
                } else {
                    self.phase = Phase::Checking { next: next + 1 };
                    self.ready_tasks.push_back(Task::Check(Checked::AtTheEnd(next)));
                }
                continue;
            }
            if self.may_be_done && self.phase == Phase::Running && self.all_done() {
                self.phase = Phase::Lingering;
                self.queue.schedule(
                    self.now_ns.saturating_add(self.scenario.observe_after_ns),
                    ScheduledEvent::Over,
                );
            }
            let deadline_ns = self.deadline_ns();
            match self.queue.take(deadline_ns) {
                Some((at_ns, ScheduledEvent::Over)) => {
                    self.now_ns = at_ns;
                    self.phase = Phase::Checking { next: 0 };
                }
                Some((at_ns, planned)) => {
                    self.now_ns = at_ns;
                    if let Some(task) = self.dispatch(planned)
                        && let Some(next) = self.begin(task)
                    {
                        return next;
                    }
                }
                None => {
                    self.now_ns = deadline_ns;
                    self.phase = Phase::Checking { next: 0 };
                }
            }
        }
    }

    /// The latest time at which the run ends. It never decreases.
    pub(super) fn deadline_ns(&self) -> u64 {
        let deadline_ns = self.scenario.deadline_ns;
        let may_stall = self.scenario.until_done && self.timeline_left == 0;
        if may_stall && self.phase == Phase::Running {
            deadline_ns.min(self.last_progress_ns.saturating_add(self.scenario.stalled_ns))
        } else {
            deadline_ns
        }
    }

    /// Starts a task, unless it no longer applies.
    fn begin(&mut self, task: Task) -> Option<Next> {
        let next = match task {
            Task::Make { slot } => Next::Make(slot),
            Task::Check(_) => Next::Check,
            Task::Intervene { index } => {
                self.intervene(index);
                return None;
            }
            Task::Handle(message) => {
                if !self.passes(message) {
                    return None;
                }
                Next::Step(message.to)
            }
            Task::Init { slot } | Task::Fire { slot, .. } | Task::Command { slot } => {
                if self.nodes[slot].crashed {
                    return None;
                }
                if matches!(task, Task::Command { .. }) {
                    let (seed, now_ns) = (self.seed, self.now_ns);
                    let node = &mut self.nodes[slot];
                    let address = node.address();
                    let client = node.client.as_mut().expect("a command is for a client");
                    client.call(seed, address, now_ns);
                    self.last_progress_ns = now_ns;
                }
                Next::Step(slot)
            }
        };
        self.current = Some(task);
        self.tell_script(task);
        Some(next)
    }

    /// The task for a scheduled event.
    fn dispatch(&mut self, planned: ScheduledEvent) -> Option<Task> {
        match planned {
            ScheduledEvent::Arrival(message) => Some(Task::Handle(message)),
            ScheduledEvent::Fire { slot, timer, id } => Some(Task::Fire { slot, timer, id }),
            ScheduledEvent::NextCommand { slot } => Some(Task::Command { slot }),
            ScheduledEvent::Intervention { index } => {
                self.timeline_left -= 1;
                Some(Task::Intervene { index })
            }
            ScheduledEvent::Over => None,
        }
    }

    /// Whether an arriving message is handled. Otherwise, it is lost or held.
    fn passes(&mut self, message: InFlight) -> bool {
        let (from, to) = (self.address(message.from), self.address(message.to));
        if self.nodes[message.to].crashed {
            self.lose(message, "its receiver has crashed");
            return false;
        }
        if self.links.are_all_normal() {
            return true;
        }
        let may_lose = self.scenario.fault_model.may_lose();
        let cut = self.links.is_cut(from, to);
        if self.links.is_held(from, to) || (cut && !may_lose) {
            self.links.hold_message(from, to, message);
            return false;
        }
        if cut {
            self.lose(message, "its link is cut");
        }
        !cut
    }

    /// Whether a message would be handled if it arrived now.
    pub(super) fn would_pass(&self, message: InFlight) -> bool {
        let (from, to) = (self.address(message.from), self.address(message.to));
        !self.nodes[message.to].crashed
            && !self.links.is_held(from, to)
            && !self.links.is_cut(from, to)
    }

    fn lose(&mut self, message: InFlight, reason: &'static str) {
        if let Some(notes) = &mut self.notes {
            let bytes = self.buffers.bytes(message.message).to_vec();
            notes.happened.push((self.now_ns, SideEvent::Lost { message, bytes, reason }));
        }
        self.buffers.release(message.message, false);
    }

    fn note(&mut self, happening: impl FnOnce() -> SideEvent) {
        if let Some(notes) = &mut self.notes {
            notes.happened.push((self.now_ns, happening()));
        }
    }

    fn intervene(&mut self, index: usize) {
        self.may_be_done = true;
        self.last_progress_ns = self.now_ns;
        let intervention = self.scenario.timeline[index].1.clone();
        match &intervention {
            Intervention::Check(_) => {
                self.ready_tasks.push_back(Task::Check(Checked::InTimeline(index)));
                return;
            }
            Intervention::Crash(node) => self.crash(*node),
            _ => self.note(|| SideEvent::Network(intervention.to_string())),
        }
        match intervention {
            Intervention::Cut { from, to } => self.links.cut(from, to),
            Intervention::Hold { from, to } => self.links.hold(from, to),
            Intervention::DropNext { from, to, count } => self.links.drop_next(from, to, count),
            Intervention::Repair { from, to } => {
                let waiting = self.links.repair(from, to);
                self.ready_tasks.extend(waiting.into_iter().map(Task::Handle));
            }
            Intervention::Heal => {
                let waiting = self.links.heal();
                self.ready_tasks.extend(waiting.into_iter().map(Task::Handle));
            }
            Intervention::Isolate(node) => {
                for other in self.addresses() {
                    self.links.cut(node, other);
                    self.links.cut(other, node);
                }
            }
            Intervention::Partition(groups) => self.partition(&groups),
            Intervention::Start(spec) => {
                let slot = self.add(spec);
                self.ready_tasks.push_back(Task::Make { slot });
                self.ready_tasks.push_back(Task::Init { slot });
                let command = self.schedule_command(slot);
                self.ready_tasks.extend(command);
            }
            Intervention::LinkConditions(network) => self.network = network,
            Intervention::Crash(_) | Intervention::Check(_) => {}
        }
    }

    fn partition(&mut self, groups: &[Vec<Address>]) {
        let addresses = self.addresses();
        let mut groups_of: FxHashMap<Address, Vec<usize>> = FxHashMap::default();
        for (number, group) in groups.iter().enumerate() {
            for &member in group {
                groups_of.entry(member).or_default().push(number);
            }
        }
        let of = |node: Address| groups_of.get(&node).map_or(&[][..], Vec::as_slice);
        for &from in &addresses {
            for &to in &addresses {
                let together = of(from).iter().any(|group| of(to).contains(group));
                if together {
                    let waiting = self.links.repair(from, to);
                    self.ready_tasks.extend(waiting.into_iter().map(Task::Handle));
                } else {
                    self.links.cut(from, to);
                }
            }
        }
    }

    fn crash(&mut self, node: Address) {
        if let Some(slot) = self.slot_of(node) {
            self.clients_left -= usize::from(self.nodes[slot].is_left());
            self.nodes[slot].crashed = true;
        }
        self.note(|| SideEvent::Crashed(node));
    }

    fn addresses(&self) -> Vec<Address> {
        self.nodes.iter().map(SimulatedNode::address).collect()
    }

    fn address(&self, slot: usize) -> Address {
        self.nodes[slot].address()
    }

    pub(super) fn slot_of(&self, address: Address) -> Option<usize> {
        self.slots.get(&address).copied()
    }

    /// Whether the run may end: every client that can finish is done, and no intervention is
    /// pending.
    fn all_done(&mut self) -> bool {
        self.may_be_done = false;
        self.scenario.until_done
            && self.timeline_left == 0
            && self.first_client.is_some()
            && self.clients_left == 0
    }

    /// Gives a client its next command, now or when its rate allows.
    fn schedule_command(&mut self, slot: usize) -> Option<Task> {
        let client = self.nodes[slot].client.as_ref().filter(|client| !client.is_done())?;
        let at_ns = client.next_command_ns();
        let (address, answered) = (self.address(slot), client.answered());
        let saved = self.script.as_ref().and_then(|script| script.command(address, answered));
        // Events that the saved run has at this time come first.
        if at_ns <= self.now_ns && self.script.is_none() {
            return Some(Task::Command { slot });
        }
        self.schedule(at_ns.max(self.now_ns), saved, ScheduledEvent::NextCommand { slot });
        None
    }

    /// Schedules an event, with the rank of a saved event if it is one.
    fn schedule(&mut self, at_ns: u64, saved: Option<usize>, planned: ScheduledEvent) {
        match saved {
            Some(event) => self.queue.schedule_ranked(at_ns, event, planned),
            None => self.queue.schedule(at_ns, planned),
        }
    }

    /// The nodes so far, by slot.
    pub fn specs(&self) -> impl ExactSizeIterator<Item = &NodeSpec> {
        self.nodes.iter().map(|node| &node.spec)
    }

    /// The node to construct in a slot.
    #[must_use]
    pub fn spec(&self, slot: usize) -> &NodeSpec {
        &self.nodes[slot].spec
    }

    /// The event that the node of [`Next::Step`] must handle.
    ///
    /// # Panics
    /// When there is no current step.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        match self.current.as_ref().expect("there is a current step") {
            Task::Init { .. } => Event::Init,
            Task::Handle(message) => Event::Message {
                from: self.address(message.from),
                message: self.buffers.bytes(message.message),
            },
            Task::Fire { timer, .. } => Event::Timer { timer: self.buffers.bytes(*timer) },
            Task::Command { slot } => {
                let client = self.nodes[*slot].client.as_ref().expect("a client");
                let operation = client.operations.last().expect("a command was noted");
                Event::Command { command: &operation.command }
            }
            Task::Make { .. } | Task::Check(_) | Task::Intervene { .. } => {
                panic!("there is no current step")
            }
        }
    }

    /// Checks the property of [`Next::Check`], with the nodes in `host`.
    ///
    /// # Errors
    /// When the property does not hold, or cannot be decided.
    ///
    /// # Panics
    /// As [`Simulation::property`].
    pub fn check_property(&self, host: &mut dyn Host) -> Result<(), CheckError> {
        self.property().check(&mut SimulationView::new(self, host))
    }

    /// The property to check for [`Next::Check`].
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn property(&self) -> &Property {
        match self.current {
            Some(Task::Check(Checked::AtTheEnd(index))) => &self.scenario.checks[index],
            Some(Task::Check(Checked::InTimeline(index))) => match &self.scenario.timeline[index].1
            {
                Intervention::Check(property) => property,
                other => panic!("{other:?} is not a check"),
            },
            _ => panic!("there is no property to check"),
        }
    }

    /// The current task.
    pub(super) fn task(&self) -> &Task {
        self.current.as_ref().expect("there is a current task")
    }

    /// Takes in the result of [`Next::Make`].
    pub fn made(&mut self, made: Result<(), NodeFailure>) {
        let Some(Task::Make { slot }) = self.current else { return };
        if let Err(failure) = made {
            let node = self.address(slot);
            let handler = "constructor".to_owned();
            self.fail(RunFailure::Node { node, handler, failure });
        }
    }

    /// Takes in the result of [`Next::Check`].
    pub fn checked(&mut self, checked: Result<(), CheckError>) {
        let Err(broken) = checked else { return };
        let property = self.property().name().to_owned();
        let verdict = match broken {
            CheckError::Violated { expected, seen } => {
                Verdict::Violated(Violation { property, expected, seen })
            }
            CheckError::Node(node, failure) => {
                let handler = format!("state, read for \"{property}\",");
                Verdict::Failed(RunFailure::Node { node, handler, failure })
            }
            CheckError::Undecided(reason) => Verdict::Undecided { property, reason },
        };
        if matches!(self.task(), Task::Check(Checked::InTimeline(_))) {
            // The run ends here, too early for the final properties.
            self.verdict = Some(verdict);
        } else if matches!(verdict, Verdict::Failed(_)) {
            // The failed node must not be used again, but the next property might query it.
            self.verdict = Some(self.broken_first.take().unwrap_or(verdict));
        } else if self.broken_first.is_none() {
            self.broken_first = Some(verdict);
        } else if let Verdict::Violated(violation) = verdict {
            self.also_violated.push(violation);
        }
    }

    /// Whether a property does not hold at the end, though others are still unchecked.
    pub(super) fn is_broken(&self) -> bool {
        self.broken_first.is_some()
    }

    /// Ends the run as failed.
    pub fn fail(&mut self, failure: RunFailure) {
        self.verdict = Some(Verdict::Failed(failure));
    }

    /// The handler that the current step calls, named as in the trait.
    pub(super) fn handler(&self) -> &'static str {
        match self.task() {
            Task::Make { .. } => "constructor",
            Task::Init { .. } => "init",
            Task::Handle(_) => "on_message",
            Task::Fire { .. } => "on_timer",
            Task::Command { .. } => "send_command",
            Task::Check(_) => "state",
            Task::Intervene { .. } => "start",
        }
    }

    /// Takes in the result of [`Next::Step`]: `output` is the node's output, unless it failed. A message
    /// to an unknown address is returned with that address, because only the driver can render it.
    pub fn stepped(
        &mut self,
        stepped: Result<(), NodeFailure>,
        output: &Output,
    ) -> Result<(), (Address, Span)> {
        let Next::Step(slot) = self.next_of_current() else { return Ok(()) };
        self.steps += 1;
        if let Err(failure) = stepped {
            let (node, handler) = (self.address(slot), self.handler().to_owned());
            self.fail(RunFailure::Node { node, handler, failure });
            return Ok(());
        }
        self.digest.word(self.now_ns);
        self.digest.word(slot as u64);
        match *self.task() {
            Task::Handle(message) => {
                let duplicate = self.buffers.is_duplicate(message.message);
                self.buffers.release(message.message, true);
                self.traffic.delivered += 1;
                let overtaken = self.nodes[slot].overtaken(message.from, message.id);
                self.traffic.late += u64::from(duplicate || overtaken);
            }
            Task::Fire { timer, .. } => {
                self.buffers.release(timer, true);
                self.traffic.timers_fired += 1;
            }
            _ => {}
        }
        let effects = self.apply(slot, output);
        self.take_result(slot, output);
        self.check_limits(slot);
        effects
    }

    fn next_of_current(&self) -> Next {
        match &self.current {
            Some(Task::Init { slot } | Task::Fire { slot, .. } | Task::Command { slot }) => {
                Next::Step(*slot)
            }
            Some(Task::Handle(message)) => Next::Step(message.to),
            Some(Task::Make { slot }) => Next::Make(*slot),
            Some(Task::Check(_)) => Next::Check,
            Some(Task::Intervene { .. }) | None => Next::Finished,
        }
    }

    /// Applies a step's effects to the network and the event queue.
    fn apply(&mut self, slot: usize, output: &Output) -> Result<(), (Address, Span)> {
        if let Some(notes) = &mut self.notes {
            notes.sent.clear();
            notes.timers.clear();
        }
        let limits = self.scenario.limits;
        let (mut sends, mut timers) = (0, 0);
        for effect in output.effects() {
            match *effect {
                EncodedEffect::Send { to, message } => {
                    sends += 1;
                    if sends > limits.sends_per_step_max {
                        self.too_much(slot, "sent too many messages in one step", sends - 1);
                        return Ok(());
                    }
                    if message.len() > limits.message_bytes_max {
                        let limit = limits.message_bytes_max;
                        self.too_much(slot, "sent a message of too many bytes", limit);
                        return Ok(());
                    }
                    let receiver = self.slot_of(to).ok_or((to, message))?;
                    self.send(slot, receiver, output.get(message));
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    timers += 1;
                    if timers > limits.timers_per_step_max {
                        self.too_much(slot, "set too many timers in one step", timers - 1);
                        return Ok(());
                    }
                    self.set_timer(slot, output.get(timer), min_ns, max_ns);
                }
                EncodedEffect::Log { .. } => {}
            }
        }
        Ok(())
    }

    fn send(&mut self, slot: usize, receiver: usize, bytes: &[u8]) {
        let (from, to) = (self.address(slot), self.address(receiver));
        self.messages_ever += 1;
        let id = self.messages_ever;
        self.digest.word(receiver as u64);
        self.digest.bytes(bytes);
        self.traffic.sent += 1;
        self.traffic.last_sent_ns = self.now_ns;
        if bytes.len() as u64 > self.traffic.message_bytes_max {
            self.traffic.message_bytes_max = bytes.len() as u64;
            self.traffic.largest = Some((from, to));
        }
        let now_ns = self.now_ns;
        let saved = self.script.as_mut().and_then(|script| script.sent(id, (from, to), now_ns));
        let fate = match saved {
            Some(arrivals) => self.send_as_saved(slot, receiver, id, bytes, arrivals),
            None => self.send_by_chance(slot, receiver, id, bytes),
        };
        if let Some(notes) = &mut self.notes {
            notes.sent.push((id, fate));
        }
    }

    /// Schedules a message's arrival as the seed decides.
    fn send_by_chance(
        &mut self,
        slot: usize,
        receiver: usize,
        id: MessageId,
        bytes: &[u8],
    ) -> Fate {
        let (from, to) = (self.address(slot), self.address(receiver));
        if slot == receiver {
            // A message to the node itself does not cross the network.
            let latency_ns = Arrivals::draw_reliable(
                self.network.link_conditions(from, to),
                &mut self.network_random,
            );
            self.arrive(slot, receiver, id, bytes, &[latency_ns]);
            Fate::Once
        } else if !self.scenario.fault_model.may_reorder() {
            self.send_in_order(slot, receiver, id, bytes);
            Fate::Once
        } else if self.links.is_cut(from, to) {
            Fate::Cut
        } else if self.links.takes_drop(from, to) {
            Fate::Dropped
        } else {
            let conditions = self.network.link_conditions(from, to);
            match Arrivals::draw(conditions, &mut self.network_random) {
                Arrivals::None => Fate::Dropped,
                Arrivals::One(latency_ns) => {
                    self.arrive(slot, receiver, id, bytes, &[latency_ns]);
                    Fate::Once
                }
                Arrivals::Two(first_ns, second_ns) => {
                    self.arrive(slot, receiver, id, bytes, &[first_ns, second_ns]);
                    Fate::Twice
                }
            }
        }
    }

    /// Schedules a message's arrival as in a saved run, as far as the links allow it.
    fn send_as_saved(
        &mut self,
        slot: usize,
        receiver: usize,
        id: MessageId,
        bytes: &[u8],
        mut arrivals: Vec<Arrival>,
    ) -> Fate {
        let (from, to) = (self.address(slot), self.address(receiver));
        let in_order = !self.scenario.fault_model.may_reorder();
        if slot == receiver || in_order {
            // A message that was lost then but cannot be lost now is treated as new.
            let Some(first) = arrivals.first_mut() else {
                return self.send_by_chance(slot, receiver, id, bytes);
            };
            if slot != receiver {
                let last_ns = self.nodes[receiver].last_arrival_ns(slot);
                *last_ns = first.at_ns.max(*last_ns);
                first.at_ns = *last_ns;
            }
            arrivals.truncate(1);
        } else if self.links.is_cut(from, to) {
            return Fate::Cut;
        } else if self.links.takes_drop(from, to) || arrivals.is_empty() {
            return Fate::Dropped;
        }
        let message = self.buffers.keep(bytes, arrivals.len() as u8);
        for arrival in &arrivals {
            let in_flight = InFlight { from: slot, to: receiver, message, id };
            self.schedule(arrival.at_ns, arrival.event, ScheduledEvent::Arrival(in_flight));
        }
        if arrivals.len() == 1 { Fate::Once } else { Fate::Twice }
    }

    /// Schedules the arrivals of a message's copies.
    fn arrive(
        &mut self,
        from: usize,
        to: usize,
        id: MessageId,
        bytes: &[u8],
        latencies_ns: &[u64],
    ) {
        let message = self.buffers.keep(bytes, latencies_ns.len() as u8);
        for latency_ns in latencies_ns {
            let at_ns = self.now_ns.saturating_add(*latency_ns);
            self.queue.schedule(at_ns, ScheduledEvent::Arrival(InFlight { from, to, message, id }));
        }
    }

    /// Schedules a message after all earlier ones on the same link.
    fn send_in_order(&mut self, slot: usize, receiver: usize, id: MessageId, bytes: &[u8]) {
        let (from, to) = (self.address(slot), self.address(receiver));
        let conditions = self.network.link_conditions(from, to);
        let latency_ns = Arrivals::draw_reliable(conditions, &mut self.network_random);
        let last_ns = self.nodes[receiver].last_arrival_ns(slot);
        // Events at equal times keep the order in which they were scheduled.
        let at_ns = self.now_ns.saturating_add(latency_ns).max(*last_ns);
        *last_ns = at_ns;
        let message = self.buffers.keep(bytes, 1);
        let arrival = InFlight { from: slot, to: receiver, message, id };
        self.queue.schedule(at_ns, ScheduledEvent::Arrival(arrival));
    }

    fn set_timer(&mut self, slot: usize, bytes: &[u8], min_ns: u64, max_ns: u64) {
        self.timers_ever += 1;
        let id = self.timers_ever;
        self.digest.word(min_ns ^ max_ns.rotate_left(32));
        self.digest.bytes(bytes);
        let timer = self.buffers.keep(bytes, 1);
        let now_ns = self.now_ns;
        let window_ns = (now_ns.saturating_add(min_ns), now_ns.saturating_add(max_ns));
        match self.script.as_mut().and_then(|script| script.set(id, now_ns, window_ns)) {
            Some(arrival) => {
                self.schedule(
                    arrival.at_ns,
                    arrival.event,
                    ScheduledEvent::Fire { slot, timer, id },
                );
            }
            None => {
                let at_ns = if min_ns == max_ns {
                    window_ns.0
                } else {
                    self.now_ns.saturating_add(self.timer_random.between(min_ns, max_ns))
                };
                self.queue.schedule(at_ns, ScheduledEvent::Fire { slot, timer, id });
            }
        }
        if let Some(notes) = &mut self.notes {
            notes.timers.push(id);
        }
    }

    /// Takes the result of a client's command, if there is one, and schedules the next command.
    fn take_result(&mut self, slot: usize, output: &Output) {
        let now_ns = self.now_ns;
        let Some(client) = &mut self.nodes[slot].client else { return };
        let Some(result) = output.result() else { return };
        if !client.is_waiting() {
            return;
        }
        client.take(result, now_ns);
        self.last_progress_ns = now_ns;
        let answered = client.answered();
        let is_done = client.is_done();
        self.may_be_done |= is_done;
        self.clients_left -= usize::from(is_done);
        self.digest.bytes(result);
        self.note(|| SideEvent::Returned { slot, result: result.to_vec() });
        // As in a search, the next command belongs to the event that brought the result: no other event at this time
        // comes between them.
        if let Some(command) = self.schedule_command(slot) {
            self.ready_tasks.push_front(command);
        }
        let address = self.address(slot);
        let due =
            |trigger: &mut (Address, u64, usize)| trigger.0 == address && trigger.1 <= answered;
        let due: Vec<_> = self.triggers.extract_if(.., due).collect();
        for (_, _, index) in due {
            self.intervene(index);
        }
    }

    fn check_limits(&mut self, slot: usize) {
        let limits = self.scenario.limits;
        if self.queue.len() > limits.pending_max {
            let what = "left too many messages and timers pending";
            self.too_much(slot, what, limits.pending_max);
        } else if self.steps >= limits.steps_max {
            let failure = RunFailure::TooMuch {
                who: "the nodes".to_owned(),
                what: format!("took too many steps in {} ms", self.now_ns / 1_000_000),
                limit: limits.steps_max,
            };
            self.fail(failure);
        }
    }

    fn too_much(&mut self, slot: usize, what: &str, limit: usize) {
        let failure = RunFailure::TooMuch {
            who: format!("{}'s {}", self.address(slot), self.handler()),
            what: what.to_owned(),
            limit: limit as u64,
        };
        self.fail(failure);
    }

    /// The run's outcome.
    ///
    /// # Panics
    /// When the run has not finished.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome {
            verdict: self.verdict.clone().expect("the run has finished"),
            also_violated: self.also_violated.clone(),
            digest: self.digest.value(),
            steps: self.steps,
            time_ns: self.now_ns,
            sent: self.traffic.sent,
            delivered: self.traffic.delivered,
            late: self.traffic.late,
        }
    }
}
