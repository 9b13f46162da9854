//! A stand-in for lab 3: a log by Paxos, slot by slot, with all roles in one server.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::{Address, Client, Context, Node};
use serde::{Deserialize, Serialize};

/// The highest round of a ballot, so that searches end.
const ROUNDS: u64 = 4;

/// What a server shows about a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slot {
    Empty,
    Accepted(String),
    Chosen(String),
}

/// What is wrong with the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fault {
    None,
    /// A leader counts accepts of its earlier ballots too.
    CountsOldAccepts,
    /// A leader proposes its own command, whatever was accepted before.
    IgnoresAccepted,
    /// A leader waits for accepts of all servers.
    WaitsForAll,
}

type Ballot = (u64, Address);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Append {
    client: Address,
    number: u64,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    Request(Append),
    Reply(u64, String),
    Prepare(u64, Ballot),
    Promise(u64, Ballot, Option<(Ballot, Append)>),
    Accept(u64, Ballot, Append),
    Accepted(u64, Ballot),
    Chosen(u64, Append),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Again(Ballot);

/// A command that a server wants to be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Proposal {
    own: Append,
    slot: u64,
    ballot: Ballot,
    promises: BTreeMap<Address, Option<(Ballot, Append)>>,
    value: Option<Append>,
    accepts: BTreeSet<Address>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Server {
    fault: Fault,
    servers: Vec<Address>,
    round: u64,
    promised: BTreeMap<u64, Ballot>,
    accepted: BTreeMap<u64, (Ballot, Append)>,
    chosen: BTreeMap<u64, Append>,
    proposal: Option<Proposal>,
}

impl Server {
    fn show(&self, slot: u64) -> Slot {
        match (self.chosen.get(&slot), self.accepted.get(&slot)) {
            (Some(append), _) => Slot::Chosen(append.text.clone()),
            (None, Some((_, append))) => Slot::Accepted(append.text.clone()),
            (None, None) => Slot::Empty,
        }
    }

    fn propose(&mut self, own: Append, ctx: &mut Context<Self>) {
        if self.round >= ROUNDS {
            return;
        }
        self.round += 1;
        let slot = (1..).find(|slot| !self.chosen.contains_key(slot)).unwrap_or(1);
        let ballot = (self.round, ctx.address());
        let (promises, value, accepts) = Default::default();
        self.proposal = Some(Proposal { own, slot, ballot, promises, value, accepts });
        ctx.broadcast(self.servers.clone(), Message::Prepare(slot, ballot));
        ctx.set_timer(Again(ballot), Duration::from_millis(100));
    }

    fn answer(&self, append: &Append, ctx: &mut Context<Self>) -> bool {
        let Some((&last, _)) = self.chosen.iter().find(|(_, it)| *it == append) else {
            return false;
        };
        let before = (1..=last).map(|slot| self.chosen.get(&slot).map(|it| it.text.clone()));
        if let Some(value) = before.collect::<Option<String>>() {
            ctx.send(append.client, Message::Reply(append.number, value));
        }
        true
    }

    fn learn(&mut self, slot: u64, append: Append, ctx: &mut Context<Self>) {
        self.chosen.entry(slot).or_insert(append);
        let own = self.proposal.as_ref().filter(|it| it.slot == slot).map(|it| it.own.clone());
        if let Some(own) = own {
            self.proposal = None;
            if !self.answer(&own, ctx) {
                self.propose(own, ctx);
            }
        }
    }

    fn is_majority(&self, count: usize) -> bool {
        2 * count > self.servers.len()
    }

    fn promise(
        &mut self,
        from: Address,
        (slot, ballot): (u64, Ballot),
        accepted: Option<(Ballot, Append)>,
        ctx: &mut Context<Self>,
    ) {
        let Some(mut proposal) = self.proposal.take() else { return };
        if (proposal.slot, proposal.ballot) == (slot, ballot) && proposal.value.is_none() {
            proposal.promises.insert(from, accepted);
            if self.is_majority(proposal.promises.len()) {
                let highest = proposal.promises.values().flatten().max_by_key(|it| it.0);
                let highest = highest.filter(|_| self.fault != Fault::IgnoresAccepted);
                let value = highest.map_or(&proposal.own, |it| &it.1).clone();
                proposal.value = Some(value.clone());
                ctx.broadcast(self.servers.clone(), Message::Accept(slot, ballot, value));
            }
        }
        self.proposal = Some(proposal);
    }

    fn accepted(&mut self, from: Address, (slot, ballot): (u64, Ballot), ctx: &mut Context<Self>) {
        let Some(proposal) = &mut self.proposal else { return };
        let is_of_now = proposal.ballot == ballot || self.fault == Fault::CountsOldAccepts;
        let Some(value) = proposal.value.clone().filter(|_| proposal.slot == slot && is_of_now)
        else {
            return;
        };
        proposal.accepts.insert(from);
        let count = proposal.accepts.len();
        let is_chosen = match self.fault {
            Fault::WaitsForAll => count == self.servers.len(),
            _ => self.is_majority(count),
        };
        if is_chosen {
            ctx.broadcast(self.servers.clone(), Message::Chosen(slot, value.clone()));
            self.learn(slot, value, ctx);
        }
    }
}

impl Node for Server {
    type Message = Message;
    type Timer = Again;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Request(append) => {
                if !self.answer(&append, ctx) && self.proposal.is_none() {
                    self.propose(append, ctx);
                }
            }
            Message::Prepare(slot, ballot) => {
                self.round = self.round.max(ballot.0);
                if self.promised.get(&slot).is_none_or(|promised| ballot >= *promised) {
                    self.promised.insert(slot, ballot);
                    let accepted = self.accepted.get(&slot).cloned();
                    ctx.send(from, Message::Promise(slot, ballot, accepted));
                }
            }
            Message::Promise(slot, ballot, accepted) => {
                self.promise(from, (slot, ballot), accepted, ctx);
            }
            Message::Accept(slot, ballot, append) => {
                if self.promised.get(&slot).is_none_or(|promised| ballot >= *promised) {
                    self.promised.insert(slot, ballot);
                    self.accepted.insert(slot, (ballot, append));
                    ctx.send(from, Message::Accepted(slot, ballot));
                }
            }
            Message::Accepted(slot, ballot) => self.accepted(from, (slot, ballot), ctx),
            Message::Chosen(slot, append) => self.learn(slot, append, ctx),
            Message::Reply(..) => {}
        }
    }

    fn on_timer(&mut self, again: Again, ctx: &mut Context<Self>) {
        let proposal = self.proposal.take_if(|proposal| proposal.ballot == again.0);
        if let Some(proposal) = proposal {
            self.propose(proposal.own, ctx);
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Asking {
    servers: Vec<Address>,
    number: u64,
    result: Option<String>,
}

impl Node for Asking {
    type Message = Message;
    type Timer = Again;

    fn on_message(&mut self, _: Address, message: Message, _: &mut Context<Self>) {
        if let Message::Reply(number, value) = message
            && number == self.number
        {
            self.result.get_or_insert(value);
        }
    }
}

impl Client for Asking {
    type Command = String;
    type Result = String;

    fn send_command(&mut self, text: String, ctx: &mut Context<Self>) {
        (self.number, self.result) = (self.number + 1, None);
        let append = Append { client: ctx.address(), number: self.number, text };
        ctx.broadcast(self.servers.clone(), Message::Request(append));
    }

    fn result(&self) -> Option<String> {
        self.result.clone()
    }
}

pub fn submission(fault: Fault) -> Submission {
    let server = move |_: Address, servers: Vec<Address>| Server {
        fault,
        servers,
        round: 0,
        promised: BTreeMap::new(),
        accepted: BTreeMap::new(),
        chosen: BTreeMap::new(),
        proposal: None,
    };
    let client = |_: Address, servers| Asking { servers, number: 0, result: None };
    Submission::new()
        .with(
            Kind::node("server", server).observing(|server: &Server, slot: u64| server.show(slot)),
        )
        .with(Kind::client("client", client))
}
