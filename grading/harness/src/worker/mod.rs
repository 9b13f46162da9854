//! The worker: the process that runs a submission's code and answers its supervisor.
//!
//! It receives jobs on its standard input, which is one end of a socket, and answers there. The
//! submission's output goes elsewhere. While it works, a second thread reports how long the
//! submission's code has been running without returning.

pub(crate) mod captured_output;
mod last_step;
mod out_of_process;
pub mod protocol;
mod run_batch;
mod shrink;
mod watchdog;

use std::any::Any;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use faultlab::hosting::Submission;
use faultlab::simulate::{HandlerTimes, Options};
use faultlab::trace::JournalRecorder;
use faultlab_remote::{FrameError, FrameReader, ProcessExit, ProcessFailure, SharedProcessPool};
use faultlab_suites::Suite;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::captured_output::CapturedOutput;
use self::last_step::LastStep;
use self::protocol::{Answer, Done, HandlerCost, Job, Mode, Request};
use self::watchdog::{EntryCounter, InstrumentedNodes, Watchdog};

/// Set in the environment of a process that is to be a worker.
pub const WORKER_VARIABLE: &str = "FAULTLAB_WORKER";

/// The interval between a worker's heartbeats.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(50);

/// The stack of the thread that runs the submission: the same on every machine.
pub const STACK_BYTES: usize = 8 << 20;

/// The memory limit of a worker, in bytes, where the system enforces it.
const MEMORY_BYTES_MAX: u64 = 4 << 30;

/// State shared by a worker's two threads.
struct Shared {
    stream: Mutex<UnixStream>,
    entries: EntryCounter,
    /// The output file of the current job, if it is recorded; `None` between jobs.
    job: Mutex<Option<Option<PathBuf>>>,
}

impl Shared {
    fn answer(&self, answer: &Answer) -> Result<(), FrameError> {
        protocol::write(&mut *self.stream.lock().unwrap_or_else(PoisonError::into_inner), answer)
    }

    /// Reports that the submission's process failed, and ends this one: its run cannot go on.
    fn fail(&self, failure: ProcessFailure) -> ! {
        // If the supervisor has exited, nobody needs the answer.
        let _ = self.answer(&Answer::ProcessFailed(failure));
        process::exit(0)
    }

    fn set_job(&self, job: Option<Option<PathBuf>>) {
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = job;
    }
}

/// Executes jobs from standard input until it closes. The submission is in process.
#[must_use]
pub fn serve(suite: &Suite, submission: &Submission) -> ExitCode {
    serve_code(suite, Code::InProcess(submission))
}

/// The same with an out-of-process submission: a worker that a grader can trust. When a node process
/// fails, the worker reports how, and a supervisor sees no difference.
#[must_use]
pub fn serve_out_of_process(suite: &Suite, pool: &SharedProcessPool<'static>) -> ExitCode {
    serve_code(suite, Code::OutOfProcess(pool))
}

/// Where the submission's code runs.
#[derive(Clone, Copy)]
enum Code<'a> {
    /// In this process.
    InProcess(&'a Submission),
    /// In other processes.
    OutOfProcess(&'a SharedProcessPool<'static>),
}

fn serve_code(suite: &Suite, code: Code<'_>) -> ExitCode {
    if io::stdin().is_terminal() {
        eprintln!("this is a worker process; `run-tests` starts it");
        return ExitCode::from(2);
    }
    match try_serve(suite, code) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the worker failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_serve(suite: &Suite, code: Code<'_>) -> Result<(), FrameError> {
    let mut requests = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // A submission that reads its standard input finds it empty.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?).map_err(io::Error::from)?;
    limit_resources();
    let shared = Arc::new(Shared {
        stream: Mutex::new(requests.try_clone()?),
        entries: EntryCounter::default(),
        job: Mutex::new(None),
    });
    let heartbeat = Arc::clone(&shared);
    thread::spawn(move || send_heartbeats(&heartbeat));
    let contradiction = contradiction(suite, code);

    // A thread's stack size can be chosen; the main thread's depends on the machine.
    thread::scope(|scope| {
        let run = || {
            let mut frames = FrameReader::default();
            loop {
                let request = match protocol::read::<Request>(&mut frames, &mut requests) {
                    Ok(Some(request)) => request,
                    Ok(None) => continue,
                    Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                };
                shared.set_job(Some(match &request {
                    Request::Run(Job { mode: Mode::Recorded { printed, .. }, .. }) => {
                        Some(printed.clone())
                    }
                    Request::Shrink { printed, .. } => Some(printed.clone()),
                    Request::Run(_)
                    | Request::RunBatch { .. }
                    | Request::Record(_)
                    | Request::Compare(_)
                    | Request::RestartProcesses => None,
                }));
                let answer = panic::catch_unwind(AssertUnwindSafe(|| match &contradiction {
                    Some(contradiction) => Err(contradiction.clone()),
                    None => answer(suite, code, &shared, &request),
                }));
                shared.set_job(None);
                shared.entries.reset();
                let answer = match answer {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(broken)) => Answer::TestBroken(broken),
                    Err(payload) => Answer::TestBroken(text_of(payload.as_ref())),
                };
                shared.answer(&answer)?;
            }
        };
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("its main thread panicked").into()))
    })
}

/// How the submission's kinds differ from what the lab's interface says of them, if they do. Both are made by the lab's API
/// crate.
fn contradiction(suite: &Suite, code: Code<'_>) -> Option<String> {
    let (Some(interface), Code::InProcess(submission)) = (suite.provided(), code) else {
        return None;
    };
    let differences = interface.differences(submission);
    let lab = suite.lab();
    (!differences.is_empty())
        .then(|| format!("the API crate of {lab} contradicts itself: {}", differences.join("; ")))
}

