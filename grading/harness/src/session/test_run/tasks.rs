//! Tasks for workers, and the files they record to.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use faultlab::trace::{Trace, file};

use super::TestRun;
use crate::session::determinism::Rerun;
use crate::supervisor::{Batch, Timeouts};
use crate::worker::protocol::{Job, Mode, Request, RunName};

/// A task for a worker, and its purpose.
#[derive(Clone, Debug)]
pub(in crate::session) struct Task {
    pub(in crate::session) batch: Batch,
    /// Whether no other task may run at the same time.
    pub(in crate::session) exclusive: bool,
    pub(super) purpose: Purpose,
}

impl Task {
    /// A task that may run at the same time as others.
    pub(super) fn new(purpose: Purpose, batch: Batch) -> Self {
        Self { batch, exclusive: false, purpose }
    }
}

/// A task's purpose.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// The run of the seed at this index.
    Seed(usize),
    /// A rerun of it alone, because its process failed.
    Retry(usize),
    /// A check for determinism.
    Repeat(Rerun),
    /// The recording of a failing run, in a fresh worker or in a used one.
    Record { index: usize, fresh: bool },
    /// The recording of a differing rerun.
    RecordRepetition(Rerun),
}

/// A test's next task.
pub(in crate::session) enum Next {
    Task(Task),
    /// It has an exclusive task.
    Exclusive,
    Nothing,
}

impl TestRun<'_> {
    pub(super) fn name(&self, index: usize) -> RunName {
        RunName { test: self.test.number(), seed: self.seeds[index] }
    }

    pub(super) fn job(&self, index: usize, mode: Mode) -> Job {
        Job { test: self.test.number(), seed: self.seeds[index], mode }
    }

    /// The same batch for any worker, fresh or used, whose output is not captured.
    pub(super) fn in_any_worker(&self, batch: Batch) -> Batch {
        if let Some(printed) = &batch.output {
            // A recording opens this file. If it is missing, the recording fails and is repeated in
            // a fresh worker.
            let _ = File::create(printed);
        }
        Batch { fresh: false, output: None, ..batch }
    }

    pub(super) fn batch(&self, jobs: Vec<Job>, fresh: bool) -> Batch {
        let requests = jobs.into_iter().map(Request::Run).collect();
        Batch { requests, fresh, output: None, timeouts: Timeouts::SHARED }
    }

    /// A recorded run in a fresh worker, after other jobs.
    pub(super) fn recording(&self, mut before: Vec<Job>, index: usize, name: &str) -> Batch {
        let printed = self.printed_path(index, name);
        // The worker's output is appended; leftovers of an earlier session must not count.
        let _ = fs::remove_file(&printed);
        let trace = self.trace_path(index, name);
        let _ = fs::remove_file(&trace);
        before.push(self.job(index, Mode::Recorded { trace, printed: printed.clone() }));
        Batch { output: Some(printed), ..self.batch(before, true) }
    }

    pub(super) fn trace_path(&self, index: usize, name: &str) -> PathBuf {
        let file = format!("{}-{}{name}.trace", self.test.number(), self.seeds[index]);
        self.plan.traces.join(file)
    }

    pub(super) fn printed_path(&self, index: usize, name: &str) -> PathBuf {
        self.trace_path(index, name).with_extension("printed")
    }

    pub(super) fn read_trace(&self, index: usize, name: &str) -> Option<Trace> {
        let file = File::open(self.trace_path(index, name)).ok()?;
        file::read(BufReader::new(file)).ok()
    }
}
