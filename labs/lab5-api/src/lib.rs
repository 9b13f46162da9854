//! Lab 5's API: what people post and await, and what a submission must provide.
//!
//! The tests know a lab only through this crate. Read it; do not change it.

mod clocks;

use std::fmt;

use faultlab::hosting::{Kind, Submission};
use faultlab::kinds::Interface;
use faultlab::{Address, Client};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use clocks::{ClockAnswer, ClockCommand, Clocks, Relation, VectorClock};

/// What somebody asks of the peer in front of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Post this text, for everybody to see. The answer is [`Answer::Posted`], at once: nobody waits for the network.
    Post(String),
    /// Wait until a post with this text is delivered at this peer. Then the answer is [`Answer::Seen`]; at once if it
    /// has been delivered before.
    Await(String),
}

/// What a peer answers to a [`Command`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// It is posted.
    Posted,
    /// It is delivered here.
    Seen,
}

/// A post, as a peer delivers it to the people in front of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Post {
    /// The peer at which it was posted.
    pub author: Address,
    /// Its text. The tests never post a text twice.
    pub text: String,
}

/// What a submission for lab 5 must provide. The lab crate's `Lab` implements it.
pub trait Lab5 {
    /// Part 1: a vector clock.
    type Clock: VectorClock;

    /// Parts 2 and 3: a peer. It takes commands from people, and sends messages to the other peers.
    type Peer: Client<Command = Command, Result = Answer> + DeserializeOwned;

    /// The clock that has counted nothing, of a system with so many peers.
    fn clock(peers: usize) -> Self::Clock;

    /// The peer at this address, which has not posted and not delivered anything yet. All peers get the same list of
    /// `peers`, and are on it themselves.
    fn peer(me: Address, peers: Vec<Address>) -> Self::Peer;

    /// The posts that a peer has delivered so far, in this order, its own included.
    fn delivered(peer: &Self::Peer) -> Vec<Post>;
}

/// The submission `L`, as engines see it. It has two kinds of nodes; `clocks` stands for a state machine, which answers
/// each command at once and sends nothing.
///
/// | kind | made with | takes | answers |
/// |---|---|---|---|
/// | `clocks` | how many clocks, and for how many peers | [`ClockCommand`] | [`ClockAnswer`] |
/// | `peer` | the addresses of all peers | [`Command`] | [`Answer`] |
///
/// Querying a peer, with the query `()`, returns its posts: see [`Lab5::delivered`].
#[must_use]
pub fn submission<L: Lab5 + 'static>() -> Submission {
    Submission::new()
        .with(Kind::application("clocks", |(clocks, peers): (usize, usize)| {
            Clocks::new((0..clocks).map(|_| L::clock(peers)).collect())
        }))
        .with(
            Kind::client("peer", |address, peers| L::peer(address, peers))
                .observing(|peer: &L::Peer, ()| L::delivered(peer)),
        )
}

/// The same kinds, without any submission. The suite is checked against them.
#[must_use]
pub fn interface() -> Interface {
    Interface::new()
        .client::<(usize, usize), ClockCommand, ClockAnswer>("clocks")
        .client::<Vec<Address>, Command, Answer>("peer")
        .observed::<(), Vec<Post>>()
}

/// `"lunch?" by peer1`.
impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} by {}", self.text, self.author)
    }
}
