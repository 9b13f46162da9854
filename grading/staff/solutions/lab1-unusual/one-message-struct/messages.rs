//! The messages between client and server.

use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A message of lab 1: a request has a command, a reply a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The sequence number of the client's command.
    pub sequence: u64,
    /// The command to execute.
    pub command: Option<KvCommand>,
    /// The result.
    pub result: Option<KvResult>,
}
