//! Faultlab: write a distributed system as plain state machines, then see how it breaks.
//!
//! A distributed system consists of *nodes* that send each other *messages* over a network. The
//! network may delay, reorder, drop and duplicate messages, and nodes may crash. Here, a node is a
//! plain state machine: a struct with one handler per kind of event. A handler changes the struct
//! and acts on the outside only through its [`Context`]. This page is all you need to write one.
//!
//! # All of lab 0
//!
//! A client asks a server until it gets an answer. The dependencies are this crate and `serde = {
//! version = "1", features = ["derive"] }`.
//!
//! ```
//! use std::time::Duration;
//!
//! use faultlab::{Address, Client, Context, Node, System, NodeSpec};
//! use serde::{Deserialize, Serialize};
//!
//! // Messages and timers are plain data with the usual derives.
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! enum Message {
//!     Ping(String),
//!     Pong(String),
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct Retry(String);
//!
//! // The server answers. It keeps no state, so a duplicated ping does no harm.
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct PingServer;
//!
//! impl Node for PingServer {
//!     type Message = Message;
//!     type Timer = Retry;
//!
//!     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
//!         if let Message::Ping(text) = message {
//!             ctx.send(from, Message::Pong(text));
//!         }
//!     }
//! }
//!
//! // The client asks again each time its timer fires before the answer has come.
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct PingClient {
//!     server: Address,
//!     asked: Option<String>,
//!     answer: Option<String>,
//! }
//!
//! impl PingClient {
//!     fn ask(&self, text: String, ctx: &mut Context<Self>) {
//!         ctx.send(self.server, Message::Ping(text.clone()));
//!         ctx.set_timer(Retry(text), Duration::from_millis(100));
//!     }
//! }
//!
//! impl Node for PingClient {
//!     type Message = Message;
//!     type Timer = Retry;
//!
//!     fn on_message(&mut self, _from: Address, message: Message, _ctx: &mut Context<Self>) {
//!         // The answer to an earlier ping may still arrive. It must not be taken for this one's.
//!         if let Message::Pong(text) = message && self.asked.as_ref() == Some(&text) {
//!             self.answer = Some(text);
//!         }
//!     }
//!
//!     fn on_timer(&mut self, Retry(text): Retry, ctx: &mut Context<Self>) {
//!         if self.asked.as_ref() == Some(&text) && self.answer.is_none() {
//!             self.ask(text, ctx);
//!         }
//!     }
//! }
//!
//! // A client is a node that takes commands from outside.
//! impl Client for PingClient {
//!     type Command = String;
//!     type Result = String;
//!
//!     fn send_command(&mut self, text: String, ctx: &mut Context<Self>) {
//!         self.asked = Some(text.clone());
//!         self.answer = None;
//!         self.ask(text, ctx);
//!     }
//!
//!     fn result(&self) -> Option<String> {
//!         self.answer.clone()
//!     }
//! }
//!
//! // Handlers are plain functions: a unit test can call one and look at its effects.
//! use faultlab::Effect;
//!
//! let (server, client) = (Address::new("server1"), Address::new("client1"));
//! let mut ctx = Context::new(server);
//! PingServer.on_message(client, Message::Ping("hello".to_owned()), &mut ctx);
//! assert_eq!(ctx.effects(), [Effect::Send { to: client, message: Message::Pong("hello".to_owned()) }]);
//!
//! // A hundred simulated runs in which messages get lost, delayed and duplicated.
//! use faultlab::property::{clients_done, results_ok};
//! use faultlab::simulate::{Network, Options, Scenario, Simulation};
//! use faultlab::hosting::{Kind, LocalHost, Submission};
//! use faultlab::workload::Workload;
//!
//! let submission = Submission::new()
//!     .with(Kind::node("server", |_address, ()| PingServer))
//!     .with(Kind::client("client", |_address, server| PingClient { server, asked: None, answer: None }));
//! let texts = ["one", "two", "three"].map(str::to_owned);
//! let work = Workload::<String, String>::of(texts.clone()).expecting(texts);
//! let scenario = Scenario::new()
//!     .node(NodeSpec::node("server", server, &()))
//!     .node(NodeSpec::client("client", client, &server, work.clone()))
//!     .network(Network::unreliable())
//!     .until_done(Duration::from_secs(60))
//!     .check(clients_done())
//!     .check(results_ok());
//! for seed in 0..100 {
//!     let mut nodes = LocalHost::new(&submission);
//!     let outcome = Simulation::new(scenario.clone(), seed).run(&mut nodes, Options::default());
//!     assert!(outcome.verdict.held());
//! }
//!
//! // And every possible run.
//! use faultlab::search::{Search, SearchResult};
//!
//! let system = System::new().node("server", server, &()).client("client", client, &server, work);
//! let report = Search::new(system).invariant(results_ok()).prune(clients_done()).run(&submission);
//! assert!(matches!(report.result, SearchResult::Exhausted));
//! ```
//!
//! # Nodes
//!
//! - A node reacts to its start ([`init`](Node::init)), to a message, or to a timer. A handler
//!   returns at once. It does not wait for an answer; the answer, if it arrives, is another event.
//! - It is deterministic: no clock, no randomness, no threads, no globals. That is why a failing
//!   run can be repeated, and why a search can explore what happens next.
//! - Its state, messages and timers are plain data with the derives above. A `HashMap` iterates in
//!   a different order in every run and does not compile here; use `BTreeMap`.
//! - It knows its own address, [`ctx.address()`](Context::address), and can answer a message's
//!   sender, `from`. It is given other addresses when it is constructed. A crashed node never comes
//!   back, unless the fault model says so; see [`Durable`].
//!
//! # Messages
//!
//! [`ctx.send`](Context::send) gives a message to the network, which may deliver it late, twice, out
//! of order, or never ([`FaultModel`]). Unless the fault model says so, it never alters or invents one. So a message should say what
//! it belongs to (here the text; usually a sequence number), and its receiver should ask: *what if
//! this is the second copy? what if I no longer wait for it?*
//!
//! # Timers
//!
//! [`ctx.set_timer`](Context::set_timer) arranges for one call of [`on_timer`](Node::on_timer) with
//! that value after the duration; given a range, it fires somewhere within it. A timer cannot be
//! cancelled. It should say what it was set for, as `Retry` does, and the handler should check
//! whether that still matters.
//!
//! # Clients
//!
//! A [`Client`] gets a command through [`send_command`](Client::send_command). After each event its
//! [`result`](Client::result) is read. Once there is one, the client gets its next command.
//! `result` belongs to the *current* command.
//!
//! # Running it
//!
//! A [`Submission`](hosting::Submission) declares which kinds of nodes there are and how to
//! construct them. A [`Scenario`](simulate::Scenario) lists the nodes, each client's commands and
//! expected results ([`Workload`](workload::Workload)), the network's behaviour, scheduled
//! interventions ([`Intervention`](simulate::Intervention)), and the properties that must hold
//! ([`property`]). A [`Simulation`](simulate::Simulation) is one run of it, in virtual time, fixed
//! by a seed. A [`Search`](search::Search) explores all runs of a small [`System`]
//! and shows a shortest one that breaks.
//!
//! In a lab, all of this is provided. The lab's `Lab` type names your nodes;
//! `./scripts/run-tests.sh lab0` runs the suite on them and draws a failing run. Output of
//! `ctx.log`, `println!` and `dbg!` appears in the drawing, at its event.
//!
//! # Overview
//!
//! | | |
//! |---|---|
//! | [`Node`], [`Client`], [`Application`], [`Context`], [`Address`], [`Value`] | what students implement and use |
//! | [`Durable`], [`Stored`], [`Checksummed`] | nodes that come back after a crash |
//! | [`byzantine`], [`Signed`] | nodes that lie, and signatures that they cannot forge |
//! | [`FaultModel`], [`simulate`] | failures, and seeded runs in which they occur |
//! | [`search`] | a model checker: every run of a small system |
//! | [`Explorer`] | one run of a small system, whose events a caller picks |
//! | [`workload`], [`history`], [`property`] | the clients' commands, their results, and what must hold for them |
//! | [`linearizability`] | checks whether a history could come from a single copy |
//! | [`trace`] | recorded runs, to show and to replay |
//! | [`random`] | seeded random numbers, the same on every machine |
//! | [`hosting`], [`codec`] | how engines run nodes without knowing their types |
//!
//! Students need only these and `serde`. Labs and their tests live in other crates; this one knows
//! nothing about labs or grading.

mod abridge;
mod address;
mod application;
pub mod byzantine;
mod characters;
mod checksummed;
mod client;
mod client_driver;
pub mod codec;
mod context;
mod durable;
mod fault_model;
pub mod history;
pub mod hosting;
pub mod kinds;
pub mod linearizability;
mod node;
mod parallel;
pub mod property;
pub mod random;
pub mod search;
mod signed;
pub mod simulate;
mod system;
pub mod trace;
pub mod workload;

pub use address::{ADDRESS_LENGTH_MAX, Address, AddressError};
pub use application::Application;
pub use characters::Characters;
pub use checksummed::Checksummed;
pub use client::Client;
pub use context::{Context, Delay, Effect};
pub use durable::{Durable, Stored, StoredValue};
pub use fault_model::{DiskFault, FaultModel, NetworkModel, NodeModel, UnknownFaultModel};
pub use node::{Node, Value};
pub use search::Explorer;
pub use signed::Signed;
pub use system::{NodeSpec, System};
