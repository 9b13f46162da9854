//! Faultlab: write a distributed system as plain state machines, then see how it breaks.
//!
//! # A node
//!
//! A distributed system is *nodes* that send each other *messages* over a network that delays,
//! reorders, drops and duplicates them, and that may crash. Here a node is a plain state machine: a
//! struct, and a handler for each thing that can happen to it. A handler changes the struct and acts on
//! the world through its [`Context`] only: it sends messages and sets timers. [`Node`] has the whole
//! contract.
//!
//! This is all of lab 0, a client that asks until a server has answered:
//!
//! ```
//! use std::time::Duration;
//!
//! use faultlab::{Address, Client, Context, Node};
//! use serde::{Deserialize, Serialize};
//!
//! // What is sent, and what a node can be reminded of: plain data, with the usual derives.
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! enum Message {
//!     Ping(String),
//!     Pong(String),
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct Retry(String);
//!
//! // The server answers. It keeps nothing, so a ping that comes twice does no harm.
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct PingServer;
//!
//! impl Node for PingServer {
//!     type Message = Message;
//!     type Timer = Retry;
//!
//!     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<'_, Message, Retry>) {
//!         if let Message::Ping(text) = message {
//!             ctx.send(from, Message::Pong(text));
//!         }
//!     }
//! }
//!
//! // The client asks again whenever its timer fires and no answer is there.
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct PingClient {
//!     server: Address,
//!     asked: Option<String>,
//!     answer: Option<String>,
//! }
//!
//! impl PingClient {
//!     fn ask(&self, text: String, ctx: &mut Context<'_, Message, Retry>) {
//!         ctx.send(self.server, Message::Ping(text.clone()));
//!         ctx.set_timer(Retry(text), Duration::from_millis(100));
//!     }
//! }
//!
//! impl Node for PingClient {
//!     type Message = Message;
//!     type Timer = Retry;
//!
//!     fn on_message(&mut self, _from: Address, message: Message, _ctx: &mut Context<'_, Message, Retry>) {
//!         // An answer to an earlier ping may still arrive: it must not be taken for this one's.
//!         if let Message::Pong(text) = message && self.asked.as_ref() == Some(&text) {
//!             self.answer = Some(text);
//!         }
//!     }
//!
//!     fn on_timer(&mut self, Retry(text): Retry, ctx: &mut Context<'_, Message, Retry>) {
//!         if self.asked.as_ref() == Some(&text) && self.answer.is_none() {
//!             self.ask(text, ctx);
//!         }
//!     }
//! }
//!
//! // A client is a node that the outside world can ask for something.
//! impl Client for PingClient {
//!     type Command = String;
//!     type Result = String;
//!
//!     fn send_command(&mut self, text: String, ctx: &mut Context<'_, Message, Retry>) {
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
//! # // A run of it, as the next section explains.
//! # use faultlab::property::{clients_done, results_ok};
//! # use faultlab::simulate::{Network, NodeSpec, Options, Scenario, Simulation};
//! # use faultlab::worker::{Kind, LocalHost, Submission};
//! # use faultlab::workload::Workload;
//! let submission = Submission::new()
//!     .with(Kind::node("server", |_address, ()| PingServer))
//!     .with(Kind::client("client", |_address, server| PingClient { server, asked: None, answer: None }));
//!
//! let (server, client) = (Address::new("server1"), Address::new("client1"));
//! let texts = ["one", "two", "three"].map(str::to_owned);
//! let work = Workload::<String, String>::of(texts.clone()).expecting(texts);
//! let scenario = Scenario::new()
//!     .node(NodeSpec::node("server", server, &()))
//!     .node(NodeSpec::client("client", client, &server, work))
//!     .network(Network::unreliable())
//!     .until_done(Duration::from_secs(60))
//!     .check(clients_done())
//!     .check(results_ok());
//!
//! for seed in 0..100 {
//!     let mut nodes = LocalHost::new(&submission);
//!     let outcome = Simulation::new(scenario.clone(), seed).run(&mut nodes, Options::default());
//!     assert!(outcome.verdict.held());
//! }
//! ```
//!
//! # A run
//!
//! The second half of the example runs the nodes. A [`Submission`](worker::Submission) says what kinds
//! of nodes there are. A [`Scenario`](simulate::Scenario) says who takes part, what each client is asked
//! ([`Workload`](workload::Workload)), what the network does, what is done to it and when
//! ([`Intervention`](simulate::Intervention)), and what must hold ([`property`]). A
//! [`Simulation`](simulate::Simulation) is one run of it in virtual time. One seed fixes the whole run: a
//! run that failed once fails again whenever you ask for it.
//!
//! # Where to find what
//!
//! | | |
//! |---|---|
//! | [`Node`], [`Client`], [`Application`], [`Context`], [`Address`] | what a student writes against |
//! | [`FaultModel`], [`simulate`] | what can go wrong, and seeded runs in which it does |
//! | [`workload`], [`history`], [`property`] | what clients are asked, what they were told, what must hold of it |
//! | [`linearizability`] | whether a history could be that of one copy |
//! | [`trace`] | a run, recorded, to be shown and replayed |
//! | [`worker`], [`codec`] | how engines reach nodes whose types they do not know |
//!
//! A student's dependencies are these and `serde`. Labs and their tests are other crates: this one knows
//! no lab and no grading.

mod address;
mod application;
mod client;
pub mod codec;
mod context;
mod fault_model;
pub mod history;
pub mod linearizability;
mod node;
mod parallel;
pub mod property;
pub mod random;
pub mod search;
pub mod simulate;
pub mod trace;
pub mod worker;
pub mod workload;

pub use address::{ADDRESS_LENGTH_MAX, Address, AddressError};
pub use application::Application;
pub use client::Client;
pub use context::{Context, Delay, Effect};
pub use fault_model::FaultModel;
pub use node::{Node, Value};
