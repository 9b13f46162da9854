//! The sandbox: finds out which mechanisms this machine supports, and starts jobs with them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use faultlab_remote::ProcessExit;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::fork_server::ForkServer;
use crate::job::Job;
use crate::launcher::{DIE_WITH_PARENT, FORK_SERVER, PARK, READY, SELF_TEST, START_MAX};
use crate::mounts::{View, runtime_libraries};
use crate::output::OutputReader;
use crate::policy::{Files, Policy, SystemCalls};
use crate::running::{Confined, Finished};
use crate::self_test::Escape;
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

/// The mechanisms that confine a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mechanisms {
    namespaces: Namespaces,
    landlock: bool,
    seccomp: bool,
}

/// The program that creates the namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Namespaces {
    /// bubblewrap, started by root: the program gets its own user id.
    BubblewrapAsRoot,
    /// bubblewrap, with a user namespace.
    Bubblewrap,
    /// `unshare`, started by root.
    UnshareAsRoot,
    /// `unshare`, with a user namespace.
    Unshare,
    /// No namespaces.
    None,
}

impl Namespaces {
    fn is_bubblewrap(self) -> bool {
        matches!(self, Self::BubblewrapAsRoot | Self::Bubblewrap)
    }
}

/// The program that is started in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The job's program.
    Program,
    /// A fork server for the job's program.
    ForkServer,
}

/// All combinations to try, best first.
const CANDIDATES: [(Tier, Mechanisms); 8] = [
    (Tier::Bubblewrap, all_with(Namespaces::BubblewrapAsRoot)),
    (Tier::Bubblewrap, all_with(Namespaces::Bubblewrap)),
    (Tier::Namespaces, Mechanisms { landlock: false, ..all_with(Namespaces::BubblewrapAsRoot) }),
    (Tier::Namespaces, Mechanisms { landlock: false, ..all_with(Namespaces::Bubblewrap) }),
    (Tier::Namespaces, all_with(Namespaces::UnshareAsRoot)),
    (Tier::Namespaces, all_with(Namespaces::Unshare)),
    (Tier::Landlock, all_with(Namespaces::None)),
    (Tier::Rlimits, Mechanisms { namespaces: Namespaces::None, landlock: false, seccomp: false }),
];

const fn all_with(namespaces: Namespaces) -> Mechanisms {
    Mechanisms { namespaces, landlock: true, seccomp: true }
}

impl Tier {
    /// The escapes that this tier must prevent.
    fn denies(self) -> &'static [Escape] {
        use Escape::{
            IsRoot, OpensSockets, ReadsFiles, SeesProcesses, SharesProcessNumbers, StartsProcesses,
            StartsThreads, TakesMemory, WritesFiles,
        };
        match self {
            Self::Rlimits => &[TakesMemory],
            Self::Landlock => &[
                TakesMemory,
                ReadsFiles,
                WritesFiles,
                OpensSockets,
                StartsThreads,
                StartsProcesses,
            ],
            Self::Namespaces => &[
                TakesMemory,
                ReadsFiles,
                WritesFiles,
                OpensSockets,
                StartsThreads,
                StartsProcesses,
                SharesProcessNumbers,
            ],
            Self::Bubblewrap => &[
                TakesMemory,
                ReadsFiles,
                WritesFiles,
                OpensSockets,
                StartsThreads,
                StartsProcesses,
                SharesProcessNumbers,
                SeesProcesses,
                IsRoot,
            ],
        }
    }
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

/// The search path for the grader's own programs.
fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into())
}

/// The path of a system program. Starting a program by its path does not copy this process first. If
/// this process is large, the copy would take longer than the start itself.
fn found_in_path(program: &str) -> PathBuf {
    let path = path();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(program));
    candidates.find(|candidate| candidate.is_file()).unwrap_or_else(|| program.into())
}

/// User ids for confined programs when the grader is root. They are outside the ranges for people
/// and services.
const USERS: std::ops::Range<u32> = 61_184..65_520;

impl Sandbox {
    /// Finds out how well this machine can confine a program, by running one that attempts every escape.
    /// `launcher` is the program `faultlab-confine`.
    ///
    /// # Errors
    /// If even limits do not work, for example because the launcher is missing.
    pub fn probe(launcher: &Path) -> Result<Self, SandboxError> {
        Self::probe_below(launcher, Tier::Bubblewrap)
    }

