//! The stateless host: the engine keeps each node's state and sends it to a different process for
//! each step.

use super::answer;
use super::ask::Ask;
use super::fleet::Fleet;
use super::wire::{Nonsense, Reader};
use crate::Address;
use crate::worker::{Event, Host, NodeFailure, Output, Payload};

/// A [`Host`] that keeps each node's encoded state itself and sends it, for every step, to a
/// different process of the pool than for the step before.
///
/// A node whose behaviour depends only on its state behaves the same here as anywhere. A node that
/// keeps something in a global, a thread-local, a leaked box or an unserialised field does not, so
/// the run's digest changes. Slower than [`RemoteHost`](super::RemoteHost), because states travel.
pub struct HandedHost<'a, 'f> {
    fleet: &'a mut Fleet<'f>,
    nodes: Vec<Option<Handed>>,
    turn: usize,
}

/// A node whose state the engine keeps.
struct Handed {
    kind: String,
    address: Address,
    state: Vec<u8>,
}

impl<'a, 'f> HandedHost<'a, 'f> {
    pub(super) fn new(fleet: &'a mut Fleet<'f>) -> Self {
        Self { fleet, nodes: Vec::new(), turn: 0 }
    }

    /// The node in a slot, and the process for its next step.
    fn turn(&mut self, slot: usize) -> (&mut Handed, Turn<'_, 'f>) {
        self.turn += 1;
        match self.nodes.get_mut(slot) {
            Some(Some(node)) => (node, Turn { fleet: self.fleet, turn: self.turn }),
            _ => panic!("no node was made in slot {slot}"),
        }
    }
}

/// The process whose turn it is.
struct Turn<'a, 'f> {
    fleet: &'a mut Fleet<'f>,
    turn: usize,
}

impl Turn<'_, '_> {
    fn exchange<V>(
        self,
        ask: Ask<'_>,
        read: impl FnMut(&mut Reader<'_>) -> Result<Result<V, NodeFailure>, Nonsense>,
    ) -> Result<V, NodeFailure> {
        let number = self.fleet.process_of(self.turn);
        self.fleet.process(number)?.exchange(ask, read)?
    }
}

impl Host for HandedHost<'_, '_> {
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure> {
        let ask = Ask::PureMake { kind, address, arguments };
        self.turn += 1;
        let turn = Turn { fleet: self.fleet, turn: self.turn };
        let state = turn.exchange(ask, answer::read_owned)?;
        if self.nodes.len() <= slot {
            self.nodes.resize_with(slot + 1, || None);
        }
        self.nodes[slot] = Some(Handed { kind: kind.to_owned(), address, state });
        Ok(())
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        let (node, turn) = self.turn(slot);
        let Handed { ref kind, address, ref state } = *node;
        let ask = Ask::PureStep { kind, address, state, event, promises: false };
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
        let (&mut Handed { ref kind, address, ref state }, turn) = self.turn(slot);
        turn.exchange(Ask::PureObserve { kind, address, state, question }, answer::read_owned)
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        let (node, turn) = self.turn(slot);
        turn.exchange(Ask::Show { kind: &node.kind, what, bytes, pretty }, answer::read_shown)
    }
}
