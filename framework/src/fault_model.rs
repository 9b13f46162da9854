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
/// Sources: Cachin, Guerraoui, Rodrigues, *Introduction to Reliable and Secure Distributed
/// Programming* (2nd ed., 2011), chapter 2: fair-loss links and perfect (FIFO) links with crash-stop
/// processes, and processes with arbitrary faults over authenticated links; Lamport, Shostak, Pease, *The Byzantine
/// Generals Problem* (TOPLAS 1982).
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
    /// An adversary is on the links. Messages are delayed, reordered, dropped and duplicated; they are also corrupted,
    /// arrive in the name of another node, arrive again much later, and arrive though nobody sent them.
    ///
    /// In the other models, links are *authenticated*: what arrives was sent by the node that it names, as it arrives.
    Byzantine,
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
    /// Some nodes, at most so many, do anything: they stop, forget, lie, and tell each node something else. The others
    /// are correct, and do not even stop. What must hold is asked of the correct ones only. See
    /// [`Behaviour`](crate::byzantine::Behaviour).
    Byzantine {
        /// How many nodes may be faulty: the *f* of the literature. A node that crashes is one of them.
        at_most: u8,
    },
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

    /// A network that corrupts and forges messages, with nodes that fail by stopping.
    pub const BYZANTINE_NETWORK_FAIL_STOP: Self =
        Self { network: NetworkModel::Byzantine, nodes: NodeModel::FailStop };

    /// A reliable network that keeps messages in order and authenticates their senders, with at most so many Byzantine
    /// nodes.
    #[must_use]
    pub const fn reliable_in_order_byzantine(at_most: u8) -> Self {
        Self { network: NetworkModel::ReliableInOrder, nodes: NodeModel::Byzantine { at_most } }
    }

    /// An unreliable network that authenticates senders, with at most so many Byzantine nodes.
    #[must_use]
    pub const fn unreliable_byzantine(at_most: u8) -> Self {
        Self { network: NetworkModel::Unreliable, nodes: NodeModel::Byzantine { at_most } }
    }

    /// A network that corrupts and forges messages, with at most so many Byzantine nodes.
    #[must_use]
    pub const fn byzantine(at_most: u8) -> Self {
        Self { network: NetworkModel::Byzantine, nodes: NodeModel::Byzantine { at_most } }
    }

    const NETWORKS: [NetworkModel; 3] =
        [NetworkModel::Unreliable, NetworkModel::ReliableInOrder, NetworkModel::Byzantine];

    /// The node models without a number.
    const NODES: [NodeModel; 4] = [
        NodeModel::FailStop,
        NodeModel::CrashRecovery,
        NodeModel::CrashRecoveryTornWrites,
        NodeModel::CrashRecoveryFaultyDisk,
    ];

    /// The names of all models, with `F` for a number.
    fn names() -> impl Iterator<Item = String> {
        let nodes = Self::NODES.into_iter().map(NodeModel::name).chain(["byzantine-F".to_owned()]);
        nodes.flat_map(|nodes| Self::NETWORKS.map(|network| format!("{}-{nodes}", network.name())))
    }

    /// Whether a message between connected nodes may never arrive.
    #[must_use]
    pub fn may_lose(self) -> bool {
        match self.network {
            NetworkModel::Unreliable | NetworkModel::Byzantine => true,
            NetworkModel::ReliableInOrder => false,
        }
    }

    /// Whether a message may arrive more than once.
    #[must_use]
    pub fn may_duplicate(self) -> bool {
        match self.network {
            NetworkModel::Unreliable | NetworkModel::Byzantine => true,
            NetworkModel::ReliableInOrder => false,
        }
    }

    /// Whether a message may arrive before one that was sent earlier on the same link.
    #[must_use]
    pub fn may_reorder(self) -> bool {
        match self.network {
            NetworkModel::Unreliable | NetworkModel::Byzantine => true,
            NetworkModel::ReliableInOrder => false,
        }
    }

    /// Whether a message may arrive with another content than it was sent with.
    #[must_use]
    pub fn may_corrupt(self) -> bool {
        match self.network {
            NetworkModel::Unreliable | NetworkModel::ReliableInOrder => false,
            NetworkModel::Byzantine => true,
        }
    }

    /// Whether a message may arrive that the node which it names did not send: an invented one, or one that another node
    /// sent. If not, links are authenticated, and a Byzantine node cannot speak in another's name either.
    #[must_use]
    pub fn may_forge(self) -> bool {
        match self.network {
            NetworkModel::Unreliable | NetworkModel::ReliableInOrder => false,
            NetworkModel::Byzantine => true,
        }
    }

    /// Whether the network may send an earlier message again whenever it likes. Without this, copies of a message come
    /// from its own sending; see [`FaultModel::may_duplicate`].
    #[must_use]
    pub fn may_replay(self) -> bool {
        match self.network {
            NetworkModel::Unreliable | NetworkModel::ReliableInOrder => false,
            NetworkModel::Byzantine => true,
        }
    }

    /// How many nodes may be Byzantine.
    #[must_use]
    pub fn may_be_byzantine(self) -> usize {
        match self.nodes {
            NodeModel::FailStop
            | NodeModel::CrashRecovery
            | NodeModel::CrashRecoveryTornWrites
            | NodeModel::CrashRecoveryFaultyDisk => 0,
            NodeModel::Byzantine { at_most } => usize::from(at_most),
        }
    }

    /// How many nodes may fail in any way. `None` if there is no limit.
    #[must_use]
    pub fn may_fail(self) -> Option<usize> {
        match self.nodes {
            NodeModel::FailStop
            | NodeModel::CrashRecovery
            | NodeModel::CrashRecoveryTornWrites
            | NodeModel::CrashRecoveryFaultyDisk => None,
            NodeModel::Byzantine { at_most } => Some(usize::from(at_most)),
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
            NodeModel::Byzantine { at_most } => at_most > 0,
        }
    }

    /// Whether a crashed node may start again.
    #[must_use]
    pub fn may_restart(self) -> bool {
        match self.nodes {
            NodeModel::FailStop | NodeModel::Byzantine { .. } => false,
            NodeModel::CrashRecovery
            | NodeModel::CrashRecoveryTornWrites
            | NodeModel::CrashRecoveryFaultyDisk => true,
        }
    }

    /// Whether this may happen to what a node has stored.
    #[must_use]
    pub fn may_happen_to_disk(self, fault: DiskFault) -> bool {
        match self.nodes {
            NodeModel::FailStop | NodeModel::Byzantine { .. } => false,
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

    /// The model's name in files: `unreliable-fail-stop`, or `reliable-in-order-byzantine-1` with at most one Byzantine
    /// node.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}-{}", self.network.name(), self.nodes.name())
    }
}

