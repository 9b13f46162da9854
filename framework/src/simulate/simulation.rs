//! The simulation: a state machine that decides on the next step and takes in its result.
//!
//! It does no I/O and calls no node; its driver does (see [`Simulation::run`]). So many simulations can
//! advance together, with their steps sent to node processes in batches.
//!
//! Here is only which step comes next. What a step does to the rest of the run is elsewhere: its messages in
//! `transport.rs`, its timers in `timers.rs`, its results in `clients.rs`, what the scenario does in
//! `interventions.rs`, and what Byzantine nodes do in `misconduct.rs`.

use super::after_each_event::Answers;
use super::decisions::{Decisions, Deviation};
use super::digest::Digest;
use super::effects::Used;
use super::event_queue::{InFlight, ScheduledEvent};
use super::interventions::Trigger;
use super::lookahead::Busy;
use super::monitored;
use super::nodes::Nodes;
use super::notes::{RecorderNotes, SideEvent};
use super::outcome::{Outcome, RunFailure};
use super::progress::{Phase, Progress};
use super::quiet_phase::{Ended, LastMessages};
use super::scenario::{Decision, Intervention, Scenario, When};
use super::schedule::{Checked, Schedule, Task};
use super::simulated_node::Stage;
use super::timers::Timers;
use super::transport::{Passage, Transport};
use super::verdicts::Verdicts;
use super::view::SimulationView;
use crate::byzantine::Deed;
use crate::hosting::{Event, Host, NodeFailure, Output, Span, UnknownAddress};
use crate::property::{CheckError, Property};
use crate::trace::Trace;
use crate::trace::replay::Script;
use crate::{Address, NodeSpec};

/// A run in progress.
pub struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    pub(super) nodes: Nodes,
    pub(super) schedule: Schedule,
    pub(super) transport: Transport,
    pub(super) timers: Timers,
    /// The interventions that wait for a client's results.
    pub(super) triggers: Vec<Trigger>,
    /// The interventions, by index, that wait for a condition to hold.
    pub(super) conditions: Vec<usize>,
    /// What the current decision has chosen.
    decided: Vec<Intervention>,
    pub(super) progress: Progress,
    verdicts: Verdicts,
    /// What the properties that must always hold have asked.
    pub(super) answers: Answers,
    pub(super) digest: Digest,
    pub(super) steps: u64,
    /// What its nodes used so far.
    pub(super) used: Used,
    /// If there is a quiet phase: the last message of each node.
    pub(super) last_messages: Option<Box<LastMessages>>,
    /// Reusable buffer for [`Simulation::for_each_certain_step`](Self::for_each_certain_step).
    pub(super) busy: Busy,
    /// When recording: notes for the recorder.
    pub(super) notes: Option<RecorderNotes>,
    /// When following a saved run: its network and timers.
    pub(super) script: Option<Box<Script>>,
    /// When decisions are kept, or followed: which.
    pub(super) decisions: Option<Box<Decisions>>,
}

