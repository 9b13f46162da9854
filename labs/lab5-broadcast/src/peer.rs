//! Parts 2 and 3: a peer, which delivers posts in causal order.

use std::collections::{BTreeMap, BTreeSet};

use faultlab::{Address, Client, Context, Node};
use lab5_api::{Answer, Command, Post, VectorClock};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::messages::{Message, RESEND_AFTER, Resend, Stamped};

/// A peer: it takes posts from the people in front of it, and delivers everybody's posts to them.
///
/// *Receiving* and *delivering* are two things. The network decides when a message is received. The
/// peer decides when its post is delivered: not before everything that its author had delivered
/// when it was posted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Its own index in `peers`.
    me: usize,
    /// All peers, itself included, in the same order everywhere.
    peers: Vec<Address>,
    /// The posts that it has delivered, in this order.
    delivered: Vec<Post>,
    // Part 2: how many posts of each peer it has delivered; those that it has received and must not
    // deliver yet; the text that somebody waits for, and the answer once it is known.
    // Part 3: its own posts that somebody may not have received.
}

impl Peer {
    /// The peer at the address `me`, which has not posted and not delivered anything yet.
    pub fn new(me: Address, peers: Vec<Address>) -> Self {
        let index = peers.iter().position(|&peer| peer == me).expect("a peer is on the list");
        Self { me: index, peers, delivered: Vec::new() }
    }

    /// The posts that it has delivered.
    pub fn delivered(&self) -> &[Post] {
        &self.delivered
    }
}

impl Client for Peer {
    type Command = Command;
    type Result = Answer;

    /// Somebody posts a text, or waits for one; the command before has been answered.
    fn send_command(&mut self, command: Command, ctx: &mut Context<Self>) {
        todo!(
            "part 2: deliver a post here and send it to the others; or see whether the text is there"
        )
    }

    /// The answer to the last command, once known. It has no side effects.
    fn result(&self) -> Option<Answer> {
        todo!("part 2: the answer, or `None` as long as there is none")
    }
}

impl Node for Peer {
    type Message = Message;
    type Timer = Resend;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        todo!(
            "part 2: deliver the post if everything before it is delivered, and what waited for it"
        )
    }

    fn on_timer(&mut self, timer: Resend, ctx: &mut Context<Self>) {
        todo!("part 3: send again what somebody may not have received")
    }
}
