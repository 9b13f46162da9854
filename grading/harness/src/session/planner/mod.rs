//! One test's planner: which runs the test needs now, given what the others found.
//!
//! A planner does no I/O. Someone else asks it what it wants, executes that, and tells it what was
//! found: one run after another, or many at once. The report depends only on what was found, not
//! on the order in which it is told.

mod determinism;
mod report;
mod seed_runs;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use faultlab_suites::{Body, Kind, Test, TestNumber};

use self::determinism::Determinism;
use self::seed_runs::{SeedRun, SeedRuns, SeedTrace};
use super::Seeds;
use super::finding::Finding;
use crate::report::{HandlerCost, Status};
use crate::supervisor::{Timeouts, WorkerFailure};
use crate::worker::protocol::RunName;

pub(super) use determinism::Rerun;
pub(super) use wanted::{Found, Output, Purpose, Recording, RunEnd, ShrinkEnd, Wanted};

/// A test's stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Each seed is run.
    Seeds,
    /// Runs are repeated, and a failing one is recorded.
    Checks,
    /// Differing reruns are recorded.
    Comparing,
    /// Everything is known.
    Finished,
}

/// The planner of one test.
#[derive(Debug)]
pub(super) struct TestPlanner<'a> {
    test: &'a Test,
    /// Whether the submission is out of process.
    out_of_process: bool,
    runs: SeedRuns,
    stage: Stage,
    /// What is wanted besides the seeds' runs and has not begun.
    queue: VecDeque<Wanted>,
    /// What has begun.
    in_flight: BTreeSet<Purpose>,
    determinism: Determinism,
    /// The recorded run.
    trace: Option<SeedTrace>,
    /// What came of shrinking the run of the seed at this index.
    shrunk: Option<(usize, ShrinkEnd)>,
    handlers: Vec<HandlerCost>,
    /// Whether a run's process failed, but the run finished when it was repeated alone.
    recovered: bool,
    /// Why the test ended before all was known, if it did.
    cut_short: Option<Finding>,
}

impl<'a> TestPlanner<'a> {
    pub(super) fn new(test: &'a Test, seeds: Seeds, out_of_process: bool) -> Self {
        Self {
            test,
            out_of_process,
            runs: SeedRuns::new(seeds.of(test)),
            stage: Stage::Seeds,
            queue: VecDeque::new(),
            in_flight: BTreeSet::new(),
            determinism: Determinism::default(),
            trace: None,
            shrunk: None,
            handlers: Vec::new(),
            recovered: false,
            cut_short: None,
        }
    }

    pub(super) fn number(&self) -> TestNumber {
        self.test.number()
    }

    /// Whether the test searches; otherwise it simulates.
    pub(super) fn is_search(&self) -> bool {
        matches!(self.test.body(), Body::Search(_))
    }

    pub(super) fn runs_planned(&self) -> u64 {
        self.runs.planned() as u64
    }

    pub(super) fn runs_done(&self) -> u64 {
        self.runs.known().count() as u64
    }

    pub(super) fn is_recovered(&self) -> bool {
        self.recovered
    }

    pub(super) fn handlers(&self) -> &[HandlerCost] {
        &self.handlers
    }

