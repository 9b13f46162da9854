//! What is known before each test asks for its own runs, where the submission is in other processes.
//!
//! There, one run by itself costs an exchange for each event. So all runs of all tests go side by side
//! first, and those that repeat a seed, show a difference or record a failing run as well. What comes of it must not differ
//! from what a test would find by itself: whatever is lost, hangs or differs here is left to the test,
//! which looks closely.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faultlab_suites::{Body, Test, TestNumber};

use super::{GLANCE, Plan};
use crate::supervisor::{Answers, Batch, Loss, Patience, Pool};
use crate::worker::protocol::{Answer, Compared, Comparison, Job, Mode, Request, RunEnd, RunName};

/// How long all this may take. A submission that takes longer is slow, and is looked at run by run.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// What is known ahead.
#[derive(Debug, Default)]
pub(super) struct Known {
    ends: BTreeMap<RunName, Result<Answer, Loss>>,
    repeatable: BTreeSet<TestNumber>,
}

impl Known {
    /// What a run came to, if it is known.
    pub(super) fn end(&self, test: TestNumber, seed: u64) -> Option<&Result<Answer, Loss>> {
        self.ends.get(&RunName { test, seed })
    }

    /// Whether the test's runs were repeated and went as they had before.
    pub(super) fn is_repeatable(&self, test: TestNumber) -> bool {
        self.repeatable.contains(&test)
    }

    fn has_hangs(&self) -> bool {
        self.ends.values().any(|end| matches!(end, Err(Loss::Hung)))
    }
}

/// Runs everything of these tests ahead. The pool is another afterwards if a worker took too long.
pub(super) fn look(
    plan: &Plan<'_>,
    tests: &[&Test],
    pool: &mut Pool,
    interrupted: &AtomicBool,
) -> Known {
    let mut ahead = Ahead { plan, pool, interrupted, deadline: Instant::now() + AHEAD_MAX };
    let mut known = Known::default();
    let (searches, simulations): (Vec<&Test>, Vec<&Test>) =
        tests.iter().copied().partition(|test| matches!(test.body(), Body::Search(_)));
    ahead.run_all(&simulations, &mut known);
    // A submission that hangs mostly hangs in every search, and each costs seconds.
    if !known.has_hangs() {
        ahead.search_all(&searches, &mut known);
    }
    known
}

/// Records these runs, which failed, each into its file. The digests of those that were recorded.
pub(super) fn record(
    plan: &Plan<'_>,
    pool: &mut Pool,
    interrupted: &AtomicBool,
    runs: Vec<(RunName, PathBuf)>,
) -> BTreeMap<RunName, u64> {
    if runs.is_empty() {
        return BTreeMap::new();
    }
    let mut ahead = Ahead { plan, pool, interrupted, deadline: Instant::now() + AHEAD_MAX };
    let answers = ahead.ask(vec![Request::Record(runs.clone())]);
    let [Ok(Answer::Recorded(digests))] = &answers[..] else { return BTreeMap::new() };
    let recorded = runs.into_iter().zip(digests);
    recorded.filter_map(|((name, _), digest)| digest.map(|digest| (name, digest))).collect()
}

/// Repeats these runs, which did not go the same way again, and records where they part. What came of
/// those that were.
pub(super) fn compare(
    plan: &Plan<'_>,
    pool: &mut Pool,
    interrupted: &AtomicBool,
    comparisons: &[Comparison],
) -> BTreeMap<RunName, Compared> {
    let mut ahead = Ahead { plan, pool, interrupted, deadline: Instant::now() + AHEAD_MAX };
    let mut all = BTreeMap::new();
    // One by one: a test that takes too long leaves those before it their answers.
    for comparison in comparisons {
        let answers = ahead.ask(vec![Request::Compare(comparison.clone())]);
        if let [Ok(Answer::Compared(Some(compared)))] = answers[..] {
            all.insert(comparison.run, compared);
        }
    }
    all
}

struct Ahead<'a, 'p> {
    plan: &'a Plan<'a>,
    pool: &'p mut Pool,
    interrupted: &'a AtomicBool,
    deadline: Instant,
}

impl Ahead<'_, '_> {
    /// Runs every seed of the tests that simulate.
    fn run_all(&mut self, tests: &[&Test], known: &mut Known) {
        let names: Vec<RunName> = tests.iter().flat_map(|test| self.names(test)).collect();
        let answers = self.ask(vec![Request::SideBySide(names.clone())]);
        let [Ok(Answer::SideBySide { ends, repeatable })] = &answers[..] else { return };
        known.repeatable.extend(repeatable);
        for (name, end) in names.into_iter().zip(ends) {
            let end = match end {
                Some(RunEnd::Over(outcome)) => Ok(Answer::of_outcome(outcome.clone())),
                Some(RunEnd::Lost(loss)) => Err(loss.clone()),
                None => continue,
            };
            known.ends.insert(name, end);
        }
    }

    /// Runs every seed of the tests that search. One that loses its worker is not known.
    ///
    /// Each step is computed in two processes and compared. The first has run what came before, and the
    /// other finds nothing of that, so a search need not be repeated to tell whether it can be.
    fn search_all(&mut self, tests: &[&Test], known: &mut Known) {
        let answers = self.ask(vec![Request::Renew]);
        let [Ok(Answer::Renewed)] = &answers[..] else { return };
        for name in tests.iter().flat_map(|test| self.names(test)).collect::<Vec<_>>() {
            let answers = self.ask(vec![plain(name)]);
            match answers.into_iter().next() {
                Some(Ok(answer)) => drop(known.ends.insert(name, Ok(answer))),
                Some(Err(Loss::Hung | Loss::Cancelled)) | None => return,
                Some(Err(_)) => {}
            }
        }
        let is_known = |name: &RunName| known.ends.contains_key(name);
        let known_tests = tests.iter().filter(|test| self.names(test).iter().all(is_known));
        known.repeatable.extend(known_tests.map(|test| test.number()));
    }

    /// The runs of a test.
    fn names(&self, test: &Test) -> Vec<RunName> {
        let number = test.number();
        self.plan.seeds.of(test).into_iter().map(|seed| RunName { test: number, seed }).collect()
    }

    /// Has a worker do this; nothing comes back if it takes too long.
    fn ask(&mut self, requests: Vec<Request>) -> Answers {
        let batch = Batch { requests, fresh: false, output: None, patience: Patience::FIRST };
        let Some(slot) = self.pool.idle() else { return Vec::new() };
        if self.interrupted.load(Ordering::Relaxed) || Instant::now() > self.deadline {
            return Vec::new();
        }
        self.pool.give(slot, batch);
        loop {
            if let Some((_, answers)) = self.pool.wait(GLANCE) {
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
