//! What a node can be reminded of, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a client waits before it asks for the second time.
pub const FIRST_WAIT: Duration = Duration::from_millis(40);

/// The longest that a client waits before it asks again.
pub const LONGEST_WAIT: Duration = Duration::from_millis(160);

/// A timer of lab 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timer {
    /// The number of the command that this timer was set for.
    pub number: u64,
    /// How long the client waited.
    pub waited: Duration,
}
