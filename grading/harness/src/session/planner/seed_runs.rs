//! The run of each seed of a test: which are missing, and what the others found.

use faultlab::trace::Trace;
use faultlab_suites::SearchSummary;

use super::wanted::Recording;
use crate::report::Status;
use crate::session::finding::Finding;
use crate::supervisor::WorkerFailure;
use crate::worker::protocol::Done;

/// The runs of a test's seeds.
#[derive(Debug)]
pub(super) struct SeedRuns {
    seeds: Vec<u64>,
    states: Vec<State>,
    /// Seeds from here on are skipped, because an earlier one hung.
    end: usize,
}

/// The state of one seed's run.
#[derive(Clone, Debug)]
enum State {
    /// It has not run yet.
    Missing,
    /// Its process failed, and it is to be repeated alone.
    Suspect(WorkerFailure),
    /// What it found counts.
    Known(SeedRun),
}

/// The result of one seed's run.
#[derive(Clone, Debug)]
pub(super) struct SeedRun {
    /// What is wrong, if anything.
    pub(super) finding: Option<Finding>,
    /// The outcome's digest and steps, if the run finished.
    pub(super) end: Option<(u64, u64)>,
    /// Statistics of its searches.
    pub(super) searches: Vec<SearchSummary>,
}

impl SeedRun {
    /// A run that finished.
    pub(super) fn done(done: Done) -> Self {
        Self {
            finding: Finding::of_outcome(&done.outcome),
            end: Some((done.outcome.digest, done.outcome.steps)),
            searches: done.searches,
        }
    }

    /// A run that could not be executed, as its test failed.
    pub(super) fn test_broken(why: &str) -> Self {
        Self::unfinished(Finding::infra_error(format!("the test itself failed: {why}")))
    }

    /// A run whose process fails every time.
    pub(super) fn failed(failure: &WorkerFailure, recording: &Recording) -> Self {
        let Recording { trace, printed } = recording;
        Self::unfinished(Finding::of_worker_failure(failure, trace.as_ref(), printed))
    }

    fn unfinished(finding: Finding) -> Self {
        Self { finding: Some(finding), end: None, searches: Vec::new() }
    }
}

impl SeedRuns {
    pub(super) fn new(seeds: Vec<u64>) -> Self {
        Self { states: vec![State::Missing; seeds.len()], end: seeds.len(), seeds }
    }

    /// All seeds, including skipped ones.
    pub(super) fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// The number of seeds that are not skipped.
    pub(super) fn planned(&self) -> usize {
        self.end
    }

    /// Whether this seed is skipped.
    pub(super) fn is_skipped(&self, index: usize) -> bool {
        index >= self.end
    }

    /// The seeds that have not run, by index.
    pub(super) fn missing(&self) -> impl Iterator<Item = usize> {
        let states = self.states[..self.end].iter().enumerate();
        states.filter(|(_, state)| matches!(state, State::Missing)).map(|(index, _)| index)
    }

    /// The first seed to be repeated alone, and why.
    pub(super) fn suspect(&self) -> Option<(usize, &WorkerFailure)> {
        self.states[..self.end].iter().enumerate().find_map(|(index, state)| match state {
            State::Suspect(failure) => Some((index, failure)),
            State::Missing | State::Known(_) => None,
        })
    }

    /// The known runs, in order.
    pub(super) fn known(&self) -> impl Iterator<Item = (usize, &SeedRun)> {
        (0..self.end).filter_map(|index| Some((index, self.get(index)?)))
    }

    /// What the run of this seed found, if it is known.
    pub(super) fn get(&self, index: usize) -> Option<&SeedRun> {
        match &self.states[index] {
            State::Known(run) => Some(run),
            State::Missing | State::Suspect(_) => None,
        }
    }

    /// Notes that the run of this seed is to be repeated alone.
    pub(super) fn suspect_at(&mut self, index: usize, failure: WorkerFailure) {
        self.states[index] = State::Suspect(failure);
    }

    /// Notes what the run of this seed found.
    pub(super) fn note(&mut self, index: usize, run: SeedRun) {
        self.states[index] = State::Known(run);
    }

    /// Skips the seeds after this one, which hung. What they found does not count, so that the
    /// report does not depend on which of them had run before.
    pub(super) fn skip_after(&mut self, index: usize) {
        self.end = index + 1;
        self.states[self.end..].fill(State::Missing);
    }

    /// The digest and steps of each run, if it finished.
    pub(super) fn ends(&self) -> Vec<Option<(u64, u64)>> {
        (0..self.end).map(|index| self.get(index)?.end).collect()
    }

    /// The digest of the run of this seed, if it finished.
    pub(super) fn digest(&self, index: usize) -> Option<u64> {
        self.get(index)?.end.map(|(digest, _)| digest)
    }

    /// The index of the most informative failing run: one that finished, before one whose process
    /// failed, before one that hit a `todo!`; of those, the shortest.
    pub(super) fn shown(&self) -> Option<usize> {
        let rank = |status: Status| match status {
            Status::Passed | Status::Partial | Status::Failed => 0,
            Status::TimedOut => 1,
            Status::Inconclusive => 2,
            Status::NotImplemented => 3,
        };
        let failing = self.known().filter_map(|(index, run)| {
            let status = run.finding.as_ref()?.status;
            let (_, steps) = run.end.unwrap_or((0, u64::MAX));
            Some((rank(status), steps, index))
        });
        failing.min().map(|(_, _, index)| index)
    }
}

/// The trace of one seed's run.
#[derive(Clone, Debug)]
pub(super) struct SeedTrace {
    /// The seed's index.
    pub(super) index: usize,
    /// The trace.
    pub(super) trace: Trace,
}
