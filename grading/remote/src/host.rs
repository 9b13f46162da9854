//! A host whose nodes are in the processes of a pool.

use faultlab::Address;
use faultlab::hosting::{Event, Host, NodeFailure, Output, Payload};

use crate::answer::{self, ProtocolError};
use crate::process_pool::ProcessPool;
use crate::request::{FollowUp, NodeRequest, RunSlot};

/// A [`Host`] whose nodes are in other processes. Each call is an exchange.
pub struct RemoteHost<'a, 'f> {
    pool: &'a mut ProcessPool<'f>,
    run: usize,
    /// The kinds of the constructed nodes, by slot.
    kinds: Vec<String>,
}

impl<'a, 'f> RemoteHost<'a, 'f> {
    /// A host for this run. `kinds` are the kinds of nodes that are already constructed, by slot.
    pub(crate) fn new(pool: &'a mut ProcessPool<'f>, run: usize, kinds: Vec<String>) -> Self {
        Self { pool, run, kinds }
    }

    /// The kinds of the constructed nodes.
    pub(crate) fn into_kinds(self) -> Vec<String> {
        self.kinds
    }

    fn exchange<V>(
        &mut self,
        slot: usize,
        ask: NodeRequest<'_>,
        read: impl FnMut(&mut &[u8]) -> Result<Result<V, NodeFailure>, ProtocolError>,
    ) -> Result<V, NodeFailure> {
        let number = self.pool.process_of(slot);
        self.pool.process(number)?.exchange(ask, read)?
    }

    fn run_slot(&self, slot: usize) -> RunSlot {
        assert!(slot < self.kinds.len(), "no node was made in slot {slot}");
        RunSlot { run: self.run, slot }
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
        let run_slot = self.run_slot(slot);
        self.exchange(
            slot,
            NodeRequest::Make { run_slot, kind, address, arguments },
            answer::read_done,
        )
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        let ask =
            NodeRequest::Step { run_slot: self.run_slot(slot), event, then: FollowUp::Nothing };
        self.exchange(slot, ask, |from| answer::read_output(from, output))
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        let state = self.exchange(
            slot,
            NodeRequest::State { run_slot: self.run_slot(slot) },
            answer::read_owned,
        )?;
        bytes.extend_from_slice(&state);
        Ok(())
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.exchange(
            slot,
            NodeRequest::Observe { run_slot: self.run_slot(slot), question },
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
        self.run_slot(slot);
        let kind = std::mem::take(&mut self.kinds[slot]);
        let ask = NodeRequest::Show { kind: &kind, what, bytes, pretty };
        let shown = self.exchange(slot, ask, answer::read_shown);
        self.kinds[slot] = kind;
        shown
    }
}