/// Executes a request.
fn answer(
    suite: &Suite,
    code: Code<'_>,
    shared: &Shared,
    request: &Request,
) -> Result<Answer, String> {
    match (request, code) {
        (Request::Run(job), _) => perform(suite, code, shared, job).map(Answer::Done),
        (Request::Shrink { run, trace, printed }, Code::InProcess(submission)) => {
            let test = suite.test(run.test).ok_or_else(|| format!("no test {}", run.test))?;
            let nodes = InstrumentedNodes {
                nodes: submission,
                entries: &shared.entries,
                returned: &|| {},
                last_step: None,
            };
            shrink::run((suite, test, run.seed), &nodes, trace, printed).map(Answer::Shrunk)
        }
        (Request::Shrink { .. }, Code::OutOfProcess(_)) => {
            Err("runs are shrunk in the worker's own process".to_owned())
        }
        (Request::RunBatch { runs, cpu_max }, Code::OutOfProcess(pool)) => {
            run_batch::run(suite, &mut pool.lock(), runs, *cpu_max)
        }
        (Request::Record(runs), Code::OutOfProcess(pool)) => {
            run_batch::record(suite, &mut pool.lock(), runs)
        }
        (Request::Compare(comparison), Code::OutOfProcess(pool)) => {
            run_batch::compare(suite, &mut pool.lock(), comparison).map(Answer::Compared)
        }
        (Request::RestartProcesses, Code::OutOfProcess(pool)) => {
            pool.lock().restart_all_but_first();
            Ok(Answer::ProcessesRestarted)
        }
        (
            Request::RunBatch { .. }
            | Request::Record(_)
            | Request::Compare(_)
            | Request::RestartProcesses,
            Code::InProcess(_),
        ) => Err("the submission runs in the worker's own process".to_owned()),
    }
}

/// Runs one job.
fn perform(suite: &Suite, code: Code<'_>, shared: &Shared, job: &Job) -> Result<Done, String> {
    let test = suite.test(job.test).ok_or_else(|| format!("no test {}", job.test))?;
    let started = Instant::now();
    let returned = || match code {
        Code::InProcess(_) => {}
        Code::OutOfProcess(pool) => out_of_process::report_failure(pool, shared, started),
    };
    let mut nodes = InstrumentedNodes {
        nodes: match code {
            Code::InProcess(submission) => submission,
            Code::OutOfProcess(pool) => pool,
        },
        entries: &shared.entries,
        returned: &returned,
        last_step: None,
    };
    let mut times = HandlerTimes::default();
    let mut options = Options::default();
    let run = match &job.mode {
        Mode::Plain => faultlab_suites::run(suite, test, job.seed, &nodes, options),
        Mode::Profiled => {
            times.processor_clock = Some(watchdog::thread_time);
            options.handler_times = Some(&mut times);
            faultlab_suites::run(suite, test, job.seed, &nodes, options)
        }
        Mode::Recorded { trace, printed } => {
            let last_step = LastStep::create(trace)
                .map_err(|error| format!("cannot journal the search: {error}"))?;
            nodes.last_step = Some(&last_step);
            let mut journal = open_journal(trace, printed)
                .map_err(|error| format!("cannot record the run: {error}"))?;
            options.recorder = Some(&mut journal);
            let run = faultlab_suites::run(suite, test, job.seed, &nodes, options);
            journal.finish().map_err(|error| format!("the run cannot be recorded: {error}"))?;
            run
        }
    };
    if let Code::OutOfProcess(pool) = code {
        pool.check().map_err(run_batch::not_run)?;
    }
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let cost = |(handler, time): (String, faultlab::simulate::HandlerTime)| HandlerCost {
        handler,
        calls: time.calls,
        total_ns: ns(time.total),
        processor_ns: ns(time.processor),
        longest_ns: ns(time.longest),
    };
    let handlers = times.handlers.into_iter().map(cost).collect();
    Ok(Done { outcome: run.outcome, searches: run.searches, handlers })
}

fn open_journal(
    trace: &Path,
    printed: &Path,
) -> io::Result<JournalRecorder<BufWriter<File>, impl FnMut() -> String + use<>>> {
    let mut file = CapturedOutput::open(printed)?;
    // Output of an earlier job is not part of this run.
    file.take();
    Ok(JournalRecorder::new(BufWriter::new(File::create(trace)?), move || file.take()))
}

/// Sends heartbeats to the supervisor until it exits.
fn send_heartbeats(shared: &Shared) {
    let mut watchdog = Watchdog::new();
    loop {
        thread::sleep(HEARTBEAT_INTERVAL);
        let heartbeat = watchdog.look(&shared.entries);
        let job = shared.job.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(output) = job else { continue };
        if output.is_some_and(|path| captured_output::is_flooded(&path)) {
            shared.fail(ProcessFailure::Ended(ProcessExit::OutputLimit));
        }
        if shared.answer(&Answer::Pulse(heartbeat)).is_err() {
            // The supervisor has exited, so the job is no longer needed.
            process::exit(1);
        }
    }
}

/// Limits memory, so that a submission that uses too much ends only its own process, and turns off
/// core dumps. If the system refuses, the worker continues without limits.
fn limit_resources() {
    for (resource, most) in [(Resource::As, MEMORY_BYTES_MAX), (Resource::Core, 0)] {
        let maximum = getrlimit(resource).maximum;
        let current = maximum.map_or(most, |maximum| maximum.min(most));
        let _ = setrlimit(resource, Rlimit { current: Some(current), maximum });
    }
}

/// The message of a panic.
fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}
