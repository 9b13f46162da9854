//! The command line of `run-tests.sh`.

mod args;
mod breakpoints;
mod changes;
mod hint;
mod saved;
mod screen;
mod selection;
mod submitted;
mod watch;

use std::env;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use clap::Parser;
use faultlab::trace::{Trace, file};
use faultlab_suites::{Suite, Test, TestNumber};
use tempfile::TempDir;

use self::args::Args;
use self::changes::LastRun;
use self::screen::{Screen, Stop};
use self::watch::FileWatcher;
use crate::build::{
    self, BaseLabRule, CompileError, Lab, Libraries, Purpose, Source, SourceError,
    SubmissionSources, Workspace,
};
use crate::report::terminal::Extent;
use crate::report::{
    Drawing, Report, Status, TestReport, Timing, columns, limits, output, style, terminal, to_html,
    to_json, to_junit,
};
use crate::session::{self, Plan, Seeds, Shrink, property};
use crate::supervisor::WorkerCommand;

/// All points.
const ALL_POINTS: u8 = 0;
/// Some points were lost.
const POINTS_LOST: u8 = 1;
/// The command line is invalid.
const BAD_USAGE: u8 = 2;
/// The submission does not compile.
const NOT_COMPILED: u8 = 3;
/// Any other failure.
const EXIT_FAILURE: u8 = 4;

/// The main function of `run-tests`.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    output::decide_characters(args.ascii);
    let interrupted = Arc::new(AtomicBool::new(false));
    match listen_for_interrupts(&interrupted).and_then(|()| run(&args, &interrupted)) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is::<Usage>() || error.is::<SourceError>() => {
            print_error(&error.to_string());
            ExitCode::from(BAD_USAGE)
        }
        Err(error) => {
            print_error(&format!("{error:#}"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// A usage error, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn print_error(what: &str) {
    let _ = output::print_error(&format!("{} {what}\n", style::paint(style::RED, "error:")));
}

/// Prints a text on standard output. A reader that has seen enough, such as `head`, is no error.
fn print(text: &str) -> Result<()> {
    match output::print(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(not_printed(&error)),
        _ => Ok(()),
    }
}

fn not_printed(error: &io::Error) -> anyhow::Error {
    anyhow!("cannot write to standard output: {error}")
}

/// The first Ctrl-C ends the session and reports the results so far; the second ends the program.
fn listen_for_interrupts(interrupted: &Arc<AtomicBool>) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(
            signal,
            128 + signal,
            Arc::clone(interrupted),
        )?;
        signal_hook::flag::register(signal, Arc::clone(interrupted))?;
    }
    Ok(())
}

/// The resolved command line.
struct Request<'a> {
    args: &'a Args,
    workspace: Workspace,
    suite: Suite,
    lab: Lab,
    source: Source,
}

fn run(args: &Args, interrupted: &AtomicBool) -> Result<u8> {
    let workspace = Workspace::of_this_program()?;
    let suite = find_suite(&args.lab, &workspace)?;
    let tests = selection::select(&suite, args).map_err(Usage)?;
    if args.list {
        let seeds = if args.only_seed.is_some() { 1 } else { args.seeds };
        print(&terminal::list(&suite, &tests, seeds))?;
        if args.verbose {
            print(&limits())?;
        }
        return Ok(ALL_POINTS);
    }
    let lab = workspace
        .lab(&args.lab)?
        .ok_or_else(|| Usage(format!("no folder labs/{}-... with a tests/suite.rs", args.lab)))?;
    let source = args.submission.as_deref().map_or(Source::Lab, Source::at);
    let request = Request { args, workspace, suite: suite.clone(), lab, source };
    if args.files_to_submit {
        return submitted::list(&request);
    }
    if let Some(files) = &args.replay {
        let folder = args.save_traces.clone().flatten();
        let folder = traces_folder(&request, folder.as_deref());
        return saved::replay(&request, files, &folder, interrupted);
    }
    if args.breakpoints {
        return breakpoints::run(&request, &tests);
    }
    if args.watch {
        return watch::run(&request, &tests, interrupted);
    }
    run_once(&request, &tests, interrupted, None)
}

/// The suite of a lab.
fn find_suite(lab: &str, workspace: &Workspace) -> Result<Suite> {
    let labs = workspace.labs()?;
    let known: Vec<&str> =
        faultlab_suites::labs().filter(|name| labs.iter().any(|lab| lab.name == *name)).collect();
    if !known.contains(&lab) {
        return Err(Usage(format!("no lab `{lab}`; labs: {}", known.join(", "))).into());
    }
    Ok(faultlab_suites::load(lab)?)
}

