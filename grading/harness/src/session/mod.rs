//! A session: runs every selected test with every seed on a few workers, and builds each test's
//! report.
//!
//! Each test has a `planner`, which decides what the test still needs. What the planners want is
//! executed by workers (`one_by_one`). If the submission is out of process, as much as possible of it
//! is executed before in batches (`batched`).
//!
//! A submission that breaks its process affects only one run of one test. A run whose process failed
//! is repeated alone in a fresh worker before it counts, and recorded, so that the report can name
//! the handler.

mod batched;
mod finding;
mod one_by_one;
mod planner;
mod trace_files;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use faultlab_suites::{Suite, Test, TestNumber};

use self::one_by_one::OneByOne;
use self::planner::TestPlanner;
use crate::processor_time::CpuLimit;
use crate::report::{HandlerCost, Status, TestReport, help_for, shown_tests};
use crate::supervisor::{Pool, WorkerCommand};

pub use finding::{Finding, property};
pub(crate) use trace_files::TraceFiles;

/// What to run, and how.
pub struct Plan<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The chosen tests, in order.
    pub tests: Vec<&'a Test>,
    /// Which runs each test consists of.
    pub seeds: Seeds,
    /// How many workers run in parallel.
    pub workers: usize,
    /// The command that starts a worker.
    pub worker: WorkerCommand,
    /// Whether its submission is out of process, so that many runs can be batched.
    pub out_of_process: bool,
    /// Which failing runs to shrink. Only for submissions in process.
    pub shrink: Shrink,
    /// Whether to report each part of the suite before the next one begins. That takes longer, but
    /// shows points early.
    pub by_parts: bool,
    /// The most processor time that the session may use, with all that it starts. What is not done by then counts as
    /// failed. `None` for no limit.
    pub cpu_max: Option<Duration>,
    /// An existing folder for the traces of runs that fail.
    pub traces: PathBuf,
    /// The command that reproduces a test, or one of its seeds.
    pub reproduce: Reproduce<'a>,
}

/// Gives the command that reproduces a test, or one of its seeds.
pub type Reproduce<'a> = &'a dyn Fn(TestNumber, Option<u64>) -> String;

/// Which failing runs to shrink: to run again and again, ever shorter, as long as they fail in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrink {
    /// None.
    Nothing,
    /// One for each cause: those that a report shows.
    Causes,
    /// That of each failing test.
    All,
}

/// Which runs each test consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// `count` seeds, derived from the suite's seed.
    Derived {
        /// The suite's seed.
        suite: u64,
        /// How many.
        count: u64,
    },
    /// This one alone.
    Only(u64),
}

impl Plan<'_> {
    /// A test's report, once complete, with where the book explains its mistake.
    fn report(&self, test: &TestPlanner<'_>) -> Option<TestReport> {
        let mut report = test.report(self.reproduce)?;
        report.book = help_for(self.suite, &report, test.shown_run()).map(|help| help.address());
        Some(report)
    }

    /// The number of tests that should have begun next, given that `begun` have begun.
    fn next_end(&self, begun: usize) -> usize {
        let rest = &self.tests[begun..];
        let part = |test: &Test| test.number().part;
        let is_next = |test: &&&Test| !self.by_parts || part(test) == part(rest[0]);
        begun + rest.iter().take_while(is_next).count()
    }
}

impl Seeds {
    /// The seeds of a test.
    #[must_use]
    pub fn of(self, test: &Test) -> Vec<u64> {
        match self {
            Self::Derived { suite, count } => (0..test.seeds(count))
                .map(|index| faultlab_suites::seed_of(suite, test.number(), index))
                .collect(),
            Self::Only(seed) => vec![seed],
        }
    }
}

/// A session's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are done.
    pub runs_done: u64,
    /// All runs.
    pub runs: u64,
    /// The first test that has no report yet.
    pub test: Option<TestNumber>,
}

/// Receives events while a session runs.
pub trait Observer {
    /// A test has its report. Called in the order of the tests.
    fn finished(&mut self, report: &TestReport);

    /// Called periodically.
    fn progress(&mut self, progress: Progress);

    /// Called periodically: whether the session should end early.
    fn wants_to_stop(&mut self) -> bool {
        false
    }
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn finished(&mut self, _report: &TestReport) {}

    fn progress(&mut self, _progress: Progress) {}
}

/// After this many tests in which a handler does not return, the rest need not be run: each takes seconds,
/// and fails for the same reason.
pub const HANGING_TESTS_MAX: usize = 3;

/// Whether a test ended early because a handler did not return, or printed for ever.
#[must_use]
pub fn is_hanging(report: &TestReport) -> bool {
    // A test ends at the first seed that hangs, whatever its status.
    report.status == Status::TimedOut || report.seeds_run < report.seeds_planned
}

