//! Pure steps: functions from a node's state and an event to its next state and its effects.
//!
//! A search has no live nodes. It identifies nodes by their index, requests many steps at once, and gets
//! the same answers whether the nodes' code is in process ([`LocalSteps`]) or out of process.

mod answers;
mod batch;
mod difference;
mod local;

pub use answers::{Answers, Step};
pub use batch::{Batch, Request};
pub use local::LocalSteps;

use super::{Event, NodeDescriptor, NodeFailure, Payload, UnknownAddress};
use crate::codec::Tree;

/// Why a search cannot continue from a step.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum StepFailure {
    /// The node's code failed.
    #[error("{0}")]
    Node(NodeFailure),
    /// The same state and the same event gave two different outcomes.
    #[error("is not deterministic: {handler}, run twice, first gave {first}, then {second}")]
    NotDeterministic {
        /// The handler and its argument: `on_message with Ping(1) from client1`.
        handler: String,
        /// The parts of the first run that differ from the second, as text.
        first: String,
        /// The corresponding parts of the second run.
        second: String,
    },
    /// The state violates the contract of [`Node`](crate::Node).
    #[error("{0}")]
    ContractViolation(String),
    /// The node sent a message to an address at which there is no node. Steps do not report this: a search does, which
    /// knows the nodes.
    #[error("{0}")]
    UnknownAddress(UnknownAddress),
}

impl StepFailure {
    /// The failure of a handler that was run twice from one state, with the two different outcomes
    /// `first` and `second`. It names the handler and the differences. `show` renders encoded bytes as text,
    /// by the types of this node.
    #[must_use]
    pub fn not_deterministic(
        event: Event<'_>,
        [first, second]: [Step<'_>; 2],
        mut show: impl FnMut(Payload, &[u8]) -> Result<String, NodeFailure>,
    ) -> Self {
        let mut show = |what, bytes: &[u8]| legible(show(what, bytes));
        let handler = difference::handler(event, &mut show);
        let [first, second] = difference::differing_parts([first, second], &mut show);
        Self::NotDeterministic { handler, first, second }
    }
}

/// Computes steps of the nodes of one system, which are identified by their index.
pub trait PureSteps: Sync {
    /// The nodes.
    fn nodes(&self) -> &[NodeDescriptor];

    /// The encoded state of a newly constructed node.
    ///
    /// # Errors
    /// When there is no such kind or its constructor fails.
    fn make(&self, node: usize) -> Result<Vec<u8>, NodeFailure>;

    /// Computes the steps of a batch, independently of each other. `answers` is cleared first and then
    /// has one answer per request, in the same order. A step is a failure if its state violates the
    /// contract (see [`HostedNode::contract_violation`](super::HostedNode::contract_violation)), or if
    /// it is not deterministic.
    fn run(&self, batch: &Batch, answers: &mut Answers);

    /// A node's answer, in this state, to a query that the lab's API defines.
    ///
    /// # Errors
    /// As [`HostedNode::observe`](super::HostedNode::observe).
    fn observe(&self, node: usize, state: &[u8], question: &[u8]) -> Result<Vec<u8>, NodeFailure>;

    /// Renders encoded bytes as text, by the types of a node.
    ///
    /// # Errors
    /// As [`NodeKind::show`](super::NodeKind::show).
    fn show(
        &self,
        node: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure>;

    /// Describes encoded bytes as a tree, by the types of a node.
    ///
    /// # Errors
    /// As [`NodeKind::tree`](super::NodeKind::tree).
    fn tree(&self, node: usize, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure>;
}

/// The rendered text, or a note that rendering failed.
pub(crate) fn legible(shown: Result<String, NodeFailure>) -> String {
    shown.unwrap_or_else(|failure| format!("<not readable: {failure}>"))
}
