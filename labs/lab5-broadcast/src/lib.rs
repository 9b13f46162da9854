//! Lab 5: peers that talk to each other, and nobody sees an answer before its question.
//!
//! First read this lab's chapter in the handout. Then fill in every `todo!`, part by part:
//!
//! | part | what | where |
//! |---|---|---|
//! | 1 | vector clocks: what happened before what | `clock.rs` |
//! | 2 | causal order: a post waits for everything that its author had seen | `messages.rs`, `peer.rs` |
//! | 3 | the same on a network that loses and duplicates messages | `messages.rs`, `peer.rs` |
//! | 4 | nothing new: every order of events is tried | |
//!
//! ```text
//!     people                     people
//!        | Post, Await              |
//!   +---------+                +---------+
//!   | Peer    |  posts, stamped| Peer    |
//!   |  clock  | <------------> |  clock  |
//!   |  posts  |                |  posts  |
//!   +---------+                +---------+
//!          ^                      ^
//!          |      +---------+     |
//!          +----> | Peer    | <---+       as many as there are
//!                 +---------+
//! ```
//!
//! You may add files, fields, variants and functions. The tests see your code only through the
//! `impl Lab5 for Lab` below.

// While there are `todo!`s, some parameters and imports are unused. Delete this line once all are
// filled in.
#![allow(unused_imports, unused_variables, dead_code)]

pub mod clock;
pub mod messages;
pub mod peer;

use faultlab::Address;
use lab5_api::{Lab5, Post};

use crate::clock::Clock;
use crate::peer::Peer;

/// The entry point for the tests: they construct their nodes through it.
pub struct Lab;

impl Lab5 for Lab {
    type Clock = Clock;
    type Peer = Peer;

    fn clock(peers: usize) -> Clock {
        Clock::new(peers)
    }

    fn peer(me: Address, peers: Vec<Address>) -> Peer {
        Peer::new(me, peers)
    }

    fn delivered(peer: &Peer) -> Vec<Post> {
        peer.delivered().to_vec()
    }
}
