//! Fault models: the failures that a system must survive, as a named value.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The failures of messages and nodes that can occur.
///
/// A distributed system is concurrency plus partial failure. The first question about an algorithm
/// is which failures it must survive, so the answer is one named value and not a set of switches. An
/// engine may do anything that the model allows. In every model, links and nodes can be cut off and
/// reconnected, and a crashed node never comes back (*fail-stop*).
///
/// Source: Cachin, Guerraoui, Rodrigues, *Introduction to Reliable and Secure Distributed
/// Programming* (2nd ed., 2011), chapter 2: fair-loss links and perfect (FIFO) links with crash-stop
/// processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultModel {
    /// Messages are delayed, reordered, dropped and duplicated without bound; nodes fail by stopping.
    /// The labs use this model.
    #[default]
    UnreliableFailStop,
    /// Messages take any time, but between any two nodes that stay up and connected, they arrive
    /// exactly once and in the order in which they were sent; nodes fail by stopping.
    ReliableInOrderFailStop,
}

impl fmt::Display for FaultModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnreliableFailStop => "unreliable network, fail-stop nodes",
            Self::ReliableInOrderFailStop => "reliable in-order network, fail-stop nodes",
        })
    }
}
