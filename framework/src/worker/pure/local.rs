//! Pure steps in the engine's own process.

use std::ops::Range;

use super::answers::Piece;
use super::{Answers, Batch, Member, PureSteps, Request, Step, StepFailure, divergence, legible};
use crate::parallel;
use crate::worker::{HostedNode, NodeFailure, NodeKind, Output, Payload, Submission};

/// The most pieces per thread that a batch is split into; free threads take the next one.
const PIECES_PER_THREAD: usize = 4;

/// With fewer requests than this, a separate piece is not worth it.
const PIECE_MIN: usize = 64;

/// Computes steps of a submission's nodes in this process.
pub struct LocalSteps<'s> {
    roster: Vec<Member>,
    kinds: Vec<&'s dyn NodeKind>,
    promises: bool,
}

impl<'s> LocalSteps<'s> {
    /// Steps of these members, all of kinds that the submission provides.
    ///
    /// # Errors
    /// When the submission has no such kind.
    pub fn new(submission: &'s Submission, roster: Vec<Member>) -> Result<Self, NodeFailure> {
        let kinds = roster
            .iter()
            .map(|member| submission.kind(&member.kind))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { roster, kinds, promises: true })
    }

    /// Whether to run each step twice and check the contract of each state. On by default.
    #[must_use]
    pub fn checking_promises(mut self, on: bool) -> Self {
        self.promises = on;
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

    /// One step, its outcome in `scratch`.
    fn step(&self, request: Request<'_>, scratch: &mut Scratch) -> Result<(), StepFailure> {
        let node = self.once(request, &mut scratch.output, &mut scratch.state)?;
        if !self.promises {
            return Ok(());
        }
        // Of the node itself: a decoded one lacks what the encoding leaves out.
        if scratch.state != request.state
            && let Some(broken) = node.broken_promise(&scratch.state).map_err(StepFailure::Node)?
        {
            return Err(StepFailure::BrokenPromise(broken));
        }
        drop(node);
        self.once(request, &mut scratch.second_output, &mut scratch.second_state)?;
        if scratch.state != scratch.second_state || scratch.output != scratch.second_output {
            let first = Step { state: &scratch.state, output: &scratch.output };
            let second = Step { state: &scratch.second_state, output: &scratch.second_output };
            let show = |what, bytes: &[u8]| legible(self.show(request.member, what, bytes, false));
            return Err(divergence::not_deterministic(request.event, [first, second], show));
        }
        Ok(())
    }

    /// The node after the step.
    fn once(
        &self,
        request: Request<'_>,
        output: &mut Output,
        state: &mut Vec<u8>,
    ) -> Result<Box<dyn HostedNode + '_>, StepFailure> {
        let mut node = self.restore(request.member, request.state).map_err(StepFailure::Node)?;
        node.step(request.event, output).map_err(StepFailure::Node)?;
        state.clear();
        node.state(state).map_err(StepFailure::Node)?;
        Ok(node)
    }

    fn restore(
        &self,
        member: usize,
        state: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        self.kinds[member].restore(self.roster[member].address, state)
    }
}

/// How many requests go into each piece of so many.
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
    fn roster(&self) -> &[Member] {
        &self.roster
    }

    fn make(&self, member: usize) -> Result<Vec<u8>, NodeFailure> {
        let Member { address, ref arguments, .. } = self.roster[member];
        let mut state = Vec::new();
        self.kinds[member].make(address, arguments)?.state(&mut state)?;
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

    fn observe(
        &self,
        member: usize,
        state: &[u8],
        question: &[u8],
    ) -> Result<Vec<u8>, NodeFailure> {
        self.restore(member, state)?.observe(question)
    }

    fn show(
        &self,
        member: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.kinds[member].show(what, bytes, pretty)
    }
}
