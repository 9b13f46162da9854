//! A watchdog: another thread sees whether the submission's code has returned.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use faultlab::Address;
use faultlab::codec::Tree;
use faultlab::hosting::pure::{Answers, Batch, PureSteps};
use faultlab::hosting::{Event, Host, NodeDescriptor, NodeFailure, NodeProvider, Output, Payload};
use rustix::time::{ClockId, clock_gettime};

use super::last_step::LastStep;
use super::protocol::Heartbeat;

/// Counts entries into the submission's code and returns from it: odd while inside.
#[derive(Debug, Default)]
pub(super) struct EntryCounter {
    count: AtomicU64,
}

impl EntryCounter {
    fn toggle(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes the count even: no code is running after the last job, whether or not it returned.
    pub(super) fn reset(&self) {
        let odd = self.count.load(Ordering::Relaxed) % 2;
        self.count.fetch_add(odd, Ordering::Relaxed);
    }
}

/// Observes an [`EntryCounter`] periodically from another thread.
#[derive(Debug)]
pub(super) struct Watchdog {
    seen: u64,
    since: Instant,
    cpu_since_ms: u64,
}

impl Watchdog {
    pub(super) fn new() -> Self {
        Self { seen: 0, since: Instant::now(), cpu_since_ms: cpu_ms() }
    }

    /// How long the current call has been running, as far as earlier observations show.
    pub(super) fn look(&mut self, entries: &EntryCounter) -> Heartbeat {
        let count = entries.count.load(Ordering::Relaxed);
        if count != self.seen || count.is_multiple_of(2) {
            *self = Self { seen: count, ..Self::new() };
        }
        let inside_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Heartbeat { inside_ms, inside_cpu_ms: cpu_ms().saturating_sub(self.cpu_since_ms) }
    }
}

/// The processor time that this process has used, in milliseconds.
fn cpu_ms() -> u64 {
    u64::try_from(time_of(ClockId::ProcessCPUTime).as_millis()).unwrap_or(u64::MAX)
}

/// The processor time that this thread has used.
pub(super) fn thread_time() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// A submission's nodes, instrumented with an entry counter.
pub(super) struct InstrumentedNodes<'a> {
    pub(super) nodes: &'a (dyn NodeProvider + Sync),
    pub(super) entries: &'a EntryCounter,
    /// Called after each return from the submission's code.
    pub(super) returned: &'a (dyn Fn() + Sync),
    /// Where to record the current step of a search, if anywhere.
    pub(super) last_step: Option<&'a LastStep>,
}

impl NodeProvider for InstrumentedNodes<'_> {
    fn host(&self) -> Box<dyn Host + '_> {
        Box::new(InstrumentedHost { host: Some(self.nodes.host()), nodes: self })
    }

    fn steps(&self, nodes: &[NodeDescriptor]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        Ok(Box::new(InstrumentedSteps { steps: self.nodes.steps(nodes)?, nodes: self }))
    }
}

/// A host that counts entries into the submission's code.
struct InstrumentedHost<'a> {
    // Present until dropped; dropping runs the submission's code too.
    host: Option<Box<dyn Host + 'a>>,
    nodes: &'a InstrumentedNodes<'a>,
}

impl Drop for InstrumentedHost<'_> {
    fn drop(&mut self) {
        self.nodes.entries.toggle();
        self.host = None;
        (self.nodes.returned)();
        self.nodes.entries.toggle();
    }
}

impl<'a> InstrumentedHost<'a> {
    fn inside<V>(&mut self, call: impl FnOnce(&mut (dyn Host + 'a)) -> V) -> V {
        self.nodes.entries.toggle();
        let value = call(self.host.as_deref_mut().expect("it is not dropped yet"));
        (self.nodes.returned)();
        self.nodes.entries.toggle();
        value
    }
}

/// How many steps of a search are computed per entry.
const PIECE: usize = 256;

/// Steps that count entries into the submission's code.
struct InstrumentedSteps<'a> {
    steps: Box<dyn PureSteps + 'a>,
    nodes: &'a InstrumentedNodes<'a>,
}

impl<'a> InstrumentedSteps<'a> {
    fn inside<V>(&self, call: impl FnOnce(&(dyn PureSteps + 'a)) -> V) -> V {
        self.nodes.entries.toggle();
        let value = call(self.steps.as_ref());
        (self.nodes.returned)();
        self.nodes.entries.toggle();
        value
    }
}

impl PureSteps for InstrumentedSteps<'_> {
    fn nodes(&self) -> &[NodeDescriptor] {
        self.steps.nodes()
    }

    fn make(&self, node: usize) -> Result<Vec<u8>, NodeFailure> {
        self.inside(|steps| steps.make(node))
    }

    fn run(&self, batch: &Batch, answers: &mut Answers) {
        // In pieces, so that a batch of many quick steps does not look like one slow step.
        let length = if self.nodes.last_step.is_some() { 1 } else { PIECE };
        answers.clear();
        let mut requests = batch.iter().peekable();
        let mut piece = Batch::new();
        let mut some = Answers::new();
        while requests.peek().is_some() {
            piece.clear();
            for request in requests.by_ref().take(length) {
                if let Some(last_step) = self.nodes.last_step {
                    last_step.note(self.steps.as_ref(), &request);
                }
                piece.push(request);
            }
            self.inside(|steps| steps.run(&piece, &mut some));
            answers.append(&some);
        }
        if let Some(last_step) = self.nodes.last_step {
            last_step.clear();
        }
    }

    fn observe(&self, node: usize, state: &[u8], question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.inside(|steps| steps.observe(node, state, question))
    }

    fn show(
        &self,
        node: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.inside(|steps| steps.show(node, what, bytes, pretty))
    }

    fn tree(&self, node: usize, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure> {
        self.inside(|steps| steps.tree(node, what, bytes))
    }
}

impl Host for InstrumentedHost<'_> {
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure> {
        self.inside(|host| host.make(slot, kind, address, arguments))
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        self.inside(|host| host.step(slot, event, output))
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        self.inside(|host| host.state(slot, bytes))
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.inside(|host| host.observe(slot, question))
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.inside(|host| host.show(slot, what, bytes, pretty))
    }
}
