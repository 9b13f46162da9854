//! Search reports.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::state::State;
use crate::Address;
use crate::hosting::pure::StepFailure;
use crate::property::{CheckError, Violation};

/// How a search ended, and what it cost.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub result: SearchResult,
    /// How much it saw.
    pub statistics: Statistics,
    /// Observations that are not errors but may deserve attention.
    pub hints: Vec<Hint>,
}

/// How a search ended. None of these can be mistaken for another.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchResult {
    /// Every reachable state was seen, and every property holds in all of them.
    Exhausted,
    /// Nothing was searched: the search was set up inconsistently. This is an error of the search's
    /// author and says nothing about the nodes.
    InvalidStart(String),
    /// A goal holds in a state.
    GoalFound(Box<FoundState>),
    /// A property does not hold.
    Violated(Box<FoundState>),
    /// A node's code failed.
    Failed(Box<HandlerFailure>),
    /// The search hit a limit without finding anything. What lies beyond is unknown.
    LimitReached(Limit),
}

impl SearchResult {
    /// The events that led to what was found, if something was.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Exhausted | Self::LimitReached(_) | Self::InvalidStart(_) => None,
            Self::GoalFound(found) | Self::Violated(found) => Some(found.path()),
            Self::Failed(failed) => Some(&failed.path),
        }
    }
}

/// A state that ended a search, and how it was reached.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundState {
    /// The property's name.
    pub property: String,
    /// Why it does not hold; for a goal, nothing.
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

    /// The violation in words, if it is one.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        Some(Violation::of(self.property.clone(), self.error.clone()?))
    }
}

/// A handler that failed, and how that was reached.
#[derive(Clone, Debug, PartialEq)]
pub struct HandlerFailure {
    /// The node.
    pub node: Address,
    /// What went wrong.
    pub failure: StepFailure,
    /// The events that led there. The last one is the one whose handler failed, unless the node
    /// failed as it started: then there are none.
    pub path: Path,
}

/// The limit that ended a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// States at this depth were seen and not followed.
    Depth(usize),
    /// This many states were seen.
    States(u64),
    /// This much time had passed.
    Time(Duration),
    /// This much memory was in use, in bytes.
    Memory(usize),
    /// This many random probes were run.
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
            Self::RandomWalks(probes) => write!(f, "the limit of {probes} random walks"),
            Self::CommandsPerEvent { client, commands } => {
                write!(f, "the limit of {commands} commands that {client} answers in one event")
            }
            Self::Diverges(times) => {
                write!(f, "a node that reached a new state {times} times in a row")
            }
        }
    }
}

/// How much a search saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Distinct states, the first one included.
    pub states: u64,
    /// The greatest number of events from the start to a state, on the shortest way.
    pub depth: usize,
    /// Events possible in the expanded states, including those that change nothing.
    pub transitions: u64,
    /// Of these, the ones explored: they change something, and no other order of the same events
    /// was explored instead.
    pub tried: u64,
    /// Handlers that were run, each distinct (state, event) counted once.
    pub handler_calls: u64,
    /// Distinct nodes' states.
    pub node_states: u64,
    /// Distinct messages.
    pub messages: u64,
    /// Distinct states of the monitor; zero without one.
    pub monitor_states: u64,
    /// The most memory that the search's tables held, in bytes.
    pub peak_bytes: usize,
    /// An upper bound for the probability that two states were taken for one because their 64-bit
    /// fingerprints are equal. Zero when full states were compared.
    pub collision_bound: f64,
    /// How long it took. Affects no result.
    pub elapsed: Duration,
}

impl Statistics {
    /// Distinct states a second.
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

/// Something that is not an error but may deserve attention.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// Delivering a message twice in a row changes the node's state the second time too.
    NotIdempotent {
        /// The node.
        node: Address,
        /// The message, as its type shows it.
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
        /// The message that was delivered each time, as its type shows it; `None` when it was the node's
        /// oldest timer that fired.
        message: Option<String>,
        /// How many times.
        times: usize,
        /// The state before.
        first: String,
        /// The state after all of them.
        last: String,
        /// How many timers were pending then.
        timers: usize,
    },
    /// Messages were sent to an address without a node.
    #[serde(rename = "sent-to-nobody")]
    Undeliverable {
        /// In how many distinct handler calls.
        calls: u64,
    },
}
