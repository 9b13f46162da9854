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
    /// A node crashes and may start again, without its memory and its timers. A [`Durable`](crate::Durable) node finds
    /// what it had stored: its record, and the entries of its log that were synced, with some of the first entries after
    /// them. Any other node starts as new. Messages in flight stay in flight.
    CrashRecovery,
    /// The same, and a crash may leave the entries of the log that were not synced in another order, with gaps, or with
    /// the last one torn.
    CrashRecoveryTornWrites,
    /// The same, and a disk may lose everything, or corrupt what was stored.
    CrashRecoveryFaultyDisk,
}

/// What can happen to a node's stable storage, by the time it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFault {
    /// No entry that was not synced is left. Without this, some of them may be: the first ones.
    UnsyncedLost,
    /// Some of the entries that were not synced are left, in any order.
    UnsyncedReordered,
    /// All entries that were not synced are left, but only a part of the last one was written. The rest of it reads as
    /// zeros.
    TornWrite,
    /// A byte of the record or of an entry has changed.
    Corrupted,
    /// Nothing is left.
    Lost,
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsyncedLost => "loses all entries that were not synced",
            Self::UnsyncedReordered => "reorders entries that were not synced",
            Self::TornWrite => "tears the last entry that was not synced",
            Self::Corrupted => "corrupts a byte",
            Self::Lost => "is lost",
        })
    }
}

impl FaultModel {
    /// An unreliable network with nodes that fail by stopping. The labs use this model.
    pub const UNRELIABLE_FAIL_STOP: Self =
        Self { network: NetworkModel::Unreliable, nodes: NodeModel::FailStop };
    /// A reliable network that keeps messages in order, with nodes that fail by stopping.
    pub const RELIABLE_IN_ORDER_FAIL_STOP: Self =
        Self { network: NetworkModel::ReliableInOrder, nodes: NodeModel::FailStop };

    /// An unreliable network with nodes that crash and may start again, from sound disks.
    pub const UNRELIABLE_CRASH_RECOVERY: Self =
        Self { network: NetworkModel::Unreliable, nodes: NodeModel::CrashRecovery };
    /// An unreliable network with nodes that crash and may start again, from disks that tear writes.
    pub const UNRELIABLE_CRASH_RECOVERY_TORN_WRITES: Self =
        Self { network: NetworkModel::Unreliable, nodes: NodeModel::CrashRecoveryTornWrites };
    /// An unreliable network with nodes that crash and may start again, from disks that may fail.
    pub const UNRELIABLE_CRASH_RECOVERY_FAULTY_DISK: Self =
        Self { network: NetworkModel::Unreliable, nodes: NodeModel::CrashRecoveryFaultyDisk };

