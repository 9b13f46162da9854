//! Lab 0's API: a client's commands and results, and what a submission must provide.
//!
//! The tests know a lab only through this crate. Read it; do not change it.

use faultlab::hosting::{Kind, Submission};
use faultlab::kinds::Interface;
use faultlab::{Address, Client, Node};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Lab 0's command: send this text to the server and back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ping {
    /// The text that the server must repeat.
    pub text: String,
}

/// The result of a [`Ping`]: the server's answer, with the text of the ping.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pong {
    /// The text that the server sent back.
    pub text: String,
}

/// What a submission for lab 0 must provide. The lab crate's `Lab` implements it.
pub trait Lab0 {
    /// The node that answers.
    type Server: Node + DeserializeOwned;
    /// The node that asks. It uses the server's message type.
    type Client: Client<Command = Ping, Result = Pong, Message = <Self::Server as Node>::Message>
        + DeserializeOwned;

    /// A server that has not received anything yet.
    fn server() -> Self::Server;

    /// A client of the server at this address.
    fn client(server: Address) -> Self::Client;
}

/// The submission `L`, as engines see it. It has two kinds of nodes:
///
/// | kind | made with |
/// |---|---|
/// | `server` | nothing: `()` |
/// | `client` | the server's [`Address`] |
#[must_use]
pub fn submission<L: Lab0>() -> Submission {
    Submission::new()
        .with(Kind::node("server", |_address, ()| L::server()))
        .with(Kind::client("client", |_address, server| L::client(server)))
}

/// The kinds that a submission has, without any submission.
#[must_use]
pub fn interface() -> Interface {
    Interface::new().node::<()>("server").client::<Address, Ping, Pong>("client")
}
