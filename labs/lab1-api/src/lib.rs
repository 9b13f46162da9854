//! Lab 1's API: the key-value store's commands and results, and what a submission must provide.
//!
//! The tests know a lab only through this crate. Read it; do not change it.

mod journal;
mod key_value;
mod wrapper;

use faultlab::hosting::{Kind, Submission};
use faultlab::kinds::Interface;
use faultlab::{Address, Application, Client, Node};
use serde::de::DeserializeOwned;

pub use journal::{Entry, Journal, Receipt};
pub use key_value::{KvCommand, KvResult};
pub use wrapper::{AmoCommand, AtMostOnceWrapper, WrappedJournal};

/// What a submission for lab 1 must provide. The lab crate's `Lab` implements it.
pub trait Lab1 {
    /// Part 1: the key-value store.
    type Store: Application<Command = KvCommand, Result = KvResult> + DeserializeOwned;

    /// Part 2: the node with the store.
    type Server: Node + DeserializeOwned;

    /// Part 2: the node that asks. It uses the server's message type.
    type Client: Client<Command = KvCommand, Result = KvResult, Message = <Self::Server as Node>::Message>
        + DeserializeOwned;

    /// Part 3: the wrapper that executes each command at most once, around any application.
    type AtMostOnce<A: Application + DeserializeOwned>: AtMostOnceWrapper<A> + DeserializeOwned;

    /// A store without any keys.
    fn store() -> Self::Store;

    /// A server whose store is empty.
    fn server() -> Self::Server;

    /// A client of the server at this address.
    fn client(server: Address) -> Self::Client;
}

/// The submission `L`, as engines see it. It has four kinds of nodes; the two that stand for state
/// machines answer each command at once and send nothing.
///
/// | kind | made with | takes | answers |
/// |---|---|---|---|
/// | `store` | nothing: `()` | [`KvCommand`] | [`KvResult`] |
/// | `at-most-once` | nothing: `()` | [`AmoCommand`] [`Entry`] | [`Option`] of [`Receipt`] |
/// | `server` | nothing: `()` | | |
/// | `client` | the server's [`Address`] | [`KvCommand`] | [`KvResult`] |
///
/// Querying a client, with the query `()`, returns what its `result` shows.
#[must_use]
pub fn submission<L: Lab1 + 'static>() -> Submission {
    Submission::new()
        .with(Kind::application("store", |()| L::store()))
        .with(Kind::application("at-most-once", |()| {
            WrappedJournal::<L::AtMostOnce<Journal>>::new(Journal::default())
        }))
        .with(Kind::node("server", |_address, ()| L::server()))
        .with(
            Kind::client("client", |_address, server| L::client(server))
                .observing(|client: &L::Client, ()| client.result()),
        )
}

/// The kinds that a submission has, without any submission.
#[must_use]
pub fn interface() -> Interface {
    Interface::new()
        .client::<(), KvCommand, KvResult>("store")
        .client::<(), AmoCommand<Entry>, Option<Receipt>>("at-most-once")
        .node::<()>("server")
        .client::<Address, KvCommand, KvResult>("client")
        .observed::<(), Option<KvResult>>()
}
