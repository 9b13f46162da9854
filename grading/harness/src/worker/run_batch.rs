//! Batches of runs of an out-of-process submission: one exchange carries a step of each run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use faultlab::simulate::{Options, Outcome, Scenario};
use faultlab::trace::{MemoryRecorder, file};
use faultlab_remote::{
    Logging, ProcessFailure, ProcessPool, RunCompletion, RunLog, record_from_logs, rerun,
    run_batched,
};
use faultlab_suites::{Suite, TestNumber};

use crate::processor_time::CpuLimit;

use super::protocol::{Answer, Compared, Comparison, RunName};

/// The time limit of an exchange, in real time. A run that exceeds it is repeated alone, with a
/// longer timeout, before it counts. So this limit can be short.
const EXCHANGE_MAX: Duration = Duration::from_millis(300);

/// After this many tests with a hanging run, no more runs are tried: each takes seconds.
const HANGING_TESTS_MAX: usize = 3;

/// How many runs of each test are logged and repeated.
const LOGGED: usize = 2;

/// Executes these runs of simulation tests, which are grouped by test. Then repeats the first two
/// runs of each test, if they finished, in fresh processes.
pub(super) fn run(
    suite: &Suite,
    pool: &mut ProcessPool<'_>,
    names: &[RunName],
    cpu_max: Option<Duration>,
) -> Result<Answer, String> {
    let is_logged = |index: usize| {
        let before = names[..index].iter().rev().take_while(|name| name.test == names[index].test);
        before.count() < LOGGED
    };
    let keep = |index: usize| if is_logged(index) { Logging::Log } else { Logging::Nothing };
    let ended = execute_batch(suite, pool, names, &keep, cpu_max)?;
    let repeatable = repeat(pool, names, &ended, &is_logged).map_err(not_run)?;
    pool.restart_if_failed();
    let ends = ended.into_iter().map(|(ended, _)| ended).collect();
    Ok(Answer::RunBatch { ends, deterministic: repeatable })
}

/// Repeats the first and the last logged run of each test. All first runs share one process, and all
/// last runs another, so that anything one run leaves behind affects the others. Returns the tests
/// whose runs were identical.
fn repeat(
    pool: &mut ProcessPool<'_>,
    names: &[RunName],
    ended: &[(Option<RunCompletion>, RunLog)],
    is_logged: &dyn Fn(usize) -> bool,
) -> io::Result<Vec<TestNumber>> {
    // The first and the last may be the same run.
    let mut tests: BTreeMap<TestNumber, [&RunLog; 2]> = BTreeMap::new();
    for (index, (ended, log)) in ended.iter().enumerate().filter(|(index, _)| is_logged(*index)) {
        if let Some(RunCompletion::Finished(_)) = ended {
            tests.entry(names[index].test).or_insert([log; 2])[1] = log;
        }
    }
    let logs: Vec<(usize, &RunLog)> = (0..2)
        .flat_map(|process| tests.values().map(move |logs| (process, logs[process])))
        .collect();
    pool.restart();
    let same = rerun(&logs, pool)?;
    let (first, last) = same.split_at(tests.len());
    let all_same = first.iter().zip(last).map(|(first, last)| *first && *last);
    Ok(tests.into_keys().zip(all_same).filter_map(|(test, same)| same.then_some(test)).collect())
}

/// Reruns a run in fresh processes, in others, and there again after another run. `None` if a
/// process fails.
pub(super) fn compare(
    suite: &Suite,
    pool: &mut ProcessPool<'_>,
    comparison: &Comparison,
) -> Result<Option<Compared>, String> {
    let &Comparison { run, other, ref traces } = comparison;
    let [first, last] = traces;
    let plain = |pool: &mut ProcessPool<'_>, name| -> Result<Option<u64>, String> {
        let ended = execute_batch(suite, pool, &[name], &|_| Logging::Nothing, None)?;
        Ok(match &ended[..] {
            [(Some(RunCompletion::Finished(outcome)), _)] => Some(outcome.digest),
            _ => None,
        })
    };
    let recorded = |pool: &mut ProcessPool<'_>, trace: &PathBuf| -> Result<Option<u64>, String> {
        let recorded = record_each(suite, pool, &[(run, trace.clone())])?.pop().flatten();
        Ok(recorded.map(|outcome| outcome.digest))
    };
    pool.restart();
    let Some(fresh) = recorded(pool, first)? else { return Ok(None) };
    pool.restart();
    let Some(second_fresh) = plain(pool, run)? else { return Ok(None) };
    let Some(_) = plain(pool, other)? else { return Ok(None) };
    let used = recorded(pool, last)?;
    Ok(used.map(|used| Compared { fresh, second_fresh, used }))
}

