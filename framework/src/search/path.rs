//! Paths: the events that lead from the start of a system to a state.

use serde::{Deserialize, Serialize};

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
}

impl PathEvent {
    /// The node at which it happens.
    #[must_use]
    pub fn node(&self) -> Address {
        match *self {
            Self::Deliver { node, .. } | Self::Fire { node, .. } => node,
        }
    }
}
