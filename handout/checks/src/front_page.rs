//! Lab 0, written by somebody who has read only the front page of `cargo doc -p faultlab` and lab
//! 0's API. It uses no name that is not on one of the two, and earns all points.
//!
//! ```
//! use std::time::Duration;
//!
//! use faultlab::{Address, Client, Context, Node};
//! use lab0_api::{Lab0, Ping, Pong};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! enum Message {
//!     Ask(u64, Ping),
//!     Answer(u64, Pong),
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct Remind(u64);
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct Echo;
//!
//! impl Node for Echo {
//!     type Message = Message;
//!     type Timer = Remind;
//!
//!     fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
//!         if let Message::Ask(number, Ping { text }) = message {
//!             ctx.send(from, Message::Answer(number, Pong { text }));
//!         }
//!     }
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! struct Asker {
//!     server: Address,
//!     number: u64,
//!     ping: Option<Ping>,
//!     pong: Option<Pong>,
//! }
//!
//! impl Asker {
//!     fn ask(&self, ctx: &mut Context<Self>) {
//!         if let (Some(ping), None) = (&self.ping, &self.pong) {
//!             ctx.send(self.server, Message::Ask(self.number, ping.clone()));
//!             ctx.set_timer(Remind(self.number), Duration::from_millis(100));
//!         }
//!     }
//! }
//!
//! impl Node for Asker {
//!     type Message = Message;
//!     type Timer = Remind;
//!
//!     fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
//!         if let Message::Answer(number, pong) = message && number == self.number {
//!             self.pong = Some(pong);
//!         }
//!     }
//!
//!     fn on_timer(&mut self, Remind(number): Remind, ctx: &mut Context<Self>) {
//!         if number == self.number {
//!             self.ask(ctx);
//!         }
//!     }
//! }
//!
//! impl Client for Asker {
//!     type Command = Ping;
//!     type Result = Pong;
//!
//!     fn send_command(&mut self, ping: Ping, ctx: &mut Context<Self>) {
//!         self.number += 1;
//!         self.ping = Some(ping);
//!         self.pong = None;
//!         self.ask(ctx);
//!     }
//!
//!     fn result(&self) -> Option<Pong> {
//!         self.pong.clone()
//!     }
//! }
//!
//! struct Lab;
//!
//! impl Lab0 for Lab {
//!     type Server = Echo;
//!     type Client = Asker;
//!
//!     fn server() -> Echo {
//!         Echo
//!     }
//!
//!     fn client(server: Address) -> Asker {
//!         Asker { server, number: 0, ping: None, pong: None }
//!     }
//! }
//!
//! // What `./scripts/run-tests.sh lab0` runs.
//! # use faultlab::simulate::Options;
//! # use faultlab_suites::{all, run};
//! let submission = lab0_api::submission::<Lab>();
//! let suites = all();
//! let suite = suites.iter().find(|suite| suite.lab() == "lab0").expect("lab 0 has a suite");
//! assert!(suite.tests().count() > 1);
//! for test in suite.tests() {
//!     for seed in 0..20 {
//!         assert!(run(suite, test, seed, &submission, Options::default()).outcome.verdict.held());
//!     }
//! }
//! ```
