//! Traced runs: one run of a searched system, step by step, with all texts for a trace.
//!
//! A search keeps only ids. A traced run executes the same steps again and keeps the texts. It turns a
//! path found by a search into a [`Trace`], and it replays a saved trace ([`Replayable`]).

use super::disk::DiskOutcome;
use super::explorer::{Explorer, Finding};
use super::handlers::NodeEvent;
use super::path::{Action, Path, PathEvent};
use super::position::Followed;
use super::progress::{LeadsTo, Mark, RoundSoFar};
use super::report::SearchResult;
use super::settings::{link_is_cut, link_is_restored};
use super::trace_formatter::TraceFormatter;
use super::{Search, WORKLOAD_SEED};
use crate::Address;
use crate::hosting::Payload;
use crate::hosting::pure::PureSteps;
use crate::trace::causality::readable;
use crate::trace::replay::Replayable;
use crate::trace::{Ending, Engine, EventKind, Header, Origin, StoredItem, Trace, TraceEvent};

/// One run of the system of a search.
pub struct TracedRun<'s> {
    search: &'s Search,
    steps: &'s dyn PureSteps,
    formatter: TraceFormatter<'s>,
    /// Performs the events, once the nodes have started.
    pub(super) explorer: Option<Explorer<'s>>,
    choices: Vec<Choice>,
    /// The events that lead to the state from which the search started.
    before: Path,
    performed: usize,
    pub(super) ending: Option<Ending>,
    /// What every fair run must reach, if loops can be followed.
    pub(super) leads_to: Option<&'s LeadsTo>,
    /// The loop that is followed.
    pub(super) round: Option<RoundSoFar>,
}

/// An event that a replay can choose.
#[derive(Clone)]
enum Choice {
    /// An event at the node with this index.
    Event(usize, NodeEvent),
    /// An action on the path to the search's start state.
    Action(Action),
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
        TracedRun {
            search: self,
            steps,
            formatter: TraceFormatter::new(&self.system, self.fault_model, steps),
            explorer: None,
            choices: Vec::new(),
            before: self.before(),
            performed: 0,
            ending: None,
            leads_to: None,
            round: None,
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
    pub(super) fn header(&self, origin: &Origin) -> Header {
        Header::new(
            Engine::Search,
            origin,
            WORKLOAD_SEED,
            self.fault_model,
            self.system.drawing_order(),
        )
    }
}

impl<'s> TracedRun<'s> {
    /// Captures the nodes' output with each event: `printed` returns the output since its last call.
    /// Without this, no output is captured. Steps that check the contract run a handler twice, so their
    /// output appears twice.
    #[must_use]
    pub fn capturing(mut self, printed: impl FnMut() -> String + 's) -> Self {
        self.formatter.set_printed(printed);
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
        Some(self.trace_to(origin, path, ending))
    }

    /// The run along a path of this search, with this ending.
    #[must_use]
    pub fn trace_to(self, origin: &Origin, path: &Path, ending: Ending) -> Trace {
        let header = self.search.header(origin);
        // Where actions from outside belong is not visible in the events' causality. Stages stay in order anyway.
        let is_stage = |event: &PathEvent| match event {
            PathEvent::Outside(action) => matches!(action, Action::Stage { .. }),
            PathEvent::Interrupted { .. } => false,
            PathEvent::Deliver { .. } | PathEvent::Fire { .. } => true,
        };
        let is_reordered = path.events.iter().all(is_stage);
        let trace = Trace { header, events: self.events_of(path), ending: Some(ending) };
        if is_reordered { readable(&trace) } else { trace }
    }

    /// The events of a path of this system, from the start. Properties are not checked on the way.
    pub(super) fn events_of(mut self, path: &Path) -> Vec<TraceEvent> {
        let mut events = self.start_nodes();
        for event in &path.events {
            let followed = match &mut self.explorer {
                Some(explorer) if self.ending.is_none() => explorer.follow(event),
                _ => None,
            };
            let Some(followed) = followed else { break };
            events.extend(self.format(event, &followed));
        }
        events
    }

