//! The messages between peers, and the timer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// A post on its way, with its timestamp.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamped {
    /// The index of its author in the list of peers.
    pub author: usize,
    /// The timestamp. Part 2: what must it tell its receiver, so that the receiver can find out
    /// which posts to deliver first?
    pub clock: Clock,
    /// The text.
    pub text: String,
}

/// The messages between peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Somebody has posted this.
    Share(Stamped),
    // Part 3: how does an author learn that a post need not be sent again?
}

/// Part 3: perhaps it is time to send something again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resend;

/// How long a peer waits before it sends again.
pub const RESEND_AFTER: Duration = Duration::from_millis(100);
