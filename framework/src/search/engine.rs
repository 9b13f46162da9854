//! The state space: the tables shared by all kinds of search, the first row, and conversion between
//! rows and values.

use std::sync::Arc;

use super::checks::{Checks, Role, Verdict};
use super::derived;
use super::effects::Effect;
use super::expand::{Expander, Missing};
use super::handlers::{Cause, Handlers, LocalEvent};
use super::intern::Lists;
use super::monitor::{Monitor, Watch, Watched};
use super::path::{Path, PathEvent};
use super::recall::Recall;
use super::report::{Failed, Found, Hint, Limit, Outcome, Statistics};
use super::rewatch;
use super::settings::Switches;
use super::sites::{Site, SiteStep, Sites};
use super::state::{NodeState, PendingTimer, Sent, State};
use super::system::System;
use super::timers::Pending;
use super::view::broken_run;
use super::work::{IDLE, Work};
use crate::property::{Property, Violation};
use crate::worker::Payload;
use crate::worker::pure::{PureSteps, StepFailure, legible};

/// The tables of a search.
pub(super) struct Engine<'s> {
    pub(super) sites: Sites<'s>,
    pub(super) watch: Option<Watch<'s>>,
    pub(super) checks: Checks,
    pub(super) switches: Arc<Switches>,
    /// The numbers in a row.
    pub(super) width: usize,
    /// The path that led to the first row.
    before: Path,
    pub(super) first: Vec<u32>,
    /// Whether full rows are compared, and no fingerprints.
    pub(super) exact: bool,
    /// The divergence that was detected, if any.
    pub(super) endless: Option<Hint>,
}

/// A row that ends a search, or the event that does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// A goal or a broken property in this row.
    Row(Vec<u32>, Verdict),
    /// The monitor's property is broken after this row.
    Run(Vec<u32>),
    /// A handler failed.
    Failure(u32),
}

/// What the tables are built from.
#[derive(Clone)]
pub(super) struct Setup<'s> {
    pub(super) system: &'s System,
    pub(super) steps: &'s dyn PureSteps,
    pub(super) monitor: Option<&'s dyn Monitor>,
    pub(super) properties: Vec<(Role, Property)>,
    pub(super) switches: Switches,
    /// The state of the first row; without one, the nodes start.
    pub(super) start: Option<&'s State>,
    /// The most commands that a client gets in one event.
    pub(super) commands_at_once: usize,
}

/// Why there is no first row.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// A node failed at start.
    #[error("{} {}", .0.node, .0.failure)]
    Failed(Box<Failed>),
    /// The calls and returns before the first row are unknown, and the monitor needs them.
    #[error(
        "the monitor does not know the calls and returns that led to the start state: {0}"
    )]
    UnknownCalls(String),
}

impl<'s> Engine<'s> {
    /// Creates the tables for a search and the first row.
    ///
    /// # Errors
    /// When a node fails at start, or the monitor's first state cannot be determined.
    pub(super) fn new(setup: Setup<'s>) -> Result<Self, StartError> {
        let watched = match (setup.monitor, setup.start) {
            (Some(_), Some(start)) => Some(rewatch::watched(&setup, start)?),
            _ => None,
        };
        let Setup { system, steps, monitor, properties, switches, start, commands_at_once } = setup;
        let checks = Checks::new(properties);
        assert_eq!(steps.roster(), system.roster(), "steps are of the nodes of the system");
        let switches = Arc::new(switches);
        let addresses = system.members.iter().map(|member| member.address).collect();
        let work = Work::new(system.work.clone(), addresses, system.seed, commands_at_once);
        let sites =
            Sites::new(Handlers::new(steps), work, Arc::clone(&switches), monitor.is_some());
        let watch = monitor.map(Watch::new);
        let width = system.members.len() + usize::from(watch.is_some());
        let mut engine = Self {
            sites,
            watch,
            checks,
            switches,
            width,
            before: start.map(|state| state.path.clone()).unwrap_or_default(),
            first: Vec::new(),
            exact: false,
            endless: None,
        };
        engine.first = match start {
            Some(state) => engine.row_of(state, watched),
            None => engine.start().map_err(StartError::Failed)?,
        };
        engine.checks.learn(&engine.sites, &engine.switches);
        Ok(engine)
    }

