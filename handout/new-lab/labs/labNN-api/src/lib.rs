//! Lab NN's API: a client's commands and results, and what a submission must provide.
//!
//! The tests know a lab only through this crate. Read it; do not change it.

use faultlab::hosting::{Kind, Submission};
use faultlab::kinds::Interface;
use faultlab::{Address, Client, Node};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The command: let the server double this number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Double(pub u64);

/// The result of a [`Double`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Doubled(pub u64);

/// What a submission for lab NN must provide. The lab crate's `Lab` implements it.
pub trait LabNN {
    /// The node that answers.
    type Server: Node + DeserializeOwned;
    /// The node that asks. It uses the server's message type.
    type Client: Client<Command = Double, Result = Doubled, Message = <Self::Server as Node>::Message>
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
pub fn submission<L: LabNN>() -> Submission {
    Submission::new()
        .with(Kind::node("server", |_address, ()| L::server()))
        .with(Kind::client("client", |_address, server| L::client(server)))
}

/// The same kinds, without any submission. The suite is checked against them.
#[must_use]
pub fn interface() -> Interface {
    Interface::new().node::<()>("server").client::<Address, Double, Doubled>("client")
}
