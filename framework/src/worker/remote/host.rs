//! The nodes of one run in the processes of a pool.

use super::answer;
use super::ask::{Ask, Place, Then};
use super::fleet::Fleet;
use super::wire::{Nonsense, Reader};
use crate::Address;
use crate::worker::{Event, Host, NodeFailure, Output, Payload};

/// A [`Host`] whose nodes are in other processes. Each call is an exchange.
pub struct RemoteHost<'a, 'f> {
    fleet: &'a mut Fleet<'f>,
    run: usize,
    /// The kinds of the nodes that were made, by slot.
    kinds: Vec<String>,
}

impl<'a, 'f> RemoteHost<'a, 'f> {
    /// The nodes of this run; those that were made already are of these kinds, by slot.
    pub(super) fn new(fleet: &'a mut Fleet<'f>, run: usize, kinds: Vec<String>) -> Self {
        Self { fleet, run, kinds }
    }

    /// The kinds of the nodes that were made.
    pub(super) fn into_kinds(self) -> Vec<String> {
        self.kinds
    }

    fn exchange<V>(
        &mut self,
        slot: usize,
        ask: Ask<'_>,
        read: impl FnMut(&mut Reader<'_>) -> Result<Result<V, NodeFailure>, Nonsense>,
    ) -> Result<V, NodeFailure> {
        let number = self.fleet.process_of(slot);
        self.fleet.process(number)?.exchange(ask, read)?
    }

    fn place(&self, slot: usize) -> Place {
        assert!(slot < self.kinds.len(), "no node was made in slot {slot}");
        Place { run: self.run, slot }
    }
}

impl Host for RemoteHost<'_, '_> {
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure> {
        if self.kinds.len() <= slot {
            self.kinds.resize_with(slot + 1, String::new);
        }
        kind.clone_into(&mut self.kinds[slot]);
        let place = self.place(slot);
        self.exchange(slot, Ask::Make { place, kind, address, arguments }, answer::read_done)
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        let ask = Ask::Step { place: self.place(slot), event, then: Then::Nothing };
        self.exchange(slot, ask, |from| answer::read_output(from, output))
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        let state =
            self.exchange(slot, Ask::State { place: self.place(slot) }, answer::read_owned)?;
        bytes.extend_from_slice(&state);
        Ok(())
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.exchange(slot, Ask::Observe { place: self.place(slot), question }, answer::read_owned)
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.place(slot);
        let kind = std::mem::take(&mut self.kinds[slot]);
        let ask = Ask::Show { kind: &kind, what, bytes, pretty };
        let shown = self.exchange(slot, ask, answer::read_shown);
        self.kinds[slot] = kind;
        shown
    }
}
