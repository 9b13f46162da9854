//! The stateless host: the engine keeps each node's state and sends it to a different process for
//! each step.

use faultlab::Address;
use faultlab::hosting::{Event, Host, NodeFailure, Output, Payload};

use crate::answer::{self, ProtocolError};
use crate::process_pool::ProcessPool;
use crate::request::NodeRequest;

/// A [`Host`] that keeps each node's encoded state and sends it, for every step, to a different process
/// of the pool than for the step before.
///
/// A node whose behaviour depends only on its state behaves the same here as in any host. A node that
/// keeps something in a global, a thread-local, a leaked box or an unserialised field does not, so the
/// run's digest changes. Slower than [`RemoteHost`](crate::RemoteHost), because states are transferred.
pub struct StatelessHost<'a, 'f> {
    pool: &'a mut ProcessPool<'f>,
    nodes: Vec<Option<StoredNode>>,
    turn: usize,
}

/// A node's encoded state.
struct StoredNode {
    kind: String,
    address: Address,
    state: Vec<u8>,
}

impl<'a, 'f> StatelessHost<'a, 'f> {
    pub(crate) fn new(pool: &'a mut ProcessPool<'f>) -> Self {
        Self { pool, nodes: Vec::new(), turn: 0 }
    }

    /// The node in a slot, and the process for its next step.
    fn turn(&mut self, slot: usize) -> (&mut StoredNode, NextProcess<'_, 'f>) {
        self.turn += 1;
        match self.nodes.get_mut(slot) {
            Some(Some(node)) => (node, NextProcess { pool: self.pool, turn: self.turn }),
            _ => panic!("no node was made in slot {slot}"),
        }
    }
}

/// The process for the next step.
struct NextProcess<'a, 'f> {
    pool: &'a mut ProcessPool<'f>,
    turn: usize,
}

impl NextProcess<'_, '_> {
    fn exchange<V>(
        self,
        ask: NodeRequest<'_>,
        read: impl FnMut(&mut &[u8]) -> Result<Result<V, NodeFailure>, ProtocolError>,
    ) -> Result<V, NodeFailure> {
        let number = self.pool.process_of(self.turn);
        self.pool.process(number)?.exchange(ask, read)?
    }
}

impl Host for StatelessHost<'_, '_> {
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure> {
        let ask = NodeRequest::PureMake { kind, address, arguments };
        self.turn += 1;
        let turn = NextProcess { pool: self.pool, turn: self.turn };
        let state = turn.exchange(ask, answer::read_owned)?;
        if self.nodes.len() <= slot {
            self.nodes.resize_with(slot + 1, || None);
        }
        self.nodes[slot] = Some(StoredNode { kind: kind.to_owned(), address, state });
        Ok(())
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        let (node, turn) = self.turn(slot);
        let StoredNode { ref kind, address, ref state } = *node;
        let ask = NodeRequest::PureStep { kind, address, state, event, checks_contract: false };
        node.state = turn.exchange(ask, |from| {
            Ok(answer::read_step(from, output)?.map(|(state, _)| state.to_vec()))
        })?;
        Ok(())
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        bytes.extend_from_slice(&self.turn(slot).0.state);
        Ok(())
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let (&mut StoredNode { ref kind, address, ref state }, turn) = self.turn(slot);
        turn.exchange(
            NodeRequest::PureObserve { kind, address, state, question },
            answer::read_owned,
        )
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        let (node, turn) = self.turn(slot);
        turn.exchange(
            NodeRequest::Show { kind: &node.kind, what, bytes, pretty },
            answer::read_shown,
        )
    }
}
