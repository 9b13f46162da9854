//! Near misses: how near a search came to a goal that it did not reach, and what was in the way.
//!
//! The search runs again and counts, in every state, what its [`Measure`] counts. Of the states with the highest count,
//! the deepest is the nearest: as much as possible has happened there. From it, a second search looks for the
//! goal with nothing blocked, crashed or pruned. If it finds a way, the first event on it that the search could
//! not take, or the first state from which it did not go on, is what was in the way.

use std::fmt;
use std::sync::Arc;

use super::breadth_first::BreadthFirst;
use super::checks::Role;
use super::explorer::{Explorer, Obstacle};
use super::path::{Action, Path, PathEvent};
use super::report::SearchResult;
use super::state::State;
use super::state_space::StateSpace;
use super::{Search, settings};
use crate::hosting::pure::PureSteps;
use crate::property::{CheckError, View, Violation};
use crate::{Address, parallel};

/// The most states of the search for a way from the nearest state to the goal.
const STATES_MAX: u64 = 100_000;

/// What is counted in a state to say how near it is to a goal: the more, the nearer.
#[derive(Clone)]
pub struct Measure {
    name: String,
    count: Arc<Count>,
}

/// Counts in a state.
type Count = dyn Fn(&mut dyn View) -> Result<u64, CheckError> + Send + Sync;

impl Measure {
    /// A measure. `name` says what is counted: "commands answered", "servers in view 2". A state in which `count` fails
    /// counts as 0. `count` may depend on the state of the system only.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        count: impl Fn(&mut dyn View) -> Result<u64, CheckError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), count: Arc::new(count) }
    }

    /// How many commands of clients are answered.
    #[must_use]
    pub fn commands_answered() -> Self {
        Self::new("commands answered", |view| {
            let clients = view.clients().into_iter();
            let answered = clients.map(|client| {
                view.operations(client).iter().filter(|it| it.result.is_some()).count() as u64
            });
            Ok(answered.sum())
        })
    }

    /// The count in a state.
    pub(super) fn of(&self, view: &mut dyn View) -> u64 {
        (self.count)(view).unwrap_or_default()
    }
}

/// How near a search came to a goal that it did not reach.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMiss {
    /// The nearest state, and the path to it.
    pub state: State,
    /// What the measure counts.
    pub measure: String,
    /// What it counted there, which is the most.
    pub count: u64,
    /// How many events lead from the search's start to the nearest state.
    pub events: usize,
    /// For each goal, why it does not hold there.
    pub missing: Vec<Violation>,
    /// What was in the way.
    pub barrier: Barrier,
}

/// What was between the nearest state and a goal.
#[derive(Clone, Debug, PartialEq)]
pub enum Barrier {
    /// An event that is not possible.
    Event {
        /// The event in words.
        event: String,
        /// Why it is not possible.
        obstacle: Obstacle,
        /// How many events after the nearest state it would come.
        after: usize,
    },
    /// The search does not go on from a state in which this prune holds.
    Prune {
        /// The prune's name.
        prune: String,
        /// How many events after the nearest state it holds.
        after: usize,
    },
    /// Even if no link, node or timer was blocked, nothing would lead to a goal from there. What would was never sent
    /// or set.
    NeverSent,
    /// That was not found out: there are too many states.
    Unknown,
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { measure, count, events, missing, barrier, .. } = self;
        write!(f, "the nearest state is {events} events away ({measure}: {count})")?;
        for (index, violation) in missing.iter().enumerate() {
            let Violation { property, expected, seen, .. } = violation;
            let so = if index == 0 { ". There, it does not hold that" } else { ", nor that" };
            write!(f, "{so} {property}: expected {expected}; {seen}")?;
        }
        write!(f, ". {barrier}")
    }
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let later = |after: &usize| match after {
            0 => "Next".to_owned(),
            1 => "After one more event".to_owned(),
            after => format!("After {after} more events"),
        };
        match self {
            Self::Event { event, obstacle, after } => {
                write!(f, "{}, this is needed and cannot happen: {event} ({obstacle})", later(after))
            }
            Self::Prune { prune, after } => {
                write!(f, "{}, the search does not go on, because it holds that {prune}", later(after))
            }
            Self::NeverSent => f.write_str(
                "From there, nothing leads on, whichever messages arrive and timers fire: what is needed was never \
                 sent",
            ),
            Self::Unknown => f.write_str("What is needed next was not found out"),
        }
    }
}

impl Search {
    /// Whether this search, if it began after the events `before` and has chosen `since`, may choose this crash or restart.
    /// It may choose any other event.
    fn may_choose(&self, before: &[PathEvent], since: &[PathEvent], event: &PathEvent) -> bool {
        let place = |event: &PathEvent| event.node().map(|node| self.node_index(node));
        let Some(node) = place(event) else { return true };
        let is_restart =
            |event: &PathEvent| matches!(event, PathEvent::Outside(Action::Restart { .. }));
        match event {
            _ if is_restart(event) => return self.restrictions.may_restart(node),
            _ if !event.is_crash() => return true,
            PathEvent::Interrupted { .. } if !self.restrictions.may_restart(node) => return false,
            _ => {}
        }
        let mut now = self.restrictions.clone();
        let path = Path { events: before.iter().chain(since).cloned().collect() };
        now.follow(&path, |node| self.node_index(node));
        let crashes = |node| {
            let crashes = since.iter().filter(|event| event.is_crash());
            crashes.filter(|event| place(event) == Some(node)).count() as u32
        };
        let is_mortal = now.is_mortal(node) || now.is_down(node) && now.may_restart(node);
        is_mortal && now.allows_crash(node, |_| false, crashes)
    }