    pub(super) fn expander(&self) -> Expander<'_, 's> {
        Expander { sites: &self.sites, watch: self.watch.as_ref(), exact: self.exact }
    }

    /// Computes what is missing, or some of it if the deadline passes meanwhile.
    pub(super) fn resolve(&mut self, missing: &Missing) {
        self.sites.resolve(&missing.sites, &missing.arrivals);
        if let Some(watch) = &mut self.watch {
            for &(state, calls) in &missing.calls {
                watch.resolve(state, calls, &self.sites.handlers);
            }
        }
        self.checks.learn(&self.sites, &self.switches);
    }

    /// The part of a row that stands for nodes.
    pub(super) fn nodes<'r>(&self, row: &'r [u32]) -> &'r [u32] {
        &row[..self.width - usize::from(self.watch.is_some())]
    }

    /// Judges a row: the monitor first, then the properties of states.
    pub(super) fn judge(&self, row: &[u32]) -> Result<Verdict, Ending> {
        self.judge_with(row, &mut Recall::default())
    }

    /// Judges a row, with what has been found out about properties before.
    pub(super) fn judge_with(&self, row: &[u32], recall: &mut Recall) -> Result<Verdict, Ending> {
        if broken_run(self.watch.as_ref(), row).is_some() {
            return Err(Ending::Run(row.to_vec()));
        }
        match self.checks.judge(&self.sites, &self.switches, self.nodes(row), recall) {
            verdict @ (Verdict::Open | Verdict::Pruned) => Ok(verdict),
            verdict => Err(Ending::Row(row.to_vec(), verdict)),
        }
    }

    /// The row of freshly started nodes whose client drivers have given their first commands.
    fn start(&mut self) -> Result<Vec<u32>, Box<Failed>> {
        let mut row = Vec::new();
        let mut sends = Vec::new();
        let mut watched = 0;
        for member in 0..self.sites.handlers.steps.roster().len() {
            let failed = |failure| {
                Box::new(Failed {
                    node: self.sites.handlers.address(member),
                    failure,
                    path: Path::default(),
                })
            };
            let made = self.sites.handlers.steps.make(member);
            let made = made.map_err(|failure| failed(StepFailure::Node(failure)))?;
            let state = self.sites.handlers.states.intern(member as u64, &made);
            let site = Site { state, timers: Lists::EMPTY, worker: IDLE, inbox: Lists::EMPTY };
            let site = self.sites.intern(site);
            match self.effect(site, LocalEvent::Start) {
                None => row.push(site),
                Some(step) if step.site == super::handlers::NONE => {
                    let failure = self.sites.handlers.failures[step.sends as usize].clone();
                    return Err(Box::new(Failed {
                        node: self.sites.handlers.address(member),
                        failure,
                        path: Path::default(),
                    }));
                }
                Some(step) => {
                    row.push(step.site);
                    sends.extend_from_slice(self.sites.sends(step.sends));
                    if let Some(watch) = &mut self.watch
                        && step.calls != Lists::EMPTY
                    {
                        watched = watch.resolve(watched, step.calls, &self.sites.handlers);
                    }
                }
            }
        }
        for pair in sends.chunks_exact(2) {
            let receiver = &mut row[pair[0] as usize];
            *receiver = self.sites.resolve_arrival(*receiver, pair[1]);
        }
        if self.watch.is_some() {
            row.push(watched);
        }
        Ok(row)
    }

    /// Performs an event in a row.
    ///
    /// # Errors
    /// When the handler fails.
    pub(super) fn step(
        &mut self,
        row: &mut [u32],
        member: usize,
        event: LocalEvent,
    ) -> Result<(), StepFailure> {
        let Some(step) = self.effect(row[member], event) else { return Ok(()) };
        self.apply(row, member, step)
            .map_err(|failure| self.sites.handlers.failures[failure as usize].clone())
    }

    /// Computes the steps of all nodes of a row; returns how many there are.
    pub(super) fn open(&mut self, row: &[u32]) -> u32 {
        self.sites.resolve(&row[..self.nodes(row).len()], &[]);
        self.nodes(row).iter().map(|&site| self.sites.steps(site).len() as u32).sum()
    }

    /// Takes a step of an open row, by its ordinal.
    ///
    /// # Errors
    /// The index of the failure, when the handler fails.
    pub(super) fn take(&mut self, row: &mut [u32], ordinal: u32) -> Result<(), u32> {
        let (node, step) = self.expander().step_of(row, ordinal);
        self.apply(row, node, step)
    }

    /// Performs these events from the first row on, skipping those that are impossible or change
    /// nothing. If the search would end there, returns the result and the events that were used.
    pub(super) fn follow(&mut self, events: &[PathEvent]) -> Option<(Outcome, Vec<PathEvent>)> {
        let mut row = self.first.clone();
        let (mut used, mut ordinals) = (Vec::new(), Vec::new());
        for event in events {
            self.open(&row);
            let Some(ordinal) = self.ordinal_of(&row, event) else { continue };
            let mut next = row.clone();
            let taken = self.take(&mut next, ordinal);
            if taken.is_ok() && next == row {
                continue;
            }
            used.push(event.clone());
            ordinals.push(ordinal);
            let ending = match taken {
                Err(failure) => Err(Ending::Failure(failure)),
                Ok(()) => self.judge(&next),
            };
            match ending {
                Ok(Verdict::Open) => row = next,
                Ok(_) => return None,
                Err(ending) => return Some((self.outcome(ending, &ordinals), used)),
            }
        }
        None
    }

    /// The ordinal of this event among the steps of an open row, if it is possible and changes
    /// something.
    fn ordinal_of(&mut self, row: &[u32], event: &PathEvent) -> Option<u32> {
        let node = self.sites.handlers.member_at(event.node())?;
        let mut ordinal: usize = row[..node].iter().map(|&site| self.sites.steps(site).len()).sum();
        let mut events = Vec::new();
        self.sites.events(row[node], &mut events);
        for local in events {
            let is_step = matches!(self.sites.effect(row[node], local), Effect::Step(_));
            if self.sites.handlers.path_event(node, local) == *event {
                return is_step.then_some(ordinal as u32);
            }
            ordinal += usize::from(is_step);
        }
        None
    }

    /// What a step changes in a row.
    ///
    /// # Errors
    /// The index of the failure, when the handler fails.
    pub(super) fn apply(
        &mut self,
        row: &mut [u32],
        member: usize,
        step: SiteStep,
    ) -> Result<(), u32> {
        if step.site == super::handlers::NONE {
            return Err(step.sends);
        }
        row[member] = step.site;
        let sends = self.sites.sends(step.sends).to_vec();
        for pair in sends.chunks_exact(2) {
            let receiver = &mut row[pair[0] as usize];
            *receiver = self.sites.resolve_arrival(*receiver, pair[1]);
        }
        if let (Some(watch), Some(watched)) = (&mut self.watch, row.last_mut())
            && step.calls != Lists::EMPTY
        {
            *watched = watch.resolve(*watched, step.calls, &self.sites.handlers);
        }
        self.checks.learn(&self.sites, &self.switches);
        Ok(())
    }

    /// The step that an event at a site is; `None` when it changes nothing.
    fn effect(&mut self, site: u32, event: LocalEvent) -> Option<SiteStep> {
        loop {
            match self.sites.effect(site, event) {
                Effect::Quiet => return None,
                Effect::Step(step) => return Some(step),
                Effect::Unknown => self.sites.handlers.run_wanted(),
            }
        }
    }

    /// The row of a state.
    fn row_of(&mut self, state: &State, watched: Option<Watched>) -> Vec<u32> {
        let mut row = Vec::new();
        let handlers = &mut self.sites.handlers;
        let mut inboxes = Vec::new();
        for (member, node) in state.nodes.iter().enumerate() {
            let mut inbox: Vec<u32> = node
                .inbox
                .iter()
                .map(|sent| {
                    let from = handlers.member_at(sent.from).expect("senders are in the system");
                    handlers.message(from, member, &sent.message)
                })
                .collect();
            // The network is a set: a state made by hand may name a message twice.
            inbox.sort_unstable();
            inbox.dedup();
            inboxes.push(handlers.lists.intern(&inbox));
        }
        for ((member, node), inbox) in state.nodes.iter().enumerate().zip(inboxes) {
            let handlers = &mut self.sites.handlers;
            let id = handlers.states.intern(member as u64, &node.state);
            let timers: Vec<u32> = node
                .timers
                .iter()
                .map(|timer| {
                    let id = handlers.timers.intern(member as u64, &timer.timer);
                    let pending = Pending { id, min_ns: timer.min_ns, max_ns: timer.max_ns };
                    handlers.pending.intern(pending).0
                })
                .collect();
            let results: Vec<u32> =
                node.results.iter().map(|result| handlers.results.intern(0, result)).collect();
            let given = results.len() + usize::from(node.is_waiting);
            if let Some(last) = given.checked_sub(1) {
                self.sites.work.command(member, last, handlers);
            }
            let worker = self.sites.work.with_results(&results, node.is_waiting);
            let timers = derived::normalised(&mut self.sites.handlers, timers);
            row.push(self.sites.intern(Site { state: id, timers, worker, inbox }));
        }
        if let (Some(watch), Some(watched)) = (&mut self.watch, watched) {
            row.push(watch.intern(watched));
        }
        row
    }

    /// Returns the monitor's state in a row.
    ///
    /// # Panics
    /// When there is no monitor.
    pub(super) fn watched(&self, row: &[u32]) -> Watched {
        let watch = self.watch.as_ref().expect("a monitor");
        watch.watched(*row.last().expect("a row with a monitor ends in its state"))
    }

    /// A row as a value, reached by `path`.
    pub(super) fn state_of(&self, row: &[u32], path: Path) -> State {
        let handlers = &self.sites.handlers;
        let nodes = self
            .nodes(row)
            .iter()
            .enumerate()
            .map(|(member, &site)| {
                let site = self.sites.get(site);
                let timer = |pending: Pending| PendingTimer {
                    timer: handlers.timers.bytes(pending.id).to_vec(),
                    min_ns: pending.min_ns,
                    max_ns: pending.max_ns,
                };
                let sent = |&message: &u32| Sent {
                    from: handlers.address(handlers.ends(message).0),
                    message: handlers.messages.bytes(message).to_vec(),
                };
                let results = self.sites.work.results(site.worker);
                NodeState {
                    address: handlers.address(member),
                    state: handlers.states.bytes(site.state).to_vec(),
                    timers: self.sites.timers_of(site.timers).into_iter().map(timer).collect(),
                    results: results
                        .iter()
                        .map(|&id| handlers.results.bytes(id).to_vec())
                        .collect(),
                    is_waiting: Work::is_waiting(site.worker),
                    inbox: handlers.lists.get(site.inbox).iter().map(sent).collect(),
                }
            })
            .collect();
        State { nodes, path }
    }

    /// The path behind steps from the first row, given by their ordinals.
    pub(super) fn path(&mut self, ordinals: &[u32]) -> Path {
        let mut path = self.before.clone();
        let mut row = self.first.clone();
        for &ordinal in ordinals {
            let (node, event) = self.event_of(&row, ordinal);
            path.events.push(self.sites.handlers.path_event(node, event));
            let (node, step) = self.expander().step_of(&row, ordinal);
            if step.site != super::handlers::NONE {
                let mut next = Vec::new();
                self.expander().successor(&row, (node, step), &mut next);
                row = next;
            }
        }
        path
    }

    /// Returns the path of these events from the first row. Each event comes with its node.
    pub(super) fn path_of(&self, events: &[(usize, LocalEvent)]) -> Path {
        let mut path = self.before.clone();
        let events =
            events.iter().map(|&(node, event)| self.sites.handlers.path_event(node, event));
        path.events.extend(events);
        path
    }

    /// The node and the event behind a step of an expanded row.
    pub(super) fn event_of(&mut self, row: &[u32], ordinal: u32) -> (usize, LocalEvent) {
        let (node, _) = self.expander().step_of(row, ordinal);
        let before: usize = row[..node].iter().map(|&site| self.sites.steps(site).len()).sum();
        let mut place = ordinal as usize - before;
        let mut events = Vec::new();
        self.sites.events(row[node], &mut events);
        for event in events {
            if matches!(self.sites.effect(row[node], event), Effect::Step(_)) {
                if place == 0 {
                    return (node, event);
                }
                place -= 1;
            }
        }
        panic!("step {ordinal} of a state that has fewer");
    }

    /// The search result for an ending at the end of these steps.
    pub(super) fn outcome(&mut self, ending: Ending, ordinals: &[u32]) -> Outcome {
        let path = self.path(ordinals);
        self.outcome_at(ending, path)
    }

    /// The outcome that an ending at the end of this path is.
    pub(super) fn outcome_at(&self, ending: Ending, path: Path) -> Outcome {
        match ending {
            Ending::Failure(failure) => Outcome::Failed(Box::new(Failed {
                node: path.events.last().expect("a failing event").node(),
                failure: self.sites.handlers.failures[failure as usize].clone(),
                path,
            })),
            Ending::Run(row) => {
                let watch = self.watch.as_ref().expect("a monitor that is broken");
                Outcome::Violated(Box::new(Found {
                    property: watch.name().to_owned(),
                    broken: broken_run(Some(watch), &row).cloned(),
                    also_violated: self.also_violated(&row, None),
                    state: self.state_of(&row, path),
                }))
            }
            Ending::Row(row, Verdict::Broken(index, broken)) => {
                Outcome::Violated(Box::new(Found {
                    property: self.checks.name(index).to_owned(),
                    broken: Some(broken),
                    also_violated: self.also_violated(&row, Some(index)),
                    state: self.state_of(&row, path),
                }))
            }
            Ending::Row(row, Verdict::Goal(index)) => Outcome::GoalFound(Box::new(Found {
                property: self.checks.name(index).to_owned(),
                broken: None,
                also_violated: Vec::new(),
                state: self.state_of(&row, path),
            })),
            Ending::Row(_, Verdict::Open | Verdict::Pruned) => {
                panic!("a search does not end in a state that is neither goal nor violation")
            }
        }
    }

    /// Returns the violations in a row, except that of the reported invariant.
    fn also_violated(&self, row: &[u32], reported: Option<usize>) -> Vec<Violation> {
        let broken = self.checks.broken(&self.sites, &self.switches, self.nodes(row));
        let others = broken.into_iter().filter(|&(index, _)| Some(index) != reported);
        others
            .map(|(index, broken)| Violation::of(self.checks.name(index).to_owned(), broken))
            .collect()
    }

    /// Returns the result of a search that found nothing, given the limit that it reached, if any.
    pub(super) fn found_nothing(&self, limit: Option<Limit>) -> Outcome {
        let at_once = self.sites.work.limit_met();
        match (limit, at_once) {
            // A limit that the caller set must not hide one that it did not set.
            (None | Some(Limit::Depth(_) | Limit::States(_) | Limit::Probes(_)), Some(at_once)) => {
                Outcome::LimitReached(at_once)
            }
            (Some(limit), _) => Outcome::LimitReached(limit),
            (None, None) => Outcome::Exhausted,
        }
    }

    /// The part of the statistics that the tables know.
    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            handler_calls: self.sites.handlers.calls,
            node_states: self.sites.handlers.states.len() as u64,
            messages: self.sites.handlers.messages.len() as u64,
            monitor_states: self.watch.as_ref().map_or(0, |watch| watch.len() as u64),
            ..Statistics::default()
        }
    }

    /// Hints: the first message, in the order of nodes and messages, whose second delivery in a row
    /// changes the state again.
    pub(super) fn hints(&self) -> Vec<Hint> {
        let handlers = &self.sites.handlers;
        let mut hints: Vec<Hint> = self.endless.iter().cloned().collect();
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
        if let Some((state, Cause::Deliver(message), once, twice)) = again {
            let member = handlers.member_of(state);
            let show = |what, bytes| legible(handlers.steps.show(member, what, bytes, false));
            hints.push(Hint::NotIdempotent {
                node: handlers.address(member),
                message: show(Payload::Message, handlers.messages.bytes(message)),
                once: show(Payload::State, handlers.states.bytes(once)),
                twice: show(Payload::State, handlers.states.bytes(twice)),
            });
        }
        if handlers.sent_to_nobody > 0 {
            hints.push(Hint::SentToNobody { calls: handlers.sent_to_nobody });
        }
        hints
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.sites.memory_bytes()
            + self.checks.memory_bytes()
            + self.watch.as_ref().map_or(0, Watch::memory_bytes)
    }
}
