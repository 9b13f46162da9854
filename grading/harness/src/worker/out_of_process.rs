//! Makes a worker with an out-of-process submission fail as its node processes fail: it exits as
//! they exit, and hangs as they hang. So a supervisor handles only one kind of worker.

use std::io::Write;
use std::process;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use faultlab_remote::{ProcessExit, ProcessFailure, SharedProcessPool};
use rustix::process::{Signal, getpid, kill_process};

use super::{EXIT_OUTPUT_LIMIT, Shared};

/// The time limit for a run: real time, a hundred times what a run needs. Without it, a submission
/// could take hours if each of its steps is slow, but none exceeds the limit for one step.
const RUN_MAX: Duration = Duration::from_secs(120);

/// Returns only if no node process has failed and the run has not taken too long.
pub(super) fn propagate_failure(pool: &SharedProcessPool<'_>, shared: &Shared, started: Instant) {
    let failure = match pool.failure() {
        None if started.elapsed() < RUN_MAX => return,
        None => ProcessFailure::TimedOut(RUN_MAX),
        Some(failure) => failure,
    };
    match failure {
        ProcessFailure::Ended(ProcessExit::Exited(code)) => process::exit(code),
        ProcessFailure::Ended(ProcessExit::OutputLimit) => process::exit(EXIT_OUTPUT_LIMIT.into()),
        ProcessFailure::Ended(ProcessExit::Signalled(signal)) => {
            if let Some(signal) = Signal::from_named_raw(signal) {
                // Rust's own handler returns from the first SIGSEGV, so raise it twice.
                for _ in 0..2 {
                    let _ = kill_process(getpid(), signal);
                    thread::sleep(Duration::from_millis(10));
                }
            }
            // Not reached: a signal that ended the node process ends this one too.
            process::exit(128 + signal)
        }
        ProcessFailure::TimedOut(_) => {
            // The supervisor learns this from the next heartbeat and ends this process.
            shared.entries.mark_stuck();
            loop {
                thread::park();
            }
        }
        // This is an infrastructure error, which `ProcessPool::check` reports to the caller.
        ProcessFailure::Ended(ProcessExit::Unknown(_)) => {}
        ProcessFailure::Ended(ProcessExit::Other(_)) | ProcessFailure::ProtocolError(_) => {
            // A frame that is not an answer.
            let mut stream = shared.stream.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = stream.write_all(&[1, 0, 0, 0, 0xff]);
            loop {
                thread::park();
            }
        }
    }
}
