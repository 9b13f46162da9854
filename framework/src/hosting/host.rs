//! Hosts: hold the nodes of one run and execute their steps.

use super::{
    Event, HostedNode, NodeFailure, NodeKind, Output, Payload, Submission, check_output,
    check_state,
};
use crate::Address;

/// Holds the nodes of one run and executes their steps. An engine identifies each node by a slot, a small
/// number of its choice.
///
/// A host gives the same answers whether its nodes are in process or out of process.
pub trait Host {
    /// Constructs a node of the given kind in `slot`, replacing any node there.
    ///
    /// # Errors
    /// When the submission has no such kind, or its constructor fails.
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure>;

    /// Lets the node handle an event; see [`HostedNode::step`].
    ///
    /// # Errors
    /// When the node's code fails. The node must not be used again.
    ///
    /// # Panics
    /// When no node was constructed in this slot. This holds for all methods with a slot.
    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure>;

    /// Appends the encoding of the node's state.
    ///
    /// # Errors
    /// As [`HostedNode::state`].
    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure>;

    /// Sends the node a query that the lab's API defines.
    ///
    /// # Errors
    /// As [`HostedNode::observe`].
    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure>;

    /// Renders encoded bytes as text, by the types of that node; see [`NodeKind::show`].
    ///
    /// # Errors
    /// As [`NodeKind::show`].
    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure>;
}

/// A host in the engine's own process.
pub struct LocalHost<'s> {
    submission: &'s Submission,
    slots: Vec<Option<Slot<'s>>>,
}

/// A node and its kind.
struct Slot<'s> {
    kind: &'s dyn NodeKind,
    node: Box<dyn HostedNode + 's>,
    /// The number of its steps.
    steps: u64,
}

impl<'s> LocalHost<'s> {
    /// A host for nodes of this submission.
    #[must_use]
    pub fn new(submission: &'s Submission) -> Self {
        Self { submission, slots: Vec::new() }
    }

    /// Whether a node was constructed in this slot.
    #[must_use]
    pub fn has(&self, slot: usize) -> bool {
        matches!(self.slots.get(slot), Some(Some(_)))
    }

    fn slot(&mut self, slot: usize) -> &mut Slot<'s> {
        match self.slots.get_mut(slot) {
            Some(Some(node)) => node,
            _ => panic!("no node was made in slot {slot}"),
        }
    }
}

impl Host for LocalHost<'_> {
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure> {
        let kind = self.submission.kind(kind)?;
        let node = kind.make(address, arguments)?;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(Slot { kind, node, steps: 0 });
        Ok(())
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        let slot = self.slot(slot);
        slot.node.step(event, output)?;
        check_output(output)?;
        slot.steps += 1;
        if slot.steps.is_power_of_two() {
            let mut state = Vec::new();
            slot.node.state(&mut state)?;
            check_state(state.len())?;
        }
        Ok(())
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        self.slot(slot).node.state(bytes)
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.slot(slot).node.observe(question)
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.slot(slot).kind.show(what, bytes, pretty)
    }
}
