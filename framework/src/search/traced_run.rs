//! Traced runs: one run of a searched system, step by step, with all texts for a trace.
//!
//! A search keeps only ids. A traced run executes the same steps again and keeps the texts. It turns a
//! path found by a search into a [`Trace`], and it replays a saved trace ([`Replayable`]).

use std::collections::{BTreeMap, BTreeSet};

use super::checks::StateStatus;
use super::handlers::NodeEvent;
use super::path::{Path, PathEvent};
use super::report::SearchResult;
use super::state_space::{Ending as Found, Setup, StateSpace};
use super::timers::{self, Pending};
use super::view::broken_run;
use super::{Search, WORKLOAD_SEED};
use crate::hosting::pure::{Answers, Batch, PureSteps, Request, StepFailure, legible};
use crate::hosting::{EncodedEffect, Event, Payload};
use crate::property::{CheckError, Violation};
use crate::simulate::Origin;
use crate::trace::causality::readable;
use crate::trace::replay::Replayable;
use crate::trace::{
    CopyKind, Ending, Engine as EngineName, EventKind, Fate, Header, MessageId, SentMessage,
    SetTimer, TimerId, Trace, TraceEvent, VERSION,
};
use crate::{Address, FaultModel, NodeSpec};

/// One run of the system of a search.
pub struct TracedRun<'s> {
    search: &'s Search,
    steps: &'s dyn PureSteps,
    printed: Box<dyn FnMut() -> String + 's>,
    /// The tables for checking states, once the nodes have started.
    space: Option<StateSpace<'s>>,
    row: Vec<u32>,
    progress: Vec<NodeProgress>,
    /// The messages sent so far, by sender, receiver and encoding.
    messages: BTreeMap<(Address, Address, Vec<u8>), MessageId>,
    delivered: BTreeSet<MessageId>,
    timers_set: TimerId,
    choices: Vec<Choice>,
    /// The number of events that lead to the state from which the search started.
    before: usize,
    performed: usize,
    ending: Option<Ending>,
}

/// A node during the run.
#[derive(Default)]
struct NodeProgress {
    state: Vec<u8>,
    timers: Vec<PendingTimerBytes>,
    /// The deliverable messages, as sender and encoding, in sending order.
    inbox: Vec<(usize, Vec<u8>)>,
    results: usize,
    is_waiting: bool,
    /// Whether the client has reached the limit of commands per event and gets no more commands.
    is_stopped: bool,
}

/// A pending timer.
struct PendingTimerBytes {
    id: TimerId,
    timer: Vec<u8>,
    min_ns: u64,
    max_ns: u64,
}

/// An event that a search chooses, with its node.
#[derive(Clone)]
struct Choice {
    node: usize,
    input: Input,
}

/// The input of a node's step.
#[derive(Clone)]
enum Input {
    Start,
    Message {
        from: usize,
        message: Vec<u8>,
    },
    /// The timer at this index among the pending ones.
    Timer(usize),
    Command(Vec<u8>),
}

impl Search {
    /// A traced run of this search's system, which has not started yet.
    ///
    /// # Panics
    /// When `steps` are of other nodes.
    #[must_use]
    pub fn traced_run<'s>(&'s self, steps: &'s dyn PureSteps) -> TracedRun<'s> {
        assert_eq!(
            steps.nodes(),
            self.system.descriptors(),
            "steps are of the nodes of the system"
        );
        let progress = self.system.nodes().iter().map(|_| NodeProgress::default()).collect();
        TracedRun {
            search: self,
            steps,
            printed: Box::new(String::new),
            space: None,
            row: Vec::new(),
            progress,
            messages: BTreeMap::new(),
            delivered: BTreeSet::new(),
            timers_set: 0,
            choices: Vec::new(),
            before: self.start.as_ref().map_or(0, |state| state.path.len()),
            performed: 0,
            ending: None,
        }
    }

    /// The run that leads to a search's finding: a goal, a violation or a failure. `None` for other
    /// results. Output of the nodes is not captured; see [`TracedRun::trace`] for that.
    ///
    /// # Panics
    /// When `steps` are of other nodes.
    #[must_use]
    pub fn trace(
        &self,
        steps: &dyn PureSteps,
        origin: &Origin,
        outcome: &SearchResult,
    ) -> Option<Trace> {
        self.traced_run(steps).trace(origin, outcome)
    }

    /// The header of this search's traces.
    fn header(&self, origin: &Origin) -> Header {
        let nodes = self.system.nodes();
        let clients = nodes.iter().filter(|spec| spec.workload.is_some());
        let others = nodes.iter().filter(|spec| spec.workload.is_none());
        Header {
            version: VERSION,
            engine: EngineName::Search,
            lab: origin.lab.clone(),
            test: origin.test.clone(),
            title: origin.title.clone(),
            seed: WORKLOAD_SEED,
            fault_model: FaultModel::UNRELIABLE_FAIL_STOP.into(),
            nodes: clients.chain(others).map(NodeSpec::address).collect(),
        }
    }
}

