//! Submissions that damage the process they run in: their effect on their own test, and on the other
//! tests.
//!
//! This program is its own worker: the toy lab below is linked into it. With `--out-of-process` it
//! is a worker whose submission has its own processes, and all results must be the same.

mod toy;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use faultlab_harness::report::{Status, TestReport};
use faultlab_harness::session::{
    self, NoObserver, Observer, Plan, Progress, Seeds, SessionResult, Shrink,
};
use faultlab_harness::supervisor::WorkerCommand;
use faultlab_harness::worker::{self, WORKER_VARIABLE};
use faultlab_remote::{Process, ProcessPool, SERVE_NODES, SharedProcessPool};
use faultlab_suites::TestNumber;
use libtest_mimic::{Arguments, Failed, Trial};

use toy::{FAULTS, Fault};

fn main() -> ExitCode {
    let argument = env::args().nth(1);
    if argument.as_deref() == Some(SERVE_NODES) {
        return faultlab_remote::main(&toy::submission());
    }
    if env::var_os(WORKER_VARIABLE).is_some() {
        return match argument.as_deref() {
            Some(OUT_OF_PROCESS) => worker::serve_out_of_process(&toy::suite(), &pool()),
            _ => worker::serve(&toy::suite(), &toy::submission()),
        };
    }
    let mut trials: Vec<Trial> = FAULTS
        .iter()
        .flat_map(|fault| {
            let here = Trial::test(fault.name, || affects_only_its_own_test(fault, &[]));
            let name = format!("{} (out of process)", fault.name);
            let outside = Trial::test(name, || affects_only_its_own_test(fault, &[OUT_OF_PROCESS]));
            // Out of process, the output of nodes does not go to the worker's file.
            let prints = PRINTING.contains(&fault.name);
            [here].into_iter().chain((!prints).then_some(outside))
        })
        .collect();
    trials.push(Trial::test("all_faults_together_twice", || all_faults_together_twice(&[], &[])));
    trials.push(Trial::test("all_faults_in_and_out_of_process", || {
        all_faults_together_twice(&[], &[OUT_OF_PROCESS])
    }));
    trials.push(Trial::test("all_broken_properties_are_reported", || {
        all_broken_properties_are_reported(&[])
    }));
    trials.push(Trial::test("all_broken_properties_are_reported (out of process)", || {
        all_broken_properties_are_reported(&[OUT_OF_PROCESS])
    }));
    trials.push(Trial::test("an_invalid_scenario_is_reported", || {
        an_invalid_scenario_is_reported(&[])
    }));
    trials.push(Trial::test("an_invalid_scenario_is_reported (out of process)", || {
        an_invalid_scenario_is_reported(&[OUT_OF_PROCESS])
    }));
    trials.push(Trial::test("infra_errors_are_reported", || infra_errors_are_reported(&[])));
    trials.push(Trial::test("infra_errors_are_reported (out of process)", || {
        infra_errors_are_reported(&[OUT_OF_PROCESS])
    }));
    trials.push(Trial::test(
        "parts_are_reported_one_after_another",
        parts_are_reported_one_after_another,
    ));
    trials.push(Trial::test("an_interrupt_keeps_what_is_known", interrupt));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The faults that are visible in printed output.
const PRINTING: [&str; 2] = ["endless_printing", "what_is_printed_is_shown"];

/// The argument of a worker whose submission is out of process.
const OUT_OF_PROCESS: &str = "--out-of-process";

/// The node processes, which run this program too.
fn pool() -> SharedProcessPool<'static> {
    let start = |_| {
        let mut program = Command::new(env::current_exe()?);
        Process::spawn(program.arg(SERVE_NODES), Duration::from_secs(6))
    };
    SharedProcessPool::new(ProcessPool::new(4, start))
}

fn run(tests: &[TestNumber], arguments: &[&str], interrupted: bool) -> SessionResult {
    let traces = tempfile::tempdir().expect("a temporary folder can be created");
    let by_parts = arguments == [OUT_OF_PROCESS];
    run_watched(tests, arguments, by_parts, traces.path(), &mut NoObserver, interrupted)
}

fn run_watched(
    tests: &[TestNumber],
    arguments: &[&str],
    by_parts: bool,
    traces: &Path,
    observer: &mut dyn Observer,
    interrupted: bool,
) -> SessionResult {
    let suite = toy::suite();
    let plan = Plan {
        suite: &suite,
        tests: suite.tests().filter(|test| tests.contains(&test.number())).collect(),
        seeds: Seeds::Derived { suite: 1, count: 4 },
        workers: 2,
        worker: WorkerCommand {
            program: env::current_exe().expect("this program is a file"),
            arguments: arguments.iter().map(Into::into).collect(),
            holds_submission: arguments != [OUT_OF_PROCESS],
        },
        out_of_process: arguments == [OUT_OF_PROCESS],
        shrink: if arguments == [OUT_OF_PROCESS] { Shrink::Nothing } else { Shrink::All },
        by_parts,
        cpu_max: None,
        traces: traces.to_owned(),
        reproduce: &|number, seed| format!("again {number} {seed:?}"),
    };
    session::run(&plan, observer, &AtomicBool::new(interrupted))
}

