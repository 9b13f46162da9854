//! The judge's side: requests processes and learns how they exited.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use faultlab_remote::{Process, ProcessExit, ProcessHandle};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::messages::{ExitReport, ForkRequest};
use crate::job::Job;
use crate::launcher::{READY, START_MAX};
use crate::output::OutputReader;
use crate::running::{Confined, Finished, OUTPUT_MAX};
use crate::sandbox::{Sandbox, SandboxError};

/// How long a killed process may take to exit.
const KILLED_MAX: Duration = Duration::from_secs(10);

/// Starts processes of one job. They share a sandbox if that confines each as well as its own sandbox
/// would; otherwise each gets its own. A shared sandbox is created for the first process, and ends
/// when this value is dropped and the last process has ended.
#[derive(Debug)]
pub struct ForkServer {
    sandbox: Sandbox,
    job: Job,
    inside: Option<Arc<SharedSandbox>>,
}

impl ForkServer {
    /// A fork server for processes of this job.
    #[must_use]
    pub fn new(sandbox: Sandbox, job: Job) -> Self {
        Self { sandbox, job, inside: None }
    }

    /// Starts a node process with one end of a socket as its standard input. No exchange with it
    /// may take longer than `exchange_max`.
    ///
    /// # Errors
    /// When it cannot be started. This is never the program's fault.
    pub fn start_nodes(&mut self, exchange_max: Duration) -> Result<Process, SandboxError> {
        let (ours, theirs) = UnixStream::pair()?;
        let process = if self.sandbox.is_shared_by(&self.job) {
            Process::new(ours, self.start(OwnedFd::from(theirs))?, exchange_max)
        } else {
            let stdin = Stdio::from(OwnedFd::from(theirs));
            Process::new(ours, self.sandbox.start_with(&self.job, stdin)?, exchange_max)
        };
        Ok(process?)
    }

    /// Checks that processes can be started in a shared sandbox and killed there.
    ///
    /// # Errors
    /// Why they cannot.
    pub(crate) fn self_test(&mut self) -> Result<(), String> {
        let nothing = File::open("/dev/null").map_err(|error| error.to_string())?;
        let mut started = self.start(nothing.into()).map_err(|error| error.to_string())?;
        let alive = started.wait(Duration::ZERO);
        started.kill();
        match (alive, started.wait(Duration::ZERO)) {
            (None, Some(ProcessExit::Signalled(9))) => Ok(()),
            (Some(exit), _) => Err(format!("a process of it {exit}")),
            (None, exit) => Err(format!("a process of it was killed, and {exit:?}")),
        }
    }

    /// Starts a process in the shared sandbox, with this standard input.
    fn start(&mut self, stdin: OwnedFd) -> Result<ForkedProcess, SandboxError> {
        // A sandbox that has exited is replaced once, because it worked when it was created.
        if let Some(inside) = &self.inside
            && let Ok(started) = self.start_in(inside, &stdin)
        {
            return Ok(started);
        }
        let inside =
            Arc::clone(self.inside.insert(SharedSandbox::start(&self.sandbox, &self.job)?));
        self.start_in(&inside, &stdin).inspect_err(|_| self.inside = None)
    }

    fn start_in(
        &self,
        inside: &Arc<SharedSandbox>,
        stdin: &OwnedFd,
    ) -> Result<ForkedProcess, SandboxError> {
        let number = inside.next.fetch_add(1, Ordering::Relaxed);
        let (reader, writer) = io::pipe()?;
        let user = self.sandbox.user();
        let request = ForkRequest::Start { number, user };
        request.send(&inside.socket, &[stdin.as_fd(), writer.as_fd()])?;
        drop(writer);
        let flooded = {
            // Weak, so that the thread that reads the output does not keep the sandbox alive.
            let inside = Arc::downgrade(inside);
            move || {
                if let Some(inside) = inside.upgrade() {
                    inside.kill(number);
                }
            }
        };
        let Job { output_bytes_max, printed_max, .. } = self.job;
        let output = OutputReader::start(reader, output_bytes_max, printed_max, flooded)
            .inspect_err(|_| inside.kill(number))?;
        let started = ForkedProcess { inside: Arc::clone(inside), number, output, exit: None };
        if started.output.take_first(READY, START_MAX) {
            return Ok(started);
        }
        let errors =
            [started.output.startup_error(), started.inside.sandbox.output.startup_error()];
        Err(SandboxError::NotStarted(errors.join(" ").trim().to_owned()))
    }

