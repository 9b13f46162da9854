//! Failures of the node processes of a worker whose submission is out of process.

use std::time::{Duration, Instant};

use faultlab_remote::{ProcessExit, ProcessFailure, SharedProcessPool};

use super::Shared;

/// The time limit for a run: real time, a hundred times what a run needs. Without it, a submission
/// could take hours if each of its steps is slow, but none exceeds the limit for one step.
const RUN_MAX: Duration = Duration::from_secs(120);

/// Returns only if no node process has failed and the run has not taken too long. Otherwise the supervisor
/// learns it, as if the submission had failed in the worker's own process.
pub(super) fn report_failure(pool: &SharedProcessPool<'_>, shared: &Shared, started: Instant) {
    match pool.failure() {
        None if started.elapsed() < RUN_MAX => {}
        None => shared.fail(ProcessFailure::TimedOut),
        // Infrastructure errors, which `ProcessPool::check` reports to the caller.
        Some(ProcessFailure::NotStarted(_) | ProcessFailure::Ended(ProcessExit::Unknown(_))) => {}
        Some(failure) => shared.fail(failure),
    }
}
