//! The API of lab 10: what a client is asked. The answer is the number of a ticket.

use serde::{Deserialize, Serialize};

/// Draw a ticket at a desk: 0, 1, ...
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Visit(pub usize);
