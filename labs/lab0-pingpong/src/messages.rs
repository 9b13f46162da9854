//! The messages between client and server.

use lab0_api::{Ping, Pong};
use serde::{Deserialize, Serialize};

/// All messages of this system: one type, so that the compiler checks that a `match` covers every
/// case.
///
/// The derives make a type a message. If you leave one out, the compiler asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The client asks.
    Ping(Ping),
    /// The server answers.
    Pong(Pong),
}
