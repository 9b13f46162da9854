//! The API of lab 9: what a client is asked. The answer is a number.

use faultlab::Address;
use faultlab::kinds::Interface;
use serde::{Deserialize, Serialize};

/// Draw a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Draw;

/// The kinds of nodes that a submission has, and what they are made with, take and answer.
#[must_use]
pub fn interface() -> Interface {
    Interface::new().node::<()>("server").client::<Address, Draw, u64>("client")
}
