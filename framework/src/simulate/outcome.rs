//! Outcomes of simulated runs.

use serde::{Deserialize, Serialize};

use super::validate::ScenarioError;
use crate::Address;
use crate::hosting::{NodeFailure, UnknownAddress};
use crate::property::Violation;

/// The result of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the run satisfied its properties. If several are violated at the end, this is the first of
    /// them.
    pub verdict: Verdict,
    /// The other violations at the end of the run, in the order of the properties.
    pub also_violated: Vec<Violation>,
    /// A hash of everything that happened. If two runs of one scenario and seed have different digests,
    /// the nodes are not deterministic.
    pub digest: u64,
    /// Steps that nodes took.
    pub steps: u64,
    /// Virtual time at the end, in nanoseconds.
    pub time_ns: u64,
    /// Messages given to the network.
    pub sent: u64,
    /// Messages handled, copies included.
    pub delivered: u64,
    /// Handled messages that were late: second copies, or messages overtaken on the same link.
    pub late: u64,
}

/// Whether a run satisfied its properties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every property held.
    Held,
    /// A property was violated.
    Violated(Violation),
    /// A property could not be decided within its limits. This is not a pass.
    Undecided {
        /// The property's name.
        property: String,
        /// Why.
        reason: String,
    },
    /// The run failed.
    Failed(RunFailure),
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum RunFailure {
    /// The scenario is invalid. No node was constructed, so this says nothing about the nodes' code.
    #[error("the scenario is invalid: {0}")]
    Scenario(ScenarioError),
    /// A node's code failed.
    #[error("{node}'s {handler} {failure}")]
    Node {
        /// The node.
        node: Address,
        /// The handler: `on_message`, `the constructor`.
        handler: String,
        /// How it failed.
        failure: NodeFailure,
    },
    /// A node sent a message to an address at which there never was a node.
    #[error("{from} {unknown}")]
    UnknownAddress {
        /// The sender.
        from: Address,
        /// The address, and the message.
        unknown: UnknownAddress,
    },
    /// A node or the run exceeded a limit.
    #[error("{who} {what}: more than the limit of {limit}")]
    TooMuch {
        /// The handler, or the nodes.
        who: String,
        /// What it did; completes a sentence with `who`.
        what: String,
        /// The limit.
        limit: u64,
    },
}

impl RunFailure {
    /// Whether the scenario is invalid, so that the run says nothing about the nodes' code.
    #[must_use]
    pub fn is_of_scenario(&self) -> bool {
        matches!(self, Self::Scenario(_))
    }
}

impl Verdict {
    /// Whether every property held.
    #[must_use]
    pub fn held(&self) -> bool {
        matches!(self, Self::Held)
    }
}
