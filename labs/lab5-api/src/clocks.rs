//! Vector clocks, and the state machine through which the tests use them.

use std::fmt::Debug;
use std::hash::Hash;

use faultlab::Application;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A vector clock: for each peer of a system, how many of its events are known.
pub trait VectorClock:
    Clone + Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Counts one more event of the peer with this index.
    fn tick(&mut self, peer: usize);

    /// Learns all that `other` knows: of each peer's events, as many as either of the two has counted.
    fn merge(&mut self, other: &Self);

    /// How what this clock knows relates to what `other` knows.
    fn relation(&self, other: &Self) -> Relation;

    /// The count of each peer's events.
    fn counts(&self) -> Vec<u64>;
}

/// How two clocks relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Relation {
    /// They have counted the same.
    Same,
    /// The other has counted all that this one has, and more.
    Before,
    /// This one has counted all that the other has, and more.
    After,
    /// Each has counted something that the other has not.
    Concurrent,
}

/// A command to several clocks, which are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClockCommand {
    /// The clock counts one more event of a peer.
    Tick {
        /// The clock.
        clock: usize,
        /// The peer.
        peer: usize,
    },
    /// One clock learns what another knows.
    Merge {
        /// The clock that learns.
        clock: usize,
        /// The other.
        other: usize,
    },
    /// How does what one clock knows relate to what another knows?
    Compare {
        /// The clock.
        clock: usize,
        /// The other.
        other: usize,
    },
}

/// What is answered to a [`ClockCommand`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClockAnswer {
    /// What the clock has counted after the command.
    Counts(Vec<u64>),
    /// The answer to a comparison.
    Is(Relation),
}

/// Several vector clocks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Clocks<C> {
    clocks: Vec<C>,
}

impl<C> Clocks<C> {
    /// These clocks.
    #[must_use]
    pub fn new(clocks: Vec<C>) -> Self {
        Self { clocks }
    }
}

impl<C: VectorClock> Application for Clocks<C> {
    type Command = ClockCommand;
    type Result = ClockAnswer;

    fn execute(&mut self, command: ClockCommand) -> ClockAnswer {
        let changed = match command {
            ClockCommand::Tick { clock, peer } => {
                self.clocks[clock].tick(peer);
                clock
            }
            ClockCommand::Merge { clock, other } => {
                let other = self.clocks[other].clone();
                self.clocks[clock].merge(&other);
                clock
            }
            ClockCommand::Compare { clock, other } => {
                return ClockAnswer::Is(self.clocks[clock].relation(&self.clocks[other]));
            }
        };
        ClockAnswer::Counts(self.clocks[changed].counts())
    }
}
