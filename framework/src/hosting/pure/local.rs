//! Pure steps in the engine's own process.

use std::ops::Range;

use super::answers::Piece;
use super::{Answers, Batch, PureSteps, Request, Step, StepFailure};
use crate::codec::Tree;
use crate::hosting::{
    HostedNode, NodeDescriptor, NodeFailure, NodeKind, Output, Payload, Submission, check_output,
    check_state,
};
use crate::parallel;

/// The most pieces per thread that a batch is split into; free threads take the next one.
const PIECES_PER_THREAD: usize = 4;

/// The smallest number of requests for which a separate piece pays off.
const PIECE_MIN: usize = 64;

/// Computes steps of a submission's nodes in this process.
pub struct LocalSteps<'s> {
    nodes: Vec<NodeDescriptor>,
    kinds: Vec<&'s dyn NodeKind>,
    checks_contract: bool,
}

impl<'s> LocalSteps<'s> {
    /// Steps of these nodes, whose kinds the submission must provide.
    ///
    /// # Errors
    /// When the submission has no such kind.
    pub fn new(
        submission: &'s Submission,
        nodes: Vec<NodeDescriptor>,
    ) -> Result<Self, NodeFailure> {
        let kinds =
            nodes.iter().map(|node| submission.kind(&node.kind)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { nodes, kinds, checks_contract: true })
    }

    /// Whether to run each step twice and check the contract of each state. On by default.
    #[must_use]
    pub fn checking_contract(mut self, on: bool) -> Self {
        self.checks_contract = on;
        self
    }

    fn run_range(&self, batch: &Batch, range: Range<usize>, answers: &mut Piece) {
        let mut scratch = Scratch::default();
        for index in range {
            let request = batch.get(index);
            match self.step(request, &mut scratch) {
                Ok(()) => answers.push_step(&scratch.state, &scratch.output),
                Err(failure) => answers.push_failure(failure),
            }
        }
    }

    /// Computes one step into `scratch`.
    fn step(&self, request: Request<'_>, scratch: &mut Scratch) -> Result<(), StepFailure> {
        let node = self.once(request, &mut scratch.output, &mut scratch.state)?;
        if !self.checks_contract {
            return Ok(());
        }
        // Checks the node itself, because a decoded one lacks fields that the encoding omits.
        if scratch.state != request.state
            && let Some(broken) =
                node.contract_violation(&scratch.state).map_err(StepFailure::Node)?
        {
            return Err(StepFailure::ContractViolation(broken));
        }
        drop(node);
        self.once(request, &mut scratch.second_output, &mut scratch.second_state)?;
        if scratch.state != scratch.second_state || scratch.output != scratch.second_output {
            let first = Step { state: &scratch.state, output: &scratch.output };
            let second = Step { state: &scratch.second_state, output: &scratch.second_output };
            let show = |what, bytes: &[u8]| self.show(request.node, what, bytes, false);
            return Err(StepFailure::not_deterministic(request.event, [first, second], show));
        }
        Ok(())
    }

    /// Computes the step once, and returns the node after it.
    fn once(
        &self,
        request: Request<'_>,
        output: &mut Output,
        state: &mut Vec<u8>,
    ) -> Result<Box<dyn HostedNode + '_>, StepFailure> {
        let mut node = self.restore(request.node, request.state).map_err(StepFailure::Node)?;
        node.step(request.event, output).map_err(StepFailure::Node)?;
        check_output(output).map_err(StepFailure::Node)?;
        state.clear();
        node.state(state).map_err(StepFailure::Node)?;
        check_state(state.len()).map_err(StepFailure::Node)?;
        Ok(node)
    }

    fn restore(&self, node: usize, state: &[u8]) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        self.kinds[node].restore(self.nodes[node].address, state)
    }
}

/// The number of requests in each piece of a batch of `count`.
fn piece_len(count: usize) -> usize {
    let threads = parallel::threads();
    let most = if threads == 1 { 1 } else { threads * PIECES_PER_THREAD };
    count.div_ceil(most).max(PIECE_MIN)
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    state: Vec<u8>,
    output: Output,
    second_state: Vec<u8>,
    second_output: Output,
}

impl PureSteps for LocalSteps<'_> {
    fn nodes(&self) -> &[NodeDescriptor] {
        &self.nodes
    }

    fn make(&self, node: usize) -> Result<Vec<u8>, NodeFailure> {
        let NodeDescriptor { address, ref arguments, .. } = self.nodes[node];
        let mut state = Vec::new();
        self.kinds[node].make(address, arguments)?.state(&mut state)?;
        Ok(state)
    }

    fn run(&self, batch: &Batch, answers: &mut Answers) {
        let each = piece_len(batch.len());
        let pieces = answers.cut(batch.len().div_ceil(each).max(1), each);
        let starts = (0..).step_by(each);
        let mut parts: Vec<(usize, &mut Piece)> = starts.zip(pieces).collect();
        parallel::for_each(&mut parts, |(start, piece)| {
            self.run_range(batch, *start..(*start + each).min(batch.len()), piece);
        });
    }

    fn observe(&self, node: usize, state: &[u8], question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.restore(node, state)?.observe(question)
    }

    fn show(
        &self,
        node: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.kinds[node].show(what, bytes, pretty)
    }

    fn tree(&self, node: usize, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure> {
        self.kinds[node].tree(what, bytes)
    }
}
