//! Executes what tests want one by one: each idle worker gets what the first test wants that wants
//! something.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::planner::{Found, Output, Purpose, Recording, RunEnd, ShrinkEnd, TestPlanner, Wanted};
use super::trace_files::TraceFiles;
use crate::supervisor::{Answers, Batch, Pool};
use crate::worker::protocol::{Job, Mode, Request, RunName};

/// What the workers of a pool do at the moment.
pub(super) struct OneByOne<'a> {
    /// The folder for traces.
    traces: &'a Path,
    /// What each busy worker does.
    working: BTreeMap<usize, Work>,
}

/// What a worker does.
struct Work {
    /// The test that wants it, by index.
    test: usize,
    purpose: Purpose,
    exclusive: bool,
    /// The files to which it records, if it does.
    files: Option<TraceFiles>,
}

impl<'a> OneByOne<'a> {
    /// No worker is busy yet.
    pub(super) fn new(traces: &'a Path) -> Self {
        Self { traces, working: BTreeMap::new() }
    }

    /// Gives idle workers what these tests want.
    pub(super) fn begin(&mut self, tests: &mut [TestPlanner<'_>], pool: &mut Pool) {
        while !self.working.values().any(|work| work.exclusive)
            && let Some(slot) = pool.idle()
            && let Some((test, wanted)) = first_wanted(tests)
            && (!wanted.exclusive || pool.all_idle())
        {
            let (batch, files) = self.batch(&wanted);
            let Wanted { purpose, exclusive, .. } = wanted;
            tests[test].begin(purpose);
            pool.give(slot, batch);
            self.working.insert(slot, Work { test, purpose, exclusive, files });
        }
    }

    /// Waits until a worker is done, but no longer than `longest`, and tells the test.
    pub(super) fn wait(
        &mut self,
        tests: &mut [TestPlanner<'_>],
        pool: &mut Pool,
        longest: Duration,
    ) {
        if let Some((slot, answers)) = pool.wait(longest)
            && let Some(Work { test, purpose, files, .. }) = self.working.remove(&slot)
        {
            let recording = files.map_or_else(Recording::default, |files| files.read());
            tests[test].take_in(match purpose {
                Purpose::Shrink(index) => {
                    let end = ShrinkEnd::of(answers, recording.trace);
                    Found::Shrunk { index, end }
                }
                _ => {
                    let (ends, recording) = (ends(answers), Box::new(recording));
                    Found::Runs { purpose, ends, recording }
                }
            });
        }
    }

    /// What a worker is given, and the files to which it records.
    fn batch(&self, wanted: &Wanted) -> (Batch, Option<TraceFiles>) {
        let mut output = None;
        let mut recorded = None;
        let request = |RunName { test, seed }, mode| Request::Run(Job { test, seed, mode });
        let last = match wanted.output {
            Output::Nothing => request(wanted.run, Mode::Plain),
            Output::HandlerCosts => request(wanted.run, Mode::Profiled),
            Output::ShrunkTrace => {
                let files = TraceFiles::of(self.traces, wanted.run, TraceFiles::SHRUNK);
                files.remove();
                let (trace, printed) = (files.trace.clone(), files.printed.clone());
                output = Some(printed.clone());
                recorded = Some(files);
                Request::Shrink { run: wanted.run, trace, printed }
            }
            Output::Trace { suffix } => {
                let files = TraceFiles::of(self.traces, wanted.run, suffix);
                files.remove();
                let printed = files.printed.clone();
                if wanted.fresh {
                    output = Some(printed.clone());
                } else {
                    // The worker's output is not captured, but a recording opens this file. If it
                    // is missing, the recording fails and is repeated in a fresh worker.
                    let _ = File::create(&printed);
                }
                let trace = files.trace.clone();
                recorded = Some(files);
                request(wanted.run, Mode::Recorded { trace, printed })
            }
        };
        let before = wanted.before.iter().map(|&run| request(run, Mode::Plain));
        let requests = before.chain([last]).collect();
        let Wanted { fresh, timeouts, .. } = *wanted;
        (Batch { requests, fresh, output, timeouts }, recorded)
    }
}

/// What the first test wants that wants something, and the test's index.
fn first_wanted(tests: &[TestPlanner<'_>]) -> Option<(usize, Wanted)> {
    let wanted = |test: &TestPlanner<'_>| test.wanted().into_iter().next();
    tests.iter().enumerate().find_map(|(index, test)| Some((index, wanted(test)?)))
}

/// How a worker's runs ended.
pub(super) fn ends(answers: Answers) -> Vec<RunEnd> {
    answers.into_iter().map(RunEnd::from).collect()
}
