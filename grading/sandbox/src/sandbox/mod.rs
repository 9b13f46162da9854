//! The sandbox: starts jobs with the mechanisms that this machine supports.

mod bubblewrap;
mod command_line;
mod mechanisms;
mod probe;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use self::mechanisms::{Mechanisms, Namespaces};
use crate::job::Job;
use crate::launcher::{READY, START_MAX};
use crate::mounts::View;
use crate::output::OutputReader;
use crate::policy::SystemCalls;
use crate::running::{Confined, Finished};
use crate::tier::Tier;

/// How this machine confines programs. It can be serialised and given to another process on the
/// same machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    launcher: PathBuf,
    libraries: BTreeSet<PathBuf>,
    mechanisms: Mechanisms,
    tier: Tier,
    /// Whether processes of one submission can share a sandbox.
    can_share: bool,
    findings: Vec<String>,
}

/// The program that is started in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The job's program.
    Program,
    /// A fork server for the job's program.
    ForkServer,
}

/// Why a job did not start. This is never the program's fault.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The operating system refused something.
    #[error("cannot set up the sandbox: {0}")]
    Io(#[from] io::Error),
    /// The sandbox did not start the program.
    #[error("the sandbox did not start the program: {0}")]
    NotStarted(String),
    /// The sandbox exited before the program in it, whose exit is unknown.
    #[error("the sandbox exited with everything in it")]
    Ended,
    /// This machine does not support even the lowest tier.
    #[error("this machine cannot even limit memory: {0}")]
    NoTier(String),
}

/// The machine's tier is lower than required.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine only supports the sandbox tier `{reached}`, but `{required}` is required{findings}"
)]
pub struct TierTooLow {
    /// The required tier.
    pub required: Tier,
    /// The machine's tier.
    pub reached: Tier,
    findings: String,
}

/// User ids for confined programs when the grader is root. They are outside the ranges for people
/// and services.
const USERS: std::ops::Range<u32> = 61_184..65_520;

impl Sandbox {
    /// The machine's tier.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The mechanisms by which it confines programs, in words.
    #[must_use]
    pub fn mechanisms(&self) -> &'static str {
        self.mechanisms.describe()
    }

    /// Why no better tier was reached: one line per mechanism that failed, and one if processes cannot
    /// share a sandbox.
    #[must_use]
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// Requires a tier.
    ///
    /// # Errors
    /// If the machine's tier is lower; the error says why.
    pub fn require(&self, required: Tier) -> Result<(), TierTooLow> {
        if self.tier >= required {
            return Ok(());
        }
        let findings = self.findings.iter().map(|finding| format!("\n  {finding}")).collect();
        Err(TierTooLow { required, reached: self.tier, findings })
    }

    /// Runs a job to its end, with an empty standard input.
    ///
    /// # Errors
    /// As [`Sandbox::start`].
    pub fn run(&self, job: &Job) -> Result<Finished, SandboxError> {
        Ok(self.start(job)?.wait())
    }

    /// Starts a job, with an empty standard input.
    ///
    /// # Errors
    /// When the sandbox cannot be set up. This is never the program's fault.
    pub fn start(&self, job: &Job) -> Result<Confined, SandboxError> {
        self.start_with(job, Stdio::null())
    }

    pub(crate) fn start_with(&self, job: &Job, stdin: Stdio) -> Result<Confined, SandboxError> {
        self.start_as(Role::Program, job, stdin)
    }

    /// Starts a fork server for this job. It takes its requests from its standard input.
    pub(crate) fn start_fork_server(
        &self,
        job: &Job,
        stdin: Stdio,
    ) -> Result<Confined, SandboxError> {
        self.start_as(Role::ForkServer, job, stdin)
    }

    /// Whether processes of this job are as isolated from each other in one sandbox as in separate ones:
    /// they see no other processes, cannot signal or trace any, and cannot write. Also requires that
    /// this works on this machine.
    pub(crate) fn is_shared_by(&self, job: &Job) -> bool {
        self.can_share
            && job.system_calls == SystemCalls::Nodes
            && job.write.is_empty()
            && job.scratch_bytes.is_none()
    }

    fn start_as(&self, role: Role, job: &Job, stdin: Stdio) -> Result<Confined, SandboxError> {
        let mut view = View::default();
        for path in
            [&self.launcher, &job.program].into_iter().chain(&self.libraries).chain(&job.read)
        {
            view.read(path);
        }
        for path in &job.write {
            view.write(path);
        }
        let user = self.user();
        if let Some(user) = user {
            for folder in &job.write {
                std::os::unix::fs::chown(folder, Some(user), Some(user))?;
            }
        }
        let (reader, writer) = io::pipe()?;
        let mut command = self.command(role, job, &view, user)?;
        command.stdin(stdin).stdout(writer.try_clone()?).stderr(writer);
        let started = Instant::now();
        let child = command.spawn()?;
        // The command contains copies of the pipe's end.
        drop(command);
        // Signals use a descriptor, since the process id may belong to another program by then.
        let descriptor = Pid::from_child(&child);
        let descriptor = pidfd_open(descriptor, PidfdFlags::empty()).ok();
        let end = move || {
            // If the system has no such descriptors, the program finds its output closed instead.
            let _ = descriptor.map(|program| pidfd_send_signal(program, Signal::KILL));
        };
        let output = OutputReader::start(reader, job.output_bytes_max, job.printed_max, end)?;
        let is_tree = self.mechanisms.namespaces != Namespaces::None;
        let confined = Confined { child, output, started, wall_max: job.wall_max, is_tree };
        match confined.output.take_first(READY, START_MAX) {
            true => Ok(confined),
            false => Err(SandboxError::NotStarted(confined.output.startup_error())),
        }
    }

    /// A user id for the next program, if it can have its own.
    pub(crate) fn user(&self) -> Option<u32> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        (self.mechanisms.namespaces == Namespaces::BubblewrapAsRoot).then(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id());
            USERS.start + next % (USERS.end - USERS.start)
        })
    }
}