    /// Starts the nodes.
    fn start_nodes(&mut self) -> Vec<TraceEvent> {
        let explorer = Explorer::of_started_nodes(self.search, self.steps);
        let mut events = Vec::new();
        for start in &explorer.space().starts {
            let (started, failure) = self.formatter.events(explorer.space(), start);
            events.extend(started);
            if let Some(failure) = failure {
                let node = self.search.system.nodes()[start.node].address();
                self.ending = Some(Ending::Failed { reason: format!("{node} {failure}") });
                return events;
            }
        }
        if let Some(failed) = explorer.failure() {
            let reason = format!("{} {}", failed.node, failed.failure);
            self.ending = Some(Ending::Failed { reason });
            return events;
        }
        self.explorer = Some(explorer);
        if self.before.is_empty() {
            events.extend(self.restrict());
        }
        events
    }

    /// The trace events of an event that was just performed.
    fn format(&mut self, event: &PathEvent, followed: &Followed) -> Vec<TraceEvent> {
        let Some(explorer) = &self.explorer else { return Vec::new() };
        let (mut events, failure) = match (&followed.performed, event) {
            (Some(performed), _) => self.formatter.events(explorer.space(), performed),
            (None, PathEvent::Outside(action)) => {
                let events = self.formatter.action(action).into_iter().collect();
                self.formatter.note_action(action);
                (events, None)
            }
            (None, _) => (Vec::new(), None),
        };
        if let Some(failure) = failure.or_else(|| followed.failure.clone()) {
            let node = event.node().map_or_else(String::new, |node| format!("{node} "));
            self.ending = Some(Ending::Failed { reason: format!("{node}{failure}") });
        }
        self.performed += 1;
        if self.performed == self.before.len() {
            events.extend(self.restrict());
        }
        events
    }

    /// Checks the state, unless it comes before the state from which the search started.
    fn check(&mut self) {
        if self.ending.is_none()
            && self.performed >= self.before.len()
            && let Some(explorer) = &self.explorer
            && let Some(Finding::Violation(violation)) = explorer.finding()
        {
            self.ending = Some(Ending::Violated(violation));
        }
    }

    /// Applies the search's restrictions, and returns those that do not hold already, as crashes and network
    /// events.
    fn restrict(&mut self) -> Vec<TraceEvent> {
        let Some(explorer) = &mut self.explorer else { return Vec::new() };
        let restrictions = &self.search.restrictions;
        let before = explorer.restrict(restrictions.clone());
        let addresses = self.formatter.addresses();
        let crashed = (0..addresses.len())
            .filter(|&node| restrictions.is_crashed(node) && !before.is_crashed(node))
            .map(|node| EventKind::crash(addresses[node]));
        let changes = restrictions.describe(&before, &addresses).into_iter();
        let changes = changes.map(|change| EventKind::Network { change });
        crashed.chain(changes).map(|what| TraceEvent::new(None, what)).collect()
    }

    /// The next event of the path to the search's start state, if it is an action.
    fn next_action(&self) -> Option<Action> {
        let event = self.before.events.get(self.performed)?;
        let event = if let PathEvent::Interrupted { event, .. } = event { event } else { event };
        match event {
            PathEvent::Outside(action) => Some(action.clone()),
            _ => None,
        }
    }

