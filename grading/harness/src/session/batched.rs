//! Executes what many tests want together, for workers whose submission is out of process.
//!
//! A single run of such a submission takes one exchange per event. So first the seeds of all tests
//! advance together, then the reruns that show nondeterminism, and then the recordings of failing
//! runs. What is left after that, or takes too long, is executed one by one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faultlab_remote::RunCompletion;

use super::one_by_one::ends;
use super::planner::{Found, Purpose, Recording, Rerun, RunEnd, TestPlanner, Wanted};
use super::trace_files::TraceFiles;
use super::{POLL_INTERVAL, Plan};
use crate::processor_time::CpuLimit;
use crate::supervisor::{Answers, Batch, Pool, Timeouts, WorkerFailure};
use crate::worker::protocol::{Answer, Comparison, Done, Job, Mode, Request, RunName};

/// The time limit of each of the three steps. What a slower submission leaves is executed one by
/// one.
const STEP_MAX: Duration = Duration::from_secs(300);

/// The share of the processor time that is left which batched runs may use, as a fraction. If that is not enough, the
/// submission is so slow that its tests run one by one, so that at least the first ones are done. The share is large,
/// because a batch does many times as much in the same time.
const BATCH_SHARE: (u32, u32) = (2, 3);

/// Executes what these tests want, as far as it can be batched. The pool is replaced if a worker
/// takes too long.
pub(super) fn run(
    plan: &Plan<'_>,
    tests: &mut [TestPlanner<'_>],
    pool: &mut Pool,
    interrupted: &AtomicBool,
    cpu_limit: Option<&mut CpuLimit>,
) {
    let mut batches = Batches { plan, pool, interrupted, cpu_limit, deadline: Instant::now() };
    batches.run_seeds(tests);
    batches.compare(tests);
    batches.record(tests);
}

struct Batches<'a, 'p> {
    plan: &'a Plan<'a>,
    pool: &'p mut Pool,
    interrupted: &'a AtomicBool,
    cpu_limit: Option<&'a mut CpuLimit>,
    /// When the current step must be done.
    deadline: Instant,
}

impl Batches<'_, '_> {
    /// Runs every seed.
    fn run_seeds(&mut self, tests: &mut [TestPlanner<'_>]) {
        self.deadline = Instant::now() + STEP_MAX;
        let hangs = self.simulate(tests);
        // A submission that hangs usually hangs in every search, and each hang takes seconds.
        if !hangs {
            self.search(tests);
        }
    }

    /// Runs every seed of the tests that simulate, and checks their determinism. Returns whether a
    /// run hung.
    fn simulate(&mut self, tests: &mut [TestPlanner<'_>]) -> bool {
        let mut runs = Vec::new();
        for (index, test) in tests.iter().enumerate().filter(|(_, test)| !test.is_search()) {
            runs.extend(seeds_of(test).into_iter().map(|wanted| (index, wanted)));
        }
        let names: Vec<RunName> = runs.iter().map(|(_, wanted)| wanted.run).collect();
        let (some, of_all) = BATCH_SHARE;
        let cpu_max = self.cpu_limit.as_mut().map(|limit| limit.left() * some / of_all);
        let answers = self.ask(Request::RunBatch { runs: names, cpu_max });
        let [Ok(Answer::RunBatch { ends, deterministic })] = &answers[..] else { return false };
        let mut hangs = false;
        for ((index, Wanted { purpose, .. }), end) in runs.into_iter().zip(ends) {
            let end = match end {
                Some(RunCompletion::Finished(outcome)) => {
                    RunEnd::Done(Done::of_outcome(outcome.clone()))
                }
                Some(RunCompletion::ProcessFailed(failure)) => {
                    RunEnd::FailedAlone(failure.clone().into())
                }
                None => continue,
            };
            hangs |= matches!(&end, RunEnd::FailedAlone(failure) if failure.is_hang());
            let recording = Recording::default();
            tests[index].take_in(Found::Runs {
                purpose,
                ends: vec![end],
                recording: Box::new(recording),
            });
        }
        for test in tests.iter_mut().filter(|test| deterministic.contains(&test.number())) {
            test.take_in(Found::Deterministic);
        }
        hangs
    }

    /// Runs every seed of the tests that search.
    ///
    /// Each step is computed in two processes and compared. The first process has executed earlier
    /// runs, and the second knows nothing of them, so a search need not be repeated to check its
    /// determinism.
    fn search(&mut self, tests: &mut [TestPlanner<'_>]) {
        let answers = self.ask(Request::RestartProcesses);
        let [Ok(Answer::ProcessesRestarted)] = &answers[..] else { return };
        for test in tests.iter_mut().filter(|test| test.is_search()) {
            let mut all_finish = true;
            for Wanted { purpose, run: RunName { test: number, seed }, .. } in seeds_of(test) {
                let job = Job { test: number, seed, mode: Mode::Plain };
                let answers = self.ask(Request::Run(job));
                let (is_lost, hangs) = match answers.first() {
                    None | Some(Err(WorkerFailure::Cancelled)) => return,
                    Some(Ok(_)) => (false, false),
                    Some(Err(failure)) => (true, failure.is_hang()),
                };
                all_finish &= !is_lost;
                let (ends, recording) = (ends(answers), Recording::default());
                test.take_in(Found::Runs { purpose, ends, recording: Box::new(recording) });
                if hangs {
                    return;
                }
            }
            if all_finish {
                test.take_in(Found::Deterministic);
            }
        }
    }

    /// For each test whose runs differ when repeated: repeats them and records where they differ.
    fn compare(&mut self, tests: &mut [TestPlanner<'_>]) {
        self.deadline = Instant::now() + STEP_MAX;
        // One by one, so that one that takes too long does not cost the answers of earlier ones.
        for test in tests.iter_mut().filter(|test| !test.is_search()) {
            let reruns = |wanted: &Wanted| wanted.purpose == Purpose::Rerun(Rerun::Used);
            let Some(Wanted { run, before, .. }) = test.wanted().into_iter().find(reruns) else {
                continue;
            };
            let Some(&other) = before.last() else { continue };
            let files = [Rerun::Fresh, Rerun::Used].map(|rerun| self.files(run, rerun.suffix()));
            let traces = files.each_ref().map(|files| files.trace.clone());
            let answers = self.ask(Request::Compare(Comparison { run, other, traces }));
            if let [Ok(Answer::Compared(Some(digests)))] = answers[..] {
                let traces = Box::new(files.map(|files| files.read_trace()));
                test.take_in(Found::Compared { digests, traces });
            }
        }
    }

    /// Records the failing run of each test that can be recorded by any worker.
    fn record(&mut self, tests: &mut [TestPlanner<'_>]) {
        self.deadline = Instant::now() + STEP_MAX;
        let records =
            |wanted: &Wanted| matches!(wanted.purpose, Purpose::Record { fresh: false, .. });
        let simulating = tests.iter_mut().filter(|test| !test.is_search());
        let wanted = simulating.filter_map(|test| {
            let wanted = test.wanted().into_iter().find(records)?;
            let files = self.files(wanted.run, "");
            Some((test, wanted, files))
        });
        let wanted: Vec<_> = wanted.collect();
        if wanted.is_empty() {
            return;
        }
        let runs = wanted.iter().map(|(_, wanted, files)| (wanted.run, files.trace.clone()));
        let answers = self.ask(Request::Record(runs.collect()));
        let Some(Ok(Answer::Recorded(outcomes))) = answers.into_iter().next() else { return };
        for ((test, Wanted { purpose, .. }, files), outcome) in wanted.into_iter().zip(outcomes) {
            if let Some(outcome) = outcome
                && let Some(trace) = files.read_trace()
            {
                let ends = vec![RunEnd::Done(Done::of_outcome(outcome))];
                let recording = Recording { trace: Some(trace), ..Recording::default() };
                test.take_in(Found::Runs { purpose, ends, recording: Box::new(recording) });
            }
        }
    }

    fn files(&self, run: RunName, suffix: &str) -> TraceFiles {
        TraceFiles::of(&self.plan.traces, run, suffix)
    }

    /// Asks a worker; returns nothing if it takes too long.
    fn ask(&mut self, request: Request) -> Answers {
        let timeouts = Timeouts::SHARED;
        let batch = Batch { requests: vec![request], fresh: false, output: None, timeouts };
        let Some(slot) = self.pool.idle() else { return Vec::new() };
        if self.must_stop() {
            return Vec::new();
        }
        self.pool.give(slot, batch);
        loop {
            if let Some((_, answers)) = self.pool.wait(POLL_INTERVAL) {
                return answers;
            }
            if self.must_stop() {
                *self.pool = Pool::new(&self.plan.worker, self.plan.workers);
                return Vec::new();
            }
        }
    }

    fn must_stop(&mut self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
            || Instant::now() > self.deadline
            || self.cpu_limit.as_mut().is_some_and(|limit| limit.is_used_up())
    }
}

/// The seeds that a test wants to be run.
fn seeds_of(test: &TestPlanner<'_>) -> Vec<Wanted> {
    let is_first = |wanted: &Wanted| matches!(wanted.purpose, Purpose::First(_));
    test.wanted().into_iter().filter(is_first).collect()
}
