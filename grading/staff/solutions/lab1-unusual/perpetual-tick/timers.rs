//! The client's periodic timer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time between two ticks.
pub const TICK: Duration = Duration::from_millis(80);

/// The client's periodic timer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timer;
