//! The state space: the tables shared by all kinds of search, the first row, and conversion between
//! rows and values.

use std::sync::Arc;

use super::WORKLOAD_SEED;
use super::checks::{Checks, Role, StateStatus, read_id};
use super::client_drivers::{ClientDrivers, IDLE};
use super::durability::{Durability, Durable};
use super::effects::Effect;
use super::expand::{Expander, Missing};
use super::handlers::{Cause, Handlers, NONE, NodeEvent};
use super::intern::Lists;
use super::list_cache;
use super::monitor::{MonitorMemo, MonitorState};
use super::monitor_replay;
use super::near_miss::Measure;
use super::network;
use super::node_table::{FIRST_INCARNATION, InternedNode, NodeStep, NodeTable};
use super::path::{Action, Path, PathEvent};
use super::property_memo::PropertyMemo;
use super::report::{FoundState, HandlerFailure, Hint, Limit, SearchResult, Statistics};
use super::settings::Restrictions;
use super::shown::Shown;
use super::state::{NodeState, PendingTimer, Sent, State};
use super::timers::Pending;
use super::view::{StateView, broken_run};
use crate::hosting::Payload;
use crate::hosting::pure::{PureSteps, StepFailure, legible};
use crate::property::{Monitor, Property, Violation};
use crate::{Address, FaultModel, NodeSpec, System};

/// The tables of a search.
pub(super) struct StateSpace<'s> {
    pub(super) table: NodeTable<'s>,
    pub(super) monitor_memo: Option<MonitorMemo<'s>>,
    pub(super) checks: Checks,
    pub(super) restrictions: Arc<Restrictions>,
    /// The length of a row.
    pub(super) width: usize,
    /// The path that led to the first row.
    before: Path,
    pub(super) first: Vec<u32>,
    /// How the nodes started, in their order, up to one that failed; empty if the first row was given.
    pub(super) starts: Vec<Performed>,
    /// Whether full rows are compared instead of fingerprints.
    pub(super) exact: bool,
    /// The divergence that was detected, if any.
    pub(super) divergence: Option<Hint>,
}

/// Why a search ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// This row satisfies a goal or violates an invariant.
    Row(Vec<u32>, StateStatus),
    /// The monitor's property is violated in this row.
    Run(Vec<u32>),
    /// A handler failed.
    Failure(u32),
}

/// An event at a node that has been performed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Performed {
    pub(super) node: usize,
    /// The interned node before it, or [`NONE`] at the start of a node.
    pub(super) before: u32,
    pub(super) event: NodeEvent,
    /// The list of calls and returns that belong to the event, if the tables [record](Setup::with_calls)
    /// them.
    pub(super) calls: u32,
}

/// The inputs for the tables.
#[derive(Clone)]
pub(super) struct Setup<'s> {
    pub(super) system: &'s System,
    pub(super) fault_model: FaultModel,
    pub(super) steps: &'s dyn PureSteps,
    pub(super) monitor: Option<&'s dyn Monitor>,
    pub(super) properties: Vec<(Role, Property)>,
    pub(super) restrictions: Restrictions,
    /// The state of the first row; `None` if the nodes start.
    pub(super) start: Option<&'s State>,
    /// The path to the first row.
    pub(super) before: Path,
    /// The most commands that a client gets in one event.
    pub(super) commands_per_event: usize,
    /// Whether steps come with their calls and returns, even without a monitor.
    pub(super) with_calls: bool,
    /// Whether nodes may also be started again from outside, after a crash.
    pub(super) restarts_from_outside: bool,
}

