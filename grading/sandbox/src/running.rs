//! A running confined program, and how it exited.

use std::fmt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use faultlab_remote::{ProcessExit, ProcessHandle};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::output::{CapturedOutput, OutputReader};

/// How a program exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramExit {
    /// It exited with this code.
    Exited(i32),
    /// It was terminated by this signal.
    Signalled(i32),
    /// It exceeded its time limit and was killed.
    TookTooLong,
}

impl ProgramExit {
    /// How a process with this status exited. If `is_tree`, the process represents a whole process
    /// tree and reports a signal as the code 128 + its number.
    pub(crate) fn of(status: ExitStatus, is_tree: bool) -> Self {
        use std::os::unix::process::ExitStatusExt;

        match (status.signal(), status.code()) {
            (Some(signal), _) => Self::Signalled(signal),
            (None, Some(code)) if is_tree && (129..=192).contains(&code) => {
                Self::Signalled(code - 128)
            }
            (None, code) => Self::Exited(code.unwrap_or(-1)),
        }
    }

    /// The same as a [`ProcessExit`].
    pub(crate) fn process_exit(self) -> ProcessExit {
        match self {
            Self::Exited(code) => ProcessExit::Exited(code),
            Self::Signalled(signal) => ProcessExit::Signalled(signal),
            Self::TookTooLong => ProcessExit::killed_by_engine(),
        }
    }
}

impl fmt::Display for ProgramExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => ProcessExit::Exited(*code).fmt(f),
            Self::Signalled(signal) => ProcessExit::Signalled(*signal).fmt(f),
            Self::TookTooLong => f.write_str("took too long and was killed"),
        }
    }
}

/// The result of running a program.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it exited.
    pub exit: ProgramExit,
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
    /// Whether the child represents a whole process tree and reports a signal as 128 + its number.
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
        let ended = match self.wait_for(self.wall_max) {
            Some(status) => ProgramExit::of(status, self.is_tree),
            None => ProgramExit::TookTooLong,
        };
        let wall = self.started.elapsed();
        self.kill();
        Finished { exit: ended, printed: self.output.finish(OUTPUT_MAX), wall }
    }

    /// Waits until this long after the start.
    fn wait_for(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut poll = POLL_MIN;
        loop {
            // An error would mean that the child does not exist, which is impossible.
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
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
        let status = self.wait_for(self.started.elapsed() + grace);
        self.kill();
        if self.output.is_over_limit() {
            return ProcessExit::OutputLimit;
        }
        status
            .map_or(ProgramExit::TookTooLong, |status| ProgramExit::of(status, self.is_tree))
            .process_exit()
    }

    fn exchange_finished(&mut self) {
        self.output.reset_count();
    }
}
