//! The timers of this system.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a server pings the view server.
pub const PING_EVERY: Duration = Duration::from_millis(25);

/// How often the view server checks who is alive.
pub const CHECK_EVERY: Duration = Duration::from_millis(100);

/// How long a client waits for a reply before it asks again.
pub const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The view server's timer: a check is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Check;

/// A server's timer: it is time to ping, and to send again what is not yet confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tick;

/// A client's timer: it may be time to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retry {
    /// The sequence number of the command that this timer was set for.
    pub sequence: u64,
}
