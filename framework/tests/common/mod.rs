//! A small system for the engines' tests: a client that retries until it gets a reply, and a server
//! that adds. The server can have one of many faults.

// Each test file uses only a part of it.
#![allow(dead_code)]

use std::convert::identity;
use std::time::Duration;

use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::simulate::{Options, Outcome, Scenario, Simulation};
use faultlab::trace::{MemoryRecorder, Trace};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Node, NodeSpec};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    Add { number: u64, amount: u64 },
    Sum { number: u64, sum: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retry {
    number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Adder {
    server: Address,
    number: u64,
    waiting: Option<u64>,
    sum: Option<u64>,
}

impl Adder {
    fn ask(&self, ctx: &mut Context<Self>) {
        if let Some(amount) = self.waiting {
            ctx.send(self.server, Message::Add { number: self.number, amount });
            ctx.set_timer(Retry { number: self.number }, Duration::from_millis(50));
        }
    }
}

impl Node for Adder {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, _from: Address, message: Message, _ctx: &mut Context<Self>) {
        if let Message::Sum { number, sum } = message
            && number == self.number
            && self.waiting.take().is_some()
        {
            self.sum = Some(sum);
        }
    }

    fn on_timer(&mut self, timer: Retry, ctx: &mut Context<Self>) {
        if timer.number == self.number {
            self.ask(ctx);
        }
    }
}

impl Client for Adder {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, amount: u64, ctx: &mut Context<Self>) {
        self.number += 1;
        self.waiting = Some(amount);
        self.sum = None;
        self.ask(ctx);
    }

    fn result(&self) -> Option<u64> {
        self.sum
    }
}

/// A client that answers every third command itself, immediately, and counts the events it handles.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hasty(Adder, u64);

impl Node for Hasty {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        self.1 += 1;
        ctx.forward::<Adder, _>(identity, identity, |ctx| self.0.on_message(from, message, ctx));
    }

    fn on_timer(&mut self, timer: Retry, ctx: &mut Context<Self>) {
        self.1 += 1;
        ctx.forward::<Adder, _>(identity, identity, |ctx| self.0.on_timer(timer, ctx));
    }
}

impl Client for Hasty {
    type Command = u64;
    type Result = u64;

    fn send_command(&mut self, amount: u64, ctx: &mut Context<Self>) {
        ctx.forward::<Adder, _>(identity, identity, |ctx| self.0.send_command(amount, ctx));
        if amount % 3 == 1 {
            self.0.waiting = None;
            self.0.sum = Some(amount);
        }
    }

    fn result(&self) -> Option<u64> {
        self.0.result()
    }
}

/// The server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    None,
    ExecutesDuplicates,
    PanicsAt(u64),
    NotWritten,
    Floods,
    SendsToNobody,
    PrintsAndLogs,
    UsesRandomness,
    Exits(u64),
    LoopsAt(u64),
    OverflowsAt(u64),
    KeepsAGlobal,
    CountsInAGlobal,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Counter {
    fault: Fault,
    sum: u64,
    last: std::collections::BTreeMap<Address, (u64, u64)>,
}

impl Node for Counter {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let Message::Add { number, amount } = message else { return };
        match self.fault {
            Fault::PanicsAt(at) if at == number => panic!("number {at} is unlucky"),
            Fault::NotWritten => todo!("add the amount"),
            Fault::Floods => {
                for _ in 0..10_000 {
                    ctx.send(from, Message::Sum { number: 0, sum: 0 });
                }
            }
            Fault::SendsToNobody => {
                ctx.send(Address::new("nobody"), Message::Sum { number, sum: 0 })
            }
            Fault::PrintsAndLogs => ctx.log(format_args!("adding {amount}")),
            Fault::UsesRandomness => {
                use std::hash::{BuildHasher, RandomState};
                self.sum += RandomState::new().hash_one(1) % 1_000;
            }
            Fault::Exits(at) if at == number => std::process::exit(0),
            Fault::LoopsAt(at) if at == number => loop {
                std::hint::spin_loop();
            },
            Fault::KeepsAGlobal => {
                use std::sync::atomic::{AtomicU64, Ordering};
                static SEEN: AtomicU64 = AtomicU64::new(0);
                if self.sum == 0 {
                    SEEN.store(0, Ordering::Relaxed);
                }
                self.sum += SEEN.fetch_add(1, Ordering::Relaxed);
            }
            Fault::CountsInAGlobal => {
                use std::sync::atomic::{AtomicU64, Ordering};
                static COUNT: AtomicU64 = AtomicU64::new(0);
                // One process counts from 0 to 99 forwards, the other one backwards.
                self.sum += COUNT.fetch_add(1, Ordering::Relaxed);
            }
            Fault::OverflowsAt(at) if at == number => self.sum = depth(at),
            _ => {}
        }
        let (last, sum) = self.last.get(&from).copied().unwrap_or_default();
        let sum = if number > last || self.fault == Fault::ExecutesDuplicates {
            self.sum += amount;
            self.last.insert(from, (number, self.sum));
            self.sum
        } else if number == last {
            sum
        } else {
            return;
        };
        ctx.send(from, Message::Sum { number, sum });
    }
}

/// Recurses until the stack overflows.
#[allow(unconditional_recursion, clippy::only_used_in_recursion)]
fn depth(number: u64) -> u64 {
    std::hint::black_box(depth(number + 1)) + 1
}

pub fn submission() -> Submission {
    Submission::new()
        .with(
            Kind::node("server", |_, fault: Fault| Counter {
                fault,
                sum: 0,
                last: Default::default(),
            })
            .observing(|server: &Counter, (): ()| server.sum),
        )
        .with(Kind::client("client", |_, server| adder(server)))
        .with(Kind::client("hasty-client", |_, server| Hasty(adder(server), 0)))
}

fn adder(server: Address) -> Adder {
    Adder { server, number: 0, waiting: None, sum: None }
}

pub fn server() -> Address {
    Address::new("server1")
}

pub fn client(number: usize) -> Address {
    Address::numbered("client", number)
}

pub fn server_node(fault: Fault) -> NodeSpec {
    NodeSpec::node("server", server(), &fault)
}

/// A client that adds 1, 2, 3, ..., and expects the sums that are right if it is the only client.
pub fn client_node(number: usize, commands: u64) -> NodeSpec {
    let sums = (1..=commands).map(|last| last * (last + 1) / 2);
    let work = Workload::<u64, u64>::of(1..=commands).expecting(sums);
    NodeSpec::client("client", client(number), &server(), work)
}

/// Runs the small system with its trace recorded.
pub fn record(scenario: &Scenario, seed: u64) -> (Outcome, Trace) {
    let submission = submission();
    let mut sink = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut sink), ..Options::default() };
    let outcome =
        Simulation::new(scenario.clone(), seed).run(&mut LocalHost::new(&submission), options);
    (outcome, sink.into_trace().expect("a recorded run has a trace"))
}
