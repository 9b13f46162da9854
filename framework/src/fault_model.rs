//! Fault models: the failures that a system must survive, as a named value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The failures of messages and nodes that can occur.
///
/// A distributed system is concurrency plus partial failure. The first question about an algorithm
/// is which failures it must survive, so the answer is one named value with two axes and not a set
/// of switches. An engine may do anything that the model allows. In every model, links and nodes can
/// be cut off and reconnected.
///
/// Engines never compare models. They ask what a model allows, so that another model is another
/// answer in one place. A [`Scenario`](crate::simulate::Scenario) that asks for a fault which its model does not
/// allow is invalid, and so is such an action of an [`Explorer`](crate::Explorer).
///
/// Source: Cachin, Guerraoui, Rodrigues, *Introduction to Reliable and Secure Distributed
/// Programming* (2nd ed., 2011), chapter 2: fair-loss links and perfect (FIFO) links with crash-stop
/// processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FaultModel {
    /// What can happen to messages.
    pub network: NetworkModel,
    /// What can happen to nodes.
    pub nodes: NodeModel,
}

/// What can happen to messages between two nodes that stay up and connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NetworkModel {
    /// Messages are delayed, reordered, dropped and duplicated without bound.
    #[default]
    Unreliable,
    /// Messages take any time, but they arrive exactly once and in the order in which they were sent.
    ReliableInOrder,
}

/// What can happen to nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NodeModel {
    /// A node fails by stopping, and never comes back.
    #[default]
    FailStop,
}

impl FaultModel {
    /// An unreliable network with nodes that fail by stopping. The labs use this model.
    pub const UNRELIABLE_FAIL_STOP: Self =
        Self { network: NetworkModel::Unreliable, nodes: NodeModel::FailStop };
    /// A reliable network that keeps messages in order, with nodes that fail by stopping.
    pub const RELIABLE_IN_ORDER_FAIL_STOP: Self =
        Self { network: NetworkModel::ReliableInOrder, nodes: NodeModel::FailStop };

    const ALL: [Self; 2] = [Self::UNRELIABLE_FAIL_STOP, Self::RELIABLE_IN_ORDER_FAIL_STOP];

    /// Whether a message between connected nodes may never arrive.
    #[must_use]
    pub fn may_lose(self) -> bool {
        match self.network {
            NetworkModel::Unreliable => true,
            NetworkModel::ReliableInOrder => false,
        }
    }

    /// Whether a message may arrive more than once.
    #[must_use]
    pub fn may_duplicate(self) -> bool {
        match self.network {
            NetworkModel::Unreliable => true,
            NetworkModel::ReliableInOrder => false,
        }
    }

    /// Whether a message may arrive before one that was sent earlier on the same link.
    #[must_use]
    pub fn may_reorder(self) -> bool {
        match self.network {
            NetworkModel::Unreliable => true,
            NetworkModel::ReliableInOrder => false,
        }
    }

    /// Whether a node may crash.
    #[must_use]
    pub fn may_crash(self) -> bool {
        match self.nodes {
            NodeModel::FailStop => true,
        }
    }

    /// Whether a crashed node may start again.
    #[must_use]
    pub fn may_restart(self) -> bool {
        match self.nodes {
            NodeModel::FailStop => false,
        }
    }

    /// The model's name in files: `unreliable-fail-stop`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match (self.network, self.nodes) {
            (NetworkModel::Unreliable, NodeModel::FailStop) => "unreliable-fail-stop",
            (NetworkModel::ReliableInOrder, NodeModel::FailStop) => "reliable-in-order-fail-stop",
        }
    }
}

impl fmt::Display for FaultModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = match self.network {
            NetworkModel::Unreliable => "unreliable network",
            NetworkModel::ReliableInOrder => "reliable in-order network",
        };
        let nodes = match self.nodes {
            NodeModel::FailStop => "fail-stop nodes",
        };
        write!(f, "{network}, {nodes}")
    }
}

/// A text that names no fault model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault model `{0}`; fault models: {all}", all = FaultModel::ALL.map(FaultModel::name).join(", "))]
pub struct UnknownFaultModel(String);

impl FromStr for FaultModel {
    type Err = UnknownFaultModel;

    fn from_str(name: &str) -> Result<Self, UnknownFaultModel> {
        let found = Self::ALL.into_iter().find(|model| model.name() == name);
        found.ok_or_else(|| UnknownFaultModel(name.to_owned()))
    }
}

impl TryFrom<String> for FaultModel {
    type Error = UnknownFaultModel;

    fn try_from(name: String) -> Result<Self, UnknownFaultModel> {
        name.parse()
    }
}

impl From<FaultModel> for String {
    fn from(model: FaultModel) -> Self {
        model.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for model in FaultModel::ALL {
            assert_eq!(model.name().parse(), Ok(model));
            let json = serde_json::to_string(&model).expect("a string");
            assert_eq!(json, format!("\"{}\"", model.name()));
            assert_eq!(serde_json::from_str::<FaultModel>(&json).expect("a model"), model);
        }
        let error = "byzantine".parse::<FaultModel>().expect_err("it is not built yet");
        assert_eq!(
            error.to_string(),
            "unknown fault model `byzantine`; fault models: unreliable-fail-stop, reliable-in-order-fail-stop"
        );
    }

    #[test]
    fn a_model_says_what_it_allows() {
        let unreliable = FaultModel::UNRELIABLE_FAIL_STOP;
        assert_eq!(unreliable, FaultModel::default());
        assert!(unreliable.may_lose() && unreliable.may_duplicate() && unreliable.may_reorder());
        let in_order = FaultModel::RELIABLE_IN_ORDER_FAIL_STOP;
        assert!(!in_order.may_lose() && !in_order.may_duplicate() && !in_order.may_reorder());
        assert!(FaultModel::ALL.into_iter().all(|model| model.may_crash() && !model.may_restart()));
        // A search relies on this: if a copy may come at any time, it may overtake later messages.
        assert!(FaultModel::ALL.into_iter().all(|it| !it.may_duplicate() || it.may_reorder()));
    }
}