/// What a check is about.
enum CheckedNow<'s> {
    Property(&'s Property),
    Decision(&'s Decision),
}

/// What the driver must do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Construct the node in this slot (see [`Simulation::spec`]) and call [`Simulation::made`].
    Make(usize),
    /// Let the node in this slot handle [`Simulation::event`] and call [`Simulation::stepped`].
    Step(usize),
    /// Call [`Simulation::check`], and [`Simulation::checked`] with its result.
    Check,
    /// Nothing: the run has finished.
    Finished,
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

    /// The run of `scenario` with this seed, which keeps its decisions.
    pub(super) fn keeping_decisions(scenario: Scenario, seed: u64) -> Self {
        let decisions = Some(Box::new(Decisions::keep(seed)));
        Self { decisions, ..Self::new(scenario, seed) }
    }

    /// The run of `scenario` in which the network and the timers do what they do by default, but for these deviations.
    /// The seed decides only about commands and timers.
    #[must_use]
    pub fn with_deviations(scenario: Scenario, seed: u64, deviations: &[Deviation]) -> Self {
        let decisions = Some(Box::new(Decisions::follow(deviations, seed)));
        Self { decisions, ..Self::new(scenario, seed) }
    }

    fn with_script(mut scenario: Scenario, seed: u64, script: Option<Box<Script>>) -> Self {
        // What a monitor has been told belongs to this run.
        let monitors = std::mem::take(&mut scenario.monitors.0);
        scenario.always.extend(monitors.into_iter().map(monitored::accepts));
        let transport = Transport::new(scenario.fault_model, scenario.network.clone(), seed);
        let mut simulation = Self {
            seed,
            nodes: Nodes::default(),
            schedule: Schedule::default(),
            transport,
            timers: Timers::new(seed),
            triggers: Vec::new(),
            conditions: Vec::new(),
            decided: Vec::new(),
            progress: Progress::new(),
            verdicts: Verdicts::default(),
            answers: Answers::default(),
            digest: Digest::default(),
            steps: 0,
            used: Used::default(),
            last_messages: scenario.quiet.map(|_| Box::default()),
            busy: Busy::default(),
            notes: None,
            script,
            decisions: None,
            scenario,
        };
        if let Err(error) = simulation.scenario.validate() {
            simulation.fail(RunFailure::Scenario(error));
            return simulation;
        }
        if simulation.script.is_some() {
            simulation.schedule.queue.rank();
        }
        // All nodes are constructed before the first one starts, and all have started before the
        // first command.
        let specs = simulation.scenario.system.nodes().to_vec();
        let mut slots: Vec<usize> =
            specs.into_iter().map(|spec| simulation.add_node(spec)).collect();
        slots.extend(simulation.add_second_copies());
        simulation.schedule_timeline();
        simulation.schedule_saved_forgeries();
        simulation.schedule.ready.extend(slots.iter().map(|&slot| Task::Make { slot }));
        simulation.schedule.ready.extend(slots.iter().map(|&slot| Task::Init { slot }));
        for slot in slots {
            let command = simulation.schedule_command(slot);
            simulation.schedule.ready.extend(command);
        }
        simulation
    }

    /// When following a saved run: tells the script which step begins.
    fn tell_script(&mut self, task: Task) {
        let Some(script) = &mut self.script else { return };
        match task {
            Task::Init { slot } => script.start(self.nodes.address(slot)),
            Task::Restore { slot, incarnation } => {
                script.restart(self.nodes.address(slot), incarnation);
            }
            Task::Handle(message) => script.deliver(message.id),
            Task::Fire { id, .. } => script.fire(id),
            Task::Command { slot } => {
                let node = self.nodes.get(slot);
                let answered = node.client.as_ref().map_or(0, |client| client.answered());
                script.give(node.address(), answered);
            }
            Task::Make { .. } | Task::Check(_) | Task::Intervene { .. } => {}
        }
    }

    /// Returns what the driver must do next.
    pub fn advance(&mut self) -> Next {
        self.schedule.current = None;
        loop {
            if self.verdicts.verdict().is_some() {
                return Next::Finished;
            }
            if let Some(task) = self.schedule.ready.pop_front() {
                if let Some(next) = self.begin(task) {
                    return next;
                }
                continue;
            }
            if let Phase::Checking { next } = self.progress.phase {
                if next == self.scenario.checks.len() {
                    self.verdicts.all_checked();
                } else {
                    self.progress.phase = Phase::Checking { next: next + 1 };
                    self.schedule.ready.push_back(Task::Check(Checked::AtTheEnd(next)));
                }
                continue;
            }
            if self.progress.is_done(&self.scenario, &self.nodes) {
                self.end();
            }
            let deadline_ns = self.progress.deadline_ns(&self.scenario);
            match self.schedule.queue.take(deadline_ns) {
                Some((at_ns, ScheduledEvent::Over)) => {
                    self.schedule.now_ns = at_ns;
                    self.progress.phase = Phase::Checking { next: 0 };
                }
                Some((at_ns, planned)) => {
                    self.schedule.now_ns = at_ns;
                    if let Some(task) = self.dispatch(planned)
                        && let Some(next) = self.begin(task)
                    {
                        return next;
                    }
                }
                None => {
                    self.schedule.now_ns = deadline_ns;
                    self.progress.phase = Phase::Checking { next: 0 };
                }
            }
        }
    }

    /// Ends the run, after the time to observe.
    pub(super) fn end(&mut self) {
        if self.progress.phase == Phase::Running {
            self.progress.phase = Phase::Lingering;
            let over_ns = self.schedule.after(self.scenario.observe_after_ns);
            self.schedule.queue.schedule(over_ns, ScheduledEvent::Over);
        }
    }

    /// Starts a task, unless it no longer applies.
    fn begin(&mut self, task: Task) -> Option<Next> {
        let next = match task {
            Task::Make { slot } => {
                // It may have been constructed already, because it was restarted before its start.
                if self.nodes.get(slot).is_made() {
                    return None;
                }
                self.nodes.get_mut(slot).reach(Stage::Made);
                Next::Make(slot)
            }
            Task::Restore { slot, incarnation } => {
                if !self.nodes.is_running(slot, incarnation) {
                    return None;
                }
                self.nodes.get_mut(slot).reach(Stage::Started);
                Next::Step(slot)
            }
            Task::Init { slot } if !self.nodes.get(slot).incarnation().is_first() => return None,
            Task::Check(Checked::Always { index, slot }) => {
                if !self.begin_always(index, slot) {
                    return None;
                }
                Next::Check
            }
            Task::Check(Checked::Condition { position }) if position >= self.conditions.len() => {
                return None;
            }
            Task::Check(_) => Next::Check,
            Task::Intervene { index } => {
                self.intervene(index);
                return None;
            }
            Task::Handle(message) => {
                let passage = self.transport.arrives(message, &self.nodes);
                if let Some(last) = &mut self.last_messages {
                    let end = match passage {
                        Passage::Handled => Ended::Handled(self.schedule.now_ns),
                        Passage::Held => Ended::Held,
                        Passage::Lost(reason) => Ended::Lost(reason),
                    };
                    last.ended(message.from(), message.id, end);
                }
                match passage {
                    Passage::Handled => {}
                    Passage::Held => return None,
                    Passage::Lost(reason) => {
                        self.lose(message, reason);
                        return None;
                    }
                }
                Next::Step(message.to())
            }
            Task::Fire { slot, timer, incarnation, .. } => {
                if !self.nodes.is_running(slot, incarnation) {
                    self.schedule.buffers.release(timer, false);
                    return None;
                }
                Next::Step(slot)
            }
            Task::Init { slot } | Task::Command { slot } => {
                self.nodes.get(slot).running()?;
                if matches!(task, Task::Command { .. }) {
                    self.call(slot);
                } else {
                    self.nodes.get_mut(slot).reach(Stage::Started);
                }
                Next::Step(slot)
            }
        };
        self.schedule.current = Some(task);
        self.tell_script(task);
        Some(next)
    }

    /// The task for a scheduled event.
    fn dispatch(&mut self, planned: ScheduledEvent) -> Option<Task> {
        match planned {
            ScheduledEvent::Arrival(message) => Some(Task::Handle(message)),
            ScheduledEvent::Fire { slot, timer, id, incarnation } => {
                Some(Task::Fire { slot, timer, id, incarnation })
            }
            ScheduledEvent::NextCommand { slot } => Some(Task::Command { slot }),
            ScheduledEvent::Intervention { index } => {
                self.progress.interventions_left -= 1;
                Some(Task::Intervene { index })
            }
            ScheduledEvent::Forge { index } => {
                self.forge_saved(index);
                None
            }
            ScheduledEvent::Over => None,
        }
    }

    fn lose(&mut self, message: InFlight, reason: &'static str) {
        if let Some(notes) = &mut self.notes {
            let bytes = self.schedule.buffers.bytes(message.message).to_vec();
            let lost = SideEvent::Lost { message, bytes, reason };
            notes.happened.push((self.schedule.now_ns, lost));
        }
        self.schedule.buffers.release(message.message, false);
    }

    /// Keeps an event that is not a step for the recorder, if there is one.
    pub(super) fn note(&mut self, happening: impl FnOnce() -> SideEvent) {
        if let Some(notes) = &mut self.notes {
            notes.happened.push((self.schedule.now_ns, happening()));
        }
    }

    /// The nodes so far, by slot.
    pub fn specs(&self) -> impl ExactSizeIterator<Item = &NodeSpec> {
        self.nodes.iter().map(|node| &node.spec)
    }

    /// The node to construct in a slot.
    #[must_use]
    pub fn spec(&self, slot: usize) -> &NodeSpec {
        &self.nodes.get(slot).spec
    }

    /// The event that the node of [`Next::Step`] must handle.
    ///
    /// # Panics
    /// When there is no current step.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        match self.schedule.current.as_ref().expect("there is a current step") {
            Task::Init { .. } => Event::Init,
            Task::Restore { slot, .. } => {
                Event::Restore { storage: &self.nodes.get(*slot).disk.found_bytes }
            }
            Task::Handle(message) => Event::Message {
                from: self.nodes.identity(message.from()),
                message: self.schedule.buffers.bytes(message.message),
            },
            Task::Fire { timer, .. } => Event::Timer { timer: self.schedule.buffers.bytes(*timer) },
            Task::Command { slot } => {
                let client = self.nodes.get(*slot).client.as_ref().expect("a client");
                let operation = client.operations.last().expect("a command was noted");
                Event::Command { command: &operation.command }
            }
            Task::Make { .. } | Task::Check(_) | Task::Intervene { .. } => {
                panic!("there is no current step")
            }
        }
    }

    /// Checks the property, the condition or the choice of [`Next::Check`], with the nodes in `host`.
    ///
    /// # Errors
    /// When the property or the condition does not hold, or cannot be decided, or the choice fails.
    ///
    /// # Panics
    /// When there is nothing to check.
    pub fn check(&mut self, host: &mut dyn Host) -> Result<(), CheckError> {
        let mut answers = std::mem::take(&mut self.answers);
        let mut view = SimulationView::new(self, &mut answers, host);
        let checked = match self.checked_now() {
            CheckedNow::Property(property) => property.check(&mut view).map(|()| Vec::new()),
            CheckedNow::Decision(decision) => decision.decide(&mut view),
        };
        let mistake = view.into_mistake();
        self.answers = answers;
        if let Some(mistake) = mistake {
            return Err(CheckError::Mistake(mistake));
        }
        self.decided = checked.map_err(|broken| self.explained(broken, host))?;
        Ok(())
    }

    /// What is to be checked for [`Next::Check`].
    fn checked_now(&self) -> CheckedNow<'_> {
        let timeline = &self.scenario.timeline;
        let Some(Task::Check(checked)) = self.schedule.current else {
            panic!("there is nothing to check")
        };
        let property = match checked {
            Checked::AtTheEnd(index) => &self.scenario.checks[index],
            Checked::Always { index, .. } => &self.scenario.always[index],
            Checked::InTimeline(index) => match &timeline[index].1 {
                Intervention::Check(property) => property,
                other => panic!("{other:?} is not a check"),
            },
            Checked::Decision(index) => match &timeline[index].1 {
                Intervention::Decide(decision) => return CheckedNow::Decision(decision),
                other => panic!("{other:?} is not a decision"),
            },
            Checked::Condition { position } => match &timeline[self.conditions[position]].0 {
                When::Holds(condition) => condition,
                other => panic!("{other:?} is not a condition"),
            },
        };
        CheckedNow::Property(property)
    }

    /// The name of the property, the condition or the decision to check for [`Next::Check`].
    ///
    /// # Panics
    /// When there is nothing to check.
    #[must_use]
    pub fn checked_name(&self) -> &str {
        match self.checked_now() {
            CheckedNow::Property(property) => property.name(),
            CheckedNow::Decision(decision) => decision.name(),
        }
    }

    /// Takes in the result of [`Next::Make`].
    pub fn made(&mut self, made: Result<(), NodeFailure>) {
        let Some(Task::Make { slot }) = self.schedule.current else { return };
        if let Err(failure) = made {
            let node = self.nodes.address(slot);
            let handler = "constructor".to_owned();
            self.fail(RunFailure::Node { node, handler, failure });
        }
    }

    /// Takes in the result of [`Next::Check`].
    pub fn checked(&mut self, checked: Result<(), CheckError>) {
        let checked = match *self.schedule.task() {
            Task::Check(Checked::Condition { position }) => {
                self.condition_checked(position, checked)
            }
            Task::Check(Checked::Decision(_)) => checked.map(|()| self.perform_decided()),
            _ => checked,
        };
        let Err(broken) = checked else { return };
        let property = self.checked_name().to_owned();
        let is_at_the_end = matches!(self.schedule.task(), Task::Check(Checked::AtTheEnd(_)));
        self.verdicts.broken(property, broken, is_at_the_end);
    }

    /// Performs the interventions that a decision has chosen.
    fn perform_decided(&mut self) {
        for intervention in std::mem::take(&mut self.decided) {
            let index = self.scenario.timeline.len();
            self.scenario.timeline.push((When::At(self.schedule.now_ns), intervention));
            match self.scenario.validate_decided(index, &self.nodes.addresses()) {
                Ok(()) => self.intervene(index),
                Err(error) => return self.fail(RunFailure::Scenario(error)),
            }
        }
    }

    /// Whether the current task checks a property that must hold: no condition, and no decision.
    pub(super) fn must_hold(&self) -> bool {
        let Some(Task::Check(checked)) = self.schedule.current else { return false };
        !matches!(checked, Checked::Condition { .. } | Checked::Decision(_))
    }

    /// Whether the current task is one that follows every event: it checks a property that must always hold, or a
    /// condition.
    pub(super) fn checks_after_each_event(&self) -> bool {
        let Some(Task::Check(checked)) = self.schedule.current else { return false };
        matches!(checked, Checked::Always { .. } | Checked::Condition { .. })
    }

    /// Whether a property does not hold at the end, though others are still unchecked.
    pub(super) fn is_broken(&self) -> bool {
        self.verdicts.is_broken()
    }

    /// Ends the run as failed.
    pub fn fail(&mut self, failure: RunFailure) {
        self.verdicts.fail(failure);
    }

    /// Ends the run, because the node in this slot sent a message to an address at which there is no node. `message` is
    /// its text.
    pub fn sent_to_unknown_address(&mut self, slot: usize, to: Address, message: String) {
        let nodes = self.specs().map(NodeSpec::address).collect();
        let unknown = UnknownAddress { to, message, nodes };
        self.fail(RunFailure::UnknownAddress { from: self.nodes.address(slot), unknown });
    }

    /// The handler that the current step calls, named as in the trait.
    pub(super) fn handler(&self) -> &'static str {
        match self.schedule.task() {
            Task::Make { .. } => "constructor",
            Task::Init { .. } => "init",
            Task::Restore { .. } => "restore",
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
        let Some(conduct) = self.misconduct(&stepped, output) else {
            return self.take_step(stepped, output, &[]);
        };
        let unknown = self.take_step(stepped, conduct.output(), conduct.deeds());
        self.after_misconduct(conduct);
        unknown
    }

    /// Whether the message of the current step could not be read because it was tampered with. The node's code is not to
    /// blame.
    #[inline]
    pub(super) fn is_spoilt(&self, stepped: &Result<(), NodeFailure>) -> Option<InFlight> {
        let (Err(NodeFailure::Unreadable { .. }), Some(Task::Handle(message))) =
            (stepped, self.schedule.current)
        else {
            return None;
        };
        self.transport.tampered.unlike(message).map(|_| message)
    }

    /// Takes in a step whose output is what the node does: of a Byzantine one, with what it did to each message.
    #[inline]
    pub(super) fn take_step(
        &mut self,
        stepped: Result<(), NodeFailure>,
        output: &Output,
        deeds: &[Option<Deed>],
    ) -> Result<(), (Address, Span)> {
        let Next::Step(slot) = self.next_of_current() else { return Ok(()) };
        self.steps += 1;
        if let Some(message) = self.is_spoilt(&stepped) {
            self.lose(message, "it does not decode");
            return Ok(());
        }
        if let Err(failure) = stepped {
            let (node, handler) = (self.nodes.address(slot), self.handler().to_owned());
            self.fail(RunFailure::Node { node, handler, failure });
            return Ok(());
        }
        self.digest.word(self.schedule.now_ns);
        self.digest.word(slot as u64);
        match *self.schedule.task() {
            Task::Handle(message) => {
                let duplicate = self.schedule.buffers.is_duplicate(message.message);
                self.schedule.buffers.release(message.message, true);
                let traffic = &mut self.transport.traffic;
                traffic.delivered += 1;
                let overtaken = self.nodes.get_mut(slot).overtaken(message.from(), message.id);
                traffic.late += u64::from(duplicate || overtaken);
            }
            Task::Fire { timer, .. } => {
                self.schedule.buffers.release(timer, true);
                self.transport.traffic.timers_fired += 1;
            }
            _ => {}
        }
        let effects = match self.crash_point(slot, output) {
            None => {
                let effects = self.apply(slot, output.effects(), (output, deeds));
                self.take_result(slot, output);
                effects
            }
            Some(after) => {
                let effects = self.apply(slot, output.effects_before_crash(after), (output, deeds));
                self.crash_in_handler(slot, after);
                effects
            }
        };
        self.check_limits(slot);
        self.check_after(Some(slot));
        effects
    }

    pub(super) fn next_of_current(&self) -> Next {
        match &self.schedule.current {
            Some(
                Task::Init { slot }
                | Task::Restore { slot, .. }
                | Task::Fire { slot, .. }
                | Task::Command { slot },
            ) => Next::Step(*slot),
            Some(Task::Handle(message)) => Next::Step(message.to()),
            Some(Task::Make { slot }) => Next::Make(*slot),
            Some(Task::Check(_)) => Next::Check,
            Some(Task::Intervene { .. }) | None => Next::Finished,
        }
    }

    /// The run's outcome.
    ///
    /// # Panics
    /// When the run has not finished.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let traffic = &self.transport.traffic;
        Outcome {
            verdict: self.verdicts.verdict().cloned().expect("the run has finished"),
            also_violated: self.verdicts.also_violated().to_vec(),
            digest: self.digest.value(),
            steps: self.steps,
            time_ns: self.schedule.now_ns,
            sent: traffic.sent,
            delivered: traffic.delivered,
            late: traffic.late,
        }
    }
}