impl NetworkModel {
    fn name(self) -> &'static str {
        match self {
            Self::Unreliable => "unreliable",
            Self::ReliableInOrder => "reliable-in-order",
            Self::Byzantine => "byzantine",
        }
    }
}

impl NodeModel {
    fn name(self) -> String {
        let name = match self {
            Self::FailStop => "fail-stop",
            Self::CrashRecovery => "crash-recovery",
            Self::CrashRecoveryTornWrites => "crash-recovery-torn-writes",
            Self::CrashRecoveryFaultyDisk => "crash-recovery-faulty-disk",
            Self::Byzantine { at_most } => return format!("byzantine-{at_most}"),
        };
        name.to_owned()
    }

    /// The model with this name, as it is written.
    fn named(name: &str) -> Option<Self> {
        let known = FaultModel::NODES.into_iter().find(|model| model.name() == name);
        let counted = || {
            let model = Self::Byzantine { at_most: name.strip_prefix("byzantine-")?.parse().ok()? };
            (model.name() == name).then_some(model)
        };
        known.or_else(counted)
    }
}

impl fmt::Display for FaultModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = match self.network {
            NetworkModel::Unreliable => "unreliable network",
            NetworkModel::ReliableInOrder => "reliable in-order network",
            NetworkModel::Byzantine => "Byzantine network",
        };
        let nodes = match self.nodes {
            NodeModel::FailStop => "fail-stop nodes",
            NodeModel::CrashRecovery => "crash-recovery nodes",
            NodeModel::CrashRecoveryTornWrites => "crash-recovery nodes with torn writes",
            NodeModel::CrashRecoveryFaultyDisk => "crash-recovery nodes with faulty disks",
            NodeModel::Byzantine { at_most: 1 } => "at most 1 Byzantine node",
            NodeModel::Byzantine { at_most } => {
                return write!(f, "{network}, at most {at_most} Byzantine nodes");
            }
        };
        write!(f, "{network}, {nodes}")
    }
}

