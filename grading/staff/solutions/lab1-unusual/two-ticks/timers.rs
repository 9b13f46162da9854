//! The timers of this system.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a tick takes.
pub const TICK: Duration = Duration::from_millis(50);

/// A timer of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// It may be time to ask again.
    Retry {
        /// The sequence number of the command that this timer was set for.
        sequence: u64,
    },
}
