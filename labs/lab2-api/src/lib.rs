//! Lab 2's API: views, what a view service decides, and what a submission must provide.
//!
//! The tests know a lab only through this crate. Read it; do not change it. The commands and results of clients are
//! those of lab 1.

mod pinger;
mod service;
mod view;

use faultlab::hosting::{Kind, Submission};
use faultlab::kinds::Interface;
use faultlab::{Address, Client, Node};
use lab1_api::{KvCommand, KvResult};
use serde::de::DeserializeOwned;

pub use pinger::{PingWith, Pinger, ScriptedPinger};
pub use service::{Script, Scripted, Shown, ViewEvent, ViewService};
pub use view::{LabMessage, View, ViewMessage};

/// What a submission for lab 2 must provide. The lab crate's `Lab` implements it.
pub trait Lab2 {
    /// The messages that all nodes send each other.
    type Message: LabMessage;

    /// Part 1: what the view service decides.
    type ViewService: ViewService;

    /// Part 1: the node with the view service.
    type ViewServer: Node<Message = Self::Message> + DeserializeOwned;

    /// Part 2: a server: the primary, the backup, or idle.
    type Server: Node<Message = Self::Message> + DeserializeOwned;

    /// Part 2: the node that asks.
    type Client: Client<Command = KvCommand, Result = KvResult, Message = Self::Message>
        + DeserializeOwned;

    /// A view service that has not been told anything.
    fn view_service() -> Self::ViewService;

    /// A view server that nobody has pinged.
    fn view_server() -> Self::ViewServer;

    /// The view service of a view server.
    fn service(view_server: &Self::ViewServer) -> &Self::ViewService;

    /// A server that pings the view server at this address. Its store is empty.
    fn server(view_server: Address) -> Self::Server;

    /// A client that learns from the view server at this address whom to ask.
    fn client(view_server: Address) -> Self::Client;
}

/// The submission `L`, as engines see it:
///
/// | kind | made with | takes | answers | shows |
/// |---|---|---|---|---|
/// | `view-service` | nothing: `()` | [`Script`] | [`Vec`] of [`Shown`] | |
/// | `view-server` | nothing: `()` | | | [`Shown`] |
/// | `server` | the view server's [`Address`] | | | |
/// | `client` | the view server's [`Address`] | [`KvCommand`] | [`KvResult`] | |
/// | `scripted-pinger` | the view server's [`Address`] | [`PingWith`] | [`View`] | |
/// | `pinger` | the view server's [`Address`] | | | the [`View`] that it knows |
///
/// The last two belong to the tests. They stand in for servers.
#[must_use]
pub fn submission<L: Lab2 + 'static>() -> Submission {
    Submission::new()
        .with(Kind::application("view-service", |()| Scripted::new(L::view_service())))
        .with(
            Kind::node("view-server", |_address, ()| L::view_server())
                .observing(|server: &L::ViewServer, ()| Shown::of(L::service(server))),
        )
        .with(Kind::node("server", |_address, view_server| L::server(view_server)))
        .with(Kind::client("client", |_address, view_server| L::client(view_server)))
        .with(Kind::client("scripted-pinger", |_address, view_server| {
            ScriptedPinger::<L::Message>::new(view_server)
        }))
        .with(
            Kind::node("pinger", |_address, view_server| Pinger::<L::Message>::new(view_server))
                .observing(|pinger: &Pinger<L::Message>, ()| pinger.view()),
        )
}

/// The kinds that a submission has, without any submission.
#[must_use]
pub fn interface() -> Interface {
    Interface::new()
        .client::<(), Script, Vec<Shown>>("view-service")
        .node::<()>("view-server")
        .observed::<(), Shown>()
        .node::<Address>("server")
        .client::<Address, KvCommand, KvResult>("client")
        .client::<Address, PingWith, View>("scripted-pinger")
        .node::<Address>("pinger")
        .observed::<(), View>()
}
