//! Progress: what every fair run must reach.
//!
//! A search shows that nothing bad can happen. This shows that something good *must*: that a run cannot go on for ever
//! without it. Of course it can if the network loses every message and timers never fire. So only **fair** runs count:
//!
//! - **A timer that stays set fires.**
//! - **A message that is sent again and again is delivered again and again**, unless its link is blocked or its receiver has
//!   crashed. One that is sent a finite number of times may be lost. Two messages are the same if their encodings are.
//! - A message that a node sends to itself is not lost. In a fault model that loses no messages, neither is any other.
//!
//! This is weak fairness of timers, and strong fairness of messages. Nothing else is taken for granted: not in which order
//! events happen, nor how often, nor that a duplicate ever stops coming.
//!
//! # The algorithm
//!
//! In a finite state space, a run that goes on for ever visits some states again and again, and they form a strongly
//! connected component of the graph of states. So the graph is built ([`graph`]), as far as the property has not been
//! reached, and each component is examined ([`fair`]): can a run stay in it for ever, and be fair? A timer that is set in
//! all its states must fire on one of its edges. A message that is sent on one of its edges must be delivered on another;
//! if it is not, the edges that send it are removed, and what is left is examined again. A component that remains gives a
//! counterexample, a *lasso* ([`lasso`]): a way there, and a loop that repeats for ever.
//!
//! A lasso is a counterexample even if the graph was not built to its end. Without a lasso, the answer is *inevitable* only
//! if it was.

mod explain;
mod fair;
mod graph;
mod lasso;
mod report;
mod traced;

use std::time::Instant;

pub use report::{Lasso, ProgressReport, ProgressResult};
pub(super) use traced::{Mark, RoundSoFar};

use super::Search;
use super::checks::Role;
use super::deadline::Deadline;
use super::report::{Limit, SearchResult, Statistics};
use super::state_space::{Setup, StartError, StateSpace};
use crate::hosting::Submission;
use crate::hosting::pure::PureSteps;
use crate::property::Property;
use graph::{Built, Graph};

/// The most states of a graph, if the search sets no limit.
pub(super) const STATES_MAX: u64 = 200_000;

/// What every fair run must reach.
///
/// ```
/// use faultlab::hosting::{Kind, Submission};
/// use faultlab::property::clients_done;
/// use faultlab::search::{LeadsTo, ProgressResult, Search};
/// use faultlab::workload::Workload;
/// use faultlab::{Address, System};
/// # use faultlab::{Client, Context, Node};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// # struct Hopeful { server: Address, answer: Option<u64> }
/// # impl Node for Hopeful {
/// #     type Message = u64;
/// #     type Timer = ();
/// #     fn on_message(&mut self, _: Address, answer: u64, _: &mut Context<Self>) { self.answer = Some(answer); }
/// # }
/// # impl Client for Hopeful {
/// #     type Command = u64;
/// #     type Result = u64;
/// #     fn send_command(&mut self, number: u64, ctx: &mut Context<Self>) { ctx.send(self.server, number); }
/// #     fn result(&self) -> Option<u64> { self.answer }
/// # }
/// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// # struct Echo;
/// # impl Node for Echo {
/// #     type Message = u64;
/// #     type Timer = ();
/// #     fn on_message(&mut self, from: Address, number: u64, ctx: &mut Context<Self>) { ctx.send(from, number); }
/// # }
/// // A client that asks once, and hopes.
/// let submission = Submission::new()
///     .with(Kind::node("server", |_, ()| Echo))
///     .with(Kind::client("client", |_, server| Hopeful { server, answer: None }));
/// let server = Address::new("server");
/// let system = System::new().node("server", server, &()).client(
///     "client",
///     Address::new("client1"),
///     &server,
///     Workload::<u64, u64>::of([1]),
/// );
/// let report = Search::new(system).progress(&submission, &LeadsTo::always(clients_done()));
/// let ProgressResult::Avoided(lasso) = &report.result else { panic!("it may be lost") };
/// assert!(lasso.explanation[0].contains("client1 waits for the result of command 1"));
/// ```
#[derive(Clone, Debug)]
pub struct LeadsTo {
    pub(super) from: Option<Property>,
    pub(super) to: Property,
}

impl LeadsTo {
    /// Every fair run reaches a state in which this holds.
    #[must_use]
    pub fn always(to: Property) -> Self {
        Self { from: None, to }
    }

    /// Whenever `from` holds in a fair run, `to` holds then or later.
    #[must_use]
    pub fn whenever(from: Property, to: Property) -> Self {
        Self { from: Some(from), to }
    }