/// Builds, runs and reports once. `watch` ends it early when a file is saved.
fn run_once(
    request: &Request<'_>,
    tests: &[&Test],
    interrupted: &AtomicBool,
    watch: Option<&mut FileWatcher>,
) -> Result<u8> {
    let Request { args, workspace, suite, .. } = request;
    let started = Instant::now();
    let sources = sources(request)?;
    let unused = sources.top.unused_files(&workspace.root);
    let mut screen = Screen::new(suite, args, watch);
    screen.status("Compiling");
    let program = match compile_sources(request, &sources, Purpose::Tests) {
        Ok(program) => program,
        Err(error) => {
            screen.clear();
            let error = error.downcast::<CompileError>()?;
            if interrupted.load(Ordering::Relaxed) {
                return Ok(POINTS_LOST);
            }
            output::print_error(&terminal::compile_error(&error))?;
            output::print_error(&terminal::warnings(&unused))?;
            write_documents(request, &report_of_compile_error(request, tests, &error), &|_| None)?;
            return Ok(NOT_COMPILED);
        }
    };
    let compile_time = started.elapsed();
    screen.print(&terminal::start(suite, tests, &describe_seeds(args)));
    screen.print(&terminal::base_labs(&program.base_labs));
    screen.print(&terminal::warnings(&unused));

    // A temporary folder per session, so that concurrent sessions do not interfere.
    let traces = TempDir::with_prefix("faultlab-traces-")?;
    let reproduce = |number: TestNumber, seed| args.reproduce(number, seed);
    let plan = Plan {
        suite,
        tests: tests.to_vec(),
        seeds: match args.only_seed {
            Some(seed) => Seeds::Only(seed),
            None => Seeds::Derived { suite: args.seed, count: args.seeds },
        },
        workers: workers(args),
        worker: WorkerCommand {
            program: program.file,
            arguments: Vec::new(),
            holds_submission: true,
        },
        out_of_process: false,
        // A seed that was asked for by its number is shown as it is.
        shrink: match args.only_seed {
            Some(_) => Shrink::Nothing,
            None if args.verbose => Shrink::All,
            None => Shrink::Causes,
        },
        by_parts: false,
        cpu_max: None,
        traces: traces.path().to_owned(),
        reproduce: &reproduce,
    };
    let run_started = Instant::now();
    let result = session::run(&plan, &mut screen, interrupted);
    screen.clear();

    let complete = !result.interrupted && tests.len() == suite.tests().count();
    let report = Report {
        complete,
        base_labs: program.base_labs,
        timing: Timing {
            compile_ms: Timing::millis(compile_time),
            run_ms: Timing::millis(run_started.elapsed()),
            handlers: result.handlers,
        },
        ..Report::of_tests(suite, args.seed, args.seeds, result.tests)
    };

    // What could not be written is reported after everything that could.
    let mut unwritten: Vec<anyhow::Error> = Vec::new();
    let kept = workspace.cache_dir().join("traces").join(&args.lab);
    if let Err(error) = keep_traces(&kept, &traces, &report) {
        unwritten.push(anyhow!("cannot keep the traces of failing runs: {error}"));
    }
    let recorded = |test: &TestReport| {
        Some(traces.path().join(test.shown_trace()?)).filter(|file| file.is_file())
    };
    let saved = match &args.save_traces {
        Some(folder) => {
            let folder = traces_folder(request, folder.as_deref());
            saved::save(&report.tests, recorded, &args.lab, &folder).unwrap_or_else(|error| {
                unwritten.push(error);
                Vec::new()
            })
        }
        None => Vec::new(),
    };
    let last = LastRun::read(
        workspace.cache_dir().join(format!("last-run-{}.json", args.lab)),
        args.submission.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
    );
    let run = |test: &TestReport| {
        test.shown_excerpt()?;
        file::read(BufReader::new(File::open(recorded(test)?).ok()?)).ok()
    };
    let size = columns::of_terminal();
    let draw = |test: &TestReport, lines_max: usize| {
        let drawing = Drawing { lines_max, whole: args.full, ..Drawing::for_output() };
        Some(drawing.indented(&run(test)?))
    };
    let extent = match size {
        _ if args.verbose => Extent::All,
        Some(size) => Extent::Screen(size.lines),
        None => Extent::Screen(terminal::SCREEN_LINES),
    };
    screen.print(&terminal::failures(&report, &draw, extent));
    let changes = last.changes(&report);
    screen.print(&terminal::summary(&report, &changes, started.elapsed(), args.verbose));
    if result.interrupted {
        let left = tests.len() - report.tests.len();
        let left = terminal::number_of(left as u64, "test");
        let (what, why) = match screen.stopped() {
            Some(Stop::First) => ("Stopped", "at the first test that does not pass".to_owned()),
            Some(Stop::Hanging) => {
                let count = session::HANGING_TESTS_MAX;
                ("Stopped", format!("after {count} tests in which a handler did not return"))
            }
            None => ("Interrupted", "before the end".to_owned()),
        };
        screen.print(&format!("{what:>12} {why}; {left} not run\n"));
    }
    if let Some(number) = args.hint {
        let shown = workspace.cache_dir().join(format!("hints-{}.json", args.lab));
        screen.print(&terminal::hint(&hint::next(suite, &report, number, &shown)));
    }
    let here = env::current_dir().unwrap_or_default();
    for file in &saved {
        let file = file.strip_prefix(&here).unwrap_or(file);
        screen.print(&format!("{:>12} {}\n", "Saved", file.display()));
    }
    let again = match saved[..] {
        [] => None,
        _ => Some(args.replay_saved(&env::current_dir()?, &workspace.root)),
    };
    screen.print(&terminal::advice(&report, again.as_deref()));
    last.write(&report);
    unwritten.extend(write_documents(request, &report, &run).err());
    unwritten.extend(screen.error().map(|error| not_printed(&error)));
    for error in &unwritten {
        print_error(&format!("{error:#}"));
    }
    for (number, error) in &result.infra_errors {
        print_error(&format!(
            "test {number}: {error}. This is not the submission's fault, and the points of this test do not count"
        ));
    }
    if !result.infra_errors.is_empty() || !unwritten.is_empty() {
        return Ok(EXIT_FAILURE);
    }
    let all = report.points_earned == report.points_possible && !result.interrupted;
    Ok(if all { ALL_POINTS } else { POINTS_LOST })
}

