//! The messages between peers, and the timer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// A post on its way, with its timestamp.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamped {
    /// The index of its author.
    pub author: usize,
    /// What its author had delivered when it was posted, this post included.
    pub clock: Clock,
    /// The text.
    pub text: String,
}

/// The messages between peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Somebody has posted this.
    Share(Stamped),
    /// The sender has received your post with this number.
    Acknowledge(u64),
}

/// Time to send again what is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Resend;

/// How long a peer waits for acknowledgements before it sends again.
pub const RESEND_AFTER: Duration = Duration::from_millis(100);