    /// Runs a process to its end, with an empty standard input.
    ///
    /// # Errors
    /// As [`ForkServer::start_nodes`].
    pub fn run(&mut self) -> Result<Finished, SandboxError> {
        if !self.sandbox.is_shared_by(&self.job) {
            return self.sandbox.run(&self.job);
        }
        let start = Instant::now();
        let mut started = self.start(File::open("/dev/null")?.into())?;
        let exit = match started.finish(self.job.wall_max) {
            ProcessExit::Unknown(_) => return Err(SandboxError::Ended),
            exit => exit,
        };
        let wall = start.elapsed();
        Ok(Finished { exit, printed: started.output.finish(OUTPUT_MAX), wall })
    }
}

/// The shared sandbox, and the program in it that starts others.
#[derive(Debug)]
struct SharedSandbox {
    socket: OwnedFd,
    /// The number of the next process.
    next: AtomicU64,
    /// How processes exited, by number, until it is queried.
    reports: Mutex<Reports>,
    /// Dropping this kills everything in the sandbox.
    sandbox: Confined,
}

#[derive(Debug, Default)]
struct Reports {
    ended: BTreeMap<u64, ProcessExit>,
    /// Whether there will be no more reports.
    is_over: bool,
}

impl SharedSandbox {
    fn start(sandbox: &Sandbox, job: &Job) -> Result<Arc<Self>, SandboxError> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(io::Error::from)?;
        let sandbox = sandbox.start_fork_server(job, Stdio::from(theirs))?;
        Ok(Arc::new(Self {
            socket: ours,
            next: AtomicU64::new(0),
            reports: Mutex::default(),
            sandbox,
        }))
    }

    fn kill(&self, number: u64) {
        // If the fork server has exited, so has the process.
        let _ = ForkRequest::Kill { number }.send(&self.socket, &[]);
    }

    /// Waits at most this long, and returns how a process ended, if it has. If the sandbox has ended, with
    /// everything in it, that is unknown.
    fn wait(&self, number: u64, at_most: Duration) -> Option<ProcessExit> {
        let deadline = Instant::now() + at_most;
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(exit) = reports.ended.remove(&number) {
                return Some(exit);
            }
            if reports.is_over {
                return Some(ProcessExit::Unknown(SandboxError::Ended.to_string()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.can_receive(left) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(_) => {
                    reports.is_over = true;
                    continue;
                }
            }
            match ExitReport::receive(&self.socket) {
                Ok(Some(report)) => {
                    reports.ended.insert(report.number, report.exit);
                }
                Ok(None) | Err(_) => reports.is_over = true,
            }
        }
    }

    /// Waits at most this long, and returns whether there is something to receive.
    fn can_receive(&self, at_most: Duration) -> io::Result<bool> {
        let at_most = Timespec::try_from(at_most).map_err(io::Error::other)?;
        let mut ready = [PollFd::new(&self.socket, PollFlags::IN)];
        Ok(retry_on_intr(|| poll(&mut ready, Some(&at_most)))? > 0)
    }
}

/// A process in a shared sandbox. Dropping this kills it.
#[derive(Debug)]
struct ForkedProcess {
    inside: Arc<SharedSandbox>,
    number: u64,
    output: OutputReader,
    /// How it ended, once it has.
    exit: Option<ProcessExit>,
}

impl ForkedProcess {
    /// Waits at most this long. Returns how it ended, if it has.
    fn wait(&mut self, at_most: Duration) -> Option<ProcessExit> {
        if self.exit.is_none() {
            self.exit = self.inside.wait(self.number, at_most);
        }
        self.exit.clone()
    }

    /// Waits at most this long, and then kills it. Returns how it ended.
    fn finish(&mut self, at_most: Duration) -> ProcessExit {
        let exit = self.wait(at_most);
        self.kill();
        match (exit, &self.exit) {
            (Some(exit), _) => exit,
            (None, Some(unknown @ ProcessExit::Unknown(_))) => unknown.clone(),
            (None, _) => ProcessExit::Killed,
        }
    }

    /// Kills it and waits until it has exited.
    fn kill(&mut self) {
        if self.exit.is_none() {
            self.inside.kill(self.number);
            self.wait(KILLED_MAX);
        }
    }
}

impl Drop for ForkedProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

impl ProcessHandle for ForkedProcess {
    fn end(&mut self, grace: Duration) -> ProcessExit {
        let exit = self.finish(grace);
        if self.output.is_over_limit() { ProcessExit::OutputLimit } else { exit }
    }

    fn exchange_finished(&mut self) {
        self.output.reset_count();
    }
}
