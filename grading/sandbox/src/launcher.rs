//! The launcher: a small program that limits itself as a [`Policy`] says and then becomes the
//! confined program.
//!
//! It starts inside the namespaces, if there are any. Before it becomes the other program, it writes
//! one byte to its standard output, or the reason for a failure. The program's own output follows,
//! so it cannot be mistaken for either.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope, path_beneath_rules,
};
use rustix::process::{
    Gid, Resource, Rlimit, Signal, Uid, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{set_no_new_privs, set_thread_gid, set_thread_groups, set_thread_uid};

use crate::descriptors::close_others_on_exec;
use crate::policy::{Files, Limits, Policy};
use crate::{fork_server, seccomp, self_test};

/// The byte that the launcher writes when everything is applied.
pub(crate) const READY: u8 = 6;

/// How long a program may take to become ready.
pub(crate) const START_MAX: Duration = Duration::from_secs(30);

/// The exit code when something could not be applied.
const REFUSED: u8 = 125;

/// The first argument that makes the launcher test its own confinement.
pub(crate) const SELF_TEST: &str = "--self-test";

/// The argument that makes the launcher sleep until it is killed.
pub(crate) const PARK: &str = "--park";

/// The argument that makes the launcher only ensure that the program is killed when its parent ends.
pub(crate) const DIE_WITH_PARENT: &str = "--die-with-parent";

/// The argument that makes the launcher the first process of a process namespace: it runs the program as its child.
///
/// The confined program may not be the first process itself. The kernel would ignore its `abort`, and some
/// versions of `unshare` do not pass on which signal killed their child.
pub(crate) const INIT: &str = "--init";

/// The argument that makes the launcher a fork server.
pub(crate) const FORK_SERVER: &str = "--fork-server";

/// The launcher's main function: `POLICY PROGRAM [ARGUMENT..]`, `--die-with-parent PROGRAM
/// [ARGUMENT..]`, `--init PROGRAM [ARGUMENT..]`, `--fork-server LAUNCHER POLICY PROGRAM [ARGUMENT..]`, `--self-test
/// HIDDEN-FILE`, or `--park`.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().unwrap_or_default();
    if first == SELF_TEST {
        self_test::run(Path::new(&arguments.next().unwrap_or_default()));
        return ExitCode::SUCCESS;
    }
    if first == PARK {
        loop {
            std::thread::park();
        }
    }
    let error = if first == FORK_SERVER {
        match serve_forks(arguments) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => error,
        }
    } else if first == INIT {
        match run_as_child(arguments) {
            Ok(code) => return code,
            Err(error) => error,
        }
    } else {
        let launched = if first == DIE_WITH_PARENT {
            launch_tied(arguments)
        } else {
            launch(&first, arguments)
        };
        let Err(error) = launched;
        error
    };
    // If standard output is closed, the message is lost.
    let _ = writeln!(io::stdout(), "the program could not be confined: {error}");
    ExitCode::from(REFUSED)
}

