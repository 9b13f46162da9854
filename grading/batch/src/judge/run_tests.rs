//! Runs a submission's tests: first the public ones, then, in other processes, the hidden ones.
//!
//! A process of the submission may remember the runs that it took part in, and what it says in a
//! public test is shown to the student. So no process takes part in runs of both, and the public
//! tests are over before the first hidden one begins.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use faultlab_harness::CpuLimit;
use faultlab_harness::report::{BaseLab, HandlerCost, Report, Status, TestReport, Timing};
use faultlab_harness::session::{self, Observer, Plan, Progress, Seeds, Shrink};
use faultlab_harness::supervisor::WorkerCommand;
use faultlab_suites::{Suite, Test, TestNumber};

use super::{OnProgress, hidden, not_run, report, reproduce};
use crate::spec::Spec;

/// A submission's tests.
pub(super) struct Tests<'a> {
    pub(super) spec: &'a Spec,
    pub(super) suite: &'a Suite,
    /// The labs that the submission was built on.
    pub(super) base_labs: &'a [BaseLab],
    /// The command that starts a worker.
    pub(super) worker: WorkerCommand,
    /// An existing folder for the traces of runs that fail.
    pub(super) traces: PathBuf,
}

/// What was found by running them.
pub(super) struct Ran {
    /// The reports of all tests, in order.
    pub(super) tests: Vec<TestReport>,
    /// How long handlers take in public tests, the costliest first.
    pub(super) handlers: Vec<HandlerCost>,
    /// Tests in which a run's process failed, but which passed when repeated alone.
    pub(super) recovered: Vec<TestNumber>,
    /// How long the public tests took, in milliseconds of real time.
    pub(super) run_ms: u64,
}

impl Tests<'_> {
    /// Runs them all. With `so_far`, part by part.
    ///
    /// # Errors
    /// On an infrastructure error.
    pub(super) fn run(&self, so_far: Option<OnProgress<'_>>) -> anyhow::Result<Ran> {
        let hidden = hidden::numbers();
        let (hidden, public): (Vec<&Test>, Vec<&Test>) =
            self.suite.tests().partition(|test| hidden.contains(&test.number()));
        let mut watch =
            Watch { tests: self, done: Vec::new(), hanging: 0, enough: Arc::default(), so_far };
        let started = Instant::now();
        let mut cpu_limit = CpuLimit::new(Duration::from_secs(self.spec.cpu_s));
        let mut ran = watch.run(public, cpu_limit.left())?;
        ran.run_ms = Timing::millis(started.elapsed());
        if !hidden.is_empty() {
            // Each session starts processes of its own.
            ran.recovered.extend(watch.run(hidden, cpu_limit.left())?.recovered);
        }
        // A hidden part may have a lower number than a public one.
        let position = |number| self.suite.tests().position(|test| test.number() == number);
        watch.done.sort_by_key(|test| position(test.number));
        Ok(Ran { tests: watch.done, ..ran })
    }
}

/// Notes what is done, and ends a session when enough tests hang.
struct Watch<'a, 's> {
    tests: &'a Tests<'a>,
    /// The reports so far.
    done: Vec<TestReport>,
    /// How many tests hung.
    hanging: usize,
    enough: Arc<AtomicBool>,
    so_far: Option<OnProgress<'s>>,
}

impl Watch<'_, '_> {
    /// Runs these tests in a session, within this processor time.
    fn run(&mut self, tests: Vec<&Test>, cpu_max: Duration) -> anyhow::Result<Ran> {
        let Tests { spec, suite, .. } = *self.tests;
        let reproduce = |number, seed| reproduce(spec, number, seed);
        let plan = Plan {
            suite,
            tests,
            seeds: Seeds::Derived { suite: spec.seed, count: spec.seeds },
            workers: 1,
            worker: self.tests.worker.clone(),
            out_of_process: true,
            shrink: Shrink::Nothing,
            by_parts: self.so_far.is_some(),
            cpu_max: Some(cpu_max),
            traces: self.tests.traces.clone(),
            reproduce: &reproduce,
        };
        let enough = Arc::clone(&self.enough);
        let result = session::run(&plan, self, &enough);
        for test in &plan.tests[result.tests.len()..] {
            let count = session::HANGING_TESTS_MAX;
            let reason = format!("not run: {count} earlier tests did not finish");
            self.done.push(not_run(spec, test, Status::TimedOut, &reason));
        }
        if let Some((test, error)) = result.infra_errors.first() {
            bail!("test {test}: {error}");
        }
        let (handlers, recovered) = (result.handlers, result.recovered);
        Ok(Ran { tests: Vec::new(), handlers, recovered, run_ms: 0 })
    }

    /// The report so far, with all tests.
    fn report(&self) -> Report {
        let Tests { spec, suite, base_labs, .. } = *self.tests;
        let tests = suite.tests().map(|test| {
            let done = self.done.iter().find(|report| report.number == test.number());
            let waiting = || not_run(spec, test, Status::Inconclusive, "not run yet");
            done.cloned().unwrap_or_else(waiting)
        });
        report(spec, suite, base_labs, tests.collect(), Timing::default())
    }
}

impl Observer for Watch<'_, '_> {
    fn finished(&mut self, report: &TestReport) {
        self.done.push(report.clone());
        if self.so_far.is_some() {
            let report_so_far = Report { complete: false, ..self.report() };
            if let Some(so_far) = &mut self.so_far {
                so_far(&report_so_far);
            }
        }
        self.hanging += usize::from(session::is_hanging(report));
        if self.hanging >= session::HANGING_TESTS_MAX {
            self.enough.store(true, Ordering::Relaxed);
        }
    }

    fn progress(&mut self, _progress: Progress) {}
}
