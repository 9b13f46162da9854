//! The messages of this system.

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
    /// From primary to backup: this is the state with which our view begins.
    Transfer {
        /// The view's number.
        view: u64,
        /// The store, with what it remembers of clients.
        store: Replica,
    },
    /// From backup to primary: I have the state of this view.
    Transferred {
        /// The view's number.
        view: u64,
    },
    /// From primary to backup: execute this command before I do.
    Forward {
        /// The view's number.
        view: u64,
        /// The command, with its client and sequence number.
        command: AmoCommand<KvCommand>,
    },
    /// From backup to primary: I have executed this command.
    Forwarded {
        /// The view's number.
        view: u64,
        /// The command.
        command: AmoCommand<KvCommand>,
    },
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