/// Executes these runs in a batch and records each to its file.
pub(super) fn record(
    suite: &Suite,
    pool: &mut ProcessPool<'_>,
    runs: &[(RunName, PathBuf)],
) -> Result<Answer, String> {
    record_each(suite, pool, runs).map(Answer::Recorded)
}

/// The outcome of each run that was recorded.
fn record_each(
    suite: &Suite,
    pool: &mut ProcessPool<'_>,
    runs: &[(RunName, PathBuf)],
) -> Result<Vec<Option<Outcome>>, String> {
    let names: Vec<RunName> = runs.iter().map(|(name, _)| *name).collect();
    let ended = execute_batch(suite, pool, &names, &|_| Logging::States, None)?;
    let over = ended.iter().enumerate().filter_map(|(index, (ended, log))| match ended {
        Some(RunCompletion::Finished(outcome)) => Some((index, log, outcome)),
        Some(RunCompletion::ProcessFailed(_)) | None => None,
    });
    let over: Vec<(usize, &RunLog, &Outcome)> = over.collect();
    let logs: Vec<(&RunLog, &Outcome)> =
        over.iter().map(|&(_, log, outcome)| (log, outcome)).collect();
    let recorded = record_from_logs(&logs, pool, &mut |index, host, for_good| {
        let (name, path) = &runs[over[index].0];
        let mut sink = MemoryRecorder::new();
        let options = Options { recorder: Some(&mut sink), ..Options::default() };
        let test = suite.test(name.test)?;
        let outcome = faultlab_suites::run_on(suite, test, name.seed, host, options)?;
        if for_good {
            write(path, sink).ok()?;
        }
        Some(outcome)
    });
    pool.restart_if_failed();
    let mut outcomes = vec![None; runs.len()];
    for (&(index, _, outcome), recorded) in over.iter().zip(recorded) {
        if recorded {
            outcomes[index] = Some(outcome.clone());
        } else {
            // An incomplete file is not a trace.
            let _ = fs::remove_file(&runs[index].1);
        }
    }
    Ok(outcomes)
}

/// Writes what was recorded.
fn write(path: &Path, sink: MemoryRecorder) -> io::Result<()> {
    let trace = sink.into_trace().ok_or(io::ErrorKind::InvalidData)?;
    let mut out = BufWriter::new(File::create(path)?);
    file::write(&mut out, &trace)?;
    out.flush()
}

/// Executes these runs in a batch.
fn execute_batch(
    suite: &Suite,
    pool: &mut ProcessPool<'_>,
    names: &[RunName],
    keep: &dyn Fn(usize) -> Logging,
    cpu_max: Option<Duration>,
) -> Result<Vec<(Option<RunCompletion>, RunLog)>, String> {
    let scenarios = names.iter().map(|name| {
        let test =
            suite.test(name.test).ok_or_else(|| format!("there is no test {}", name.test))?;
        faultlab_suites::scenario_of(suite, test, name.seed)
            .ok_or_else(|| format!("test {} is not a simulation", name.test))
    });
    let scenarios: Vec<Scenario> = scenarios.collect::<Result<_, _>>()?;
    let runs: Vec<(&Scenario, u64)> =
        scenarios.iter().zip(names).map(|(scenario, name)| (scenario, name.seed)).collect();
    let mut hang_tracker = HangTracker { names, tests: BTreeSet::new() };
    let limited = pool.limit_exchanges(EXCHANGE_MAX);
    let mut cpu_limit = cpu_max.map(CpuLimit::new);
    let mut is_over = || cpu_limit.as_mut().is_some_and(CpuLimit::is_used_up);
    let mut lost = |index, failure: &ProcessFailure| hang_tracker.note(index, failure);
    let ended = limited.and_then(|()| run_batched(&runs, keep, pool, &mut lost, &mut is_over));
    let freed = pool.limit_exchanges(Duration::MAX);
    pool.restart_if_failed();
    let ended = freed.and(ended);
    ended.map_err(not_run)
}

/// The message for a submission whose processes could not be started, or exited for unknown reasons.
pub(super) fn not_run(error: io::Error) -> String {
    format!("the submission could not be run: {error}")
}

/// The tests with a hanging run.
struct HangTracker<'a> {
    names: &'a [RunName],
    tests: BTreeSet<TestNumber>,
}

impl HangTracker<'_> {
    /// Records the failure of a run, and returns the runs to skip: a test's report needs no runs after
    /// one that hung.
    fn note(&mut self, index: usize, failure: &ProcessFailure) -> Range<usize> {
        if !failure.never_ends() {
            return 0..0;
        }
        let number = self.names[index].test;
        self.tests.insert(number);
        if self.tests.len() >= HANGING_TESTS_MAX {
            return index + 1..self.names.len();
        }
        let behind = self.names[index..].iter().take_while(|name| name.test == number);
        index + 1..index + behind.count()
    }
}