/// The source files that are tested.
fn sources(request: &Request<'_>) -> Result<SubmissionSources> {
    let rule = BaseLabRule::at_home(request.args.base_lab, &request.source);
    request.source.files(&request.workspace, &request.lab, rule)
}

fn compile(request: &Request<'_>, purpose: Purpose) -> Result<build::Program> {
    compile_sources(request, &sources(request)?, purpose)
}

fn compile_sources(
    request: &Request<'_>,
    sources: &SubmissionSources,
    purpose: Purpose,
) -> Result<build::Program> {
    let libraries = Libraries::of(&request.workspace)?;
    build::compile(&request.workspace, &request.lab, &libraries, sources, purpose)
}

fn describe_seeds(args: &Args) -> String {
    match args.only_seed {
        Some(seed) => format!("seed {seed} only"),
        None => {
            format!(
                "{} per run test, suite seed {}",
                terminal::number_of(args.seeds, "seed"),
                args.seed
            )
        }
    }
}

fn workers(args: &Args) -> usize {
    match args.jobs {
        Some(jobs) => usize::from(jobs),
        None => thread::available_parallelism().map_or(2, usize::from).min(8),
    }
}

fn report_of_compile_error(request: &Request<'_>, tests: &[&Test], error: &CompileError) -> Report {
    let Request { args, suite, .. } = request;
    let reason = match &error.base_lab {
        Some(base) => format!("{base}, which {} builds on, does not compile", suite.lab()),
        None => "the submission does not compile".to_owned(),
    };
    let not_run = |test: &&Test| TestReport {
        property: Some(property::COMPILES.to_owned()),
        ..TestReport::not_run(
            test,
            args.seeds,
            Status::Failed,
            &reason,
            args.reproduce(test.number(), None),
        )
    };
    let tests_run = tests.iter().map(not_run).collect();
    Report {
        complete: tests.len() == suite.tests().count(),
        base_labs: error.linked.clone(),
        compile_error: Some(error.plain.clone()),
        ..Report::of_tests(suite, args.seed, args.seeds, tests_run)
    }
}

/// The folder for a lab's saved traces: the given one, or else the default.
fn traces_folder(request: &Request<'_>, named: Option<&Path>) -> PathBuf {
    match named {
        Some(folder) => folder.to_owned(),
        None => request.workspace.root.join("traces").join(&request.args.lab),
    }
}

/// Keeps the recorded runs shown in the report, one per test, for tools that read traces.
fn keep_traces(kept: &Path, traces: &TempDir, report: &Report) -> io::Result<()> {
    for test in &report.tests {
        let Some(file) = test.shown_trace() else { continue };
        let trace = traces.path().join(file);
        if trace.is_file() {
            fs::create_dir_all(kept)?;
            fs::copy(trace, kept.join(format!("{}.trace", test.number)))?;
        }
    }
    Ok(())
}

/// The most events of a run on a page.
const PAGE_EVENTS_MAX: usize = 60;

/// Writes the report to the files that were asked for. `run` gives a test's recorded run.
fn write_documents(
    request: &Request<'_>,
    report: &Report,
    run: &dyn Fn(&TestReport) -> Option<Trace>,
) -> Result<()> {
    let args = request.args;
    if let Some(file) = &args.json {
        write_file(file, &to_json(report))?;
    }
    if let Some(file) = &args.junit {
        write_file(file, &to_junit(report))?;
    }
    if let Some(file) = &args.html {
        let events_max = if args.full { usize::MAX } else { PAGE_EVENTS_MAX };
        write_file(file, &to_html(report, run, events_max))?;
    }
    Ok(())
}

fn write_file(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|error| anyhow!("cannot write {}: {error}", file.display()))
}
