//! Paths: the events that lead from the start of a system to a state.

use serde::{Deserialize, Serialize};

use super::disk::DiskOutcome;
use crate::Address;

/// Events in order. The start of the nodes is not part of a path. A result and the next command belong to
/// the event that brought the result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Path {
    /// The events.
    pub events: Vec<PathEvent>,
}

/// An event at a node, by content, so that it means the same in every search of the same system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathEvent {
    /// A message is delivered.
    Deliver {
        /// The receiver.
        node: Address,
        /// The sender.
        from: Address,
        /// The encoded message.
        message: Vec<u8>,
    },
    /// A timer fires. Among pending timers that are equal in all fields, the one set first fires.
    Fire {
        /// The node.
        node: Address,
        /// The encoded timer.
        timer: Vec<u8>,
        /// The shortest duration, in nanoseconds.
        min_ns: u64,
        /// The longest duration, in nanoseconds.
        max_ns: u64,
    },
    /// Something is done to the system from outside.
    Outside(Action),
    /// A node crashes within the handler of an event: of a delivery, a timer, or its restart.
    Interrupted {
        /// The event.
        event: Box<PathEvent>,
        /// How many of the handler's effects took place: messages, timers and writes, in the order in which the handler
        /// asked for them. All, if it has fewer.
        after: u32,
    },
}

/// Something that is done to a system from outside. An [`Explorer`](super::Explorer) performs actions. A search chooses
/// only crashes and restarts among them, and only if it may ([`Search::may_crash`](super::Search::may_crash),
/// [`Search::may_restart`](super::Search::may_restart)). Where the network loses nothing, it also drops what arrives while a
/// node is down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A client that has all results of its workload gets one more command. Its client driver takes the
    /// result as it takes those of the workload.
    Command {
        /// The client.
        client: Address,
        /// The encoded command.
        command: Vec<u8>,
    },
    /// A node crashes. From now on it gets no message and no command, and none of its timers fires. The
    /// messages that it sent remain in the network.
    Crash {
        /// The node.
        node: Address,
    },
    /// A message is removed from the network and never delivered (again). If its sender sends an equal
    /// message later, that is a new one.
    Drop {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
        /// The encoded message.
        message: Vec<u8>,
    },
    /// No message from one node to another is delivered until the link is restored. Messages stay in the
    /// network meanwhile.
    Cut {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// A node starts that did not start with the others
    /// ([`Search::starts_later`](super::Search::starts_later)). Messages that were sent to it before are still in
    /// the network.
    Start {
        /// The node.
        node: Address,
    },
    /// A node that has crashed starts again, without its memory and its timers. Clients do not.
    Restart {
        /// The node.
        node: Address,
        /// What it finds in its stable storage.
        outcome: DiskOutcome,
    },
    /// A stage of a [staged search](super::Search::stage) begins. Nothing happens to the system.
    Stage {
        /// The stage's title.
        title: String,
    },
    /// Messages from one node to another are delivered again, including those that were sent while the
    /// link was cut.
    Restore {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
}

impl Action {
    /// The node that it concerns: the client, the crashed, started or restarted node, or the receiver of the message or link.
    /// `None` for the begin of a stage.
    #[must_use]
    pub fn node(&self) -> Option<Address> {
        match *self {
            Self::Command { client: node, .. }
            | Self::Crash { node }
            | Self::Start { node }
            | Self::Restart { node, .. }
            | Self::Drop { to: node, .. }
            | Self::Cut { to: node, .. }
            | Self::Restore { to: node, .. } => Some(node),
            Self::Stage { .. } => None,
        }
    }
}

impl Path {
    /// The number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The actions from outside, in order. A restart within which the node crashes is not among them.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.events.iter().filter_map(|event| match event {
            PathEvent::Outside(action) => Some(action),
            PathEvent::Deliver { .. } | PathEvent::Fire { .. } | PathEvent::Interrupted { .. } => {
                None
            }
        })
    }
}

impl PathEvent {
    /// Whether its node has crashed after it.
    pub(super) fn is_crash(&self) -> bool {
        matches!(self, Self::Outside(Action::Crash { .. }) | Self::Interrupted { .. })
    }

    /// The node at which it happens, or that an action concerns. `None` for the begin of a stage.
    #[must_use]
    pub fn node(&self) -> Option<Address> {
        match self {
            Self::Deliver { node, .. } | Self::Fire { node, .. } => Some(*node),
            Self::Outside(action) => action.node(),
            Self::Interrupted { event, .. } => event.node(),
        }
    }
}
