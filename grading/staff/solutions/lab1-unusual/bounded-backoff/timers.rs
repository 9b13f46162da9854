//! The timers of this system.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a client waits for a reply, the first time and later.
pub const WAITS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// A timer of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// It may be time to ask again.
    Retry {
        /// The sequence number of the command that this timer was set for.
        sequence: u64,
        /// Which of [`WAITS`] is over.
        wait: usize,
    },
}
