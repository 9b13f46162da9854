//! Prefetches runs, for workers whose submission is out of process.
//!
//! A single run of such a submission takes one exchange per event. So all runs of all tests first
//! advance together, including the reruns that check determinism and the recordings of failing
//! runs. The results must be exactly those that each test would find by itself. Runs that fail,
//! hang or differ here are left to the test, which repeats them alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faultlab_remote::RunCompletion;
use faultlab_suites::{Body, Test, TestNumber};

use super::{POLL_INTERVAL, Plan};
use crate::supervisor::{Answers, Batch, Pool, Timeouts, WorkerFailure};
use crate::worker::protocol::{Answer, Compared, Comparison, Job, Mode, Request, RunName};

/// The time limit for prefetching. A slower submission is run without it.
const PREFETCH_MAX: Duration = Duration::from_secs(300);

/// Prefetched results.
#[derive(Debug, Default)]
pub(super) struct Prefetched {
    ends: BTreeMap<RunName, Result<Answer, WorkerFailure>>,
    deterministic: BTreeSet<TestNumber>,
}

impl Prefetched {
    /// The result of a run, if it was prefetched.
    pub(super) fn end(
        &self,
        test: TestNumber,
        seed: u64,
    ) -> Option<&Result<Answer, WorkerFailure>> {
        self.ends.get(&RunName { test, seed })
    }

    /// Whether the test's reruns gave the same results.
    pub(super) fn is_repeatable(&self, test: TestNumber) -> bool {
        self.deterministic.contains(&test)
    }

    fn has_hangs(&self) -> bool {
        self.ends.values().any(|end| matches!(end, Err(failure) if failure.is_hang()))
    }
}

/// Prefetches everything for these tests. The pool is replaced if a worker takes too long.
pub(super) fn run(
    plan: &Plan<'_>,
    tests: &[&Test],
    pool: &mut Pool,
    interrupted: &AtomicBool,
) -> Prefetched {
    let mut ahead = Prefetcher { plan, pool, interrupted, deadline: Instant::now() + PREFETCH_MAX };
    let mut known = Prefetched::default();
    let (searches, simulations): (Vec<&Test>, Vec<&Test>) =
        tests.iter().copied().partition(|test| matches!(test.body(), Body::Search(_)));
    ahead.run_all(&simulations, &mut known);
    // A submission that hangs usually hangs in every search, and each hang takes seconds.
    if !known.has_hangs() {
        ahead.search_all(&searches, &mut known);
    }
    known
}

/// Records these failing runs, each into its file. Returns the digests of those recorded.
pub(super) fn record(
    plan: &Plan<'_>,
    pool: &mut Pool,
    interrupted: &AtomicBool,
    runs: Vec<(RunName, PathBuf)>,
) -> BTreeMap<RunName, u64> {
    if runs.is_empty() {
        return BTreeMap::new();
    }
    let mut ahead = Prefetcher { plan, pool, interrupted, deadline: Instant::now() + PREFETCH_MAX };
    let answers = ahead.ask(vec![Request::Record(runs.clone())]);
    let [Ok(Answer::Recorded(digests))] = &answers[..] else { return BTreeMap::new() };
    let recorded = runs.into_iter().zip(digests);
    recorded.filter_map(|((name, _), digest)| digest.map(|digest| (name, digest))).collect()
}

/// Reruns these runs, which differed when repeated, and records where they differ. Returns the
/// comparisons.
pub(super) fn compare(
    plan: &Plan<'_>,
    pool: &mut Pool,
    interrupted: &AtomicBool,
    comparisons: &[Comparison],
) -> BTreeMap<RunName, Compared> {
    let mut ahead = Prefetcher { plan, pool, interrupted, deadline: Instant::now() + PREFETCH_MAX };
    let mut all = BTreeMap::new();
    // One by one, so that one that takes too long does not cost the answers of earlier ones.
    for comparison in comparisons {
        let answers = ahead.ask(vec![Request::Compare(comparison.clone())]);
        if let [Ok(Answer::Compared(Some(compared)))] = answers[..] {
            all.insert(comparison.run, compared);
        }
    }
    all
}

struct Prefetcher<'a, 'p> {
    plan: &'a Plan<'a>,
    pool: &'p mut Pool,
    interrupted: &'a AtomicBool,
    deadline: Instant,
}

impl Prefetcher<'_, '_> {
    /// Runs every seed of the simulation tests.
    fn run_all(&mut self, tests: &[&Test], known: &mut Prefetched) {
        let names: Vec<RunName> = tests.iter().flat_map(|test| self.names(test)).collect();
        let answers = self.ask(vec![Request::RunBatch(names.clone())]);
        let [Ok(Answer::RunBatch { ends, deterministic: repeatable })] = &answers[..] else {
            return;
        };
        known.deterministic.extend(repeatable);
        for (name, end) in names.into_iter().zip(ends) {
            let end = match end {
                Some(RunCompletion::Finished(outcome)) => Ok(Answer::of_outcome(outcome.clone())),
                Some(RunCompletion::ProcessFailed(failure)) => Err(failure.clone().into()),
                None => continue,
            };
            known.ends.insert(name, end);
        }
    }

    /// Runs every seed of the search tests. One whose worker fails is not prefetched.
    ///
    /// Each step is computed in two processes and compared. The first process has executed earlier
    /// runs, and the second knows nothing of them, so a search need not be repeated to check its
    /// determinism.
    fn search_all(&mut self, tests: &[&Test], known: &mut Prefetched) {
        let answers = self.ask(vec![Request::RestartProcesses]);
        let [Ok(Answer::ProcessesRestarted)] = &answers[..] else { return };
        for name in tests.iter().flat_map(|test| self.names(test)).collect::<Vec<_>>() {
            let answers = self.ask(vec![plain(name)]);
            match answers.into_iter().next() {
                Some(Ok(answer)) => drop(known.ends.insert(name, Ok(answer))),
                Some(Err(WorkerFailure::Cancelled)) | None => return,
                Some(Err(failure)) if failure.is_hang() => return,
                Some(Err(_)) => {}
            }
        }
        let is_known = |name: &RunName| known.ends.contains_key(name);
        let known_tests = tests.iter().filter(|test| self.names(test).iter().all(is_known));
        known.deterministic.extend(known_tests.map(|test| test.number()));
    }

    /// The runs of a test.
    fn names(&self, test: &Test) -> Vec<RunName> {
        let number = test.number();
        self.plan.seeds.of(test).into_iter().map(|seed| RunName { test: number, seed }).collect()
    }

    /// Gives a worker these requests; returns nothing if it takes too long.
    fn ask(&mut self, requests: Vec<Request>) -> Answers {
        let batch = Batch { requests, fresh: false, output: None, timeouts: Timeouts::SHARED };
        let Some(slot) = self.pool.idle() else { return Vec::new() };
        if self.interrupted.load(Ordering::Relaxed) || Instant::now() > self.deadline {
            return Vec::new();
        }
        self.pool.give(slot, batch);
        loop {
            if let Some((_, answers)) = self.pool.wait(POLL_INTERVAL) {
                return answers;
            }
            if self.interrupted.load(Ordering::Relaxed) || Instant::now() > self.deadline {
                *self.pool = Pool::new(&self.plan.worker, self.plan.workers);
                return Vec::new();
            }
        }
    }
}

fn plain(RunName { test, seed }: RunName) -> Request {
    Request::Run(Job { test, seed, mode: Mode::Plain })
}
