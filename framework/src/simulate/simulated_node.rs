//! A simulated node as the engine sees it, and the driver of a client.

use std::sync::Arc;

use super::disk::Disk;
use super::network::ns;
use super::per_sender::PerSender;
use crate::byzantine::Conduct;
use crate::client_driver::ClosedLoop;
use crate::history::Operation;
use crate::trace::Incarnation;
use crate::workload::ErasedWorkload;
use crate::{Address, NodeSpec};

/// A node of a run. Its index is its slot.
pub(super) struct SimulatedNode {
    pub(super) spec: NodeSpec,
    /// The present incarnation, or the last one if the node has crashed.
    incarnation: Incarnation,
    is_running: bool,
    stage: Stage,
    /// Whether it crashes within the next handler that has an effect.
    pub(super) crashes_in_handler: bool,
    pub(super) disk: Disk,
    /// Whether it is correct, not Byzantine.
    is_correct: bool,
    /// What it does, if it is Byzantine. It is not there while it acts.
    pub(super) conduct: Option<Box<Conduct>>,
    pub(super) client: Option<ClientDriver>,
    /// The newest message handled so far from each slot. An older one is late.
    newest_from: PerSender,
    /// On an in-order network: when the last message from each slot arrives, in nanoseconds.
    last_arrival_ns: PerSender,
}

/// How far a node's start is. A node that an intervention starts has an address at once, but it is constructed only after
/// what was ready before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not constructed yet.
    Planned,
    /// It is constructed.
    Made,
    /// It has begun to handle events, with its `init`.
    Started,
}

impl SimulatedNode {
    pub(super) fn new(spec: NodeSpec) -> Self {
        let client = spec.workload.clone().map(ClientDriver::new);
        Self {
            spec,
            incarnation: Incarnation::FIRST,
            is_running: true,
            stage: Stage::Planned,
            crashes_in_handler: false,
            disk: Disk::default(),
            is_correct: true,
            conduct: None,
            client,
            newest_from: PerSender::default(),
            last_arrival_ns: PerSender::default(),
        }
    }

    pub(super) fn address(&self) -> Address {
        self.spec.address()
    }

    /// The name under which other nodes know it.
    #[inline]
    pub(super) fn identity(&self) -> Address {
        self.spec.node.address
    }

    /// Whether it is the second copy of a twin.
    pub(super) fn is_second_copy(&self) -> bool {
        self.identity() != self.address()
    }

    /// Whether it is correct, not Byzantine.
    pub(super) fn is_correct(&self) -> bool {
        self.is_correct
    }

    /// Takes in what it does, because it is Byzantine.
    pub(super) fn is_byzantine(&mut self, conduct: Conduct) {
        self.is_correct = false;
        self.conduct = Some(Box::new(conduct));
    }

    /// The incarnation to which new timers and messages belong: the present one, or the last one if the node has
    /// crashed.
    #[inline]
    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The incarnation that is running, if the node has not crashed.
    #[inline]
    pub(super) fn running(&self) -> Option<Incarnation> {
        self.is_running.then_some(self.incarnation)
    }

    /// Takes in that it is being constructed, or starts.
    pub(super) fn reach(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Whether it has a state.
    pub(super) fn is_made(&self) -> bool {
        self.stage != Stage::Planned
    }

    /// Whether it has begun to handle events.
    pub(super) fn has_started(&self) -> bool {
        self.stage == Stage::Started
    }

    /// Ends the incarnation, and with it its timers.
    pub(super) fn crash(&mut self) {
        self.is_running = false;
        self.crashes_in_handler = false;
    }

    /// Begins the next incarnation, which is not constructed yet.
    pub(super) fn restart(&mut self) {
        self.incarnation = self.incarnation.next();
        self.is_running = true;
        self.stage = Stage::Planned;
        self.crashes_in_handler = false;
    }

    /// Whether it is a correct client that has not crashed and is not done.
    pub(super) fn is_left(&self) -> bool {
        self.is_running
            && self.is_correct()
            && self.client.as_ref().is_some_and(|client| !client.is_done())
    }

    /// Records that a message was handled, and returns whether a later one was handled before it.
    pub(super) fn overtaken(&mut self, from: usize, id: u64) -> bool {
        let newest = self.newest_from.entry(from);
        let overtaken = id < *newest;
        *newest = id.max(*newest);
        overtaken
    }

    /// When the last message sent so far from this slot arrives.
    pub(super) fn last_arrival_ns(&mut self, from: usize) -> &mut u64 {
        self.last_arrival_ns.entry(from)
    }
}

/// Drives a client in a [closed loop](ClosedLoop), with the times of its commands and results.
pub(super) struct ClientDriver {
    pub(super) workload: Arc<dyn ErasedWorkload>,
    pub(super) operations: Vec<Operation>,
    progress: ClosedLoop,
    next_allowed_ns: u64,
    /// A command that was prefetched, and its index.
    prepared: Option<(u64, Vec<u8>)>,
}

impl ClientDriver {
    fn new(work: Arc<dyn ErasedWorkload>) -> Self {
        Self {
            workload: work,
            operations: Vec::new(),
            progress: ClosedLoop::default(),
            next_allowed_ns: 0,
            prepared: None,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.progress.is_done(self.workload.count())
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.progress.is_waiting
    }

    /// The number of results that it has taken.
    pub(super) fn answered(&self) -> u64 {
        self.progress.answered
    }

    /// When the next command may be given.
    pub(super) fn next_command_ns(&self) -> u64 {
        self.next_allowed_ns
    }

    /// The command that the client gets at once if its result arrives at this time.
    pub(super) fn command_after(&mut self, seed: u64, now_ns: u64) -> Option<&[u8]> {
        let index = self.progress.after_result()?.next(self.workload.count())?;
        if self.next_allowed_ns > now_ns {
            return None;
        }
        if self.prepared.as_ref().is_none_or(|(prepared, _)| *prepared != index) {
            let client = self.operations.last()?.client;
            self.prepared = Some((index, self.workload.command(seed, client, index)));
        }
        self.prepared.as_ref().map(|(_, command)| command.as_slice())
    }

    /// Records that the next command is given now.
    pub(super) fn call(&mut self, seed: u64, client: Address, now_ns: u64) {
        let index = self.progress.answered;
        self.progress = self.progress.after_command();
        let prepared = self.prepared.take().filter(|(prepared, _)| *prepared == index);
        let command = prepared.map(|(_, command)| command);
        self.operations.push(Operation {
            client,
            command: command.unwrap_or_else(|| self.workload.command(seed, client, index)),
            expected: self.workload.expected(index).map(<[u8]>::to_vec),
            result: None,
            call_ns: now_ns,
            return_ns: None,
        });
        self.next_allowed_ns = now_ns.saturating_add(ns(self.workload.period()));
    }

    /// Records the result of the pending command.
    pub(super) fn take(&mut self, result: &[u8], now_ns: u64) {
        let operation = self.operations.last_mut().expect("a command is pending");
        operation.result = Some(result.to_vec());
        operation.return_ns = Some(now_ns);
        self.progress = self.progress.after_result().expect("a command is pending");
    }
}
