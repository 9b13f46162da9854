//! Parts 2 and 3: a peer, which delivers posts in causal order.

use std::collections::{BTreeMap, BTreeSet};

use faultlab::{Address, Client, Context, Node};
use lab5_api::{Answer, Command, Post, VectorClock};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::messages::{Message, RESEND_AFTER, Resend, Stamped};

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Its own index in `peers`.
    me: usize,
    peers: Vec<Address>,
    /// How many posts of each peer it has delivered.
    seen: Clock,
    delivered: Vec<Post>,
    /// The posts that it has received and cannot deliver yet.
    waiting: BTreeSet<Stamped>,
    /// Its own posts that are not acknowledged by all, by number, with the peers that have not.
    unacknowledged: BTreeMap<u64, (Stamped, BTreeSet<Address>)>,
    /// Whether a timer is set.
    resends: bool,
    /// The text that somebody waits for.
    awaited: Option<String>,
    answer: Option<Answer>,
}

impl Peer {
    /// The peer at the address `me`.
    pub fn new(me: Address, peers: Vec<Address>) -> Self {
        Self {
            me: peers.iter().position(|&peer| peer == me).expect("a peer is on the list"),
            seen: Clock::new(peers.len()),
            peers,
            delivered: Vec::new(),
            waiting: BTreeSet::new(),
            unacknowledged: BTreeMap::new(),
            resends: false,
            awaited: None,
            answer: None,
        }
    }

    /// The posts that it has delivered.
    pub fn delivered(&self) -> &[Post] {
        &self.delivered
    }

    /// Whether everything is delivered that the author of a post had delivered before it.
    fn is_due(&self, post: &Stamped) -> bool {
        (0..self.peers.len()).all(|peer| {
            let (needed, seen) = (post.clock.count(peer), self.seen.count(peer));
            if peer == post.author { needed == seen + 1 } else { needed <= seen }
        })
    }

    /// Whether a post has been delivered before.
    fn is_old(&self, post: &Stamped) -> bool {
        post.clock.count(post.author) <= self.seen.count(post.author)
    }

    fn deliver(&mut self, post: Stamped) {
        self.seen.tick(post.author);
        if self.awaited.as_ref() == Some(&post.text) {
            self.awaited = None;
            self.answer = Some(Answer::Seen);
        }
        self.delivered.push(Post { author: self.peers[post.author], text: post.text });
    }

    fn deliver_what_is_due(&mut self) {
        while let Some(post) = self.waiting.iter().find(|post| self.is_due(post)).cloned() {
            self.waiting.remove(&post);
            self.deliver(post);
        }
    }

    fn set_timer(&mut self, ctx: &mut Context<Self>) {
        if !self.resends && !self.unacknowledged.is_empty() {
            self.resends = true;
            ctx.set_timer(Resend, RESEND_AFTER);
        }
    }
}

impl Client for Peer {
    type Command = Command;
    type Result = Answer;

    fn send_command(&mut self, command: Command, ctx: &mut Context<Self>) {
        self.answer = None;
        match command {
            Command::Post(text) => {
                let mut clock = self.seen.clone();
                clock.tick(self.me);
                let number = clock.count(self.me);
                let post = Stamped { author: self.me, clock, text };
                self.deliver(post.clone());
                let me = self.peers[self.me];
                let others: BTreeSet<Address> =
                    self.peers.iter().copied().filter(|&peer| peer != me).collect();
                for &other in &others {
                    ctx.send(other, Message::Share(post.clone()));
                }
                if !others.is_empty() {
                    self.unacknowledged.insert(number, (post, others));
                }
                self.set_timer(ctx);
                self.answer = Some(Answer::Posted);
            }
            Command::Await(text) => {
                if self.delivered.iter().any(|post| post.text == text) {
                    self.answer = Some(Answer::Seen);
                } else {
                    self.awaited = Some(text);
                }
            }
        }
    }

    fn result(&self) -> Option<Answer> {
        self.answer.clone()
    }
}

impl Node for Peer {
    type Message = Message;
    type Timer = Resend;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        match message {
            Message::Share(post) => {
                // Also for a copy: perhaps the acknowledgement was lost.
                ctx.send(from, Message::Acknowledge(post.clock.count(post.author)));
                if !self.is_old(&post) {
                    self.waiting.insert(post);
                    self.deliver_what_is_due();
                }
            }
            Message::Acknowledge(number) => {
                if let Some((_, missing)) = self.unacknowledged.get_mut(&number) {
                    missing.remove(&from);
                    if missing.is_empty() {
                        self.unacknowledged.remove(&number);
                    }
                }
            }
        }
    }

    fn on_timer(&mut self, _: Resend, ctx: &mut Context<Self>) {
        self.resends = false;
        for (post, missing) in self.unacknowledged.values() {
            for &peer in missing {
                ctx.send(peer, Message::Share(post.clone()));
            }
        }
        self.set_timer(ctx);
    }
}