    /// What is between the start of this search and its goals, which it does not reach: a node that has not started, or
    /// nothing.
    fn barrier_of_absence(&self, steps: &dyn PureSteps) -> Barrier {
        let absent = self.restrictions.absent().map(|node| self.system.nodes()[node].address());
        let absent: Vec<Address> = absent.collect();
        let Some(&first) = absent.first() else { return Barrier::NeverSent };
        let Ok(mut explorer) = Explorer::new(self, steps) else { return Barrier::Unknown };
        if absent.iter().any(|&node| explorer.start(node).is_err()) {
            return Barrier::Unknown;
        }
        match self.going_on_from(explorer.state()).run_with(steps).result {
            SearchResult::GoalFound(_) => {
                let event = explorer.text(&PathEvent::Outside(Action::Start { node: first }));
                Barrier::Event { event, obstacle: Obstacle::NotStarted(first), after: 0 }
            }
            SearchResult::Exhausted => Barrier::NeverSent,
            _ => Barrier::Unknown,
        }
    }
}

/// The nearest state so far, as a search finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nearest {
    pub(super) count: u64,
    /// Its depth, and how it was reached: the number of the state before it among those at the depth before, and the
    /// step. `None` for the first state.
    pub(super) depth: usize,
    pub(super) origin: Option<(u64, u32)>,
}

impl Nearest {
    /// The nearer of two states. The first one, if they are equally near.
    pub(super) fn or(self, later: Self) -> Self {
        if (later.count, later.depth) > (self.count, self.depth) { later } else { self }
    }
}

impl Search {
    /// Says how near a state is to this search's goal, in case that the goal is not reached. The default is
    /// [`Measure::commands_answered`].
    #[must_use]
    pub fn measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }

    /// Searches again for the state that comes nearest to the goals, and for what keeps it from them. `None` if there is
    /// no goal, one is reached, or something does not hold. `steps` computes the nodes' steps.
    ///
    /// # Panics
    /// If `steps` are of other nodes.
    #[must_use]
    pub fn near_miss_with(&self, steps: &dyn PureSteps) -> Option<NearMiss> {
        let has_role = |it: Role| move |&&(role, _): &&(Role, _)| role == it;
        self.properties.iter().find(has_role(Role::Goal))?;
        let mut space = StateSpace::new(self.setup(steps)).ok()?;
        let (count, state) = parallel::with_threads(self.threads, || {
            BreadthFirst::new(&mut space, &self.limits, self.all_orders, self.exact)
                .nearest(&self.measure)
        })?;
        let events = state.path.len() - self.before().len();
        let here = self.going_on_from(state.clone());
        let explorer = Explorer::new(&here, steps).ok()?;
        let goals = explorer.check().into_iter().filter(|check| check.role == Role::Goal);
        let missing = goals
            .filter_map(|goal| Some(Violation::of(goal.property, goal.result.err()?)))
            .collect();
        let barrier = here.barrier(steps, explorer, self.before().len());
        let measure = self.measure.name.clone();
        Some(NearMiss { state, measure, count, events, missing, barrier })
    }

    /// The same search from a state that it reached.
    fn going_on_from(&self, state: State) -> Self {
        Self { stage: None, ..self.clone() }.start_from(state)
    }

    /// What is between the start of this search, where the explorer is, and its goals. The search that led there began
    /// after so many events.
    fn barrier(&self, steps: &dyn PureSteps, mut explorer: Explorer<'_>, begun: usize) -> Barrier {
        let is_client = |node: usize| self.system.nodes()[node].workload.is_some();
        let may_come_back = |node| self.fault_model.may_restart() && !is_client(node);
        let mut free = Self {
            restrictions: self.restrictions.lifted(may_come_back),
            monitor: None,
            limits: settings::Limits { states: Some(STATES_MAX), ..settings::Limits::default() },
            ..self.clone()
        };
        free.properties.retain(|(role, _)| *role == Role::Goal);
        let found = match free.run_with(steps).result {
            SearchResult::GoalFound(found) => found,
            SearchResult::Exhausted => return free.barrier_of_absence(steps),
            _ => return Barrier::Unknown,
        };
        let way = &found.path().events[self.before().len()..];
        for (after, event) in way.iter().enumerate() {
            let out_of_bounds = || {
                let path = explorer.path();
                let is_chosen =
                    self.may_choose(&path.events[..begun], &path.events[begun..], event);
                (!is_chosen).then_some(Obstacle::NotChosen)
            };
            if let Some(obstacle) = explorer.obstacle(event).or_else(out_of_bounds) {
                return Barrier::Event { event: explorer.text(event), obstacle, after };
            }
            let pruned = explorer
                .check()
                .into_iter()
                .find(|check| check.role == Role::Prune && check.result.is_ok());
            if let Some(prune) = pruned {
                return Barrier::Prune { prune: prune.property, after };
            }
            if explorer.perform(event).is_err() {
                return Barrier::Unknown;
            }
        }
        Barrier::Unknown
    }
}
