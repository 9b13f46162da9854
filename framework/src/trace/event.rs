//! Trace events and their effects.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::Address;
use crate::hosting::NodeFailure;

/// Identifies a sent message within a trace. Every copy of one sending has the same id.
pub type MessageId = u64;

/// Identifies a timer within a trace.
pub type TimerId = u64;

/// Identifies a write to stable storage within a trace.
pub type WriteId = u64;

/// Which life of a node: the first one from its start on, and one more with each restart.
///
/// A crash ends an incarnation. Its memory and its timers end with it; its messages stay in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(NonZeroU32);

impl Incarnation {
    /// The incarnation of a node that has not restarted.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The incarnation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its number, counted from 1.
    #[must_use]
    pub fn number(self) -> u64 {
        u64::from(self.0.get())
    }

    /// Whether the node has not restarted yet.
    #[must_use]
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }
}

impl Default for Incarnation {
    fn default() -> Self {
        Self::FIRST
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that happened, with its immediate effects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// When, in nanoseconds of virtual or real time since the start; `None` in a search, which has
    /// no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<u64>,
    /// What happened.
    pub what: EventKind,
    /// The messages that the node sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<SentMessage>,
    /// The timers that the node set, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<SetTimer>,
    /// What the node wrote to its stable storage, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stored: Vec<StorageWrite>,
    /// If the node crashed within the handler: how many of the handler's effects took place before
    /// that. Messages, timers and writes count, in the order in which the handler asked for them. Only
    /// these are listed, and a [`Crash`](EventKind::Crash) follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_after: Option<u32>,
    /// The lines that the node logged through its context.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logged: Vec<String>,
    /// What the node printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub printed: String,
    /// The node's state afterwards, in pretty `Debug` format, if the event changed it (and at the
    /// start).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// How the node failed in handling the event, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<NodeFailure>,
}

impl TraceEvent {
    /// The event, without effects yet.
    #[must_use]
    pub fn new(time_ns: Option<u64>, what: EventKind) -> Self {
        Self {
            time_ns,
            what,
            sent: Vec::new(),
            timers: Vec::new(),
            stored: Vec::new(),
            interrupted_after: None,
            logged: Vec::new(),
            printed: String::new(),
            state: None,
            failure: None,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A node started.
    Start {
        /// The node.
        node: Address,
        /// The name of its kind.
        kind: String,
        /// Its incarnation, which is the first.
        #[serde(default, skip_serializing_if = "Incarnation::is_first")]
        incarnation: Incarnation,
    },
    /// A message arrived and was handled.
    Deliver {
        /// The receiver.
        node: Address,
        /// The sender.
        from: Address,
        /// The message's id.
        id: MessageId,
        /// Its text.
        message: String,
        /// Which copy: the original, or a duplicate.
        copy: CopyKind,
        /// Where it came from, if `from` and `message` are not the whole truth.
        #[serde(default, skip_serializing_if = "Provenance::is_plain")]
        provenance: Provenance,
    },
    /// A message arrived but was not handled: its link was cut, its receiver had crashed, or it no
    /// longer decoded.
    Lose {
        /// The receiver.
        node: Address,
        /// The node that sent it.
        from: Address,
        /// Which message.
        id: MessageId,
        /// Its text.
        message: String,
        /// Why.
        reason: String,
        /// Where it came from, if `from` and `message` are not the whole truth.
        #[serde(default, skip_serializing_if = "Provenance::is_plain")]
        provenance: Provenance,
    },
    /// A timer fired and was handled.
    Fire {
        /// The node that set it.
        node: Address,
        /// The timer's id.
        id: TimerId,
        /// Its text.
        timer: String,
        /// The incarnation that set it. A timer of an earlier incarnation than the node's present one
        /// should have died with it.
        #[serde(default, skip_serializing_if = "Incarnation::is_first")]
        incarnation: Incarnation,
    },
    /// A client was given a command.
    Command {
        /// The client.
        node: Address,
        /// The command's text.
        command: String,
        /// The command as data, for tools that know the lab's API.
        value: serde_json::Value,
    },
    /// A client's result was taken.
    Return {
        /// The client.
        node: Address,
        /// The result's text.
        result: String,
        /// The result as data.
        value: serde_json::Value,
    },
    /// A node crashed. In a fail-stop model it never comes back.
    Crash {
        /// The node.
        node: Address,
        /// The incarnation that ended.
        #[serde(default, skip_serializing_if = "Incarnation::is_first")]
        incarnation: Incarnation,
    },
    /// A crashed node started again, without its memory and its timers.
    Restart {
        /// The node.
        node: Address,
        /// The name of its kind.
        kind: String,
        /// The incarnation that begins.
        incarnation: Incarnation,
        /// What earlier incarnations had written to stable storage, in the order in which the node
        /// finds it, with what became of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        storage: Vec<StoredItem>,
    },
    /// A message that the node named as its sender did not send was given to the network.
    Inject {
        /// Who did it.
        by: Forger,
        /// The message's id.
        id: MessageId,
        /// The sender that the message claims to have.
        from: Address,
        /// The receiver.
        to: Address,
        /// Its text.
        message: String,
        /// The sent message that it repeats, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replays: Option<MessageId>,
        /// Its encoding, two hexadecimal digits a byte, so that a replay can forge it again. Empty if it is not known.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        encoding: String,
    },
    /// A node learned that its session with another one, which had broken, is up again. Messages of the
    /// old session may be lost.
    Reconnect {
        /// The node.
        node: Address,
        /// The other end.
        peer: Address,
    },
    /// The test changed the network: a partition, a cut, a repair, other conditions.
    Network {
        /// A description of the change.
        change: String,
    },
    /// A stage of a staged search began: the test chose the state that was reached here, and the search went on from
    /// it.
    Stage {
        /// The stage's title.
        title: String,
    },
    /// A property was checked during the run.
    Check {
        /// The property's name.
        property: String,
    },
}

impl EventKind {
    /// The start of a node.
    #[must_use]
    pub fn start(node: Address, kind: impl Into<String>) -> Self {
        Self::Start { node, kind: kind.into(), incarnation: Incarnation::FIRST }
    }

    /// The delivery of a message that arrives as its sender sent it.
    #[must_use]
    pub fn deliver(
        (from, node): (Address, Address),
        id: MessageId,
        message: String,
        copy: CopyKind,
    ) -> Self {
        Self::Deliver { node, from, id, message, copy, provenance: Provenance::default() }
    }

    /// The firing of a timer of a node that has not restarted.
    #[must_use]
    pub fn fire(node: Address, id: TimerId, timer: String) -> Self {
        Self::Fire { node, id, timer, incarnation: Incarnation::FIRST }
    }

    /// The crash of a node that has not restarted.
    #[must_use]
    pub fn crash(node: Address) -> Self {
        Self::Crash { node, incarnation: Incarnation::FIRST }
    }

    /// Whether both are the same crash or restart of a node, whatever its incarnation, or are equal.
    #[must_use]
    pub(crate) fn is_same_fault(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Crash { node, .. }, Self::Crash { node: of, .. })
            | (Self::Restart { node, .. }, Self::Restart { node: of, .. }) => node == of,
            _ => self == other,
        }
    }