/// Why there is no first row.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// A node failed at start.
    #[error("{} {}", .0.node, .0.failure)]
    Failed(Box<HandlerFailure>),
    /// The calls and returns before the first row are unknown, and the monitor needs them.
    #[error("the monitor does not know the calls and returns that led to the start state: {0}")]
    UnknownCalls(String),
    /// The run that led to the first row has a fault that the search's fault model does not allow.
    #[error(
        "the run to the start state has an event that the fault model ({0}) does not allow: {1:?}"
    )]
    NotInModel(FaultModel, Box<PathEvent>),
    /// The fault model allows what no search can do yet.
    #[error(
        "the fault model ({0}) allows Byzantine faults, and a search has none; a simulation has"
    )]
    Byzantine(FaultModel),
    /// The search may restart nodes, and its fault model does not allow that.
    #[error("the search may restart nodes, and the fault model ({0}) does not allow that")]
    NoRestarts(FaultModel),
    /// The search may restart a client.
    #[error("the search may restart {0}, which is a client, and clients do not come back")]
    ClientRestarts(Address),
}

/// Checks that the nodes that a search may restart can come back.
fn check_restarts(setup: &Setup<'_>) -> Result<(), StartError> {
    if setup.restrictions.may_restart_any() && !setup.fault_model.may_restart() {
        return Err(StartError::NoRestarts(setup.fault_model));
    }
    let nodes = setup.restrictions.restarts().iter().flat_map(|budget| &budget.nodes);
    let mut specs = nodes.map(|&node| &setup.system.nodes()[node]);
    match specs.find(|spec| spec.workload.is_some()) {
        Some(client) => Err(StartError::ClientRestarts(client.address())),
        None => Ok(()),
    }
}

/// Whether a fault model forbids an event of a path.
fn is_forbidden(model: FaultModel, event: &PathEvent) -> bool {
    match event {
        PathEvent::Outside(action) => match action {
            Action::Crash { .. } => !model.may_crash(),
            Action::Restart { .. } => !model.may_restart(),
            // A message that arrives at a node that is down is lost in every model.
            Action::Drop { .. } => !model.may_lose() && !model.may_restart(),
            Action::Command { .. }
            | Action::Start { .. }
            | Action::Stage { .. }
            | Action::Cut { .. }
            | Action::Restore { .. } => false,
        },
        PathEvent::Interrupted { .. } => !model.may_restart(),
        PathEvent::Deliver { .. } | PathEvent::Fire { .. } => false,
    }
}

impl<'s> StateSpace<'s> {
    /// Creates the tables for a search and the first row.
    ///
    /// # Errors
    /// When a node fails at start, or the monitor's first state cannot be determined.
    pub(super) fn new(setup: Setup<'s>) -> Result<Self, StartError> {
        let (start, model) = (setup.start, setup.fault_model);
        if model.may_corrupt() || model.may_forge() || model.may_be_byzantine() > 0 {
            return Err(StartError::Byzantine(model));
        }
        check_restarts(&setup)?;
        let path = start.iter().flat_map(|state| &state.path.events);
        if let Some(event) = path.into_iter().find(|event| is_forbidden(model, event)) {
            return Err(StartError::NotInModel(model, Box::new(event.clone())));
        }
        let monitor_state = match (setup.monitor, start) {
            (Some(_), Some(start)) => Some(monitor_replay::monitor_state(&setup, start)?),
            _ => None,
        };
        let mut setup = setup;
        let down = setup.restrictions.take_down();
        let may_restart = setup.restrictions.may_restart_any();
        let mut space = Self::without_first_row(setup);
        match start {
            Some(state) => {
                space.make_nodes().map_err(StartError::Failed)?;
                space.first = space.row_of(state, &down, monitor_state);
            }
            None => space.start().map_err(StartError::Failed)?,
        }
        if may_restart {
            let nodes = space.nodes(&space.first).to_vec();
            space.table.count_crashes_from(&nodes);
        }
        space.checks.evaluate_new_states(&space.table, &space.restrictions);
        Ok(space)
    }

