//! A correct solution of lab 5 with another design: a post names the posts that must come before it, and no clock is sent.
//! Peers sit in a list in their natural order, numbers start at 7 and have gaps, and one perpetual tick is the only timer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use faultlab::{Address, Client, Context, Node};
use lab5_api::{Answer, Command, Lab5, Post, Relation, VectorClock};
use serde::{Deserialize, Serialize};

/// A clock that is a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct List(Vec<u64>);

impl VectorClock for List {
    fn tick(&mut self, peer: usize) {
        self.0[peer] += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.0 = self.0.iter().zip(&other.0).map(|(one, other)| *one.max(other)).collect();
    }

    fn relation(&self, other: &Self) -> Relation {
        let mut merged = self.clone();
        merged.merge(other);
        match (merged == *self, merged == *other) {
            (true, true) => Relation::Same,
            (true, false) => Relation::After,
            (false, true) => Relation::Before,
            (false, false) => Relation::Concurrent,
        }
    }

    fn counts(&self) -> Vec<u64> {
        self.0.clone()
    }
}

/// The name of a post.
type Name = (Address, u32);

/// A post with its name, and the names of the posts before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Letter {
    name: Name,
    after: BTreeSet<Name>,
    text: String,
}

/// The messages between peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A post.
    Letter(Letter),
    /// The post with this name has arrived.
    Thanks(Name),
}

/// Perhaps something must be sent again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tick;

/// The time between two ticks.
const TICK: Duration = Duration::from_millis(120);

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    me: Address,
    others: BTreeSet<Address>,
    next: u32,
    read: Vec<Post>,
    names: BTreeSet<Name>,
    /// Of the posts that it has read, those that no other one of them comes after.
    newest: BTreeSet<Name>,
    unread: Vec<Letter>,
    sent: BTreeMap<Name, (Letter, BTreeSet<Address>)>,
    command: Option<Command>,
}

impl Peer {
    fn read(&mut self, letter: Letter) {
        self.newest.retain(|name| !letter.after.contains(name));
        self.newest.insert(letter.name);
        self.names.insert(letter.name);
        self.read.push(Post { author: letter.name.0, text: letter.text });
    }
}

impl Client for Peer {
    type Command = Command;
    type Result = Answer;

    fn send_command(&mut self, command: Command, ctx: &mut Context<Self>) {
        if let Command::Post(text) = &command {
            let name = (self.me, self.next);
            self.next += 3;
            let letter = Letter { name, after: self.newest.clone(), text: text.clone() };
            self.read(letter.clone());
            ctx.broadcast(self.others.iter().copied(), Message::Letter(letter.clone()));
            self.sent.insert(name, (letter, self.others.clone()));
        }
        self.command = Some(command);
    }

    fn result(&self) -> Option<Answer> {
        match self.command.as_ref()? {
            Command::Post(_) => Some(Answer::Posted),
            Command::Await(text) => {
                self.read.iter().any(|post| post.text == *text).then_some(Answer::Seen)
            }
        }
    }
}

impl Node for Peer {
    type Message = Message;
    type Timer = Tick;

    fn init(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer(Tick, TICK);
    }

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Letter(letter) => {
                ctx.send(from, Message::Thanks(letter.name));
                if !self.names.contains(&letter.name) && !self.unread.contains(&letter) {
                    self.unread.push(letter);
                    self.unread.sort();
                }
                while let Some(place) =
                    self.unread.iter().position(|letter| letter.after.is_subset(&self.names))
                {
                    let letter = self.unread.remove(place);
                    self.read(letter);
                }
            }
            Message::Thanks(name) => {
                if let Some((_, missing)) = self.sent.get_mut(&name) {
                    missing.remove(&from);
                }
                self.sent.retain(|_, (_, missing)| !missing.is_empty());
            }
        }
    }

    fn on_timer(&mut self, _: Tick, ctx: &mut Context<Self>) {
        for (letter, missing) in self.sent.values() {
            ctx.broadcast(missing.iter().copied(), Message::Letter(letter.clone()));
        }
        ctx.set_timer(Tick, TICK);
    }
}

/// The entry point for the tests: they construct their nodes through it.
pub struct Lab;

impl Lab5 for Lab {
    type Clock = List;
    type Peer = Peer;

    fn clock(peers: usize) -> List {
        List(vec![0; peers])
    }

    fn peer(me: Address, peers: Vec<Address>) -> Peer {
        Peer {
            me,
            others: peers.into_iter().filter(|&peer| peer != me).collect(),
            next: 7,
            read: Vec::new(),
            names: BTreeSet::new(),
            newest: BTreeSet::new(),
            unread: Vec::new(),
            sent: BTreeMap::new(),
            command: None,
        }
    }

    fn delivered(peer: &Peer) -> Vec<Post> {
        peer.read.clone()
    }
}