impl<'s> TracedRun<'s> {
    /// Captures the nodes' output with each event: `printed` returns the output since its last call.
    /// Without this, no output is captured. Steps that check the contract run a handler twice, so their
    /// output appears twice.
    #[must_use]
    pub fn capturing(mut self, printed: impl FnMut() -> String + 's) -> Self {
        self.printed = Box::new(printed);
        self
    }

    /// The run that leads to the search's finding: a goal, a violation or a failure. `None` for other
    /// results.
    #[must_use]
    pub fn trace(self, origin: &Origin, outcome: &SearchResult) -> Option<Trace> {
        let (path, ending) = match outcome {
            SearchResult::Exhausted
            | SearchResult::LimitReached(_)
            | SearchResult::InvalidStart(_) => return None,
            SearchResult::GoalFound(found) => {
                (found.path(), Ending::GoalReached { goal: found.property.clone() })
            }
            SearchResult::Violated(found) => (found.path(), Ending::Violated(found.violation()?)),
            SearchResult::Failed(failed) => {
                let reason = format!("{} {}", failed.node, failed.failure);
                (&failed.path, Ending::Failed { reason })
            }
        };
        let header = self.search.header(origin);
        Some(readable(&Trace { header, events: self.events_of(path), ending: Some(ending) }))
    }

    /// The events of a path of this system, from the start.
    fn events_of(mut self, path: &Path) -> Vec<TraceEvent> {
        let mut events = self.start();
        for event in &path.events {
            let Some(choice) = self.choice_of(event) else { break };
            events.extend(self.take(choice));
        }
        events
    }

    fn choice_of(&self, event: &PathEvent) -> Option<Choice> {
        let node = self.node_at(event.node())?;
        let input = match event {
            PathEvent::Deliver { from, message, .. } => {
                Input::Message { from: self.node_at(*from)?, message: message.clone() }
            }
            PathEvent::Fire { timer, min_ns, max_ns, .. } => {
                let pending = &self.progress[node].timers;
                let is_it = |pending: &PendingTimerBytes| {
                    (&pending.timer, pending.min_ns, pending.max_ns) == (timer, *min_ns, *max_ns)
                };
                let fires = |&index: &usize| is_it(&pending[index]) && self.may_fire(node, index);
                Input::Timer((0..pending.len()).find(fires)?)
            }
        };
        Some(Choice { node, input })
    }

    fn node_at(&self, address: Address) -> Option<usize> {
        self.steps.nodes().iter().position(|node| node.address == address)
    }

    fn address(&self, node: usize) -> Address {
        self.steps.nodes()[node].address
    }

    /// Whether the timer at `index` may fire before those set earlier.
    fn may_fire(&self, node: usize, index: usize) -> bool {
        let timers = &self.progress[node].timers;
        let pending = |timer: &PendingTimerBytes| {
            let same = |other: &PendingTimerBytes| other.timer == timer.timer;
            let id = timers.iter().position(same).unwrap_or_default() as u32;
            Pending { id, min_ns: timer.min_ns, max_ns: timer.max_ns }
        };
        timers::may_fire(&timers.iter().map(pending).collect::<Vec<_>>(), index)
    }

    /// Performs an event, and the actions of the client driver that belong to it.
    fn take(&mut self, choice: Choice) -> Vec<TraceEvent> {
        let event = self.node_event(&choice);
        let mut events = self.perform_step(choice.node, choice.input);
        self.performed += 1;
        if self.ending.is_none()
            && let (Some(space), Some(event)) = (&mut self.space, event)
        {
            match space.step(&mut self.row, choice.node, event) {
                Ok(()) => self.check_state(),
                Err(failure) => self.fail(choice.node, &failure),
            }
        }
        if self.before > 0 && self.performed == self.before {
            events.extend(self.restrictions());
        }
        events
    }

    /// The event by ids.
    fn node_event(&mut self, choice: &Choice) -> Option<NodeEvent> {
        let handlers = &mut self.space.as_mut()?.table.handlers;
        Some(match &choice.input {
            Input::Message { from, message } => {
                NodeEvent::Deliver(handlers.message(*from, choice.node, message))
            }
            Input::Timer(index) => {
                let PendingTimerBytes { timer, min_ns, max_ns, .. } =
                    &self.progress[choice.node].timers[*index];
                let id = handlers.timers.intern(choice.node as u64, timer);
                let pending = Pending { id, min_ns: *min_ns, max_ns: *max_ns };
                NodeEvent::Fire(handlers.pending.intern(pending).0)
            }
            Input::Start | Input::Command(_) => return None,
        })
    }