    /// Creates the tables only.
    pub(super) fn without_first_row(setup: Setup<'s>) -> Self {
        let Setup {
            system,
            fault_model,
            steps,
            monitor,
            properties,
            restrictions,
            start: _,
            before,
            commands_per_event,
            with_calls,
            restarts_from_outside,
        } = setup;
        let checks = Checks::new(properties);
        assert_eq!(steps.nodes(), system.descriptors(), "steps are of the nodes of the system");
        let restrictions = Arc::new(restrictions);
        let addresses = system.nodes().iter().map(NodeSpec::address).collect();
        let work = ClientDrivers::new(
            system.nodes().iter().map(|spec| spec.workload.clone()).collect(),
            addresses,
            WORKLOAD_SEED,
            commands_per_event,
        );
        let from_outside = restarts_from_outside && fault_model.may_restart();
        let comes_back = system.nodes().iter().enumerate().map(|(node, spec)| {
            restrictions.may_restart(node) || from_outside && spec.workload.is_none()
        });
        let durability = Durability::new(comes_back.collect());
        let mut handlers = Handlers::new(steps, fault_model, durability);
        handlers.shown = Shown::new(monitor, steps);
        let table = NodeTable::new(
            handlers,
            work,
            Arc::clone(&restrictions),
            with_calls || monitor.is_some(),
        );
        let monitor_memo = monitor.map(MonitorMemo::new);
        let width = system.nodes().len() + usize::from(monitor_memo.is_some());
        Self {
            table,
            monitor_memo,
            checks,
            restrictions,
            width,
            before,
            first: Vec::new(),
            starts: Vec::new(),
            exact: false,
            divergence: None,
        }
    }

    pub(super) fn expander(&self) -> Expander<'_, 's> {
        Expander { table: &self.table, monitor_memo: self.monitor_memo.as_ref(), exact: self.exact }
    }

    /// Computes misses, or some of them if the deadline passes.
    pub(super) fn resolve(&mut self, missing: &Missing) {
        self.table.resolve(&missing.nodes, &missing.arrivals);
        if let Some(monitor_memo) = &mut self.monitor_memo {
            for &(state, calls) in &missing.calls {
                monitor_memo.resolve(state, calls, &self.table.handlers);
            }
        }
        self.checks.evaluate_new_states(&self.table, &self.restrictions);
    }

