//! The API of lab 10: what a client is asked. The answer is the number of a ticket.

use faultlab::Address;
use faultlab::kinds::Interface;
use serde::{Deserialize, Serialize};

/// Draw a ticket at a desk: 0, 1, ...
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Visit(pub usize);

/// The kinds of nodes that a submission has, and what they are made with, take and answer.
#[must_use]
pub fn interface() -> Interface {
    Interface::new().node::<usize>("office").client::<(Address, usize), Visit, u64>("client")
}
