//! A correct solution of lab 5 with another design: no post ever waits, because each carries everything that its author
//! had delivered before it. Clocks are maps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use faultlab::{Address, Client, Context, Node};
use lab5_api::{Answer, Command, Lab5, Post, Relation, VectorClock};
use serde::{Deserialize, Serialize};

/// The peers of which something is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SparseClock {
    peers: usize,
    counts: BTreeMap<usize, u64>,
}

impl SparseClock {
    fn is_within(&self, other: &Self) -> bool {
        self.counts.iter().all(|(peer, count)| other.counts.get(peer).unwrap_or(&0) >= count)
    }
}

impl VectorClock for SparseClock {
    fn tick(&mut self, peer: usize) {
        *self.counts.entry(peer).or_default() += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (&peer, &count) in &other.counts {
            let known = self.counts.entry(peer).or_default();
            *known = count.max(*known);
        }
    }

    fn relation(&self, other: &Self) -> Relation {
        match (self.is_within(other), other.is_within(self)) {
            (true, true) => Relation::Same,
            (true, false) => Relation::Before,
            (false, true) => Relation::After,
            (false, false) => Relation::Concurrent,
        }
    }

    fn counts(&self) -> Vec<u64> {
        (0..self.peers).map(|peer| self.counts.get(&peer).copied().unwrap_or(0)).collect()
    }
}

/// The messages between peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A post, at the end of all that came before it.
    History(Vec<Post>),
    /// A history of this length has arrived.
    Received(usize),
}

/// Time to send again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Again(usize, Address);

/// How long a peer waits for a receipt.
const AGAIN_AFTER: Duration = Duration::from_millis(150);

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    me: Address,
    others: Vec<Address>,
    log: Vec<Post>,
    /// The lengths of the histories that a peer has not confirmed.
    unconfirmed: BTreeSet<(Address, usize)>,
    awaited: Option<String>,
}

impl Peer {
    fn has(&self, text: &str) -> bool {
        self.log.iter().any(|post| post.text == text)
    }

    fn send(&self, to: Address, length: usize, ctx: &mut Context<Self>) {
        ctx.send(to, Message::History(self.log[..length].to_vec()));
        ctx.set_timer(Again(length, to), AGAIN_AFTER);
    }
}

impl Client for Peer {
    type Command = Command;
    type Result = Answer;

    fn send_command(&mut self, command: Command, ctx: &mut Context<Self>) {
        match command {
            Command::Await(text) => self.awaited = Some(text),
            Command::Post(text) => {
                self.awaited = None;
                self.log.push(Post { author: self.me, text });
                let length = self.log.len();
                for &other in &self.others {
                    self.unconfirmed.insert((other, length));
                    self.send(other, length, ctx);
                }
            }
        }
    }

    fn result(&self) -> Option<Answer> {
        match &self.awaited {
            None => Some(Answer::Posted),
            Some(text) => self.has(text).then_some(Answer::Seen),
        }
    }
}

impl Node for Peer {
    type Message = Message;
    type Timer = Again;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::History(posts) => {
                ctx.send(from, Message::Received(posts.len()));
                for post in posts {
                    if !self.log.contains(&post) {
                        self.log.push(post);
                    }
                }
            }
            Message::Received(length) => {
                self.unconfirmed.remove(&(from, length));
            }
        }
    }

    fn on_timer(&mut self, Again(length, to): Again, ctx: &mut Context<Self>) {
        if self.unconfirmed.contains(&(to, length)) {
            self.send(to, length, ctx);
        }
    }
}

/// The entry point for the tests: they construct their nodes through it.
pub struct Lab;

impl Lab5 for Lab {
    type Clock = SparseClock;
    type Peer = Peer;

    fn clock(peers: usize) -> SparseClock {
        SparseClock { peers, counts: BTreeMap::new() }
    }

    fn peer(me: Address, peers: Vec<Address>) -> Peer {
        let others = peers.into_iter().filter(|&peer| peer != me).collect();
        Peer { me, others, log: Vec::new(), unconfirmed: BTreeSet::new(), awaited: None }
    }

    fn delivered(peer: &Peer) -> Vec<Post> {
        peer.log.clone()
    }
}
