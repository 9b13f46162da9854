//! The command line that starts a job in the sandbox: the program that creates the namespaces, the launcher with its
//! policy, the job's program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::mechanisms::Namespaces;
use super::{Role, Sandbox, SandboxError, bubblewrap};
use crate::job::Job;
use crate::launcher::{DIE_WITH_PARENT, FORK_SERVER, INIT};
use crate::mounts::View;
use crate::policy::{Files, Policy, SystemCalls};

/// Namespaces as bubblewrap has them, without its own file system. The whole process tree ends with `unshare`.
const UNSHARE: [&str; 7] =
    ["--mount", "--ipc", "--net", "--uts", "--pid", "--fork", "--kill-child=SIGKILL"];

impl Sandbox {
    /// The whole command line.
    pub(super) fn command(
        &self,
        role: Role,
        job: &Job,
        view: &View,
        user: Option<u32>,
    ) -> Result<Command, SandboxError> {
        let scratch = self.scratch_folder(job);
        let environment = environment(job, scratch);
        let folder = job.folder.as_deref().unwrap_or(Path::new("/"));
        let mut line: Vec<OsString> = Vec::new();
        match self.mechanisms.namespaces {
            Namespaces::BubblewrapAsRoot | Namespaces::Bubblewrap => {
                line.push(found_in_path("bwrap").into());
                let is_own_user = user.is_some();
                line.extend(bubblewrap::arguments(
                    role,
                    job,
                    view,
                    is_own_user,
                    &environment,
                    folder,
                ));
            }
            Namespaces::UnshareAsRoot | Namespaces::Unshare => line.extend(self.unshare()),
            Namespaces::None => {}
        }
        line.push(self.launcher.clone().into());
        if role == Role::ForkServer {
            line.extend([FORK_SERVER.into(), self.launcher.clone().into()]);
        }
        let policy = self.policy(job, view, scratch, user);
        line.push(serde_json::to_string(&policy).map_err(io::Error::from)?.into());
        line.push(job.program.clone().into());
        line.extend(job.arguments.iter().cloned());

        let mut command = Command::new(&line[0]);
        // The sandbox program gets no environment either: a confined compiler may be able to read it in `/proc`.
        command.args(&line[1..]).process_group(0).env_clear();
        if !self.mechanisms.namespaces.is_bubblewrap() {
            command.envs(&environment).current_dir(folder);
        }
        Ok(command)
    }

    /// Where the program may write scratch files, if it may. Without its own file system, that is one of its writable
    /// folders.
    fn scratch_folder<'j>(&self, job: &'j Job) -> Option<&'j Path> {
        job.scratch_bytes?;
        match self.mechanisms.namespaces.is_bubblewrap() {
            true => Some(Path::new("/tmp")),
            false => job.write.first().map(PathBuf::as_path),
        }
    }

    /// What the launcher limits itself to before it becomes the program.
    fn policy(&self, job: &Job, view: &View, scratch: Option<&Path>, user: Option<u32>) -> Policy {
        let (read, mut write) = view.real_paths();
        if job.system_calls == SystemCalls::Compiler {
            write.push("/dev/null".into());
        }
        write.extend(scratch.map(Path::to_owned));
        Policy {
            limits: job.limits,
            counts_processes: user.is_some()
                || self.mechanisms.namespaces == Namespaces::Bubblewrap,
            files: self.mechanisms.landlock.then_some(Files { read, write }),
            user,
            system_calls: self.mechanisms.seccomp.then_some(job.system_calls),
        }
    }

    /// `unshare` with its arguments, and the first process in its namespaces. All of it ends when this process ends.
    fn unshare(&self) -> Vec<OsString> {
        let launcher = || self.launcher.clone().into_os_string();
        let mut line =
            vec![launcher(), DIE_WITH_PARENT.into(), found_in_path("unshare").into_os_string()];
        line.extend(UNSHARE.map(OsString::from));
        if self.mechanisms.namespaces == Namespaces::Unshare {
            line.extend(["--user", "--map-root-user"].map(OsString::from));
        }
        line.extend(["--".into(), launcher(), INIT.into()]);
        line
    }
}

/// The program's environment: the job's, and where scratch files go.
fn environment(job: &Job, scratch: Option<&Path>) -> BTreeMap<String, OsString> {
    let mut environment = job.environment.clone();
    if let Some(scratch) = scratch {
        environment.entry("TMPDIR".to_owned()).or_insert_with(|| scratch.into());
    }
    environment
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
