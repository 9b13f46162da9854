//! The reference solution of lab 5.

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