/// Applies the policy and becomes the program.
fn launch(
    policy: &OsString,
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<std::convert::Infallible, String> {
    let policy = policy.to_str().ok_or("the policy is not UTF-8")?;
    let policy: Policy =
        serde_json::from_str(policy).map_err(|error| format!("the policy: {error}"))?;
    let program = arguments.next().ok_or("there is no program to run")?;
    let mut command = Command::new(&program);
    command.args(arguments);
    apply(&policy)?;
    // The program's own output follows the byte, so everything that can fail must fail before it
    // is written.
    rustix::fs::access(Path::new(&program), rustix::fs::Access::EXEC_OK)
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let ready = io::stdout().write_all(&[READY]).and_then(|()| io::stdout().flush());
    ready.map_err(|error| format!("standard output: {error}"))?;
    let error = command.exec();
    Err(format!("{}: {error}", program.display()))
}

/// Becomes the program, to be killed when the parent ends.
fn launch_tied(
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<std::convert::Infallible, String> {
    let program = arguments.next().ok_or("there is no program to run")?;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("dying with the parent: {error}"))?;
    let error = Command::new(&program).args(arguments).exec();
    Err(format!("{}: {error}", program.display()))
}

/// Runs the program as a child, and ends as it did: with its exit code, or 128 plus the number of its signal, as
/// bubblewrap does. What the program has left running ends with this process.
fn run_as_child(mut arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let program = arguments.next().ok_or("there is no program to run")?;
    let status = Command::new(&program).args(arguments).status();
    let status = status.map_err(|error| format!("{}: {error}", program.display()))?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Serves as a fork server.
fn serve_forks(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let launcher = PathBuf::from(arguments.next().ok_or("there is no launcher")?);
    let policy = arguments.next().ok_or("there is no policy")?;
    let policy = policy.to_str().ok_or("the policy is not UTF-8")?;
    fork_server::serve(&launcher, policy, &arguments.collect::<Vec<_>>())
}

fn apply(policy: &Policy) -> Result<(), String> {
    close_others_on_exec().map_err(|error| format!("inherited descriptors: {error}"))?;
    limit(&policy.limits).map_err(|error| format!("limits: {error}"))?;
    set_no_new_privs(true).map_err(|error| format!("no new privileges: {error}"))?;
    if let Some(files) = &policy.files {
        restrict_files(files)?;
    }
    if let Some(user) = policy.user {
        become_user(user).map_err(|error| format!("user {user}: {error}"))?;
    }
    if policy.counts_processes {
        // Set after the change of user, because the limit counts the new user's processes.
        set(Resource::Nproc, policy.limits.processes)
            .map_err(|error| format!("the limit of processes: {error}"))?;
    }
    // Set after the change of user, which resets it.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("dying with the parent: {error}"))?;
    if let Some(system_calls) = policy.system_calls {
        seccomp::apply(system_calls, std::process::id()).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn limit(limits: &Limits) -> io::Result<()> {
    set(Resource::As, limits.memory_bytes)?;
    set(Resource::Stack, limits.stack_bytes)?;
    set_cpu(limits.cpu_s)?;
    set(Resource::Fsize, limits.file_bytes)?;
    set(Resource::Nofile, limits.open_files)?;
    set(Resource::Memlock, 0)?;
    set(Resource::Msgqueue, 0)?;
    set(Resource::Core, 0)
}

/// Limits processor time, in seconds. At the limit comes SIGXCPU, and a second later SIGKILL, so that
/// SIGKILL alone comes from outside.
fn set_cpu(most: u64) -> io::Result<()> {
    let maximum = rustix::process::getrlimit(Resource::Cpu).maximum;
    let most = maximum.map_or(most, |maximum| maximum.min(most));
    let after = maximum.map_or(most + 1, |maximum| maximum.min(most + 1));
    let limit = Rlimit { current: Some(most), maximum: Some(after) };
    Ok(setrlimit(Resource::Cpu, limit)?)
}

/// Sets a limit permanently.
fn set(resource: Resource, most: u64) -> io::Result<()> {
    let maximum = rustix::process::getrlimit(resource).maximum;
    let most = maximum.map_or(most, |maximum| maximum.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

fn become_user(user: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    set_thread_groups(&[])?;
    set_thread_gid(gid)?;
    Ok(set_thread_uid(uid)?)
}

/// Denies access to all other files and to TCP, and denies signals and abstract sockets to the
/// outside. Restrictions that need a newer kernel are applied if possible.
fn restrict_files(files: &Files) -> Result<(), String> {
    let abi = ABI::V6;
    let read = AccessFs::from_read(abi);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(|ruleset| {
            ruleset
                .set_compatibility(CompatLevel::BestEffort)
                .handle_access(AccessFs::from_all(abi))?
                .handle_access(AccessNet::from_all(abi))?
                .scope(Scope::from_all(abi))?
                .create()
        })
        .and_then(|ruleset| {
            ruleset
                .add_rules(path_beneath_rules(&files.read, read))?
                .add_rules(path_beneath_rules(&files.write, AccessFs::from_all(abi)))?
                .restrict_self()
        });
    ruleset.map(|_| ()).map_err(|error| format!("no Landlock: {error}"))
}
