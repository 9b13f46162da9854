//! Part 1: vector clocks.

use lab5_api::{Relation, VectorClock};
use serde::{Deserialize, Serialize};

/// For each peer, how many of its events are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clock {
    counts: Vec<u64>,
}

impl Clock {
    /// The clock that has counted nothing, of a system with so many peers.
    pub fn new(peers: usize) -> Self {
        Self { counts: vec![0; peers] }
    }

    /// How many events of a peer it has counted.
    pub fn count(&self, peer: usize) -> u64 {
        self.counts[peer]
    }
}

impl VectorClock for Clock {
    fn tick(&mut self, peer: usize) {
        self.counts[peer] += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count = (*count).max(*other);
        }
    }

    fn relation(&self, other: &Self) -> Relation {
        let pairs = || self.counts.iter().zip(&other.counts);
        let knows_less = pairs().any(|(mine, theirs)| mine < theirs);
        let knows_more = pairs().any(|(mine, theirs)| mine > theirs);
        match (knows_less, knows_more) {
            (false, false) => Relation::Same,
            (true, false) => Relation::Before,
            (false, true) => Relation::After,
            (true, true) => Relation::Concurrent,
        }
    }

    fn counts(&self) -> Vec<u64> {
        self.counts.clone()
    }
}