    /// Whether everything that was wanted is known, so that there is a report.
    pub(super) fn is_finished(&self) -> bool {
        self.stage == Stage::Finished && self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// What can begin now, in the order in which it should.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        if self.cut_short.is_some() {
            return Vec::new();
        }
        if let Some((index, failure)) = self.runs.suspect() {
            // Runs are retried in the order of their seeds, not of their failures, so that the
            // report does not depend on timing.
            let retry = self.in_flight.is_empty().then(|| self.retry(index, failure));
            return retry.into_iter().collect();
        }
        let mut wanted: Vec<Wanted> = self.queue.iter().cloned().collect();
        if self.stage == Stage::Seeds {
            let missing = self.runs.missing().map(|index| (index, Purpose::First(index)));
            let missing = missing.filter(|(_, purpose)| !self.in_flight.contains(purpose));
            wanted.extend(missing.map(|(index, purpose)| Wanted::new(purpose, self.name(index))));
        }
        wanted
    }

    /// Notes that something wanted has begun.
    pub(super) fn begin(&mut self, purpose: Purpose) {
        self.queue.retain(|wanted| wanted.purpose != purpose);
        self.in_flight.insert(purpose);
    }

    /// Ends the test, unless it has ended, because the submission has used all of its processor time.
    pub(super) fn cut_short(&mut self, limit: Duration) {
        if self.stage != Stage::Finished {
            self.stage = Stage::Finished;
            self.queue.clear();
            self.in_flight.clear();
            self.cut_short = Some(Finding::out_of_time(limit));
        }
    }

    /// Takes in what was found. Something wanted need not have begun before.
    pub(super) fn take_in(&mut self, found: Found) {
        match found {
            Found::Runs { purpose, ends, recording } => {
                self.queue.retain(|wanted| wanted.purpose != purpose);
                self.in_flight.remove(&purpose);
                self.take_in_runs(purpose, ends, *recording);
            }
            Found::Shrunk { index, end } => {
                let purpose = Purpose::Shrink(index);
                self.queue.retain(|wanted| wanted.purpose != purpose);
                self.in_flight.remove(&purpose);
                self.shrunk = Some((index, end));
            }
            Found::Deterministic => {
                self.queue.retain(|wanted| !matches!(wanted.purpose, Purpose::Rerun(_)));
                self.determinism.is_confirmed = true;
            }
            Found::Compared { digests, traces } => {
                let Some((index, _)) = determinism::checked(&self.runs.ends()) else { return };
                let Some(first) = self.runs.digest(index) else { return };
                if self.determinism.compare(first, digests, *traces) {
                    // Runs that differ are shown instead of one that fails.
                    self.queue.clear();
                }
            }
        }
        self.advance();
    }

    fn take_in_runs(&mut self, purpose: Purpose, mut ends: Vec<RunEnd>, recording: Recording) {
        match purpose {
            // It ran while an earlier seed hung. The report must not depend on whether it ran.
            Purpose::First(index) | Purpose::Retry(index) if self.runs.is_skipped(index) => {}
            Purpose::First(index) => match last(&mut ends) {
                RunEnd::Failed(failure) => self.runs.suspect_at(index, failure),
                // It may have hung only because the time limit was shorter than the one that counts.
                RunEnd::FailedAlone(failure) if failure.is_hang() => {
                    self.runs.suspect_at(index, failure);
                }
                end => self.note(index, end, &recording),
            },
            Purpose::Retry(index) => {
                let end = last(&mut ends);
                self.recovered |= matches!(end, RunEnd::Done(_) | RunEnd::TestBroken(_));
                self.note(index, end, &recording);
                if self.runs.shown() == Some(index) {
                    self.keep(index, recording);
                }
            }
            Purpose::Rerun(rerun) => {
                for end in &ends {
                    if let RunEnd::Done(done) = end
                        && !done.handlers.is_empty()
                    {
                        self.handlers.clone_from(&done.handlers);
                    }
                }
                self.determinism.reruns.extend(ends.into_iter().map(|end| (rerun, digest(end))));
            }
            Purpose::Record { index, fresh } => {
                let before = self.runs.digest(index);
                let end = last(&mut ends);
                let as_before =
                    matches!(&end, RunEnd::Done(done) if before == Some(done.outcome.digest));
                match end {
                    // Only a fresh worker can establish that a run is nondeterministic.
                    _ if !fresh && before.is_some() && !as_before => {
                        self.queue.push_back(self.record(index, true));
                        return;
                    }
                    RunEnd::Done(_) if before.is_some() && !as_before => {
                        self.determinism.recording_differs(self.runs.seeds()[index]);
                    }
                    RunEnd::Failed(failure) | RunEnd::FailedAlone(failure) => {
                        self.runs.note(index, SeedRun::failed(&failure, &recording));
                    }
                    // The recording may be incomplete. The run is not judged without it, so that a report does not
                    // depend on what happened to the machine.
                    RunEnd::TestBroken(why) => {
                        self.runs.note(index, SeedRun::test_broken(&why));
                        return;
                    }
                    RunEnd::Done(_) => {}
                }
                self.keep(index, recording);
            }
            // What comes of it is not a run's end: `Found::Shrunk`.
            Purpose::Shrink(_) => {}
            Purpose::RecordRerun(rerun) => {
                self.determinism.traces.extend(recording.trace.map(|trace| (rerun, trace)));
            }
        }
    }

    /// Notes how a run ended whose result counts.
    fn note(&mut self, index: usize, end: RunEnd, recording: &Recording) {
        let run = match end {
            RunEnd::Done(done) => SeedRun::done(done),
            RunEnd::TestBroken(why) => SeedRun::test_broken(&why),
            RunEnd::Failed(failure) | RunEnd::FailedAlone(failure) => {
                let run = SeedRun::failed(&failure, recording);
                if failure.never_ends() {
                    self.runs.skip_after(index);
                }
                run
            }
        };
        self.runs.note(index, run);
    }

    /// Keeps the trace of a run, for the report.
    fn keep(&mut self, index: usize, recording: Recording) {
        self.trace = recording.trace.map(|trace| SeedTrace { index, trace });
    }

    /// Starts the next stage once this one is complete.
    fn advance(&mut self) {
        while self.in_flight.is_empty() && self.runs.suspect().is_none() && self.queue.is_empty() {
            match self.stage {
                Stage::Seeds if self.runs.missing().next().is_some() => break,
                Stage::Seeds => self.plan_checks(),
                Stage::Checks => self.plan_comparison(),
                Stage::Comparing => self.explain(),
                Stage::Finished => break,
            }
        }
    }

    /// Called when all seeds have run: repeats one, and records one that failed.
    fn plan_checks(&mut self) {
        self.stage = Stage::Checks;
        if !self.determinism.is_confirmed
            && let Some((index, other)) = determinism::checked(&self.runs.ends())
        {
            let run = self.name(index);
            let rerun = |rerun| Wanted { fresh: true, ..Wanted::new(Purpose::Rerun(rerun), run) };
            self.queue.push_back(rerun(Rerun::Fresh));
            // A search computes each step twice anyway, so repeating it once is enough.
            if self.test.kind() != Kind::Search {
                let before = vec![run, self.name(other)];
                let used = rerun(Rerun::Used);
                self.queue.push_back(Wanted { before, output: Output::HandlerCosts, ..used });
            }
        }
        if let Some(index) = self.runs.shown()
            && !self.is_undecided(index)
            && self.trace.as_ref().is_none_or(|trace| trace.index != index)
        {
            // The worker's own output contains what a process prints before it fails.
            let fresh = !self.out_of_process || self.runs.digest(index).is_none();
            self.queue.push_back(self.record(index, fresh));
        }
    }

    /// From now on, a test that has its report also wants its shown run to be shrunk, if that is possible.
    pub(super) fn shrink(&mut self) {
        if let Some(index) = self.runs.shown().filter(|&index| self.may_shrink(index)) {
            let wanted = Wanted::new(Purpose::Shrink(index), self.name(index));
            // What a node prints is captured, so the worker must have nothing else to say.
            self.queue.push_back(Wanted { output: Output::ShrunkTrace, fresh: true, ..wanted });
        }
    }

    /// Whether the run is one that can be shrunk: a deterministic simulation whose process survived it.
    fn may_shrink(&self, index: usize) -> bool {
        let finding = self.runs.get(index).and_then(|run| run.finding.as_ref());
        !self.is_search()
            && self.determinism.finding().is_none()
            && self.runs.digest(index).is_some()
            && finding.is_some_and(|finding| finding.status == Status::Failed)
    }

    /// Whether the run is a search that hit a limit, so that there is nothing to show.
    fn is_undecided(&self, index: usize) -> bool {
        let finding = self.runs.get(index).and_then(|run| run.finding.as_ref());
        self.test.kind() == Kind::Search
            && finding.is_some_and(|finding| finding.status == Status::Inconclusive)
    }

    /// Called when all reruns are done: if two differ, records both.
    fn plan_comparison(&mut self) {
        self.stage = Stage::Comparing;
        let Some((index, other)) = determinism::checked(&self.runs.ends()) else { return };
        let Some(first) = self.runs.digest(index) else { return };
        let Some(differing) = self.determinism.judge(first, self.runs.seeds()[index]) else {
            return;
        };
        let before = match differing {
            // In a batch, no run is the first in its process, so this difference is one between a
            // fresh and a used process.
            Rerun::Fresh if !self.out_of_process => vec![],
            Rerun::Fresh | Rerun::Used | Rerun::Recorded => {
                vec![self.name(index), self.name(other)]
            }
        };
        for (rerun, before) in [(Rerun::Fresh, vec![]), (Rerun::Used, before)] {
            let purpose = Purpose::RecordRerun(rerun);
            let output = Output::Trace { suffix: rerun.suffix() };
            let wanted = Wanted::new(purpose, self.name(index));
            self.queue.push_back(Wanted { before, output, fresh: true, ..wanted });
        }
    }

    /// Called when the reruns are recorded: names the first event at which they differ.
    fn explain(&mut self) {
        self.stage = Stage::Finished;
        let Some((index, _)) = determinism::checked(&self.runs.ends()) else { return };
        if let Some(trace) = self.determinism.explain(self.runs.seeds()[index]) {
            self.trace = Some(SeedTrace { index, trace });
        }
    }

    fn name(&self, index: usize) -> RunName {
        RunName { test: self.test.number(), seed: self.runs.seeds()[index] }
    }

    fn retry(&self, index: usize, failure: &WorkerFailure) -> Wanted {
        Wanted {
            output: Output::Trace { suffix: "" },
            fresh: true,
            exclusive: failure.is_hang(),
            timeouts: Timeouts::RETRY,
            ..Wanted::new(Purpose::Retry(index), self.name(index))
        }
    }

    fn record(&self, index: usize, fresh: bool) -> Wanted {
        let output = Output::Trace { suffix: "" };
        let purpose = Purpose::Record { index, fresh };
        Wanted { output, fresh, ..Wanted::new(purpose, self.name(index)) }
    }
}

/// How the last of a worker's runs ended.
fn last(ends: &mut Vec<RunEnd>) -> RunEnd {
    let nothing = || WorkerFailure::Unavailable("a worker did nothing".to_owned());
    ends.pop().unwrap_or_else(|| RunEnd::Failed(nothing()))
}

/// The digest of a rerun.
fn digest(end: RunEnd) -> Result<u64, WorkerFailure> {
    match end {
        RunEnd::Done(done) => Ok(done.outcome.digest),
        RunEnd::TestBroken(why) => Err(WorkerFailure::Unavailable(why)),
        RunEnd::Failed(failure) | RunEnd::FailedAlone(failure) => Err(failure),
    }
}
