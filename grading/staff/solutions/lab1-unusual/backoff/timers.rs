//! The timers of this system.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a client waits before the first retry.
pub const FIRST_WAIT: Duration = Duration::from_millis(40);

/// How long a client waits at most before a retry.
pub const LONGEST_WAIT: Duration = Duration::from_millis(160);

/// A timer of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timer {
    /// The sequence number of the command that this timer was set for.
    pub sequence: u64,
    /// How long the client waited.
    pub waited: Duration,
}