    /// The node at which it happened, if any. An injected message has not arrived yet: it happens at the
    /// node that forged it, if a node did.
    #[must_use]
    pub fn node(&self) -> Option<Address> {
        match *self {
            Self::Start { node, .. }
            | Self::Deliver { node, .. }
            | Self::Lose { node, .. }
            | Self::Fire { node, .. }
            | Self::Command { node, .. }
            | Self::Return { node, .. }
            | Self::Crash { node, .. }
            | Self::Restart { node, .. }
            | Self::Inject { by: Forger::Node(node), .. }
            | Self::Reconnect { node, .. } => Some(node),
            Self::Inject { by: Forger::Network, .. }
            | Self::Network { .. }
            | Self::Stage { .. }
            | Self::Check { .. } => None,
        }
    }
}

/// Which copy of a message was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyKind {
    /// The first delivery of this message.
    Original,
    /// A later delivery of a message that has been delivered before.
    Duplicate,
}

/// A message given to the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentMessage {
    /// Identifies this sending in the rest of the trace. In a search the network is a set: sending
    /// an equal message again keeps the id.
    pub id: MessageId,
    /// The receiver.
    pub to: Address,
    /// The message's text.
    pub message: String,
    /// The network's decision about it.
    pub fate: Fate,
    /// What a Byzantine behaviour of the node did to it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misbehaviour: Option<Misbehaviour>,
}