    /// The property that must be reached.
    #[must_use]
    pub fn to(&self) -> &Property {
        &self.to
    }

    /// The property after which it must be reached, if not from the start on.
    #[must_use]
    pub fn from(&self) -> Option<&Property> {
        self.from.as_ref()
    }

    /// The name: "every fair run reaches: ...".
    #[must_use]
    pub fn name(&self) -> String {
        match &self.from {
            None => format!("every fair run gets there: {}", self.to.name()),
            Some(from) => {
                format!(
                    "every fair run gets from there ({}) to there: {}",
                    from.name(),
                    self.to.name()
                )
            }
        }
    }
}

impl Search {
    /// Checks what every fair run must reach, with the nodes in process. See [`Search::progress_with`].
    #[must_use]
    pub fn progress(&self, submission: &Submission, leads_to: &LeadsTo) -> ProgressReport {
        match crate::hosting::pure::LocalSteps::new(submission, self.system.descriptors()) {
            Ok(steps) => self.progress_with(&steps, leads_to),
            Err(failure) => {
                let failed = self.failed_to_start(failure);
                ProgressReport {
                    result: ProgressResult::Stopped(failed),
                    statistics: Statistics::default(),
                }
            }
        }
    }

    /// Checks what every fair run must reach; `steps` computes the nodes' steps.
    ///
    /// The search's invariants and its monitor are checked in every state on the way, and its restrictions apply. A run is
    /// not followed from a state in which a prune holds, as if it had reached what it must. Goals and *sometimes*
    /// properties play no role. Nodes that may start again ([`Search::may_restart`]) make the search invalid: what such nodes
    /// owe is not defined here. All states are kept in memory: [`Search::states_max`] is 200,000 unless it is set.
    ///
    /// # Panics
    /// If `steps` are of other nodes.
    #[must_use]
    pub fn progress_with(&self, steps: &dyn PureSteps, leads_to: &LeadsTo) -> ProgressReport {
        let started = Instant::now();
        let stopped = |result| ProgressReport {
            result: ProgressResult::Stopped(result),
            statistics: Statistics::default(),
        };
        let properties = self.properties.iter();
        let properties =
            properties.filter(|(role, _)| matches!(role, Role::Invariant | Role::Prune)).cloned();
        let setup = Setup { properties: properties.collect(), ..self.setup(steps) };
        let mut space = match StateSpace::new(setup) {
            Ok(space) => space,
            Err(StartError::Failed(failed)) => return stopped(SearchResult::Failed(failed)),
            Err(error) => return stopped(SearchResult::InvalidStart(error.to_string())),
        };
        if self.restrictions.may_restart_any() {
            let why = "progress is not checked where nodes may crash and start again";
            return stopped(SearchResult::InvalidStart(why.to_owned()));
        }
        space.table.handlers.deadline = Deadline::after(self.limits.time);
        let (result, statistics) = check(&mut space, leads_to, &self.limits);
        let statistics = Statistics {
            peak_bytes: space.memory_bytes(),
            elapsed: started.elapsed(),
            ..statistics
        };
        ProgressReport { result, statistics }
    }
}

/// Builds the graph, and looks for a fair run that stays where the property does not hold.
fn check(
    space: &mut StateSpace<'_>,
    leads_to: &LeadsTo,
    limits: &super::settings::Limits,
) -> (ProgressResult, Statistics) {
    let mut graph = Graph::new(space.width);
    let built = graph.build(space, leads_to, limits);
    let mut statistics = space.statistics();
    statistics.states = graph.len() as u64;
    statistics.depth = graph.depth();
    statistics.transitions = graph.edge_count();
    statistics.tried = statistics.transitions;
    let limit = match built {
        Built::Complete => None,
        Built::Limit(limit) => Some(limit),
        Built::Found(result) => return (ProgressResult::Stopped(*result), statistics),
    };
    let undecided = graph.undecided(leads_to);
    let result = match fair::component(space, &graph, &undecided) {
        Some(component) => {
            let lasso = lasso::of(space, &graph, &component);
            ProgressResult::Avoided(Box::new(explain::lasso(space, &graph, &lasso, leads_to)))
        }
        None => match limit.or_else(|| space.table.drivers.limit_met()) {
            Some(limit) => ProgressResult::Stopped(SearchResult::LimitReached(limit)),
            None => ProgressResult::Inevitable,
        },
    };
    (result, statistics)
}

/// The limit on states.
fn states_max(limits: &super::settings::Limits) -> u64 {
    limits.states.unwrap_or(STATES_MAX)
}

/// The limit of states as a result.
fn too_many(limits: &super::settings::Limits) -> Limit {
    Limit::States(states_max(limits))
}
