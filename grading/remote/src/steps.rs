//! Pure steps out of process, in batches.

use std::ops::Range;

use faultlab::codec::Tree;
use faultlab::hosting::pure::{Answers, Batch, PureSteps, Request, StepFailure};
use faultlab::hosting::{Event, NodeDescriptor, NodeFailure, Output, Payload};

use crate::answer::{self, ProtocolError};
use crate::exit::ProcessFailure;
use crate::process_pool::ProcessPool;
use crate::request::NodeRequest;
use crate::shared::SharedProcessPool;

/// A frame is sent when it contains this many bytes of requests.
const FRAME_BYTES: usize = 1 << 20;

/// The most process failures per batch; the remaining steps are not requested.
const FAILURES_MAX: usize = 3;

/// Computes each step in the first two processes of a pool, in opposite orders.
///
/// A step whose results differ is reported as nondeterministic, because it may depend only on the state
/// and the event. When a process fails, the steps of its frame are requested again one by one, to find
/// the step at fault.
pub struct RemoteSteps<'a, 'f> {
    nodes: Vec<NodeDescriptor>,
    shared: &'a SharedProcessPool<'f>,
}

impl<'a, 'f> RemoteSteps<'a, 'f> {
    pub(crate) fn new(shared: &'a SharedProcessPool<'f>, nodes: Vec<NodeDescriptor>) -> Self {
        Self { nodes, shared }
    }

    /// Sends one request to the first process.
    fn exchange<V>(
        &self,
        ask: NodeRequest<'_>,
        read: impl FnMut(&mut &[u8]) -> Result<Result<V, NodeFailure>, ProtocolError>,
    ) -> Result<V, NodeFailure> {
        let mut pool = self.shared.lock();
        let answer = pool.process(0).map_err(NodeFailure::from)?.exchange(ask, read);
        if answer.is_err() {
            pool.replace();
        }
        answer?
    }

    /// The answers of one process for these steps, in the order of the indices.
    fn answers_of_one_process(
        &self,
        pool: &mut ProcessPool<'_>,
        batch: &Batch,
        indices: impl Iterator<Item = usize>,
        pass: Pass,
    ) -> Result<Answers, ProcessFailure> {
        let number = pool.process_of(match pass {
            Pass::First => 0,
            Pass::Second => 1,
        });
        let process = pool.process(number)?;
        for index in indices {
            let Request { node, state, event } = batch.get(index);
            let NodeDescriptor { ref kind, address, .. } = self.nodes[node];
            let checks_contract = pass == Pass::First;
            process.queue(NodeRequest::PureStep { kind, address, state, event, checks_contract });
        }
        process.send();
        let (mut answers, mut output) = (Answers::new(), Output::new());
        process.receive(|_, from| {
            match answer::read_step(from, &mut output)? {
                Ok((_, Some(broken))) => {
                    answers.push_failure(StepFailure::ContractViolation(broken))
                }
                Ok((state, None)) => answers.push_step(state, &output),
                Err(failure) => answers.push_failure(StepFailure::Node(failure)),
            }
            Ok(())
        })?;
        Ok(answers)
    }

    /// Adds the results of these steps, if no process fails.
    fn ask(
        &self,
        pool: &mut ProcessPool<'_>,
        batch: &Batch,
        range: Range<usize>,
        answers: &mut Answers,
    ) -> Result<(), ProcessFailure> {
        let first = self.answers_of_one_process(pool, batch, range.clone(), Pass::First)?;
        let second = self.answers_of_one_process(pool, batch, range.clone().rev(), Pass::Second)?;
        for index in 0..range.len() {
            let Request { node, event, .. } = batch.get(range.start + index);
            match (first.get(index), second.get(range.len() - 1 - index)) {
                (Ok(one), Ok(other)) if one == other => answers.push_step(one.state, one.output),
                (Ok(one), Ok(other)) => {
                    let kind = &self.nodes[node].kind;
                    let show = |what, bytes: &[u8]| shown(pool, kind, what, bytes);
                    answers.push_failure(StepFailure::not_deterministic(event, [one, other], show));
                }
                // Contract violations are checked in the first process only.
                (Err(failure), _) | (_, Err(failure)) => answers.push_failure(failure.clone()),
            }
        }
        Ok(())
    }

    /// Requests these steps one by one, to find the ones that fail their process.
    fn ask_each(
        &self,
        pool: &mut ProcessPool<'_>,
        batch: &Batch,
        range: Range<usize>,
        answers: &mut Answers,
        losses: &mut usize,
    ) {
        for index in range {
            if *losses >= FAILURES_MAX {
                let how = "failed several times, so this step was skipped".to_owned();
                answers.push_failure(StepFailure::Node(NodeFailure::ProcessLost { how }));
                continue;
            }
            if let Err(failure) = self.ask(pool, batch, index..index + 1, answers) {
                pool.replace();
                *losses = if failure.is_quick() { *losses + 1 } else { FAILURES_MAX };
                answers.push_failure(StepFailure::Node(failure.into()));
            }
        }
    }
}

/// Which of the two processes gets the requests, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    First,
    Second,
}

/// Renders encoded bytes as text for an error message.
fn shown(
    pool: &mut ProcessPool<'_>,
    kind: &str,
    what: Payload,
    bytes: &[u8],
) -> Result<String, NodeFailure> {
    let ask = NodeRequest::Show { kind, what, bytes, pretty: false };
    pool.process(0)?.exchange(ask, answer::read_shown)?
}

impl PureSteps for RemoteSteps<'_, '_> {
    fn nodes(&self) -> &[NodeDescriptor] {
        &self.nodes
    }

    fn make(&self, node: usize) -> Result<Vec<u8>, NodeFailure> {
        let NodeDescriptor { ref kind, address, ref arguments } = self.nodes[node];
        self.exchange(NodeRequest::PureMake { kind, address, arguments }, answer::read_owned)
    }

    fn run(&self, batch: &Batch, answers: &mut Answers) {
        answers.clear();
        let mut pool = self.shared.lock();
        let mut losses = 0;
        let mut start = 0;
        while start < batch.len() {
            let mut end = start;
            let mut bytes = 0;
            while end < batch.len() && bytes < FRAME_BYTES {
                let request = batch.get(end);
                bytes += request.state.len() + payload_bytes(request.event);
                end += 1;
            }
            if losses > 0 || self.ask(&mut pool, batch, start..end, answers).is_err() {
                pool.replace();
                self.ask_each(&mut pool, batch, start..end, answers, &mut losses);
            }
            start = end;
        }
    }

    fn observe(&self, node: usize, state: &[u8], question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let NodeDescriptor { ref kind, address, .. } = self.nodes[node];
        self.exchange(
            NodeRequest::PureObserve { kind, address, state, question },
            answer::read_owned,
        )
    }

    fn show(
        &self,
        node: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        let kind = &self.nodes[node].kind;
        self.exchange(NodeRequest::Show { kind, what, bytes, pretty }, answer::read_shown)
    }

    fn tree(&self, node: usize, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure> {
        let kind = &self.nodes[node].kind;
        self.exchange(NodeRequest::Tree { kind, what, bytes }, answer::read_tree)
    }
}

/// The approximate size of an event in a frame, in bytes.
fn payload_bytes(event: Event<'_>) -> usize {
    let payload = match event {
        Event::Init => &[],
        Event::Message { message, .. } => message,
        Event::Timer { timer } => timer,
        Event::Command { command } => command,
        Event::Restore { storage } => storage,
    };
    payload.len() + 64
}
