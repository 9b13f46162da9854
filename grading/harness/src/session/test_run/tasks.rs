//! What workers are asked to do for a test, and where what they record is.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use faultlab::trace::{Trace, file};

use super::TestRun;
use crate::session::determinism::Repetition;
use crate::supervisor::{Batch, Patience};
use crate::worker::protocol::{Job, Mode, Request, RunName};

/// Something to be done by a worker, and what for.
#[derive(Clone, Debug)]
pub(in crate::session) struct Task {
    pub(in crate::session) batch: Batch,
    /// No other task may run beside it.
    pub(in crate::session) alone: bool,
    pub(super) purpose: Purpose,
}

impl Task {
    /// A task that others may run beside.
    pub(super) fn new(purpose: Purpose, batch: Batch) -> Self {
        Self { batch, alone: false, purpose }
    }
}

/// What a task is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// The run of the seed at this index.
    Seed(usize),
    /// The same alone, as it was lost.
    Alone(usize),
    /// A check that runs can be repeated.
    Repeat(Repetition),
    /// The recording of a failing run, in a fresh worker or in one that has done other things.
    Record { index: usize, fresh: bool },
    /// The recording of a repetition that differed.
    RecordRepetition(Repetition),
}

/// What a test wants next.
pub(in crate::session) enum Next {
    Task(Task),
    /// It has a task that no other may run beside.
    WantsToBeAlone,
    Nothing,
}

impl TestRun<'_> {
    pub(super) fn name(&self, index: usize) -> RunName {
        RunName { test: self.test.number(), seed: self.seeds[index] }
    }

    pub(super) fn job(&self, index: usize, mode: Mode) -> Job {
        Job { test: self.test.number(), seed: self.seeds[index], mode }
    }

    /// The same in a worker that may have done other things. What is printed goes elsewhere.
    pub(super) fn in_any_worker(&self, batch: Batch) -> Batch {
        if let Some(printed) = &batch.output {
            // A recording opens it. Without it the recording fails, and is repeated in a fresh worker.
            let _ = File::create(printed);
        }
        Batch { fresh: false, output: None, ..batch }
    }

    pub(super) fn batch(&self, jobs: Vec<Job>, fresh: bool) -> Batch {
        let requests = jobs.into_iter().map(Request::Run).collect();
        Batch { requests, fresh, output: None, patience: Patience::FIRST }
    }

    /// A recorded run in a fresh worker, after other jobs.
    pub(super) fn recording(&self, mut before: Vec<Job>, index: usize, name: &str) -> Batch {
        let printed = self.printed_path(index, name);
        // The worker's output is appended; what an earlier session left is not this run's.
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