/// A text that names no fault model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault model `{0}`; fault models: {all}", all = FaultModel::names().collect::<Vec<_>>().join(", "))]
pub struct UnknownFaultModel(String);

impl FromStr for FaultModel {
    type Err = UnknownFaultModel;

    fn from_str(name: &str) -> Result<Self, UnknownFaultModel> {
        let read = |network: NetworkModel| {
            let nodes = NodeModel::named(name.strip_prefix(network.name())?.strip_prefix('-')?)?;
            Some(Self { network, nodes })
        };
        let found = Self::NETWORKS.into_iter().find_map(read);
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
        model.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All models, with some numbers of Byzantine nodes.
    fn all() -> Vec<FaultModel> {
        let counted = [0, 1, 2, u8::MAX].map(|at_most| NodeModel::Byzantine { at_most });
        let nodes = FaultModel::NODES.into_iter().chain(counted);
        let both = |nodes| FaultModel::NETWORKS.map(move |network| FaultModel { network, nodes });
        nodes.flat_map(both).collect()
    }

    #[test]
    fn names_are_read_back() {
        for model in all() {
            assert_eq!(model.name().parse(), Ok(model));
            let json = serde_json::to_string(&model).expect("a string");
            assert_eq!(json, format!("\"{}\"", model.name()));
            assert_eq!(serde_json::from_str::<FaultModel>(&json).expect("a model"), model);
        }
        for wrong in [
            "byzantine",
            "unreliable-byzantine",
            "unreliable-byzantine-01",
            "unreliable-byzantine-256",
        ] {
            let text = wrong.parse::<FaultModel>().expect_err("it is no model").to_string();
            let start = format!(
                "unknown fault model `{wrong}`; fault models: unreliable-fail-stop, reliable-in-order-fail-stop, \
                 byzantine-fail-stop, unreliable-crash-recovery, "
            );
            assert!(text.starts_with(&start), "{text}");
            assert!(
                text.ends_with(", reliable-in-order-byzantine-F, byzantine-byzantine-F"),
                "{text}"
            );
        }
        let names: std::collections::BTreeSet<_> =
            all().into_iter().map(FaultModel::name).collect();
        assert_eq!(names.len(), all().len(), "each has a name of its own");
    }

    #[test]
    fn a_model_says_what_it_allows() {
        let unreliable = FaultModel::UNRELIABLE_FAIL_STOP;
        assert_eq!(unreliable, FaultModel::default());
        assert!(unreliable.may_lose() && unreliable.may_duplicate() && unreliable.may_reorder());
        let in_order = FaultModel::RELIABLE_IN_ORDER_FAIL_STOP;
        assert!(!in_order.may_lose() && !in_order.may_duplicate() && !in_order.may_reorder());
        for model in all() {
            let is_byzantine = matches!(model.nodes, NodeModel::Byzantine { .. });
            assert_eq!(model.may_crash(), model.may_fail() != Some(0));
            assert_eq!(model.may_restart(), model.nodes != NodeModel::FailStop && !is_byzantine);
            assert_eq!(model.may_fail(), is_byzantine.then_some(model.may_be_byzantine()));
        }
        let byzantine = FaultModel::BYZANTINE_NETWORK_FAIL_STOP;
        assert!(byzantine.may_corrupt() && byzantine.may_forge() && byzantine.may_replay());
        for network in [NetworkModel::Unreliable, NetworkModel::ReliableInOrder] {
            let model = FaultModel { network, nodes: NodeModel::Byzantine { at_most: 1 } };
            assert!(!model.may_corrupt() && !model.may_forge() && !model.may_replay());
        }
        assert_eq!(FaultModel::reliable_in_order_byzantine(2).may_be_byzantine(), 2);
        assert_eq!(unreliable.may_be_byzantine(), 0);
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
        assert_eq!(allowed(NodeModel::Byzantine { at_most: 3 }), 0);
        // A search relies on this: if a copy may come at any time, it may overtake later messages.
        assert!(all().into_iter().all(|it| !it.may_duplicate() || it.may_reorder()));
    }
}
