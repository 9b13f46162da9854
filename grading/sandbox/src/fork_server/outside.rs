//! The judge's side: orders processes, and hears how they ended.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use faultlab::worker::remote::{Death, Life, Process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::messages::{Order, Report};
use crate::job::Job;
use crate::launcher::{READY, START_MAX};
use crate::output::Drain;
use crate::running::{Confined, Ended, Finished, OUTPUT_MAX};
use crate::sandbox::{Sandbox, SandboxError};

/// How long a process that was killed may take to be gone.
const KILLED_MAX: Duration = Duration::from_secs(10);

/// Starts processes of one job, in one sandbox where that confines each as well as one of its own would,
/// and else each in its own. The sandbox is made for the first process, and gone with the last and this.
#[derive(Debug)]
pub struct ForkServer {
    sandbox: Sandbox,
    job: Job,
    inside: Option<Arc<Inside>>,
    next: u64,
}

impl ForkServer {
    /// For processes of this job.
    #[must_use]
    pub fn new(sandbox: Sandbox, job: Job) -> Self {
        Self { sandbox, job, inside: None, next: 0 }
    }

    /// Starts a process in nodes mode, with one end of a socket as its standard input. No exchange with it
    /// may take longer than `exchange_max`.
    ///
    /// # Errors
    /// When it cannot be started. That says nothing about the program.
    pub fn start_nodes(&mut self, exchange_max: Duration) -> Result<Process, SandboxError> {
        let (ours, theirs) = UnixStream::pair()?;
        let process = if self.sandbox.can_be_shared() {
            Process::new(ours, self.start(OwnedFd::from(theirs))?, exchange_max)
        } else {
            let stdin = Stdio::from(OwnedFd::from(theirs));
            Process::new(ours, self.sandbox.start_with(&self.job, stdin)?, exchange_max)
        };
        Ok(process?)
    }

    /// Starts a process in the shared sandbox, with this as its standard input.
    fn start(&mut self, stdin: OwnedFd) -> Result<Started, SandboxError> {
        let inside = match &self.inside {
            Some(inside) => Arc::clone(inside),
            None => Arc::clone(self.inside.insert(Inside::start(&self.sandbox, &self.job)?)),
        };
        let number = self.next;
        self.next += 1;
        let (reader, writer) = io::pipe()?;
        let user = self.sandbox.user();
        let started =
            Order::Start { number, user }.send(&inside.socket, &[stdin.as_fd(), writer.as_fd()]);
        if let Err(error) = started {
            // The next process gets another sandbox.
            self.inside = None;
            return Err(error.into());
        }
        drop((stdin, writer));
        let end = {
            let inside = Arc::clone(&inside);
            move || inside.kill(number)
        };
        let output = Drain::start(reader, self.job.output_bytes_max, self.job.printed_max, end)?;
        let started = Started { inside, number, output, ended: None };
        if started.output.take_first(READY, START_MAX) {
            return Ok(started);
        }
        self.inside = None;
        let troubles = [started.output.trouble(), started.inside.sandbox.output.trouble()];
        Err(SandboxError::NotStarted(troubles.join(" ").trim().to_owned()))
    }

    /// Runs a process to its end, with an empty standard input.
    ///
    /// # Errors
    /// As [`ForkServer::start_nodes`].
    pub fn run(&mut self) -> Result<Finished, SandboxError> {
        if !self.sandbox.can_be_shared() {
            return self.sandbox.run(&self.job);
        }
        let start = Instant::now();
        let nothing = std::fs::File::open("/dev/null")?;
        let mut started = self.start(OwnedFd::from(nothing))?;
        let ended = ended(started.wait(self.job.wall_max));
        let wall = start.elapsed();
        started.kill();
        Ok(Finished { ended, printed: started.output.finish(OUTPUT_MAX), wall })
    }
}

/// The sandbox, and the program in it that starts others.
#[derive(Debug)]
struct Inside {
    socket: OwnedFd,
    /// How processes ended, by number, until somebody asks.
    reports: Mutex<Reports>,
    /// Killed, with everything in the sandbox, when this is dropped.
    sandbox: Confined,
}

#[derive(Debug, Default)]
struct Reports {
    ended: BTreeMap<u64, ExitStatus>,
    /// Whether there will be no more.
    is_over: bool,
}

impl Inside {
    fn start(sandbox: &Sandbox, job: &Job) -> Result<Arc<Self>, SandboxError> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(io::Error::from)?;
        let sandbox = sandbox.start_fork_server(job, Stdio::from(theirs))?;
        Ok(Arc::new(Self { socket: ours, reports: Mutex::default(), sandbox }))
    }

    fn kill(&self, number: u64) {
        // Where nobody is there to be told, the process is gone too.
        let _ = Order::Kill { number }.send(&self.socket, &[]);
    }

    /// How a process ended, waiting for that at most so long. `Err` when nobody will ever know.
    fn wait(&self, number: u64, at_most: Duration) -> Result<Option<ExitStatus>, Gone> {
        let deadline = Instant::now() + at_most;
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(status) = reports.ended.remove(&number) {
                return Ok(Some(status));
            }
            if reports.is_over {
                return Err(Gone);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self
                .hears_something(left)
                .and_then(|does| does.then(|| Report::receive(&self.socket)).transpose())
            {
                Ok(Some(Some(report))) => {
                    reports.ended.insert(report.number, report.status());
                }
                Ok(None) => return Ok(None),
                Ok(Some(None)) | Err(_) => reports.is_over = true,
            }
        }
    }

    /// Whether there is something to receive, waiting for it at most so long.
    fn hears_something(&self, at_most: Duration) -> io::Result<bool> {
        let at_most = Timespec::try_from(at_most).map_err(io::Error::other)?;
        let mut ready = [PollFd::new(&self.socket, PollFlags::IN)];
        Ok(retry_on_intr(|| poll(&mut ready, Some(&at_most)))? > 0)
    }
}

fn ended(status: Option<ExitStatus>) -> Ended {
    status.map_or(Ended::TookTooLong, |status| Ended::of(status, false))
}

/// The sandbox has ended, and everything in it.
#[derive(Debug)]
struct Gone;

/// A process in a shared sandbox. Killed when this is dropped.
#[derive(Debug)]
struct Started {
    inside: Arc<Inside>,
    number: u64,
    output: Drain,
    /// How it ended, once that is known; `Some(None)` if nobody will know.
    ended: Option<Option<ExitStatus>>,
}

impl Started {
    /// Waits for the end at most so long. How it ended, if that can be known.
    fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = match self.inside.wait(self.number, at_most) {
                Ok(status) => status.map(Some),
                Err(Gone) => Some(None),
            };
        }
        self.ended.flatten()
    }

    /// Kills it, and waits until it is gone.
    fn kill(&mut self) {
        if self.ended.is_none() {
            self.inside.kill(self.number);
            self.wait(KILLED_MAX);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Life for Started {
    fn end(&mut self, grace: Duration) -> Death {
        let status = self.wait(grace);
        self.kill();
        if self.output.is_flooded() {
            return Death::Flooded;
        }
        ended(status).death()
    }
}
