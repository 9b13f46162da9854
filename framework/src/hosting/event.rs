//! Events of a node, as bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Address;
use crate::codec::serialize_bytes;

/// One event for a node, with its payload in canonical encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event<'a> {
    /// The node starts.
    Init,
    /// A message arrives.
    Message {
        /// The sender.
        from: Address,
        /// The encoded message.
        #[serde(serialize_with = "serialize_bytes")]
        message: &'a [u8],
    },
    /// A timer fires.
    Timer {
        /// The encoded timer.
        #[serde(serialize_with = "serialize_bytes")]
        timer: &'a [u8],
    },
    /// A client gets its next command.
    Command {
        /// The encoded command.
        #[serde(serialize_with = "serialize_bytes")]
        command: &'a [u8],
    },
    /// A node that was constructed again after a crash starts. If it is not [`Durable`](crate::Durable), this is the
    /// same as [`Event::Init`].
    Restore {
        /// What its stable storage holds: [`StorageBytes`](super::StorageBytes), encoded.
        #[serde(serialize_with = "serialize_bytes")]
        storage: &'a [u8],
    },
}

/// The kind of value that some encoded bytes represent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Payload {
    /// A node's state.
    State,
    /// A message.
    Message,
    /// A timer.
    Timer,
    /// A command to a client or an application.
    Command,
    /// A command's result.
    Result,
    /// A query about a node's state.
    Question,
    /// The answer to a query about a node's state.
    Answer,
    /// A node's constructor arguments.
    Arguments,
    /// The record in a node's stable storage.
    Record,
    /// An entry of the log in a node's stable storage.
    Entry,
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::State => "state",
            Self::Message => "message",
            Self::Timer => "timer",
            Self::Command => "command",
            Self::Result => "result",
            Self::Question => "question",
            Self::Answer => "answer",
            Self::Arguments => "arguments",
            Self::Record => "record",
            Self::Entry => "log entry",
        })
    }
}
