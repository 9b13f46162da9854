//! The timers of this system.

use std::time::Duration;

use lab0_api::Ping;
use serde::{Deserialize, Serialize};

/// How long the client waits for an answer before it asks again.
pub const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The timers of this system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// Time to ask again, if there is still no answer to this ping. A timer cannot be cancelled, so
    /// it carries the ping it was set for, and the handler decides whether that still matters.
    Retry(Ping),
}
