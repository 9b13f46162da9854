//! The reliable in-order model, implemented on top of the unreliable one.
//!
//! [`InOrder`] wraps any node. It numbers the inner node's messages to each receiver, keeps each
//! message until it is acknowledged, retransmits it, and hands incoming messages to the inner node
//! in order, once each. So an inner node that needs a reliable in-order network works on an
//! unreliable one.

use std::collections::BTreeMap;
use std::time::Duration;

use faultlab::hosting::{Kind, LocalHost, Submission};
use faultlab::property::clients_done;
use faultlab::simulate::{LinkConditions, Options, Scenario, Simulation};
use faultlab::workload::Workload;
use faultlab::{Address, Client, Context, Effect, FaultModel, Node, NodeSpec};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Segment<M> {
    Data { number: u64, message: M },
    Acknowledged { up_to: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Timer<T> {
    Inner(T),
    Retransmit,
}

/// A node's state about another node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Peer<M> {
    sent: u64,
    unacknowledged: BTreeMap<u64, M>,
    received: u64,
    early: BTreeMap<u64, M>,
}

impl<M> Default for Peer<M> {
    fn default() -> Self {
        Self { sent: 0, unacknowledged: BTreeMap::new(), received: 0, early: BTreeMap::new() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct InOrder<N: Node> {
    inner: N,
    peers: BTreeMap<Address, Peer<N::Message>>,
}

const RETRANSMIT: Duration = Duration::from_millis(40);

impl<N: Node> InOrder<N> {
    fn new(inner: N) -> Self {
        Self { inner, peers: BTreeMap::new() }
    }

    /// Runs a handler of the inner node, and numbers the messages it sends.
    fn act(&mut self, ctx: &mut Context<Self>, act: impl FnOnce(&mut N, &mut Context<N>)) {
        let mut inner = Context::new(ctx.address());
        act(&mut self.inner, &mut inner);
        for effect in inner.take_effects() {
            match effect {
                Effect::Send { to, message } => {
                    let peer = self.peers.entry(to).or_default();
                    peer.sent += 1;
                    peer.unacknowledged.insert(peer.sent, message.clone());
                    ctx.send(to, Segment::Data { number: peer.sent, message });
                }
                Effect::SetTimer { timer, min, max } => {
                    ctx.set_timer(Timer::Inner(timer), min..=max)
                }
                Effect::Log { line } => ctx.log(line),
                Effect::Save { .. } | Effect::Append { .. } | Effect::Sync => {
                    unreachable!("the inner nodes are not durable")
                }
            }
        }
    }
}

impl<N: Node> Node for InOrder<N> {
    type Message = Segment<N::Message>;
    type Timer = Timer<N::Timer>;

    fn init(&mut self, ctx: &mut Context<Self>) {
        self.act(ctx, |inner, ctx| inner.init(ctx));
        ctx.set_timer(Timer::Retransmit, RETRANSMIT);
    }

    fn on_message(&mut self, from: Address, segment: Self::Message, ctx: &mut Context<Self>) {
        let peer = self.peers.entry(from).or_default();
        match segment {
            Segment::Acknowledged { up_to } => {
                peer.unacknowledged.retain(|&number, _| number > up_to)
            }
            Segment::Data { number, message } => {
                if number > peer.received {
                    peer.early.insert(number, message);
                }
                let mut in_order = Vec::new();
                while let Some(message) = peer.early.remove(&(peer.received + 1)) {
                    peer.received += 1;
                    in_order.push(message);
                }
                ctx.send(from, Segment::Acknowledged { up_to: peer.received });
                for message in in_order {
                    self.act(ctx, |inner, ctx| inner.on_message(from, message, ctx));
                }
            }
        }
    }

    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut Context<Self>) {
        match timer {
            Timer::Inner(timer) => self.act(ctx, |inner, ctx| inner.on_timer(timer, ctx)),
            Timer::Retransmit => {
                for (&to, peer) in &self.peers {
                    for (&number, message) in &peer.unacknowledged {
                        ctx.send(to, Segment::Data { number, message: message.clone() });
                    }
                }
                ctx.set_timer(Timer::Retransmit, RETRANSMIT);
            }
        }
    }
}

impl<N: Client> Client for InOrder<N> {
    type Command = N::Command;
    type Result = N::Result;

    fn send_command(&mut self, command: N::Command, ctx: &mut Context<Self>) {
        self.act(ctx, |inner, ctx| inner.send_command(command, ctx));
    }

    fn result(&self) -> Option<N::Result> {
        self.inner.result()
    }
}

/// Sends a burst of numbers, assuming a reliable network, and waits for all echoes in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Burst {
    peer: Address,
    expected: u64,
    end: u64,
    in_order: bool,
}

const BURST: u64 = 5;

impl Node for Burst {
    type Message = u64;
    type Timer = ();

    fn on_message(&mut self, _from: Address, number: u64, _ctx: &mut Context<Self>) {
        self.in_order &= number == self.expected;
        self.expected += 1;
    }
}

impl Client for Burst {
    type Command = ();
    type Result = bool;

    fn send_command(&mut self, (): (), ctx: &mut Context<Self>) {
        for number in self.end..self.end + BURST {
            ctx.send(self.peer, number);
        }
        self.end += BURST;
    }

    fn result(&self) -> Option<bool> {
        (self.expected >= self.end).then_some(self.in_order)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Echo;

impl Node for Echo {
    type Message = u64;
    type Timer = ();

    fn on_message(&mut self, from: Address, number: u64, ctx: &mut Context<Self>) {
        ctx.send(from, number);
    }
}

fn burst(peer: Address) -> Burst {
    Burst { peer, expected: 0, end: 0, in_order: true }
}

/// Whether bursts come back complete and in order, for 50 seeds.
fn comes_back_in_order(submission: &Submission, fault_model: FaultModel) -> bool {
    let (client, server) = (Address::new("client1"), Address::new("server1"));
    let work = Workload::<(), bool>::of([(); 8]).expecting([true; 8]);
    let scenario = Scenario::new()
        .fault_model(fault_model)
        .node(NodeSpec::node("echo", server, &()))
        .node(NodeSpec::client("burst", client, &server, work))
        .link_conditions(if fault_model.may_lose() {
            LinkConditions::unreliable()
        } else {
            LinkConditions::unreliable().only_latency()
        })
        .check(clients_done())
        .check(faultlab::property::results_ok());
    (0..50).all(|seed| {
        let mut host = LocalHost::new(submission);
        Simulation::new(scenario.clone(), seed).run(&mut host, Options::default()).verdict.held()
    })
}

#[test]
fn sequence_numbers_and_retransmission_make_the_network_reliable_and_in_order() {
    let bare = Submission::new()
        .with(Kind::client("burst", |_, peer: Address| burst(peer)))
        .with(Kind::node("echo", |_, (): ()| Echo));
    let wrapped = Submission::new()
        .with(Kind::client("burst", |_, peer: Address| InOrder::new(burst(peer))))
        .with(Kind::node("echo", |_, (): ()| InOrder::new(Echo)));
    assert!(comes_back_in_order(&bare, FaultModel::RELIABLE_IN_ORDER_FAIL_STOP));
    assert!(!comes_back_in_order(&bare, FaultModel::UNRELIABLE_FAIL_STOP));
    assert!(comes_back_in_order(&wrapped, FaultModel::UNRELIABLE_FAIL_STOP));
}
