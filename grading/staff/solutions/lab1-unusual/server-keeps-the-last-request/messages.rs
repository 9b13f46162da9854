//! The messages between client and server.

use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A message of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// From client to server: execute this command.
    Request {
        /// The command's sequence number.
        sequence: u64,
        /// The command to execute.
        command: KvCommand,
    },
    /// From server to client: this is the result.
    Reply {
        /// The sequence number of the request.
        sequence: u64,
        /// The command's result.
        result: KvResult,
    },
}
