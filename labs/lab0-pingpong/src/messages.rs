//! What client and server say to each other.

use lab0_vocabulary::{Ping, Pong};
use serde::{Deserialize, Serialize};

/// Everything that is sent in this system: one type, so that a `match` shows that a node thought of
/// every case.
///
/// The derives are what makes a type a message. Leave one out and the compiler asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The client asks.
    Ping(Ping),
    /// The server answers.
    Pong(Pong),
}
