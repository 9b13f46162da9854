//! How a node's code can fail.

use serde::{Deserialize, Serialize};

use super::{OUTPUT_BYTES_MAX, Payload, STATE_BYTES_MAX, bounded};
use crate::codec::CodecError;

/// A failure of a node's code, or of the process that runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum NodeFailure {
    /// The code panicked.
    #[error("panicked: {message}{}", at(location))]
    Panicked {
        /// The panic's message.
        message: String,
        /// `file:line:column`, where known.
        location: Option<String>,
    },
    /// A value did not survive its own encoding.
    #[error("the {what} cannot be encoded and read back: {error}")]
    Codec {
        /// The kind of value.
        what: String,
        /// The codec's error.
        error: String,
    },
    /// A message that arrived cannot be read. The handler was not called, and the node has not changed.
    #[error("the message cannot be encoded and read back: {error}")]
    Unreadable {
        /// The codec's error.
        error: String,
    },
    /// The node's state is too large.
    #[error("left a state of {bytes} bytes: more than the limit of {STATE_BYTES_MAX}")]
    StateTooLarge {
        /// Its size, in encoded bytes.
        bytes: u64,
    },
    /// The node did too much in one step.
    #[error(
        "sent, set and logged {bytes} bytes in one step: more than the limit of {OUTPUT_BYTES_MAX}"
    )]
    OutputTooLarge {
        /// The size of it, in encoded bytes.
        bytes: u64,
    },
    /// The process that held the node exited, was killed, or violated the protocol.
    #[error("the process running the node {how}")]
    ProcessLost {
        /// How it exited: `exited with code 0`, `was killed by signal 11 (stack overflow?)`.
        how: String,
    },
    /// The submission does not provide something that the test needs.
    #[error("the submission does not provide {0}")]
    NotProvided(String),
}

impl NodeFailure {
    /// The same failure, with [bounded](bounded) texts.
    #[must_use]
    pub fn bounded(self) -> Self {
        match self {
            Self::Panicked { message, location } => {
                Self::Panicked { message: bounded(message), location: location.map(bounded) }
            }
            Self::Codec { what, error } => {
                Self::Codec { what: bounded(what), error: bounded(error) }
            }
            Self::Unreadable { error } => Self::Unreadable { error: bounded(error) },
            Self::ProcessLost { how } => Self::ProcessLost { how: bounded(how) },
            Self::NotProvided(what) => Self::NotProvided(bounded(what)),
            Self::StateTooLarge { .. } | Self::OutputTooLarge { .. } => self,
        }
    }

    /// A value of kind `what` could not be encoded or decoded.
    #[must_use]
    pub fn codec(what: Payload, error: &CodecError) -> Self {
        Self::Codec { what: what.to_string(), error: error.to_string() }
    }

    /// Whether the code reached a `todo!()`, so that it is unfinished rather than wrong.
    #[must_use]
    pub fn is_not_implemented(&self) -> bool {
        matches!(self, Self::Panicked { message, .. }
            if message.starts_with("not yet implemented") || message.starts_with("not implemented"))
    }
}

/// ` at src/server.rs:3:5`, or nothing.
fn at(location: &Option<String>) -> String {
    location.as_ref().map(|location| format!(", at {location}")).unwrap_or_default()
}
