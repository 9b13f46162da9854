//! The messages between client and server.

use lab1_api::{AmoCommand, KvCommand, KvResult};
use serde::{Deserialize, Serialize};

use crate::at_most_once::AmoResult;

/// A message of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// From client to server.
    Request(AmoCommand<KvCommand>),
    /// From server to client.
    Reply(AmoResult<KvResult>),
}
