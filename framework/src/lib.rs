//! Faultlab: write a distributed system as plain state machines, then see how it breaks.
//!
//! A distributed system is *nodes* that send each other *messages* over a network that delays,
//! reorders, drops and duplicates them, and that may crash. Here a node is a plain state machine: a
//! struct, and a handler for each thing that can happen to it. A handler changes the struct and acts on
//! the world through its [`Context`] only. This page is enough to write one.
//!
//! # All of lab 0
//!
//! A client asks a server until it has the answer. The dependencies are this crate and
//! `serde = { version = "1", features = ["derive"] }`.
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
//!     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
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
//!         // An answer to an earlier ping may still arrive: it must not be taken for this one's.
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
//! // A client is a node that the outside world can ask for something.
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
//! // A handler is a plain function, so a unit test calls it, and looks at what it did.
//! use faultlab::Effect;
//!
//! let (server, client) = (Address::new("server1"), Address::new("client1"));
//! let mut ctx = Context::new(server);
//! PingServer.on_message(client, Message::Ping("hello".to_owned()), &mut ctx);
//! assert_eq!(ctx.effects(), [Effect::Send { to: client, message: Message::Pong("hello".to_owned()) }]);
//!
//! // A hundred runs, in which messages get lost and come late or twice.
//! use faultlab::property::{clients_done, results_ok};
//! use faultlab::simulate::{Network, NodeSpec, Options, Scenario, Simulation};
//! use faultlab::worker::{Kind, LocalHost, Submission};
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
//! // And every run that there is.
//! use faultlab::search::{Outcome, Search, System};
//!
//! let system = System::new().node("server", server, &()).client("client", client, &server, work);
//! let report = Search::new(system).invariant(results_ok()).prune(clients_done()).run(&submission);
//! assert!(matches!(report.outcome, Outcome::Exhausted));
//! ```
//!
//! # Nodes
//!
//! - A node reacts: to its start ([`init`](Node::init)), to a message, to a timer. A handler returns at
//!   once. It does not wait for an answer; the answer, if one comes, is another event.
//! - It is deterministic: no clock, no randomness, no thread, no global. That is why a run that failed
//!   once fails again, and why a search can try what happens next.
//! - Its state, messages and timers are plain data with the derives above. A `HashMap` has no order that is the
//!   same in every run, and does not compile; use `BTreeMap`.
//! - It knows its own name, [`ctx.address()`](Context::address), and answers whoever sent: `from`. Other
//!   addresses are given to it when it is made. A crashed node never comes back.
//!
//! # Messages
//!
//! [`ctx.send`](Context::send) gives a message to the network, which may deliver it late, twice, out of
//! order or never ([`FaultModel`]). It never changes one, and never invents one. So a message should say what it
//! belongs to (here the text; in general a number), and whoever gets it should ask: *what if it is the
//! second time? what if I no longer wait for it?*
//!
//! # Timers
//!
//! [`ctx.set_timer`](Context::set_timer) calls [`on_timer`](Node::on_timer) with that value, once, after the duration;
//! a range of durations fires somewhere in it. A timer cannot be cancelled. It should say what it was
//! set for, as `Retry` does, and the handler should check whether that still matters.
//!
//! # Clients
//!
//! A [`Client`] is asked with [`send_command`](Client::send_command), and looked at with [`result`](Client::result) after
//! each event, until the result is there; then it is asked for the next. `result` shows the answer to the *current* command.
//!
//! # Running it
//!
//! A [`Submission`](worker::Submission) says what kinds of nodes there are and how one is made. A
//! [`Scenario`](simulate::Scenario) says who takes part, what each client is asked and must be answered
//! ([`Workload`](workload::Workload)), what the network does, what is done to it and when
//! ([`Intervention`](simulate::Intervention)), and what must hold ([`property`]). A
//! [`Simulation`](simulate::Simulation) is one run of it, in virtual time and fixed by one seed. A
//! [`Search`](search::Search) goes through all runs of a small [`System`](search::System) instead, and shows a
//! shortest one that breaks.
//!
//! In a lab all of this is there: the lab's `Lab` type names your nodes, and `./scripts/run-tests.sh lab0` runs
//! the suite on them and draws a run that breaks. `ctx.log`, `println!` and `dbg!` in a handler show up in that
//! drawing, beside their event.
//!
//! # Where to find what
//!
//! | | |
//! |---|---|
//! | [`Node`], [`Client`], [`Application`], [`Context`], [`Address`], [`Value`] | what a student writes against |
//! | [`FaultModel`], [`simulate`] | what can go wrong, and seeded runs in which it does |
//! | [`search`] | every run of a small system: a model checker |
//! | [`workload`], [`history`], [`property`] | what clients are asked, what they were told, what must hold of it |
//! | [`linearizability`] | whether a history could be that of one copy |
//! | [`trace`] | a run, recorded, to be shown and replayed |
//! | [`random`] | the numbers that a seed fixes, the same on every machine |
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