    /// The nodes' part of a row.
    pub(super) fn nodes<'r>(&self, row: &'r [u32]) -> &'r [u32] {
        &row[..self.width - usize::from(self.monitor_memo.is_some())]
    }

    /// Checks a row: the monitor first, then the properties of states.
    pub(super) fn check_row(&mut self, row: &[u32]) -> Result<StateStatus, Ending> {
        let mut memo = PropertyMemo::default();
        let checked = self.check_row_with(row, &mut memo);
        self.checks.note_held(memo.take_held());
        checked
    }

    /// Checks a row, with a memo of properties, which also keeps what [held](PropertyMemo::take_held) in it.
    pub(super) fn check_row_with(
        &self,
        row: &[u32],
        memo: &mut PropertyMemo,
    ) -> Result<StateStatus, Ending> {
        if broken_run(self.monitor_memo.as_ref(), row).is_some() {
            return Err(Ending::Run(row.to_vec()));
        }
        match self.checks.evaluate(&self.table, &self.restrictions, self.nodes(row), memo) {
            verdict @ (StateStatus::Expand | StateStatus::Pruned) => Ok(verdict),
            verdict => Err(Ending::Row(row.to_vec(), verdict)),
        }
    }

    /// The count of a measure in a row.
    pub(super) fn measured(&self, measure: &Measure, row: &[u32], memo: &mut PropertyMemo) -> u64 {
        let nodes = self.nodes(row);
        let id = |read| read_id(&self.table, nodes, read);
        if let Some(count) = memo.measured(id) {
            return count;
        }
        let mut view = StateView::new(&self.table, &self.restrictions, nodes);
        let count = measure.of(&mut view);
        memo.note_measured(&view.reads(), id, count);
        count
    }

    /// Starts the nodes, except those that start later. In the first row, they have started and their client
    /// drivers have given their first commands.
    pub(super) fn start(&mut self) -> Result<(), Box<HandlerFailure>> {
        let mut row = Vec::new();
        let mut sends = Vec::new();
        let mut monitor_state = 0;
        for node in 0..self.table.handlers.steps.nodes().len() {
            let address = self.table.handlers.address(node);
            let failed = |failure| {
                Box::new(HandlerFailure { node: address, failure, path: Path::default() })
            };
            let mut start =
                Performed { node, before: NONE, event: NodeEvent::Start, calls: Lists::EMPTY };
            let made = match self.table.handlers.steps.make(node) {
                Ok(made) => made,
                Err(failure) => {
                    self.starts.push(start);
                    return Err(failed(StepFailure::Node(failure)));
                }
            };
            let state = self.table.handlers.states.intern(node as u64, &made);
            self.table.handlers.durability.note_made(node, state);
            let interned = self.table.intern(InternedNode {
                state,
                timers: Lists::EMPTY,
                driver: IDLE,
                inbox: Lists::EMPTY,
                durable: FIRST_INCARNATION,
            });
            if self.restrictions.is_absent(node) {
                row.push(interned);
                continue;
            }
            let step = self.effect(interned, NodeEvent::Start);
            start.calls = step.map_or(Lists::EMPTY, |step| step.calls);
            self.starts.push(start);
            if let Some(failure) = step.and_then(|step| step.failure()) {
                return Err(failed(self.table.handlers.failures[failure as usize].clone()));
            }
            match step {
                None => row.push(interned),
                Some(step) => {
                    row.push(step.interned);
                    sends.extend_from_slice(self.table.sends(step.sends));
                    if let Some(monitor_memo) = &mut self.monitor_memo
                        && step.calls != Lists::EMPTY
                    {
                        monitor_state =
                            monitor_memo.resolve(monitor_state, step.calls, &self.table.handlers);
                    }
                }
            }
        }
        for pair in sends.chunks_exact(2) {
            let receiver = &mut row[pair[0] as usize];
            *receiver = self.table.resolve_arrival(*receiver, pair[1]);
        }
        if self.monitor_memo.is_some() {
            row.push(monitor_state);
        }
        self.first = row;
        Ok(())
    }

    /// Performs an event in a row. If its handler fails, the row stays as it is, and the failure is
    /// returned.
    pub(super) fn perform(
        &mut self,
        row: &mut [u32],
        node: usize,
        event: NodeEvent,
    ) -> (Performed, Result<(), StepFailure>) {
        let before = row[node];
        let Some(step) = self.effect(before, event) else {
            return (Performed { node, before, event, calls: Lists::EMPTY }, Ok(()));
        };
        let applied = self.apply(row, node, step);
        let failure = |index: u32| self.table.handlers.failures[index as usize].clone();
        (Performed { node, before, event, calls: step.calls }, applied.map_err(failure))
    }

    /// Finds an event of a path, with its node, if it is possible in a row under these restrictions.
    /// `None` also for actions that are not events of a node.
    pub(super) fn find(
        &mut self,
        restrictions: &Restrictions,
        row: &[u32],
        event: &PathEvent,
    ) -> Option<(usize, NodeEvent)> {
        let node = self.table.handlers.node_at(event.node()?)?;
        if let PathEvent::Interrupted { event: within, after } = event {
            let (node, local) = self.find(restrictions, row, within)?;
            // After that, it is known where the node can crash.
            self.effect(row[node], local);
            let state = self.table.get(row[node]).state;
            let after = u16::try_from(*after).ok()?;
            let points = self.table.handlers.crash_points(state, local)?;
            let is_possible = points.contains(&after)
                && restrictions.may_restart(node)
                && restrictions.allows(event)
                && self.table.may_crash(self.nodes(row), node);
            return Some((node, local.interrupted_after(after).filter(|_| is_possible)?));
        }
        if matches!(event, PathEvent::Outside(Action::Crash { .. })) {
            let mut possible = Vec::new();
            self.table.events_under(restrictions, row[node], &mut possible);
            let is_possible = possible.last() == Some(&NodeEvent::Crash)
                && self.table.may_crash(self.nodes(row), node);
            return is_possible.then_some((node, NodeEvent::Crash));
        }
        if let PathEvent::Outside(Action::Restart { outcome, .. }) = event {
            let interned = self.table.get(row[node]);
            let found = self.table.handlers.found(interned, outcome);
            let is_possible = interned.is_down() && restrictions.allows(event);
            return Some((node, NodeEvent::Restart(found.filter(|_| is_possible)?)));
        }
        if let PathEvent::Outside(action) = event
            && !matches!(action, Action::Drop { .. })
        {
            let Action::Command { command, .. } = action else { return None };
            let is_idle = self.table.drivers.is_idle(node, self.table.get(row[node]).driver);
            let command = self.table.handlers.commands.intern(node as u64, command);
            return is_idle.then_some((node, NodeEvent::Command(command)));
        }
        let mut possible = Vec::new();
        self.table.events_under(restrictions, row[node], &mut possible);
        let is_it = |local: &NodeEvent| self.table.handlers.path_event(node, *local) == *event;
        Some((node, possible.into_iter().find(is_it)?))
    }

    /// Removes a message from the inbox of a row's node. Returns whether it was there.
    pub(super) fn remove_message(
        &mut self,
        row: &mut [u32],
        (from, to): (Address, Address),
        message: &[u8],
    ) -> bool {
        let handlers = &self.table.handlers;
        let (Some(from), Some(to)) = (handlers.node_at(from), handlers.node_at(to)) else {
            return false;
        };
        let Some(id) = handlers.find_message(from, to, message) else { return false };
        let mut interned = self.table.get(row[to]);
        let mut inbox = handlers.lists.get(interned.inbox).to_vec();
        let Some(position) = inbox.iter().position(|&it| it == id) else { return false };
        inbox.remove(position);
        interned.inbox = self.table.handlers.lists.intern(&inbox);
        row[to] = self.table.intern(interned);
        true
    }

    /// Performs these events from the first row on, skipping those that are impossible or change
    /// nothing. If the search would end on this path, returns the result and the performed events.
    pub(super) fn follow(
        &mut self,
        events: &[PathEvent],
    ) -> Option<(SearchResult, Vec<PathEvent>)> {
        let restrictions = Arc::clone(&self.restrictions);
        let mut row = self.first.clone();
        let mut used = Vec::new();
        for event in events {
            let Some((node, local)) = self.find(&restrictions, &row, event) else { continue };
            let Some(step) = self.effect(row[node], local) else { continue };
            let mut next = row.clone();
            let applied = self.apply(&mut next, node, step);
            if applied.is_ok() && next == row {
                continue;
            }
            used.push(event.clone());
            let ending = match applied {
                Err(failure) => Err(Ending::Failure(failure)),
                Ok(()) => self.check_row(&next),
            };
            match ending {
                Ok(StateStatus::Expand) => row = next,
                Ok(_) => return None,
                Err(ending) => {
                    let mut path = self.before.clone();
                    path.events.extend_from_slice(&used);
                    return Some((self.outcome_at(ending, path), used));
                }
            }
        }
        None
    }

    /// Applies a step to a row.
    ///
    /// # Errors
    /// The index of the failure, when the handler fails.
    pub(super) fn apply(
        &mut self,
        row: &mut [u32],
        node: usize,
        step: NodeStep,
    ) -> Result<(), u32> {
        if let Some(failure) = step.failure() {
            return Err(failure);
        }
        row[node] = step.interned;
        let sends = self.table.sends(step.sends).to_vec();
        for pair in sends.chunks_exact(2) {
            let receiver = &mut row[pair[0] as usize];
            *receiver = self.table.resolve_arrival(*receiver, pair[1]);
        }
        if let (Some(monitor_memo), Some(monitor_state)) = (&mut self.monitor_memo, row.last_mut())
            && step.calls != Lists::EMPTY
        {
            *monitor_state = monitor_memo.resolve(*monitor_state, step.calls, &self.table.handlers);
        }
        self.checks.evaluate_new_states(&self.table, &self.restrictions);
        Ok(())
    }

    /// The step of an event at an interned node; `None` if it changes nothing.
    fn effect(&mut self, interned: u32, event: NodeEvent) -> Option<NodeStep> {
        loop {
            match self.table.effect(interned, event) {
                Effect::NoOp => return None,
                Effect::Change(step) => return Some(step),
                Effect::Unknown => self.table.handlers.run_wanted(),
            }
        }
    }

    /// The row of a state.
    /// Nodes that are `down` have crashed and may come back.
    fn row_of(
        &mut self,
        state: &State,
        down: &[usize],
        monitor_state: Option<MonitorState>,
    ) -> Vec<u32> {
        let mut row = Vec::new();
        let handlers = &mut self.table.handlers;
        let mut inboxes = Vec::new();
        for (node_index, node) in state.nodes.iter().enumerate() {
            let mut inbox: Vec<u32> = node
                .inbox
                .iter()
                .map(|sent| {
                    let from = handlers.node_at(sent.from).expect("senders are in the system");
                    handlers.message(from, node_index, &sent.message)
                })
                .collect();
            // A state that was constructed by hand may have any order, and contain a message twice.
            network::normalise(handlers, &mut inbox);
            inboxes.push(handlers.lists.intern(&inbox));
        }
        for ((node_index, node), inbox) in state.nodes.iter().enumerate().zip(inboxes) {
            let handlers = &mut self.table.handlers;
            let id = handlers.states.intern(node_index as u64, &node.state);
            let timers: Vec<u32> = node
                .timers
                .iter()
                .map(|timer| {
                    let id = handlers.timers.intern(node_index as u64, &timer.timer);
                    let pending = Pending { id, min_ns: timer.min_ns, max_ns: timer.max_ns };
                    handlers.pending.intern(pending).0
                })
                .collect();
            let results: Vec<u32> =
                node.results.iter().map(|result| handlers.results.intern(0, result)).collect();
            let given = results.len() + usize::from(node.is_waiting);
            self.table.drivers.intern_commands(node_index, given, handlers);
            let outside: Vec<u32> = state
                .path
                .actions()
                .filter_map(|action| match action {
                    Action::Command { client, command } if *client == node.address => {
                        Some(handlers.commands.intern(node_index as u64, command))
                    }
                    _ => None,
                })
                .collect();
            let drivers = &mut self.table.drivers;
            let driver = drivers.with_results(node_index, &results, node.is_waiting, &outside);
            let timers = list_cache::normalised(&mut self.table.handlers, timers);
            let durable = self.durable_of(node_index, node);
            let interned = InternedNode { state: id, timers, driver, inbox, durable };
            let is_down = down.contains(&node_index);
            row.push(self.table.intern(if is_down { interned.crashed(true) } else { interned }));
        }
        if let (Some(monitor_memo), Some(monitor_state)) = (&mut self.monitor_memo, monitor_state) {
            row.push(monitor_memo.intern(monitor_state));
        }
        row
    }

    /// The id of what outlives a crash of this node.
    fn durable_of(&mut self, index: usize, node: &NodeState) -> u32 {
        let Handlers { durability, lists, .. } = &mut self.table.handlers;
        if !durability.comes_back(index) {
            return FIRST_INCARNATION;
        }
        let storage = durability.intern(index, &node.storage, lists);
        durability.durables.intern(Durable { restarts: node.restarts, storage }).0
    }

    /// Makes the nodes that may come back, because they then start as they are made.
    fn make_nodes(&mut self) -> Result<(), Box<HandlerFailure>> {
        let handlers = &mut self.table.handlers;
        for node in 0..handlers.steps.nodes().len() {
            if handlers.durability.comes_back(node) {
                let made = handlers.steps.make(node).map_err(|failure| {
                    let failure = StepFailure::Node(failure);
                    let node = handlers.address(node);
                    Box::new(HandlerFailure { node, failure, path: Path::default() })
                })?;
                let state = handlers.states.intern(node as u64, &made);
                handlers.durability.note_made(node, state);
            }
        }
        Ok(())
    }

    /// Returns the monitor's state in a row.
    ///
    /// # Panics
    /// When there is no monitor.
    pub(super) fn monitor_state(&self, row: &[u32]) -> MonitorState {
        let monitor_memo = self.monitor_memo.as_ref().expect("a monitor");
        monitor_memo
            .monitor_state(*row.last().expect("the last part of a row is the monitor's state"))
    }

    /// The state of a row that was reached by `path`.
    pub(super) fn state_of(&self, row: &[u32], path: Path) -> State {
        let handlers = &self.table.handlers;
        let nodes = self
            .nodes(row)
            .iter()
            .enumerate()
            .map(|(node, &interned)| {
                let interned = self.table.get(interned);
                let timer = |pending: Pending| PendingTimer {
                    timer: handlers.timers.bytes(pending.id).to_vec(),
                    min_ns: pending.min_ns,
                    max_ns: pending.max_ns,
                };
                let sent = |&message: &u32| Sent {
                    from: handlers.address(handlers.ends(message).0),
                    message: handlers.messages.bytes(message).to_vec(),
                };
                let results = self.table.drivers.results(interned.driver);
                let durable = handlers.durable(interned);
                NodeState {
                    restarts: durable.restarts,
                    storage: handlers.durability.storage(handlers.lists.get(durable.storage)),
                    address: handlers.address(node),
                    state: handlers.states.bytes(interned.state).to_vec(),
                    timers: self.table.timers_of(interned.timers).into_iter().map(timer).collect(),
                    results: results
                        .iter()
                        .map(|&id| handlers.results.bytes(id).to_vec())
                        .collect(),
                    is_waiting: ClientDrivers::is_waiting(interned.driver),
                    inbox: handlers.lists.get(interned.inbox).iter().map(sent).collect(),
                }
            })
            .collect();
        State { nodes, path }
    }

    /// The path of these steps from the first row, given by their ordinals.
    pub(super) fn path(&mut self, ordinals: &[u32]) -> Path {
        self.walk(ordinals).0
    }

    /// The state after these steps from the first row, given by their ordinals. None of them fails.
    pub(super) fn state_after(&mut self, ordinals: &[u32]) -> State {
        let (path, row) = self.walk(ordinals);
        self.state_of(&row, path)
    }

    /// The path of these steps from the first row, given by their ordinals, and the row after them, or before one that
    /// fails.
    fn walk(&mut self, ordinals: &[u32]) -> (Path, Vec<u32>) {
        let mut path = self.before.clone();
        let mut row = self.first.clone();
        for &ordinal in ordinals {
            let (node, event) = self.event_of(&row, ordinal);
            path.events.push(self.table.handlers.path_event(node, event));
            let (node, step) = self.expander().step_of(&row, ordinal);
            if step.failure().is_none() {
                let mut next = Vec::new();
                self.expander().successor(&row, (node, step), &mut next);
                row = next;
            }
        }
        (path, row)
    }

    /// Returns the path of these events from the first row. Each event comes with its node.
    pub(super) fn path_of(&self, events: &[(usize, NodeEvent)]) -> Path {
        let mut path = self.before.clone();
        let events =
            events.iter().map(|&(node, event)| self.table.handlers.path_event(node, event));
        path.events.extend(events);
        path
    }

    /// The node and the event of a step of an expanded row.
    pub(super) fn event_of(&mut self, row: &[u32], ordinal: u32) -> (usize, NodeEvent) {
        let (node, _) = self.expander().step_of(row, ordinal);
        let before: usize =
            row[..node].iter().map(|&interned| self.table.steps(interned).len()).sum();
        let mut remaining = ordinal as usize - before;
        let mut events = Vec::new();
        self.table.events(row[node], &mut events);
        for event in events {
            if matches!(self.table.effect(row[node], event), Effect::Change(_)) {
                if remaining == 0 {
                    return (node, event);
                }
                remaining -= 1;
            }
        }
        panic!("step {ordinal} of a state that has fewer");
    }

    /// The search result for an ending at the end of these steps.
    pub(super) fn outcome(&mut self, ending: Ending, ordinals: &[u32]) -> SearchResult {
        let path = self.path(ordinals);
        self.outcome_at(ending, path)
    }

    /// The search result for an ending at the end of this path.
    pub(super) fn outcome_at(&self, ending: Ending, path: Path) -> SearchResult {
        match ending {
            Ending::Failure(failure) => SearchResult::Failed(Box::new(HandlerFailure {
                node: path.events.last().and_then(PathEvent::node).expect("a failing event"),
                failure: self.table.handlers.failures[failure as usize].clone(),
                path,
            })),
            Ending::Run(row) => {
                let monitor_memo = self.monitor_memo.as_ref().expect("a violation of a monitor");
                SearchResult::Violated(Box::new(FoundState {
                    property: monitor_memo.name().to_owned(),
                    error: broken_run(Some(monitor_memo), &row).cloned(),
                    also_violated: self.also_violated(&row, None),
                    state: self.state_of(&row, path),
                }))
            }
            Ending::Row(row, StateStatus::Broken(index, broken)) => {
                SearchResult::Violated(Box::new(FoundState {
                    property: self.checks.name(index).to_owned(),
                    error: Some(broken),
                    also_violated: self.also_violated(&row, Some(index)),
                    state: self.state_of(&row, path),
                }))
            }
            Ending::Row(row, StateStatus::Goal(index)) => {
                SearchResult::GoalFound(Box::new(FoundState {
                    property: self.checks.name(index).to_owned(),
                    error: None,
                    also_violated: Vec::new(),
                    state: self.state_of(&row, path),
                }))
            }
            Ending::Row(_, StateStatus::Expand | StateStatus::Pruned) => {
                panic!("a search does not end in a state that is neither goal nor violation")
            }
        }
    }

    /// Returns the violations in a row, except that of the reported invariant.
    fn also_violated(&self, row: &[u32], reported: Option<usize>) -> Vec<Violation> {
        let broken = self.checks.broken(&self.table, &self.restrictions, self.nodes(row));
        let others = broken.into_iter().filter(|&(index, _)| Some(index) != reported);
        others
            .map(|(index, broken)| Violation::of(self.checks.name(index).to_owned(), broken))
            .collect()
    }

    /// Returns the result of a search that found nothing, given the limit that it reached, if any.
    pub(super) fn result_without_finding(&self, limit: Option<Limit>) -> SearchResult {
        let at_once = self.table.drivers.limit_met();
        match (limit, at_once) {
            // A limit that the caller set must not hide one that it did not set.
            (
                None | Some(Limit::Depth(_) | Limit::States(_) | Limit::RandomWalks(_)),
                Some(at_once),
            ) => SearchResult::LimitReached(at_once),
            (Some(limit), _) => SearchResult::LimitReached(limit),
            (None, None) => SearchResult::Exhausted,
        }
    }

    /// The statistics of the tables.
    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            handler_calls: self.table.handlers.calls,
            node_states: self.table.handlers.states.len() as u64,
            messages: self.table.handlers.messages.len() as u64,
            monitor_states: self
                .monitor_memo
                .as_ref()
                .map_or(0, |monitor_memo| monitor_memo.len() as u64),
            ..Statistics::default()
        }
    }

    /// Hints at the first message, in the order of nodes and messages, whose second delivery in a row changes
    /// the state again.
    pub(super) fn hints(&self) -> Vec<Hint> {
        let handlers = &self.table.handlers;
        let mut hints: Vec<Hint> = self.divergence.iter().cloned().collect();
        let again = handlers
            .all_known()
            .filter_map(|(state, cause, once)| {
                let twice = handlers.peek(once.state, cause)?;
                let changed = matches!(cause, Cause::Deliver(_))
                    && once.state != state
                    && twice.state != once.state;
                changed.then_some((state, cause, once.state, twice.state))
            })
            .min();
        if let Some((state, Cause::Deliver(message), once, twice)) = again
            && handlers.fault_model.may_duplicate()
        {
            let node_index = handlers.node_of(state);
            let show = |what, bytes| legible(handlers.steps.show(node_index, what, bytes, false));
            hints.push(Hint::NotIdempotent {
                node: handlers.address(node_index),
                message: show(Payload::Message, handlers.messages.bytes(message)),
                once: show(Payload::State, handlers.states.bytes(once)),
                twice: show(Payload::State, handlers.states.bytes(twice)),
            });
        }
        hints
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.checks.memory_bytes()
            + self.monitor_memo.as_ref().map_or(0, MonitorMemo::memory_bytes)
    }
}
