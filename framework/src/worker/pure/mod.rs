//! Pure steps: a node's state and an event go in, its next state and its effects come out.
//!
//! A search never lets a node live. It names nodes by their position in a roster, asks for many
//! steps at once, and gets the same answers whether the nodes' code is in this process
//! ([`LocalSteps`]) or in another.

mod answers;
mod batch;
pub(super) mod divergence;
mod local;

pub use answers::{Answers, Step};
pub use batch::{Batch, Request};
pub use local::LocalSteps;

use super::{NodeFailure, Payload};
use crate::Address;

/// One node of a system: what it is, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name of its kind in the submission.
    pub kind: String,
    /// Its address.
    pub address: Address,
    /// The encoding of what it is made with.
    pub arguments: Vec<u8>,
}

/// Why a step has no outcome that a search could go on from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum StepFailure {
    /// The node's code failed.
    #[error("{0}")]
    Node(NodeFailure),
    /// The same state and the same event gave two different outcomes.
    #[error("is not deterministic: {handler}, run twice, first gave {first}, then {second}")]
    NotDeterministic {
        /// The handler and what it was called with: `on_message with Ping(1) from client1`.
        handler: String,
        /// What the first run gave and the second did not, in words.
        first: String,
        /// What the second run gave in its place.
        second: String,
    },
    /// The state breaks a promise that every node makes.
    #[error("{0}")]
    BrokenPromise(String),
}

/// Whoever can compute steps of the nodes of one roster.
///
/// Members are named by their index in the roster.
pub trait PureSteps: Sync {
    /// The nodes.
    fn roster(&self) -> &[Member];

    /// The encoded state of a member that has just been made.
    ///
    /// # Errors
    /// When there is no such kind or its constructor fails.
    fn make(&self, member: usize) -> Result<Vec<u8>, NodeFailure>;

    /// Computes the steps of a batch, each by itself. `answers` is cleared first and then has one
    /// answer for each request, in the same order. A step that leaves a state which breaks a promise
    /// (see [`HostedNode::broken_promise`](super::HostedNode::broken_promise)), or that can have two
    /// outcomes, is a failure.
    fn run(&self, batch: &Batch, answers: &mut Answers);

    /// What a member in this state answers to a question of the lab's vocabulary.
    ///
    /// # Errors
    /// As [`HostedNode::observe`](super::HostedNode::observe).
    fn observe(&self, member: usize, state: &[u8], question: &[u8])
    -> Result<Vec<u8>, NodeFailure>;

    /// Encoded bytes as the types of a member show them.
    ///
    /// # Errors
    /// As [`NodeKind::show`](super::NodeKind::show).
    fn show(
        &self,
        member: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure>;
}

/// The text of encoded bytes, or why there is none.
pub(crate) fn legible(shown: Result<String, NodeFailure>) -> String {
    shown.unwrap_or_else(|failure| format!("<not readable: {failure}>"))
}