/// The result of a session.
#[derive(Clone, Debug, Default)]
pub struct SessionResult {
    /// The reports of the tests that ran to their end, in order.
    pub tests: Vec<TestReport>,
    /// How long handlers take, the costliest first.
    pub handlers: Vec<HandlerCost>,
    /// Tests in which a run's process failed, but which passed when repeated alone: a sign of an
    /// overloaded machine, or of a nondeterministic submission.
    pub recovered: Vec<TestNumber>,
    /// Infrastructure errors and their tests. The reports of these tests say nothing about the
    /// submission.
    pub infra_errors: Vec<(TestNumber, String)>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// How often the session checks for an interrupt.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a session to its end, or until `interrupted` is set.
pub fn run(
    plan: &Plan<'_>,
    observer: &mut dyn Observer,
    interrupted: &AtomicBool,
) -> SessionResult {
    let mut pool = Pool::new(&plan.worker, plan.workers);
    let planned = plan.tests.iter();
    let mut tests: Vec<TestPlanner<'_>> =
        planned.map(|test| TestPlanner::new(test, plan.seeds, plan.out_of_process)).collect();
    let mut one_by_one = OneByOne::new(&plan.traces);
    let mut result = SessionResult::default();
    let mut cpu_limit = plan.cpu_max.map(CpuLimit::new);
    let mut begun = 0;
    loop {
        let report = |test: &TestPlanner<'_>| plan.report(test);
        while let Some(report) = tests[..begun].get(result.tests.len()).and_then(report) {
            observer.finished(&report);
            result.tests.push(report);
            // An observer may stop at a test even if later ones have their reports already.
            if observer.wants_to_stop() {
                break;
            }
        }
        if result.tests.len() == tests.len() {
            break;
        }
        if interrupted.load(Ordering::Relaxed) || observer.wants_to_stop() {
            result.interrupted = true;
            break;
        }
        if let Some(limit) = &mut cpu_limit
            && limit.is_used_up()
        {
            begun = tests.len();
            tests.iter_mut().for_each(|test| test.cut_short(limit.limit()));
            continue;
        }
        if result.tests.len() == begun {
            let these = begun..plan.next_end(begun);
            begun = these.end;
            if plan.out_of_process {
                let these = &mut tests[these];
                batched::run(plan, these, &mut pool, interrupted, cpu_limit.as_mut());
                continue;
            }
        }
        one_by_one.begin(&mut tests[..begun], &mut pool);
        one_by_one.wait(&mut tests, &mut pool, POLL_INTERVAL);
        observer.progress(Progress {
            runs_done: tests.iter().map(TestPlanner::runs_done).sum(),
            runs: tests.iter().map(TestPlanner::runs_planned).sum(),
            test: tests.get(result.tests.len()).map(TestPlanner::number),
        });
    }
    shrink(plan, &mut tests, &mut one_by_one, &mut pool, &mut result.tests, interrupted);
    let recovered = tests.iter().filter(|test| test.is_recovered());
    result.recovered = recovered.map(TestPlanner::number).collect();
    result.infra_errors = tests[..result.tests.len()]
        .iter()
        .filter_map(|test| Some((test.number(), test.infra_error()?.to_owned())))
        .collect();
    result.handlers = costliest(tests.iter().flat_map(TestPlanner::handlers));
    result
}

/// Shrinks failing runs, and adds what comes of it to the reports, unless `interrupted` is set.
fn shrink(
    plan: &Plan<'_>,
    tests: &mut [TestPlanner<'_>],
    one_by_one: &mut OneByOne<'_>,
    pool: &mut Pool,
    reports: &mut [TestReport],
    interrupted: &AtomicBool,
) {
    let chosen: Vec<TestNumber> = match plan.shrink {
        Shrink::Nothing => return,
        Shrink::Causes => shown_tests(reports).iter().map(|test| test.number).collect(),
        Shrink::All => reports.iter().map(|test| test.number).collect(),
    };
    let count = reports.len();
    for test in tests[..count].iter_mut().filter(|test| chosen.contains(&test.number())) {
        test.shrink();
    }
    // Tests without a report are left as they are.
    while tests[..count].iter().any(|test| !test.is_finished()) {
        if interrupted.load(Ordering::Relaxed) {
            return;
        }
        one_by_one.begin(&mut tests[..count], pool);
        one_by_one.wait(tests, pool, POLL_INTERVAL);
    }
    for (report, test) in reports.iter_mut().zip(tests.iter()) {
        if chosen.contains(&report.number)
            && let Some(shrunk) = plan.report(test)
        {
            *report = shrunk;
        }
    }
}

/// Adds up the costs of handlers over several tests.
fn costliest<'a>(costs: impl Iterator<Item = &'a HandlerCost>) -> Vec<HandlerCost> {
    let mut sums: BTreeMap<&str, HandlerCost> = BTreeMap::new();
    for cost in costs {
        sums.entry(&cost.handler)
            .and_modify(|sum| {
                sum.calls += cost.calls;
                sum.total_ns += cost.total_ns;
                sum.processor_ns += cost.processor_ns;
                sum.longest_ns = sum.longest_ns.max(cost.longest_ns);
            })
            .or_insert_with(|| cost.clone());
    }
    let mut sums: Vec<HandlerCost> = sums.into_values().collect();
    sums.sort_by_key(|cost| std::cmp::Reverse(cost.total_ns));
    sums
}