impl SentMessage {
    /// A message as the node's own code sent it.
    #[must_use]
    pub fn new(id: MessageId, to: Address, message: String, fate: Fate) -> Self {
        Self { id, to, message, fate, misbehaviour: None }
    }
}

/// Where an arriving message came from, if not from the present incarnation of its sender, or not as
/// it arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The incarnation of the sender that sent it.
    #[serde(default, skip_serializing_if = "Incarnation::is_first")]
    pub incarnation: Incarnation,
    /// Its text when it was sent, if the network corrupted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_as: Option<String>,
    /// If the network corrupted it: its encoding as it arrives, two hexadecimal digits a byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Who really sent it, or put another name on it, if the sender that it names did not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forged_by: Option<Forger>,
}

impl Provenance {
    /// Whether the first incarnation of the named sender sent this very message.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Who made a message that its named sender did not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forger {
    /// A Byzantine network.
    Network,
    /// A Byzantine node.
    Node(Address),
}

impl fmt::Display for Forger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network => f.write_str("the network"),
            Self::Node(node) => node.fmt(f),
        }
    }
}

/// What a Byzantine behaviour of a node did to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misbehaviour {
    /// The behaviour's name, such as `mutate`.
    pub behaviour: String,
    /// How many chances to misbehave the node had before, so that a replay takes the same ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chance: u64,
    /// The text of the message that the node's own code sent in its place; `None` if it sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// The sender that the message claims to have, if that is another node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Address>,
}

/// The network's decision about a message, made when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It will arrive once, unless the link is cut by then.
    Once,
    /// It will arrive twice.
    Twice,
    /// It is lost.
    Dropped,
    /// It is lost because the link is cut.
    Cut,
    /// In a search: it may arrive any number of times.
    Open,
    /// A Byzantine behaviour of its sender kept it from the network.
    Withheld,
}

/// A timer that was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetTimer {
    /// Identifies this timer in the rest of the trace.
    pub id: TimerId,
    /// The timer's text.
    pub timer: String,
    /// It fires no earlier than this, in nanoseconds from now.
    pub min_ns: u64,
    /// It fires no later than this, in nanoseconds from now.
    pub max_ns: u64,
}

/// A write to stable storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageWrite {
    /// Identifies this write in the rest of the trace.
    pub id: WriteId,
    /// What was done.
    pub operation: StorageOperation,
    /// The name of the record or log; empty if the node has only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The value's text; empty for a sync.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The length of the value's encoding, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// How many of this event's messages were sent before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent_before: u64,
}

/// An operation on stable storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageOperation {
    /// Replaced a record. It is durable at once.
    Save,
    /// Appended an entry to a log. It is durable from the next sync on.
    Append,
    /// Made all entries of a log durable.
    Sync,
}

/// A record or a log entry, as a restarted node finds it in stable storage, or fails to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredItem {
    /// The write that stored it.
    pub id: WriteId,
    /// The name of the record or log; empty if the node has only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Its text as the node finds it, or as it was if the node does not find it.
    pub value: String,
    /// The length of its encoding, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// What became of it.
    pub fate: StorageFate,
}

/// What became of a record or a log entry in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageFate {
    /// It was kept.
    Kept,
    /// A part of it was kept.
    Torn,
    /// Its content has changed.
    Corrupted,
    /// It had not been synced, and is gone.
    Unsynced,
    /// The storage lost it, though it was durable.
    Lost,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
