//! Trace events and their effects.

use serde::{Deserialize, Serialize};

use crate::Address;
use crate::hosting::NodeFailure;

/// Identifies a sent message within a trace. Every copy of one sending has the same id.
pub type MessageId = u64;

/// Identifies a timer within a trace.
pub type TimerId = u64;

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
    },
    /// A message arrived but was not handled: its link was cut or its receiver had crashed.
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
    },
    /// A timer fired and was handled.
    Fire {
        /// The node that set it.
        node: Address,
        /// The timer's id.
        id: TimerId,
        /// Its text.
        timer: String,
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
    /// A node crashed and never comes back.
    Crash {
        /// The node.
        node: Address,
    },
    /// The test changed the network: a partition, a cut, a repair, other conditions.
    Network {
        /// A description of the change.
        change: String,
    },
    /// A property was checked during the run.
    Check {
        /// The property's name.
        property: String,
    },
}

impl EventKind {
    /// The node at which it happened, if any.
    #[must_use]
    pub fn node(&self) -> Option<Address> {
        match *self {
            Self::Start { node, .. }
            | Self::Deliver { node, .. }
            | Self::Lose { node, .. }
            | Self::Fire { node, .. }
            | Self::Command { node, .. }
            | Self::Return { node, .. }
            | Self::Crash { node } => Some(node),
            Self::Network { .. } | Self::Check { .. } => None,
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