    /// Checks the state, unless it comes before the state from which the search started.
    fn check_state(&mut self) {
        let Some(space) = &self.space else { return };
        if self.performed < self.before {
            return;
        }
        let violated = |property: &str, broken: &CheckError| {
            Ending::Violated(Violation::of(property.to_owned(), broken.clone()))
        };
        self.ending = match space.check_row(&self.row) {
            Err(Found::Row(_, StateStatus::Broken(index, broken))) => {
                Some(violated(space.checks.name(index), &broken))
            }
            Err(Found::Run(row)) => {
                let monitor_memo = space.monitor_memo.as_ref();
                let broken = broken_run(monitor_memo, &row);
                monitor_memo
                    .zip(broken)
                    .map(|(monitor_memo, broken)| violated(monitor_memo.name(), broken))
            }
            _ => None,
        };
    }

    fn fail(&mut self, node: usize, failure: &StepFailure) {
        let reason = format!("{} {failure}", self.address(node));
        self.ending = Some(Ending::Failed { reason });
    }

    /// The search's restrictions as network events, since there is no other kind for them.
    fn restrictions(&self) -> Vec<TraceEvent> {
        let addresses: Vec<Address> =
            self.steps.nodes().iter().map(|node_index| node_index.address).collect();
        let crashed = (0..addresses.len())
            .filter(|&node_index| self.search.restrictions.is_crashed(node_index))
            .map(|node_index| EventKind::crash(addresses[node_index]));
        let changes = self
            .search
            .restrictions
            .describe(&addresses)
            .into_iter()
            .map(|change| EventKind::Network { change });
        crashed.chain(changes).map(|what| TraceEvent::new(None, what)).collect()
    }

    /// Performs a node's step; its client driver then takes a result and gives the next command.
    fn perform_step(&mut self, node_index: usize, mut input: Input) -> Vec<TraceEvent> {
        let search = self.search;
        let node = self.address(node_index);
        let mut events = Vec::new();
        let mut commands = 0;
        while self.ending.is_none() {
            let (event, result) = self.handle(node_index, &input);
            events.push(event);
            let Some(work) = &search.system.nodes()[node_index].workload else { break };
            let progress = &mut self.progress[node_index];
            if progress.is_waiting {
                let Some(result) = result else { break };
                progress.is_waiting = false;
                progress.results += 1;
                let shown = work.show_result(&result);
                let what = EventKind::Return { node, result: shown.text, value: shown.value };
                events.push(TraceEvent::new(None, what));
            }
            let next = progress.results as u64;
            let is_done = work.count().is_some_and(|count| next >= count);
            progress.is_stopped |= !is_done && commands == search.limits.commands_per_event;
            if is_done || progress.is_stopped {
                break;
            }
            commands += 1;
            progress.is_waiting = true;
            input = Input::Command(work.command(WORKLOAD_SEED, node, next));
        }
        events
    }

    /// Calls one handler. Returns the event with its effects, and the result that the client shows.
    fn handle(&mut self, node_index: usize, input: &Input) -> (TraceEvent, Option<Vec<u8>>) {
        let node = self.address(node_index);
        let what = self.what(node_index, input);
        let fired;
        let request = match input {
            Input::Start => Event::Init,
            Input::Message { from, message } => {
                Event::Message { from: self.address(*from), message }
            }
            Input::Timer(index) => {
                fired = self.progress[node_index].timers.remove(*index).timer;
                Event::Timer { timer: &fired }
            }
            Input::Command(command) => Event::Command { command },
        };
        let mut event = TraceEvent::new(None, what);
        if let EventKind::Deliver { id, .. } = event.what {
            self.delivered.insert(id);
        }
        let mut state = std::mem::take(&mut self.progress[node_index].state);
        if matches!(input, Input::Start) {
            match self.steps.make(node_index) {
                Ok(made) => state = made,
                Err(failure) => {
                    self.fail(node_index, &StepFailure::Node(failure.clone()));
                    event.failure = Some(failure);
                    return (event, None);
                }
            }
        }
        let (mut batch, mut answers) = (Batch::new(), Answers::new());
        batch.push(Request { node: node_index, state: &state, event: request });
        drop((self.printed)());
        self.steps.run(&batch, &mut answers);
        event.printed = (self.printed)();
        let step = match answers.get(0) {
            Ok(step) => step,
            Err(failure) => {
                self.fail(node_index, failure);
                if let StepFailure::Node(failure) = failure {
                    event.failure = Some(failure.clone());
                }
                self.progress[node_index].state = state;
                return (event, None);
            }
        };
        let show =
            |what, bytes: &[u8], pretty| legible(self.steps.show(node_index, what, bytes, pretty));
        if matches!(input, Input::Start) || step.state != state {
            event.state = Some(show(Payload::State, step.state, true));
        }
        for effect in step.output.effects() {
            match *effect {
                EncodedEffect::Send { to, message } => {
                    let bytes = step.output.get(message);
                    let next = self.messages.len() as MessageId + 1;
                    let key = (node, to, bytes.to_vec());
                    let id = *self.messages.entry(key).or_insert(next);
                    let receiver = self.steps.nodes().iter().position(|other| other.address == to);
                    if let Some(receiver) = receiver.filter(|_| id == next) {
                        self.progress[receiver].inbox.push((node_index, bytes.to_vec()));
                    }
                    let message = show(Payload::Message, bytes, false);
                    event.sent.push(SentMessage::new(id, to, message, Fate::Open));
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    self.timers_set += 1;
                    let id = self.timers_set;
                    let timer = step.output.get(timer).to_vec();
                    let text = show(Payload::Timer, &timer, false);
                    event.timers.push(SetTimer { id, timer: text, min_ns, max_ns });
                    let pending = PendingTimerBytes { id, timer, min_ns, max_ns };
                    self.progress[node_index].timers.push(pending);
                }
                EncodedEffect::Log { line } => event.logged.push(step.output.text(line)),
            }
        }
        self.progress[node_index].state = step.state.to_vec();
        (event, step.output.result().map(<[u8]>::to_vec))
    }

