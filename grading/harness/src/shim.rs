//! The shim: a few lines per lab that link a suite with a submission.
//!
//! ```text
//! fn main() -> std::process::ExitCode {
//!     faultlab_harness::shim::main("lab1", lab1_api::submission::<lab1::Lab>)
//! }
//! ```
//!
//! Under a supervisor, the program is a worker. Under `cargo test`, `cargo nextest` or an editor's
//! test explorer, it lists each test of the suite by number and title and acts as its own
//! supervisor. `--one-run TEST SEED` runs one seed of a test in process, for a debugger; `--count`
//! counts the states of a search; `--replay FILE FOLDER` replays a saved trace. With `--serve-nodes` it is a
//! node process: it only hosts nodes for an engine in another process.

use std::env;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use faultlab::hosting::Submission;
use faultlab::simulate::Options;
use faultlab_remote::SERVE_NODES;
use faultlab_suites::{SEED, SEEDS, Suite, TestNumber};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::count::Count;
use crate::report::{Status, terminal};
use crate::session::{self, Finding, NoObserver, Plan, Seeds, Shrink};
use crate::shell;
use crate::supervisor::WorkerCommand;
use crate::worker::{self, WORKER_VARIABLE};

/// The main function of a shim, for the public suite of a lab.
#[must_use]
pub fn main(lab: &str, submission: fn() -> Submission) -> ExitCode {
    if env::args_os().nth(1).is_some_and(|argument| argument == SERVE_NODES) {
        return faultlab_remote::main(&submission());
    }
    if env::var_os(WORKER_VARIABLE).is_some()
        && let Some(suite) = faultlab_suites::find(lab)
    {
        // The supervisor has checked it.
        return with_suite(suite, submission);
    }
    match faultlab_suites::load(lab) {
        Ok(suite) => with_suite(suite, submission),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(4)
        }
    }
}

/// The main function of a shim, for any suite.
#[must_use]
pub fn with_suite(suite: Suite, submission: fn() -> Submission) -> ExitCode {
    if env::var_os(WORKER_VARIABLE).is_some() {
        return worker::serve(&suite, &submission());
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, number, seed] = &arguments[..]
        && flag == "--one-run"
    {
        return one_run(&suite, &submission(), number, seed);
    }
    if let [flag, file, folder] = &arguments[..]
        && flag == "--replay"
    {
        return crate::replayed::main(&suite, &submission(), file, folder);
    }
    if let [flag, spec, threads, words @ ..] = &arguments[..]
        && flag == "--count"
    {
        let Ok(threads) = threads.parse() else {
            eprintln!("usage: --count SPEC THREADS [exact] [json], as in `--count 3x2:same 1`");
            return ExitCode::from(2);
        };
        let says = |word| words.iter().any(|it| it == word);
        let count = Count { spec: spec.clone(), threads, exact: says("exact") };
        return count.run(&suite, &submission(), says("json"));
    }
    let trials = suite.tests().map(|test| {
        let (suite, number) = (suite.clone(), test.number());
        Trial::test(format!("{number} {}", test.title()), move || trial(&suite, number))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Runs one seed of a test in this process.
fn one_run(suite: &Suite, submission: &Submission, number: &str, seed: &str) -> ExitCode {
    let test = number.parse().ok().and_then(|number| suite.test(number));
    let (Some(test), Ok(seed)) = (test, seed.parse::<u64>()) else {
        eprintln!("usage: --one-run TEST SEED, as in `--one-run 2.4 1234`");
        return ExitCode::from(2);
    };
    let outcome = faultlab_suites::run(suite, test, seed, submission, Options::default()).outcome;
    match Finding::of_outcome(&outcome) {
        None => {
            println!("passed, in {} steps", outcome.steps);
            ExitCode::SUCCESS
        }
        Some(finding) => {
            println!("{}", finding.property.unwrap_or_default());
            println!("{}", finding.reason);
            ExitCode::FAILURE
        }
    }
}

/// Runs one test as under `cargo test`, with this program as the worker.
fn trial(suite: &Suite, number: TestNumber) -> Result<(), Failed> {
    let traces = tempfile::tempdir()?;
    let lab = suite.lab();
    let reproduce =
        |number: TestNumber, seed: Option<u64>| shell::reproduce(lab, number, seed, SEED, SEEDS);
    let plan = Plan {
        suite,
        tests: suite.test(number).into_iter().collect(),
        seeds: Seeds::Derived { suite: SEED, count: SEEDS },
        // Tests already run in parallel.
        workers: 1,
        worker: WorkerCommand {
            program: env::current_exe()?,
            arguments: Vec::new(),
            holds_submission: true,
        },
        out_of_process: false,
        shrink: Shrink::All,
        by_parts: false,
        cpu_max: None,
        traces: traces.path().to_owned(),
        reproduce: &reproduce,
    };
    let result = session::run(&plan, &mut NoObserver, &AtomicBool::new(false));
    match result.tests.first() {
        Some(test) if test.status == Status::Passed => Ok(()),
        Some(test) => {
            let text = terminal::failure(test, None);
            Err(anstream::adapter::strip_str(&text).to_string().into())
        }
        None => Err("the test was not run".into()),
    }
}