    /// Like [`Sandbox::probe`], but no better than `best`: to emulate a weaker machine.
    ///
    /// # Errors
    /// As [`Sandbox::probe`].
    pub fn probe_below(launcher: &Path, best: Tier) -> Result<Self, SandboxError> {
        let launcher = launcher.canonicalize()?;
        let mut findings = Vec::new();
        let is_root = rustix::process::geteuid().is_root();
        for (tier, means) in CANDIDATES {
            let needs_root = matches!(
                means.namespaces,
                Namespaces::BubblewrapAsRoot | Namespaces::UnshareAsRoot
            );
            if tier > best || (needs_root && !is_root) {
                continue;
            }
            let libraries = runtime_libraries();
            let launcher = launcher.clone();
            let findings_so_far = findings.clone();
            let sandbox = Self {
                launcher,
                libraries,
                mechanisms: means,
                tier,
                can_share: false,
                findings: findings_so_far,
            };
            match sandbox.self_test() {
                Ok(()) => return Ok(sandbox.sharing()),
                Err(finding) => findings.push(format!("{tier} ({}): {finding}", means.describe())),
            }
        }
        Err(SandboxError::NoTier(findings.join("; ")))
    }

    /// The machine's tier.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
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

    /// The same sandbox, shared by processes if that works on this machine.
    fn sharing(self) -> Self {
        if !self.mechanisms.seccomp || !self.mechanisms.namespaces.is_bubblewrap() {
            return self;
        }
        let sharing = Self { can_share: true, ..self.clone() };
        let job = Job::computing(&self.launcher).argument(PARK);
        match ForkServer::new(sharing.clone(), job).self_test() {
            Ok(()) => sharing,
            Err(error) => {
                let finding = format!("processes cannot share a sandbox: {error}");
                Self { findings: [self.findings, vec![finding]].concat(), ..self }
            }
        }
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

    /// The whole command line.
    fn command(
        &self,
        role: Role,
        job: &Job,
        view: &View,
        user: Option<u32>,
    ) -> Result<Command, SandboxError> {
        let (read, mut write) = view.real_paths();
        if job.system_calls == SystemCalls::Compiler {
            write.push("/dev/null".into());
        }
        let mut environment = job.environment.clone();
        let is_bubblewrap = self.mechanisms.namespaces.is_bubblewrap();
        if job.scratch_bytes.is_some() {
            // Without its own file system, the program uses a writable folder for scratch files.
            let scratch = if is_bubblewrap { Some(Path::new("/tmp")) } else { None };
            let scratch = scratch.or(job.write.first().map(PathBuf::as_path));
            if let Some(scratch) = scratch {
                environment.entry("TMPDIR".to_owned()).or_insert_with(|| scratch.into());
                write.push(scratch.to_owned());
            }
        }
        let policy = Policy {
            limits: job.limits,
            counts_processes: user.is_some()
                || self.mechanisms.namespaces == Namespaces::Bubblewrap,
            files: self.mechanisms.landlock.then_some(Files { read, write }),
            user,
            system_calls: self.mechanisms.seccomp.then_some(job.system_calls),
        };
        let policy = serde_json::to_string(&policy).map_err(io::Error::from)?;
        let folder = job.folder.as_deref().unwrap_or(Path::new("/"));

        let mut line: Vec<OsString> = Vec::new();
        match self.mechanisms.namespaces {
            Namespaces::BubblewrapAsRoot | Namespaces::Bubblewrap => {
                line.push(found_in_path("bwrap").into());
                line.extend(BUBBLEWRAP.map(OsString::from));
                if user.is_some() {
                    line.extend(BUBBLEWRAP_AS_ROOT.map(OsString::from));
                    if role == Role::ForkServer {
                        line.extend(BUBBLEWRAP_KILLING.map(OsString::from));
                    }
                } else {
                    line.extend(BUBBLEWRAP_AS_USER.map(OsString::from));
                }
                if let Some(bytes) = job.scratch_bytes {
                    let bytes = bytes.to_string();
                    let scratch = ["--perms", "1777", "--size", &bytes, "--tmpfs", "/tmp"];
                    line.extend(scratch.map(OsString::from));
                }
                line.extend(view.arguments());
                if job.system_calls == SystemCalls::Compiler {
                    line.extend(BUBBLEWRAP_COMPILER.map(OsString::from));
                }
                line.extend(["--remount-ro", "/", "--chdir"].map(OsString::from));
                line.push(folder.into());
                for (name, value) in &environment {
                    line.extend(["--setenv".into(), name.into(), value.clone()]);
                }
                line.push("--".into());
            }
            Namespaces::UnshareAsRoot | Namespaces::Unshare => {
                line.extend([
                    self.launcher.clone().into(),
                    DIE_WITH_PARENT.into(),
                    "unshare".into(),
                ]);
                line.extend(UNSHARE.map(OsString::from));
                if self.mechanisms.namespaces == Namespaces::Unshare {
                    line.extend(["--user", "--map-root-user"].map(OsString::from));
                }
                line.push("--".into());
            }
            Namespaces::None => {}
        }
        line.push(self.launcher.clone().into());
        if role == Role::ForkServer {
            line.extend([FORK_SERVER.into(), self.launcher.clone().into()]);
        }
        line.push(policy.into());
        line.push(job.program.clone().into());
        line.extend(job.arguments.iter().cloned());

        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).process_group(0).env_clear();
        if !is_bubblewrap {
            command.envs(&environment).current_dir(folder);
        }
        // The sandbox program gets the grader's search path; the confined program gets another
        // environment.
        if is_bubblewrap || self.mechanisms.namespaces != Namespaces::None {
            command.env("PATH", path());
        }
        Ok(command)
    }

