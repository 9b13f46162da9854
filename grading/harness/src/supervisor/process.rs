//! One worker process, as the supervisor sees it.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::worker::protocol::{self, Answer, FrameError, FrameReader, Request};
use crate::worker::{EXIT_OUTPUT_LIMIT, WORKER_VARIABLE};

/// How to start a worker.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    /// The program that a shim was compiled to.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
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

/// How often a supervisor polls while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Why a worker has not finished its job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerFailure {
    /// The submission's code did not return.
    Hung,
    /// It printed endlessly.
    OutputLimit,
    /// The process exited with this exit code.
    Exited(i32),
    /// The process was terminated by this signal.
    Signalled(i32),
    /// It sent something that is not an answer.
    ProtocolError(String),
    /// It could not be started, or is frozen; not the submission's fault.
    Unavailable(String),
    /// The answer is no longer needed.
    Cancelled,
}

impl WorkerFailure {
    /// Whether the run would never have ended. Each such run takes seconds, and a submission with one
    /// usually has many.
    #[must_use]
    pub fn never_ends(&self) -> bool {
        matches!(self, Self::Hung | Self::OutputLimit)
    }
}

impl fmt::Display for WorkerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hung => f.write_str("did not return"),
            Self::OutputLimit => f.write_str("printed endlessly"),
            Self::Exited(code) => write!(f, "exited its process with code {code}"),
            Self::Signalled(signal) => {
                let guess = match Signal::from_named_raw(*signal) {
                    Some(Signal::ABORT) => ": out of stack or memory, or `abort` was called",
                    Some(Signal::SEGV | Signal::BUS) => ": out of stack?",
                    Some(Signal::KILL) => ": killed from outside, or out of memory",
                    _ => "",
                };
                write!(f, "terminated its process with signal {signal}{guess}")
            }
            Self::ProtocolError(what) => {
                write!(f, "corrupted the protocol of its process ({what})")
            }
            Self::Unavailable(why) => write!(f, "could not be run: {why}"),
            Self::Cancelled => f.write_str("was cancelled"),
        }
    }
}

/// A worker process that is running. It is killed when this is dropped.
pub(super) struct WorkerProcess {
    child: Child,
    stream: UnixStream,
    reader: FrameReader,
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
        Ok(Self { child, stream: ours, reader: FrameReader::default() })
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
            match self.reader.read::<Answer>(&mut self.stream) {
                Ok(Some(Answer::Pulse(pulse))) => {
                    last_sign = Instant::now();
                    if u128::from(pulse.inside_cpu_ms) > timeouts.cpu.as_millis()
                        || u128::from(pulse.inside_ms) > timeouts.real.as_millis()
                    {
                        return Err(WorkerFailure::Hung);
                    }
                }
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
        if !matches!(error, FrameError::Io(_)) {
            return WorkerFailure::ProtocolError(error.to_string());
        }
        // The connection ended with the process, or because the submission closed it. Give the
        // process a moment to exit.
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    return match (status.code(), status.signal()) {
                        (Some(code), _) if code == i32::from(EXIT_OUTPUT_LIMIT) => {
                            WorkerFailure::OutputLimit
                        }
                        (Some(code), _) => WorkerFailure::Exited(code),
                        (None, signal) => WorkerFailure::Signalled(signal.unwrap_or(0)),
                    };
                }
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok(None) => return WorkerFailure::ProtocolError(error.to_string()),
                Err(error) => return WorkerFailure::Unavailable(error.to_string()),
            }
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