    const ALL: [Self; 8] = {
        const fn with(network: NetworkModel, nodes: NodeModel) -> FaultModel {
            FaultModel { network, nodes }
        }
        use NetworkModel::{ReliableInOrder, Unreliable};
        use NodeModel::{
            CrashRecovery, CrashRecoveryFaultyDisk, CrashRecoveryTornWrites, FailStop,
        };
        [
            with(Unreliable, FailStop),
            with(ReliableInOrder, FailStop),
            with(Unreliable, CrashRecovery),
            with(ReliableInOrder, CrashRecovery),
            with(Unreliable, CrashRecoveryTornWrites),
            with(ReliableInOrder, CrashRecoveryTornWrites),
            with(Unreliable, CrashRecoveryFaultyDisk),
            with(ReliableInOrder, CrashRecoveryFaultyDisk),
        ]
    };

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
            NodeModel::FailStop
            | NodeModel::CrashRecovery
            | NodeModel::CrashRecoveryTornWrites
            | NodeModel::CrashRecoveryFaultyDisk => true,
        }
    }

    /// Whether a crashed node may start again.
    #[must_use]
    pub fn may_restart(self) -> bool {
        match self.nodes {
            NodeModel::FailStop => false,
            NodeModel::CrashRecovery
            | NodeModel::CrashRecoveryTornWrites
            | NodeModel::CrashRecoveryFaultyDisk => true,
        }
    }

    /// Whether this may happen to what a node has stored.
    #[must_use]
    pub fn may_happen_to_disk(self, fault: DiskFault) -> bool {
        match self.nodes {
            NodeModel::FailStop => false,
            NodeModel::CrashRecovery => fault == DiskFault::UnsyncedLost,
            NodeModel::CrashRecoveryTornWrites => match fault {
                DiskFault::UnsyncedLost | DiskFault::UnsyncedReordered | DiskFault::TornWrite => {
                    true
                }
                DiskFault::Corrupted | DiskFault::Lost => false,
            },
            NodeModel::CrashRecoveryFaultyDisk => true,
        }
    }

    /// The model's name in files: `unreliable-fail-stop`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let [unreliable, in_order] = match self.nodes {
            NodeModel::FailStop => ["unreliable-fail-stop", "reliable-in-order-fail-stop"],
            NodeModel::CrashRecovery => {
                ["unreliable-crash-recovery", "reliable-in-order-crash-recovery"]
            }
            NodeModel::CrashRecoveryTornWrites => [
                "unreliable-crash-recovery-torn-writes",
                "reliable-in-order-crash-recovery-torn-writes",
            ],
            NodeModel::CrashRecoveryFaultyDisk => [
                "unreliable-crash-recovery-faulty-disk",
                "reliable-in-order-crash-recovery-faulty-disk",
            ],
        };
        match self.network {
            NetworkModel::Unreliable => unreliable,
            NetworkModel::ReliableInOrder => in_order,
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
            NodeModel::CrashRecovery => "crash-recovery nodes",
            NodeModel::CrashRecoveryTornWrites => "crash-recovery nodes with torn writes",
            NodeModel::CrashRecoveryFaultyDisk => "crash-recovery nodes with faulty disks",
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
        let text = error.to_string();
        assert!(text.starts_with(
            "unknown fault model `byzantine`; fault models: unreliable-fail-stop, reliable-in-order-fail-stop, \
             unreliable-crash-recovery, "
        ), "{text}");
        let names: std::collections::BTreeSet<_> = FaultModel::ALL.map(FaultModel::name).into();
        assert_eq!(names.len(), FaultModel::ALL.len(), "each has a name of its own");
    }

    #[test]
    fn a_model_says_what_it_allows() {
        let unreliable = FaultModel::UNRELIABLE_FAIL_STOP;
        assert_eq!(unreliable, FaultModel::default());
        assert!(unreliable.may_lose() && unreliable.may_duplicate() && unreliable.may_reorder());
        let in_order = FaultModel::RELIABLE_IN_ORDER_FAIL_STOP;
        assert!(!in_order.may_lose() && !in_order.may_duplicate() && !in_order.may_reorder());
        for model in FaultModel::ALL {
            assert!(model.may_crash());
            assert_eq!(model.may_restart(), model.nodes != NodeModel::FailStop);
        }
        use DiskFault::{Corrupted, Lost, TornWrite, UnsyncedLost, UnsyncedReordered};
        let faults = [UnsyncedLost, UnsyncedReordered, TornWrite, Corrupted, Lost];
        let allowed = |nodes| {
            let model = FaultModel { network: NetworkModel::Unreliable, nodes };
            faults.into_iter().filter(|&it| model.may_happen_to_disk(it)).count()
        };
        assert_eq!(allowed(NodeModel::FailStop), 0);
        assert_eq!(allowed(NodeModel::CrashRecovery), 1);
        assert_eq!(allowed(NodeModel::CrashRecoveryTornWrites), 3);
        assert_eq!(allowed(NodeModel::CrashRecoveryFaultyDisk), 5);
        // A search relies on this: if a copy may come at any time, it may overtake later messages.
        assert!(FaultModel::ALL.into_iter().all(|it| !it.may_duplicate() || it.may_reorder()));
    }
}
