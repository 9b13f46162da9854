//! The timers of this system.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a client waits for a reply before it asks again.
pub const RETRY_AFTER: Duration = Duration::from_millis(100);

/// A timer of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// It may be time to ask again.
    Retry {
        /// The sequence number of the command that this timer was set for.
        sequence: u64,
    },
}
