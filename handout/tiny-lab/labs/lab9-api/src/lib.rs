//! The API of lab 9: what a client is asked. The answer is a number.

use serde::{Deserialize, Serialize};

/// Draw a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Draw;