    /// The action from outside that a saved event is, if it is one.
    fn action_of(
        &self,
        explorer: &Explorer<'_>,
        what: &EventKind,
    ) -> Result<Option<Action>, String> {
        let addresses = self.formatter.addresses();
        let place = |node: &Address| addresses.iter().position(|address| address == node);
        Ok(match what {
            EventKind::Command { node, value, command } => {
                let workload =
                    place(node).and_then(|at| self.search.system.nodes()[at].workload.as_ref());
                let state = explorer.state();
                let client = state.nodes.iter().find(|it| it.address == *node);
                let (Some(workload), Some(client)) = (workload, client) else { return Ok(None) };
                let given = client.results.len() as u64 + u64::from(client.is_waiting);
                if workload.count().is_none_or(|count| given < count) {
                    // The client driver gives this command, as soon as it can.
                    return Ok(None);
                }
                let read = workload.read_command(value);
                let command =
                    read.ok_or_else(|| format!("{node}'s command {command} is unknown"))?;
                Some(Action::Command { client: *node, command })
            }
            EventKind::Crash { node, .. } => Some(Action::Crash { node: *node }),
            EventKind::Restart { node, storage, .. } => {
                let outcome = self.outcome_of(explorer, *node, storage)?;
                Some(Action::Restart { node: *node, outcome })
            }
            EventKind::Start { node, .. } => Some(Action::Start { node: *node }),
            EventKind::Stage { title } => Some(Action::Stage { title: title.clone() }),
            EventKind::Lose { node, from, message, .. } => {
                let state = explorer.state();
                let inbox = state.nodes.iter().find(|it| it.address == *node).map(|it| &it.inbox);
                let shown = |bytes: &[u8]| {
                    let sender = place(from)?;
                    self.steps.show(sender, Payload::Message, bytes, false).ok()
                };
                let mut sent = inbox.into_iter().flatten().filter(|it| it.from == *from);
                let found = sent.find(|it| shown(&it.message).as_ref() == Some(message));
                let found = found.ok_or_else(|| {
                    format!("no message {message} from {from} to {node} is in the network")
                })?;
                let message = found.message.clone();
                Some(Action::Drop { from: *from, to: *node, message })
            }
            EventKind::Network { change } => {
                let links =
                    addresses.iter().flat_map(|&from| addresses.iter().map(move |&to| (from, to)));
                let mut actions = links.filter_map(|(from, to)| match change {
                    change if *change == link_is_cut(from, to) => Some(Action::Cut { from, to }),
                    change if *change == link_is_restored(from, to) => {
                        Some(Action::Restore { from, to })
                    }
                    _ => None,
                });
                let action = actions.next();
                Some(action.ok_or_else(|| format!("{change}, which is not so in this search"))?)
            }
            _ => None,
        })
    }

    /// What a crash leaves of a node's storage so that it finds the same as in a saved run; or at least, if it has written
    /// something else by now, what has the same fates.
    fn outcome_of(
        &self,
        explorer: &Explorer<'_>,
        node: Address,
        saved: &[StoredItem],
    ) -> Result<DiskOutcome, String> {
        let nodes = explorer.state().nodes;
        let Some(place) = nodes.iter().position(|it| it.address == node) else {
            return Ok(DiskOutcome::Lost);
        };
        let all = DiskOutcome::all(self.search.fault_model, &nodes[place].storage);
        let all: Vec<(Vec<StoredItem>, DiskOutcome)> =
            all.into_iter().map(|it| (self.formatter.found(place, &it), it)).collect();
        let find = |is_alike: &dyn Fn(&StoredItem, &StoredItem) -> bool| {
            let found = all.iter().find(|(found, _)| {
                found.len() == saved.len() && found.iter().zip(saved).all(|(a, b)| is_alike(a, b))
            });
            found.map(|(_, outcome)| outcome.clone())
        };
        find(&|a, b| (&a.value, a.fate) == (&b.value, b.fate))
            .or_else(|| find(&|a, b| a.fate == b.fate))
            .ok_or_else(|| format!("{node} restarts, and has not stored what it found there"))
    }

    /// The trace's kind of an event that a replay can choose.
    fn what(&self, explorer: &Explorer<'_>, choice: &Choice) -> Option<EventKind> {
        match choice {
            Choice::Event(node, event) => {
                Some(self.formatter.what(&explorer.space().table.handlers, *node, *event))
            }
            Choice::Action(action) => Some(self.formatter.action(action)?.what),
        }
    }
}

impl Replayable for TracedRun<'_> {
    fn start(&mut self) -> Vec<TraceEvent> {
        let events = self.start_nodes();
        self.check();
        events
    }