    /// Runs a program that attempts every escape. The error names those that succeeded but must not.
    fn self_test(&self) -> Result<(), String> {
        let hidden = Hidden::new().map_err(|error| error.to_string())?;
        let job = Job::computing(&self.launcher).argument(SELF_TEST).argument(&hidden.0);
        let finished =
            self.run(&job.wall_max(Duration::from_secs(20))).map_err(|error| error.to_string())?;
        let printed = finished.printed.to_string();
        let lines: Vec<&str> = printed.lines().collect();
        if finished.exit != ProcessExit::Exited(0) || lines.last() != Some(&"done") {
            return Err(format!("the test program {}: {}", finished.exit, printed.trim()));
        }
        let free = |escape: &&Escape| lines.contains(&format!("{escape:?}").as_str());
        let left: Vec<&str> =
            self.tier.denies().iter().filter(free).map(|escape| escape.describe()).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("a submission {}", left.join(", "))) }
    }
}

impl Mechanisms {
    fn describe(self) -> &'static str {
        match self.namespaces {
            Namespaces::BubblewrapAsRoot => "bubblewrap, as root",
            Namespaces::Bubblewrap => "bubblewrap",
            Namespaces::UnshareAsRoot => "unshare, as root",
            Namespaces::Unshare => "unshare",
            Namespaces::None => "no namespaces",
        }
    }
}

/// Own namespaces, no environment, no terminal; the sandbox ends with the grader.
const BUBBLEWRAP: [&str; 10] = [
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--hostname",
    "sandbox",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
];

/// Only the capabilities that the launcher needs to change its user, which drops them.
const BUBBLEWRAP_AS_ROOT: [&str; 6] =
    ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"];

/// The capability that a fork server also needs, because its processes have other users.
const BUBBLEWRAP_KILLING: [&str; 2] = ["--cap-add", "CAP_KILL"];

const BUBBLEWRAP_AS_USER: [&str; 5] = ["--unshare-user", "--uid", "65534", "--gid", "65534"];

/// Compilers write to `/dev/null`, and linkers locate themselves through a link in `/proc`. This
/// `/proc` has only the processes of the sandbox, and Landlock denies reading it.
const BUBBLEWRAP_COMPILER: [&str; 9] =
    ["--perms", "0755", "--dir", "/dev", "--dev-bind", "/dev/null", "/dev/null", "--proc", "/proc"];

/// The same for `unshare`. The whole process tree ends with it.
const UNSHARE: [&str; 7] =
    ["--mount", "--ipc", "--net", "--uts", "--pid", "--fork", "--kill-child=SIGKILL"];

/// A file that a confined program must not be able to read, although its mode permits it.
struct Hidden(PathBuf);

impl Hidden {
    fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("faultlab-hidden-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, "no sandboxed program can read this")?;
        Ok(Self(path))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is a second file if the sandbox allowed writing.
        for path in [self.0.clone(), self.0.with_extension("written")] {
            let _ = std::fs::remove_file(path);
        }
    }
}
