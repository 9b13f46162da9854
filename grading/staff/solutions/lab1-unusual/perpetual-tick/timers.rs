//! The client's clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time between two ticks.
pub const TICK: Duration = Duration::from_millis(80);

/// A tick of the client's clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timer;
