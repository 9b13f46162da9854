//! The messages between client and server.

use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A message of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// From client to server: execute this command.
    Request {
        // Part 2: how will the client know to which of its requests a reply belongs?
        /// The command to execute.
        command: KvCommand,
    },
    /// From server to client: this is the result.
    Reply {
        // Part 2: and here?
        /// The command's result.
        result: KvResult,
    },
}
