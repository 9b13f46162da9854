//! Part 2: the messages of this system.

use lab1_api::{AmoCommand, KvCommand, KvResult};
use lab2_api::{LabMessage, ViewMessage};
use serde::{Deserialize, Serialize};

use crate::store::Replica;

/// A message of lab 2.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// To and from the view server.
    View(ViewMessage),
    /// From client to primary: execute this command.
    Request {
        /// The command's sequence number.
        sequence: u64,
        /// The command to execute.
        command: KvCommand,
    },
    /// From primary to client: this is the result.
    Reply {
        /// The sequence number of the request.
        sequence: u64,
        /// The command's result.
        result: KvResult,
    },
    // Part 2: how does a backup get the state, and how does the primary learn that it has it? How does a command get to
    // the backup, and how does the primary learn that it was executed there?
    //
    // Any of these messages can be late, by several views. What must it contain, so that its receiver can tell?
}

impl From<ViewMessage> for Message {
    fn from(message: ViewMessage) -> Self {
        Self::View(message)
    }
}

impl LabMessage for Message {
    fn view_message(&self) -> Option<&ViewMessage> {
        match self {
            Self::View(message) => Some(message),
            _ => None,
        }
    }
}
