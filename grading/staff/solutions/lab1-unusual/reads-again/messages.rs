//! The messages between client and server.

use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A message of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// From client to server: execute this command.
    Request {
        /// Which of the client's commands it is.
        number: u64,
        /// The command to execute.
        command: KvCommand,
    },
    /// From server to client: this came out.
    Reply {
        /// The number of the request.
        number: u64,
        /// The command's result.
        result: KvResult,
    },
}