fn affects_only_its_own_test(fault: &Fault, arguments: &[&str]) -> Result<(), Failed> {
    let result = run(&[toy::BEFORE, fault.number, toy::AFTER], arguments, false);
    let [before, broken, after] = &result.tests[..] else {
        return Err(format!("{} reports instead of three", result.tests.len()).into());
    };
    check("the test before", before.status, Status::Passed)?;
    check("the test after", after.status, Status::Passed)?;
    check("the status", broken.status, fault.status)?;
    check("the property", broken.property.as_deref(), fault.property)?;
    let reason = broken.reason.as_deref().unwrap_or_default();
    if fault.never_ends {
        // Seeds after one that hung do not count, even if they ran in the meantime.
        check("the seeds run", broken.seeds_run, 1)?;
        let more = "; 3 more runs were skipped, and count as failed";
        check("the end of the reason", reason.ends_with(more), true)?;
    }
    for part in fault.reason {
        if !reason.contains(part) {
            return Err(format!("`{part}` is not in the reason: {reason}").into());
        }
    }
    for part in fault.excerpt {
        let excerpt = broken.excerpt.as_deref().unwrap_or_default();
        if !excerpt.contains(part) {
            return Err(format!("`{part}` is not in the excerpt:\n{excerpt}").into());
        }
    }
    Ok(())
}

fn is_garbage(number: TestNumber) -> bool {
    FAULTS.iter().any(|fault| fault.number == number && fault.name.starts_with("garbage"))
}

fn prints(number: TestNumber) -> bool {
    FAULTS.iter().any(|fault| fault.number == number && PRINTING.contains(&fault.name))
}

fn all_faults_together_twice(one: &[&str], other: &[&str]) -> Result<(), Failed> {
    let all: Vec<TestNumber> = toy::suite()
        .tests()
        .map(faultlab_suites::Test::number)
        // The reason of a random fault contains random values.
        .filter(|number| !FAULTS.iter().any(|fault| fault.random && fault.number == *number))
        // In process, garbage also goes into the run's journal; out of process, it cannot.
        .filter(|number| one == other || !is_garbage(*number))
        .filter(|number| one == other || !prints(*number))
        .collect();
    let (first, second) = (run(&all, one, false), run(&all, other, false));
    // Out of process, runs are not shrunk.
    let comparable = |report: &TestReport| match one == other {
        true => report.clone(),
        false => TestReport { shrinking: None, ..report.clone() },
    };
    for (first, second) in first.tests.iter().zip(&second.tests) {
        check("two reports of one test", comparable(first), comparable(second))?;
    }
    check("the number of reports", first.tests.len(), all.len())
}

fn interrupt() -> Result<(), Failed> {
    let result = run(&[toy::BEFORE, toy::AFTER], &[], true);
    check("interrupted", result.interrupted, true)
}

/// A test that fails by itself in one of four seeds gets its share of the points, and the error is reported.
fn infra_errors_are_reported(arguments: &[&str]) -> Result<(), Failed> {
    let result = run(&[toy::BEFORE, toy::BROKEN], arguments, false);
    let statuses: Vec<Status> = result.tests.iter().map(|test| test.status).collect();
    check("the reports", statuses, vec![Status::Passed, Status::Partial])?;
    let [(number, error)] = &result.infra_errors[..] else {
        return Err(format!("not one error: {:?}", result.infra_errors).into());
    };
    check("the test", *number, toy::BROKEN)?;
    check("what it is", error.contains("the test itself failed"), true)?;
    check("why", error.contains("a case is missing"), true)
}

/// The report names the first violated property, and lists the others separately.
fn all_broken_properties_are_reported(arguments: &[&str]) -> Result<(), Failed> {
    let result = run(&[toy::SEVERAL], arguments, false);
    let [test] = &result.tests[..] else { return Err("not one report".into()) };
    check("the property", test.property.as_deref(), Some("results are right"))?;
    let also: Vec<&str> = test.also_broken.iter().map(|also| also.property.as_str()).collect();
    check("what else", also, vec!["no client gets a result"])?;
    check("how", test.also_broken[0].reason.starts_with("expected no result, as no"), true)
}

/// An invalid scenario is an error in the test for every seed, and does not count against the submission.
fn an_invalid_scenario_is_reported(arguments: &[&str]) -> Result<(), Failed> {
    let result = run(&[toy::BEFORE, toy::MISTAKEN], arguments, false);
    let statuses: Vec<Status> = result.tests.iter().map(|test| test.status).collect();
    check("the reports", statuses, vec![Status::Passed, Status::Inconclusive])?;
    let [(number, error)] = &result.infra_errors[..] else {
        return Err(format!("not one error: {:?}", result.infra_errors).into());
    };
    check("the test", *number, toy::MISTAKEN)?;
    check("what it is", error.contains("the test itself failed"), true)?;
    check("why", error.contains("no node `server9` exists at that time"), true)
}

/// If parts are reported one after another, no run of the second part is recorded when the first test has its
/// report; otherwise it is.
fn parts_are_reported_one_after_another() -> Result<(), Failed> {
    struct First<'a> {
        traces: &'a Path,
        recorded: Option<usize>,
    }
    impl Observer for First<'_> {
        fn finished(&mut self, _report: &TestReport) {
            let recorded = || self.traces.read_dir().map_or(0, Iterator::count);
            self.recorded.get_or_insert_with(recorded);
        }
        fn progress(&mut self, _progress: Progress) {}
    }
    let wrong = FAULTS.iter().find(|fault| fault.name == "a_wrong_answer");
    let tests = [toy::BEFORE, wrong.ok_or("there is no such fault")?.number];
    for (by_parts, recorded) in [(true, 0), (false, 1)] {
        let traces = tempfile::tempdir()?;
        let mut first = First { traces: traces.path(), recorded: None };
        let result =
            run_watched(&tests, &[OUT_OF_PROCESS], by_parts, traces.path(), &mut first, false);
        check("the reports", result.tests.len(), 2)?;
        check("traces when the first report arrived", first.recorded, Some(recorded))?;
    }
    Ok(())
}

fn check<V: PartialEq + std::fmt::Debug>(what: &str, seen: V, expected: V) -> Result<(), Failed> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:#?}, seen {seen:#?}").into())
}