    fn enabled(&mut self) -> Vec<EventKind> {
        self.choices.clear();
        let Some(explorer) = &self.explorer else { return Vec::new() };
        if self.ending.is_some() {
            return Vec::new();
        }
        // In the order in which messages were sent and timers were set.
        let handlers = &explorer.space().table.handlers;
        let mut events = explorer.node_events();
        events.sort_by_cached_key(|&(node, event)| {
            (node, self.formatter.order(handlers, node, event))
        });
        let events = events.into_iter().map(|(node, event)| Choice::Event(node, event));
        let choices: Vec<Choice> = events.chain(self.next_action().map(Choice::Action)).collect();
        let described = choices.iter().map(|choice| self.what(explorer, choice));
        let (choices, whats) = choices
            .iter()
            .zip(described)
            .filter_map(|(choice, what)| Some((choice.clone(), what?)))
            .unzip();
        self.choices = choices;
        whats
    }

    fn perform(&mut self, choice: usize) -> Vec<TraceEvent> {
        let choice = self.choices[choice].clone();
        let Some(explorer) = &mut self.explorer else { return Vec::new() };
        let (event, followed) = match choice {
            Choice::Event(node, event) => explorer.happen(node, event),
            Choice::Action(action) => {
                let event = PathEvent::Outside(action);
                match explorer.follow(&event) {
                    Some(followed) => (event, followed),
                    None => return Vec::new(),
                }
            }
        };
        let events = self.format(&event, &followed);
        if let Some(performed) = &followed.performed {
            self.note_in_round(performed);
        }
        self.check();
        events
    }

    fn interrupt(&mut self, choice: usize, after: u32) -> Result<Vec<TraceEvent>, String> {
        let choice = self.choices[choice].clone();
        let Some(explorer) = &mut self.explorer else { return Ok(Vec::new()) };
        let event = match choice {
            Choice::Event(node, event) => explorer.space().table.handlers.path_event(node, event),
            Choice::Action(action) => PathEvent::Outside(action),
        };
        let event = PathEvent::Interrupted { event: Box::new(event), after };
        let Some(followed) = explorer.follow(&event) else {
            return Err(format!("{}, which is not possible now", explorer.text(&event)));
        };
        let events = self.format(&event, &followed);
        self.check();
        Ok(events)
    }

    fn act(&mut self, saved: &TraceEvent) -> Result<Vec<TraceEvent>, String> {
        if let Some(mark) = Mark::of(&saved.what) {
            self.mark(&mark)?;
            return Ok(vec![TraceEvent::new(None, saved.what.clone())]);
        }
        let Some(explorer) = &self.explorer else { return Ok(Vec::new()) };
        let Some(action) = self.action_of(explorer, &saved.what)? else { return Ok(Vec::new()) };
        if let Action::Cut { from, to } = &action
            && explorer.is_blocked(*from, *to)
        {
            // A trace from a time when each blocked link had a line of its own.
            return Ok(vec![TraceEvent::new(None, saved.what.clone())]);
        }
        let event = PathEvent::Outside(action);
        let event = match saved.interrupted_after {
            Some(after) => PathEvent::Interrupted { event: Box::new(event), after },
            None => event,
        };
        let text = explorer.text(&event);
        if self.performed < self.before.len() {
            return Err(format!(
                "{text}, which the run to the search's start state does not have here"
            ));
        }
        if let Some(obstacle) = explorer.obstacle(&event) {
            return Err(format!("{text}, which cannot happen now: {obstacle}"));
        }
        let Some(explorer) = &mut self.explorer else { return Ok(Vec::new()) };
        let Some(followed) = explorer.follow(&event) else { return Ok(Vec::new()) };
        let events = self.format(&event, &followed);
        self.check();
        Ok(events)
    }

    fn ending(&mut self) -> Option<Ending> {
        self.ending.clone()
    }
}
