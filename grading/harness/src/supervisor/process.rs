//! One worker process, as the supervisor sees it.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use faultlab_remote::{FrameError, FrameReader, ProcessExit, ProcessFailure, ProcessHandle};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::worker::WORKER_VARIABLE;
use crate::worker::protocol::{self, Answer, Request};

/// How to start a worker.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    /// The program that a shim was compiled to.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Whether the submission runs in its process. Otherwise only the machine, or somebody from outside, can end it
    /// too early.
    pub holds_submission: bool,
}

/// How long the submission's code may run without returning. A slow machine does not change results:
/// a run that exceeds a limit is repeated alone before it counts, and a handler needs microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Processor time, which does not depend on the machine's load.
    pub cpu: Duration,
    /// Real time, for code that waits for something.
    pub real: Duration,
}

impl Timeouts {
    /// The timeouts for a run that shares the machine with others.
    pub const SHARED: Self = Self { cpu: Duration::from_secs(1), real: Duration::from_secs(10) };

    /// The timeouts for a run that is repeated alone; the processor time is the same.
    pub const RETRY: Self = Self { cpu: Duration::from_secs(1), real: Duration::from_secs(20) };
}

/// How long a worker may stay silent; it sends twenty heartbeats per second.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a worker whose connection ended has to exit.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// How a worker ends that has no memory left, which is the submission's fault even if it runs elsewhere: it made the
/// worker keep so much.
const OUT_OF_MEMORY: ProcessFailure =
    ProcessFailure::Ended(ProcessExit::Signalled(Signal::ABORT.as_raw()));

/// How often a supervisor polls while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Why a worker has not finished its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerFailure {
    /// The process of the submission's code failed: the worker itself, or one of its node processes.
    Process(ProcessFailure),
    /// It could not be started, or is frozen; not the submission's fault.
    Unavailable(String),
    /// The answer is no longer needed.
    Cancelled,
}

impl WorkerFailure {
    /// Whether the submission's code did not return.
    #[must_use]
    pub fn is_hang(&self) -> bool {
        *self == Self::Process(ProcessFailure::TimedOut)
    }

    /// Whether the run would never have ended; see [`ProcessFailure::never_ends`].
    #[must_use]
    pub fn never_ends(&self) -> bool {
        matches!(self, Self::Process(failure) if failure.never_ends())
    }
}

impl From<ProcessFailure> for WorkerFailure {
    fn from(failure: ProcessFailure) -> Self {
        match failure {
            ProcessFailure::NotStarted(_) | ProcessFailure::Ended(ProcessExit::Unknown(_)) => {
                Self::Unavailable(failure.to_string())
            }
            ProcessFailure::Ended(_)
            | ProcessFailure::TimedOut
            | ProcessFailure::ProtocolError(_) => Self::Process(failure),
        }
    }
}

impl fmt::Display for WorkerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(ProcessFailure::TimedOut) => f.write_str("did not return"),
            Self::Process(ProcessFailure::Ended(ProcessExit::Exited(code))) => {
                write!(f, "exited its process with code {code}")
            }
            Self::Process(ProcessFailure::Ended(ProcessExit::Signalled(signal))) => {
                let guess = match Signal::from_named_raw(*signal) {
                    Some(Signal::ABORT) => ": out of stack or memory, or `abort` was called",
                    Some(Signal::SEGV | Signal::BUS) => ": out of stack?",
                    Some(Signal::KILL) => ": killed from outside, or out of memory",
                    _ => "",
                };
                write!(f, "terminated its process with signal {signal}{guess}")
            }
            Self::Process(ProcessFailure::ProtocolError(what)) => {
                write!(f, "corrupted the protocol of its process ({what})")
            }
            Self::Process(other) => other.fmt(f),
            Self::Unavailable(why) => write!(f, "could not be run: {why}"),
            Self::Cancelled => f.write_str("was cancelled"),
        }
    }
}

/// A worker process that is running. It is killed when this is dropped.
pub(super) struct WorkerProcess {
    child: Child,
    stream: UnixStream,
    frames: FrameReader,
    holds_submission: bool,
}

impl WorkerProcess {
    /// Starts a worker. Its output is appended to `output`, or discarded.
    pub(super) fn start(command: &WorkerCommand, output: Option<&Path>) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(POLL_INTERVAL))?;
        let (stdout, stderr) = match output {
            Some(path) => {
                let file = File::options().append(true).create(true).open(path)?;
                (Stdio::from(file.try_clone()?), Stdio::from(file))
            }
            None => (Stdio::null(), Stdio::null()),
        };
        let child = Command::new(&command.program)
            .args(&command.arguments)
            // A submission sees the same, empty environment on every machine.
            .env_clear()
            .env(WORKER_VARIABLE, "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(stdout)
            .stderr(stderr)
            // A process group of its own: Ctrl-C reaches only the supervisor, and processes that the
            // worker starts are killed with it.
            .process_group(0)
            .spawn()?;
        let holds_submission = command.holds_submission;
        Ok(Self { child, stream: ours, frames: FrameReader::default(), holds_submission })
    }

    /// Executes a request. After an error, the worker must not be used again.
    pub(super) fn perform(
        &mut self,
        request: &Request,
        timeouts: Timeouts,
        cancelled: &AtomicBool,
    ) -> Result<Answer, WorkerFailure> {
        if let Err(error) = protocol::write(&mut self.stream, request) {
            return Err(self.failure(error));
        }
        let mut last_sign = Instant::now();
        loop {
            match protocol::read::<Answer>(&mut self.frames, &mut self.stream) {
                Ok(Some(Answer::Pulse(pulse))) => {
                    last_sign = Instant::now();
                    if u128::from(pulse.inside_cpu_ms) > timeouts.cpu.as_millis()
                        || u128::from(pulse.inside_ms) > timeouts.real.as_millis()
                    {
                        return Err(ProcessFailure::TimedOut.into());
                    }
                }
                Ok(Some(Answer::ProcessFailed(failure))) => return Err(failure.into()),
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) if last_sign.elapsed() > HEARTBEAT_TIMEOUT => {
                    let seconds = HEARTBEAT_TIMEOUT.as_secs();
                    return Err(WorkerFailure::Unavailable(format!(
                        "no heartbeat for {seconds} seconds"
                    )));
                }
                Ok(None) => {}
                Err(error) => return Err(self.failure(error)),
            }
            if cancelled.load(Ordering::Relaxed) {
                return Err(WorkerFailure::Cancelled);
            }
        }
    }

    /// Why a worker's connection broke.
    fn failure(&mut self, error: FrameError) -> WorkerFailure {
        let protocol_error = ProcessFailure::ProtocolError(error.to_string());
        let failure = match error {
            // The connection ended with the process, or because the submission closed it.
            FrameError::Io(_) => match self.child.end(EXIT_GRACE) {
                ProcessExit::Killed => protocol_error,
                exit => ProcessFailure::Ended(exit),
            },
            FrameError::TooLong(_) | FrameError::Content(_) => protocol_error,
        };
        if self.holds_submission || failure == OUT_OF_MEMORY {
            failure.into()
        } else {
            WorkerFailure::Unavailable(format!("its worker failed: {failure}"))
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
