//! Search reports.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::state::State;
use crate::Address;
use crate::hosting::pure::StepFailure;
use crate::property::{CheckError, Violation};

/// How a search ended, and its statistics.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub result: SearchResult,
    /// The names of the [`sometimes`](super::Search::sometimes) properties that held in no state that was seen. After
    /// [`SearchResult::Exhausted`], no reachable state satisfies them. After any other result, that is not known.
    pub never_held: Vec<String>,
    /// The faults that the search chose from, each with its bound, in words.
    pub faults: Vec<String>,
    /// Its statistics.
    pub statistics: Statistics,
    /// Hints at behaviour that may be unintended but is not wrong.
    pub hints: Vec<Hint>,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchResult {
    /// Every reachable state was seen, and every invariant holds in all of them. Properties that must hold in at
    /// least one of them may be missing: see [`Report::never_held`].
    Exhausted,
    /// Nothing was searched, because the search has inconsistent settings. This is a mistake of its author
    /// and says nothing about the nodes.
    InvalidStart(String),
    /// A goal holds in a state.
    GoalFound(Box<FoundState>),
    /// A property does not hold.
    Violated(Box<FoundState>),
    /// A node's code failed.
    Failed(Box<HandlerFailure>),
    /// The search reached a limit without finding anything. Nothing is known about the rest.
    LimitReached(Limit),
}

impl SearchResult {
    /// The events that led to the finding, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Exhausted | Self::LimitReached(_) | Self::InvalidStart(_) => None,
            Self::GoalFound(found) | Self::Violated(found) => Some(found.path()),
            Self::Failed(failed) => Some(&failed.path),
        }
    }
}

/// A state that ended a search.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundState {
    /// The property's name.
    pub property: String,
    /// Why it does not hold; `None` for a goal.
    pub error: Option<CheckError>,
    /// The other invariants violated in this state, in the order in which they were added.
    pub also_violated: Vec<Violation>,
    /// The state, and the path to it.
    pub state: State,
}

impl FoundState {
    /// The events that led there, from the start.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.state.path
    }

    /// The violation, if it is one.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        Some(Violation::of(self.property.clone(), self.error.clone()?))
    }
}

/// A handler that failed, and the path to the failure.
#[derive(Clone, Debug, PartialEq)]
pub struct HandlerFailure {
    /// The node.
    pub node: Address,
    /// The failure.
    pub failure: StepFailure,
    /// The events that led there. The handler of the last one failed. There are none if a node failed as it
    /// started.
    pub path: Path,
}

/// The limit that ended a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// States at this depth were seen but not expanded.
    Depth(usize),
    /// This many states were seen.
    States(u64),
    /// This much time passed.
    Time(Duration),
    /// This much memory was in use, in bytes.
    Memory(usize),
    /// This many random walks were taken.
    #[serde(rename = "probes")]
    RandomWalks(u64),
    /// A client answered this many commands in one event. The search did not explore what its next
    /// commands would do.
    #[serde(rename = "commands-at-once")]
    CommandsPerEvent {
        /// The client.
        client: Address,
        /// The number of commands.
        commands: usize,
    },
    /// The same event brought a node into a new state this many times in a row, so the space may be
    /// infinite. A [`Hint::Diverges`] names the node and the event.
    #[serde(rename = "endless")]
    Diverges(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth(depth) => write!(f, "the depth limit of {depth} events"),
            Self::States(states) => write!(f, "the limit of {states} states"),
            Self::Time(time) => write!(f, "the time limit of {time:?}"),
            Self::Memory(bytes) => write!(f, "the memory limit of {} MiB", bytes >> 20),
            Self::RandomWalks(walks) => write!(f, "the limit of {walks} random walks"),
            Self::CommandsPerEvent { client, commands } => {
                write!(f, "the limit of {commands} commands that {client} answers in one event")
            }
            Self::Diverges(times) => {
                write!(f, "a node that reached a new state {times} times in a row")
            }
        }
    }
}

/// Statistics of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Distinct states, including the first.
    pub states: u64,
    /// The greatest length of a shortest path from the start to a state, in events.
    pub depth: usize,
    /// Events possible in the expanded states, including those that change nothing.
    pub transitions: u64,
    /// The number of these that were explored: they change something, and were not skipped by sleep
    /// sets.
    pub tried: u64,
    /// Handlers that were run, each distinct (state, event) counted once.
    pub handler_calls: u64,
    /// Distinct nodes' states.
    pub node_states: u64,
    /// Distinct messages.
    pub messages: u64,
    /// Distinct states of the monitor; zero without one.
    pub monitor_states: u64,
    /// The peak memory of the search's tables, in bytes.
    pub peak_bytes: usize,
    /// An upper bound for the probability that two distinct states have equal 64-bit fingerprints, and
    /// were taken for the same one. Zero if full states were compared.
    pub collision_bound: f64,
    /// How long it took. This affects no result.
    pub elapsed: Duration,
}

impl Statistics {
    /// Distinct states per second.
    #[must_use]
    pub fn states_per_second(&self) -> f64 {
        self.states as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// An upper bound on the probability that any two of this many random 64-bit fingerprints are
/// equal: the number of pairs times 2^-64.
pub(super) fn collision_bound(states: u64) -> f64 {
    let states = states as f64;
    (states * (states - 1.0) / 2.0 / 2_f64.powi(64)).clamp(0.0, 1.0)
}

/// Behaviour that may be unintended but is not wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// Delivering a message twice in a row changes the node's state the second time too.
    NotIdempotent {
        /// The node.
        node: Address,
        /// The message as text.
        message: String,
        /// The state after one delivery.
        once: String,
        /// The state after two.
        twice: String,
    },
    /// A node may diverge: each time the same event repeated, it reached a new state.
    #[serde(rename = "endless")]
    Diverges {
        /// The node.
        node: Address,
        /// The message that was delivered each time, as text; `None` if the node's oldest timer fired
        /// instead.
        message: Option<String>,
        /// How many times in a row.
        times: usize,
        /// The state before the repetitions.
        first: String,
        /// The state after them.
        last: String,
        /// How many timers were pending after them.
        timers: usize,
    },
}
