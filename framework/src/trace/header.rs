//! Headers: what ran, and how to run it again.

use serde::{Deserialize, Serialize};

use super::{Reduction, VERSION};
use crate::{Address, FaultModel};

/// What ran, and how to run it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format's version, [`VERSION`]. Reading a file of an earlier version converts it.
    pub version: u32,
    /// The engine that produced the run.
    pub engine: Engine,
    /// The lab, such as `lab1`; empty for a run outside a lab.
    pub lab: String,
    /// The test's number, such as `2.4`; empty for a run outside a suite.
    pub test: String,
    /// The test's title.
    pub title: String,
    /// The run's seed; for a search, the seed of its workloads and random walks.
    pub seed: u64,
    /// The failures that were allowed: the [name](FaultModel::name) of a fault model. A trace of a
    /// model that this library does not know can still be read.
    pub fault_model: String,
    /// The nodes at the start, clients first, in drawing order.
    pub nodes: Vec<Address>,
    /// For a shrunk run: what it leaves out of its test's scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduction: Option<Reduction>,
}

impl Header {
    /// The header of a run with this seed, in the format's present version. The nodes are those at the start, in
    /// the order in which they are drawn: see [`System::drawing_order`](crate::System::drawing_order).
    #[must_use]
    pub fn new(
        engine: Engine,
        origin: &Origin,
        seed: u64,
        fault_model: FaultModel,
        nodes: Vec<Address>,
    ) -> Self {
        let Origin { lab, test, title } = origin.clone();
        Self {
            version: VERSION,
            engine,
            lab,
            test,
            title,
            seed,
            fault_model: fault_model.into(),
            nodes,
            reduction: None,
        }
    }

    /// The fault model, if this library knows it.
    #[must_use]
    pub fn known_fault_model(&self) -> Option<FaultModel> {
        self.fault_model.parse().ok()
    }
}

/// The test that a run belongs to; empty for a run outside a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The lab, such as `lab1`.
    pub lab: String,
    /// The test's number, such as `2.4`.
    pub test: String,
    /// The test's title.
    pub title: String,
}

/// An engine, which produces runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// A seeded run in virtual time.
    Simulate,
    /// A path found by the model checker.
    Search,
    /// A run in real time.
    Deploy,
}
