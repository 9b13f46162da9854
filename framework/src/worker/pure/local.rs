//! Pure steps in the engine's own process.

use std::num::NonZeroUsize;

use super::answers::describe;
use super::{Answers, Batch, Member, PureSteps, Request, StepFailure};
use crate::worker::{HostedNode, NodeFailure, NodeKind, Output, Payload, Submission};

/// Below this many requests a batch is not worth a second thread.
const REQUESTS_PER_THREAD_MIN: usize = 256;

/// Computes steps of a submission's nodes in this process.
pub struct LocalSteps<'s> {
    roster: Vec<Member>,
    kinds: Vec<&'s dyn NodeKind>,
    threads: NonZeroUsize,
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
        Ok(Self { roster, kinds, threads: NonZeroUsize::MIN, promises: true })
    }

    /// Uses up to `threads` threads for a large batch. The answers are the same.
    #[must_use]
    pub fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Whether each step is run twice, and states are checked for what a node promises. On unless said
    /// otherwise.
    #[must_use]
    pub fn checking_promises(mut self, on: bool) -> Self {
        self.promises = on;
        self
    }

    fn run_range(&self, batch: &Batch, range: std::ops::Range<usize>, answers: &mut Answers) {
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
        self.once(request, &mut scratch.output, &mut scratch.state)?;
        if !self.promises {
            return Ok(());
        }
        self.once(request, &mut scratch.second_output, &mut scratch.second_state)?;
        if scratch.state != scratch.second_state || scratch.output != scratch.second_output {
            return Err(StepFailure::NotDeterministic {
                first: self.outcome(request.member, &scratch.state, &scratch.output),
                second: self.outcome(request.member, &scratch.second_state, &scratch.second_output),
            });
        }
        Ok(())
    }

    fn once(
        &self,
        request: Request<'_>,
        output: &mut Output,
        state: &mut Vec<u8>,
    ) -> Result<(), StepFailure> {
        let mut node = self.restore(request.member, request.state).map_err(StepFailure::Node)?;
        node.step(request.event, output).map_err(StepFailure::Node)?;
        state.clear();
        node.state(state).map_err(StepFailure::Node)
    }

    fn outcome(&self, member: usize, state: &[u8], output: &Output) -> String {
        let shown = self.show(member, Payload::State, state, false);
        describe(&shown.unwrap_or_else(|failure| format!("<not readable: {failure}>")), output)
    }

    fn restore(
        &self,
        member: usize,
        state: &[u8],
    ) -> Result<Box<dyn HostedNode + '_>, NodeFailure> {
        self.kinds[member].restore(self.roster[member].address, state)
    }
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
        answers.clear();
        let threads = self.threads.get().min(batch.len() / REQUESTS_PER_THREAD_MIN).max(1);
        let share = batch.len().div_ceil(threads);
        if threads == 1 {
            return self.run_range(batch, 0..batch.len(), answers);
        }
        let parts: Vec<Answers> = std::thread::scope(|scope| {
            let workers: Vec<_> = (1..threads)
                .map(|thread| {
                    let range = thread * share..((thread + 1) * share).min(batch.len());
                    scope.spawn(move || {
                        let mut part = Answers::new();
                        self.run_range(batch, range, &mut part);
                        part
                    })
                })
                .collect();
            self.run_range(batch, 0..share, answers);
            workers
                .into_iter()
                .map(|worker| worker.join().expect("panics in nodes are caught"))
                .collect()
        });
        for part in &parts {
            answers.append(part);
        }
    }

    fn broken_promise(&self, member: usize, state: &[u8]) -> Result<Option<String>, NodeFailure> {
        if !self.promises {
            return Ok(None);
        }
        self.restore(member, state)?.broken_promise()
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
