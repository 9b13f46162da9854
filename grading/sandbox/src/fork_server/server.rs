//! The fork server's side: starts and kills processes in the sandbox, and reports how they exited.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{
    Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};

use super::messages::{ExitReport, ForkRequest};
use crate::launcher::READY;
use crate::policy::Policy;

/// The running processes, by number.
type Running = Arc<Mutex<BTreeMap<u64, OwnedFd>>>;

/// Executes the requests of the judge, who is at the other end of standard input, until it closes.
/// `launcher` starts each process, with this policy and command line.
///
/// # Errors
/// If a request is malformed, or a process cannot be started or watched. This program then ends,
/// and with it all processes, so that the judge notices the infrastructure error.
pub(crate) fn serve(launcher: &Path, policy: &str, line: &[OsString]) -> Result<(), String> {
    let mut policy: Policy =
        serde_json::from_str(policy).map_err(|error| format!("the policy: {error}"))?;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("the parent-death signal: {error}"))?;
    let judge = io::stdin().as_fd().try_clone_to_owned();
    let judge = Arc::new(judge.map_err(|error| format!("standard input: {error}"))?);
    let ready = io::stdout().write_all(&[READY]).and_then(|()| io::stdout().flush());
    ready.map_err(|error| format!("standard output: {error}"))?;
    let running = Running::default();
    loop {
        let request =
            ForkRequest::receive(&judge).map_err(|error| format!("a request: {error}"))?;
        let Some((request, with)) = request else { return Ok(()) };
        match request {
            ForkRequest::Start { number, user } => {
                let with = <[OwnedFd; 2]>::try_from(with);
                let [stdin, output] = with.map_err(|_| "a process needs two descriptors")?;
                policy.user = user;
                start(number, launcher, &policy, line, (stdin, output), (&judge, &running))?;
            }
            ForkRequest::Kill { number } => {
                if let Some(process) = lock(&running).get(&number) {
                    // This fails only if the process has already exited.
                    let _ = pidfd_send_signal(process, Signal::KILL);
                }
            }
        }
    }
}

fn start(
    number: u64,
    launcher: &Path,
    policy: &Policy,
    line: &[OsString],
    (stdin, output): (OwnedFd, OwnedFd),
    (judge, running): (&Arc<OwnedFd>, &Running),
) -> Result<(), String> {
    let policy = serde_json::to_string(policy).map_err(|error| error.to_string())?;
    let other = output.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(launcher);
    command.arg(policy).args(line).stdin(stdin).stdout(output).stderr(other);
    // The launcher asks to be killed when the thread that started it ends. This thread lives as
    // long as this program.
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", launcher.display()))?;
    // The command contains copies of the descriptors.
    drop(command);
    let descriptor = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
    lock(running).insert(number, descriptor.map_err(|error| kill(&mut child, error))?);
    let (judge, running) = (Arc::clone(judge), Arc::clone(running));
    let wait = move || {
        let Ok(status) = child.wait() else { return };
        lock(&running).remove(&number);
        // If the judge has exited, the report is lost.
        let _ = ExitReport { number, exit: status.into() }.send(&judge);
    };
    thread::Builder::new().spawn(wait).map(drop).map_err(|error| error.to_string())
}

/// Kills a process that cannot be watched.
fn kill(child: &mut Child, error: rustix::io::Errno) -> String {
    let _ = child.kill();
    let _ = child.wait();
    error.to_string()
}

fn lock(running: &Running) -> MutexGuard<'_, BTreeMap<u64, OwnedFd>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
