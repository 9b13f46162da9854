//! What client and server say to each other.

use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A message of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// From client to server: please execute this.
    Request {
        /// Which of the client's commands it is.
        number: u64,
        /// What is to be executed.
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
