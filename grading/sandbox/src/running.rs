//! A running confined program, and how it ended.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use faultlab_remote::{ProcessExit, ProcessHandle};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::output::{CapturedOutput, OutputReader};

/// How a program ended whose process had this status. If `is_tree`, the process is a sandbox program
/// (bubblewrap or unshare) that has waited for the confined one. All that it can pass on is its own status.
/// bubblewrap reports a signal as the code 128 + its number, as shells do, and so does the launcher under unshare.
fn exit_of(status: ExitStatus, is_tree: bool) -> ProcessExit {
    match status.code() {
        Some(code @ 129..=192) if is_tree => ProcessExit::Signalled(code - 128),
        _ => status.into(),
    }
}

/// The result of running a program.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub exit: ProcessExit,
    /// Its output: standard output and standard error together.
    pub printed: CapturedOutput,
    /// How long it ran. This does not affect any grade.
    pub wall: Duration,
}

/// A running confined program. Dropping this kills it and everything it started.
///
/// It is also killed when the *thread* that started it ends.
#[derive(Debug)]
pub struct Confined {
    pub(crate) child: Child,
    pub(crate) output: OutputReader,
    pub(crate) started: Instant,
    pub(crate) wall_max: Duration,
    /// Whether the child is a sandbox program, which represents a whole process tree; see [`exit_of`].
    pub(crate) is_tree: bool,
}

/// The shortest and the longest interval for checking whether a program has exited.
const POLL_MIN: Duration = Duration::from_micros(200);
const POLL_MAX: Duration = Duration::from_millis(5);

/// How long output may take to arrive after the program has exited.
pub(crate) const OUTPUT_MAX: Duration = Duration::from_secs(2);

impl Confined {
    /// Waits until the program exits, at most as long as the job allows, and then kills what is left.
    #[must_use]
    pub fn wait(mut self) -> Finished {
        let exit = self.wait_for(self.wall_max).unwrap_or(ProcessExit::Killed);
        let wall = self.started.elapsed();
        self.kill();
        let printed = self.output.finish(OUTPUT_MAX);
        // It was killed for that.
        let exit = if self.output.is_over_limit() { ProcessExit::OutputLimit } else { exit };
        Finished { exit, printed, wall }
    }

    /// Waits until this long after the start. Returns how the program ended, if it has.
    fn wait_for(&mut self, limit: Duration) -> Option<ProcessExit> {
        let mut poll = POLL_MIN;
        loop {
            // An error would mean that the child does not exist, which is impossible.
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(exit_of(status, self.is_tree));
            }
            if self.started.elapsed() >= limit {
                return None;
            }
            std::thread::sleep(poll);
            poll = (poll * 2).min(POLL_MAX);
        }
    }

    /// Kills the program and everything it started, and waits until all have exited.
    pub fn kill(&mut self) {
        // The group is empty once all have exited; the child itself exists until it is waited for.
        if !self.is_tree
            && let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        self.kill();
    }
}

impl ProcessHandle for Confined {
    fn end(&mut self, grace: Duration) -> ProcessExit {
        let exit = self.wait_for(self.started.elapsed() + grace);
        self.kill();
        if self.output.is_over_limit() {
            return ProcessExit::OutputLimit;
        }
        exit.unwrap_or(ProcessExit::Killed)
    }

    fn exchange_finished(&mut self) {
        self.output.reset_count();
    }
}
