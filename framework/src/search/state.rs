//! A state as a value, from which another search can start.

use serde::{Deserialize, Serialize};

use super::disk::Storage;
use super::path::Path;
use crate::Address;

/// A state of a system: all nodes, and all messages in the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The nodes, in the order of the system.
    pub nodes: Vec<NodeState>,
    /// The events that led here from the start of the system.
    pub path: Path,
}

/// A node in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its address.
    pub address: Address,
    /// Its encoded state.
    pub state: Vec<u8>,
    /// Its pending timers, in the order in which they were set or an equivalent one.
    pub timers: Vec<PendingTimer>,
    /// The encoded results that its client driver has received; none if the node is not a client.
    pub results: Vec<Vec<u8>>,
    /// Whether its client driver is waiting for a result.
    pub is_waiting: bool,
    /// The messages in the network that are addressed to it.
    pub inbox: Vec<Sent>,
    /// How often it has restarted.
    #[serde(default)]
    pub restarts: u32,
    /// What is in its stable storage; nothing if it never comes back in the search.
    #[serde(default)]
    pub storage: Storage,
}

/// A pending timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingTimer {
    /// The encoded timer.
    pub timer: Vec<u8>,
    /// Its shortest duration when it was set, in nanoseconds.
    pub min_ns: u64,
    /// Its longest duration when it was set, in nanoseconds.
    pub max_ns: u64,
}

/// A message in the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The sender.
    pub from: Address,
    /// The encoded message.
    pub message: Vec<u8>,
}

impl State {
    /// The same state without the messages that match `drops`, which are lost. `drops` gets the sender,
    /// the receiver and the encoded message.
    #[must_use]
    pub fn dropping(mut self, drops: impl Fn(Address, Address, &[u8]) -> bool) -> Self {
        for node in &mut self.nodes {
            let to = node.address;
            node.inbox.retain(|sent| !drops(sent.from, to, &sent.message));
        }
        self
    }
}
