//! What a shrunk run leaves out of its test's scenario.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Address;

/// What a run leaves out of its scenario. The run is one of the scenario without these parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reduction {
    /// How many events the run had from which this one was shrunk.
    pub events: usize,
    /// The clients that it leaves out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub clients: BTreeSet<Address>,
    /// For a client that keeps only some of its commands: their indices in its workload, in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<Address, Vec<u64>>,
    /// The interventions that it leaves out, by their indices in the scenario.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub interventions: BTreeSet<usize>,
}