    /// The trace event for an input, before it happens.
    fn what(&self, node_index: usize, input: &Input) -> EventKind {
        let node = self.address(node_index);
        let show = |node_index, what, bytes: &[u8]| {
            legible(self.steps.show(node_index, what, bytes, false))
        };
        match input {
            Input::Start => EventKind::start(node, self.steps.nodes()[node_index].kind.clone()),
            Input::Message { from, message } => {
                let sender = self.address(*from);
                let key = (sender, node, message.clone());
                let id = self.messages.get(&key).copied().unwrap_or_default();
                let again = self.delivered.contains(&id);
                let copy = if again { CopyKind::Duplicate } else { CopyKind::Original };
                let text = show(*from, Payload::Message, message);
                EventKind::deliver((sender, node), id, text, copy)
            }
            Input::Timer(index) => {
                let timer = &self.progress[node_index].timers[*index];
                EventKind::fire(node, timer.id, show(node_index, Payload::Timer, &timer.timer))
            }
            Input::Command(command) => {
                let work = self.search.system.nodes()[node_index].workload.as_ref();
                let shown = work.map(|work| work.show_command(command));
                let (command, value) =
                    shown.map_or_else(Default::default, |shown| (shown.text, shown.value));
                EventKind::Command { node, command, value }
            }
        }
    }
}

impl Replayable for TracedRun<'_> {
    fn start(&mut self) -> Vec<TraceEvent> {
        let mut events = Vec::new();
        for node in 0..self.progress.len() {
            events.extend(self.perform_step(node, Input::Start));
            if self.ending.is_some() {
                return events;
            }
        }
        let search = self.search;
        let space = StateSpace::new(Setup { start: None, ..search.setup(self.steps) });
        match space {
            Ok(space) => {
                self.row.clone_from(&space.first);
                self.space = Some(space);
                if self.before == 0 {
                    events.extend(self.restrictions());
                    self.check_state();
                }
            }
            Err(error) => self.ending = Some(Ending::Failed { reason: error.to_string() }),
        }
        events
    }

    fn enabled(&mut self) -> Vec<EventKind> {
        self.choices.clear();
        if self.ending.is_some() {
            return Vec::new();
        }
        // The search's restrictions do not apply to the events before its start state.
        let bound = self.performed >= self.before;
        let restrictions = &self.search.restrictions;
        for (node, progress) in self.progress.iter().enumerate() {
            for (from, message) in &progress.inbox {
                if !bound || restrictions.delivers(*from, node) {
                    let input = Input::Message { from: *from, message: message.clone() };
                    self.choices.push(Choice { node, input });
                }
            }
            for timer in 0..progress.timers.len() {
                if (!bound || restrictions.fires(node)) && self.may_fire(node, timer) {
                    self.choices.push(Choice { node, input: Input::Timer(timer) });
                }
            }
        }
        self.choices.iter().map(|choice| self.what(choice.node, &choice.input)).collect()
    }

    fn perform(&mut self, choice: usize) -> Vec<TraceEvent> {
        let choice = self.choices[choice].clone();
        self.take(choice)
    }

    fn ending(&mut self) -> Option<Ending> {
        self.ending.clone()
    }
}
