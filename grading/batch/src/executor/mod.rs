//! Executors: spread the submissions of a batch over processes and machines.
//!
//! The unit of work is one submission. A judge process, `grade --judge KEY --out DIR`, reads the
//! specification and the files from the results folder and writes a grading record there. An
//! executor starts these processes and reports when a record appears.

mod local;
mod parallel;
mod processor;
mod slurm;

use std::path::PathBuf;
use std::time::Duration;

pub use local::Local;
pub use parallel::Parallel;
pub use slurm::Slurm;

use crate::grading_record::InfraError;
use crate::store::{Key, Store};

/// The work of an executor.
#[derive(Clone, Debug)]
pub struct WorkList {
    /// The folder of results.
    pub store: Store,
    /// This program.
    pub program: PathBuf,
    /// The submissions to grade.
    pub keys: Vec<Key>,
    /// How many to grade at a time.
    pub jobs: usize,
    /// The time limit per submission; exceeding it is an infrastructure error.
    pub submission_timeout: Duration,
}

/// Receives events while a batch is graded.
pub trait BatchObserver {
    /// This key has a grading record or an infrastructure error.
    fn on_result(&mut self, key: &Key);

    /// A message for the user.
    fn on_message(&mut self, what: &str);

    /// Called periodically.
    fn on_tick(&mut self) {}

    /// Called periodically with what is being graded, and for how long it has been.
    fn on_running(&mut self, running: &[(&Key, Duration)]) {
        let _ = running;
    }
}

/// Spreads the work of a batch.
pub trait Executor {
    /// Grades everything. Returns when each key has a grading record or an infrastructure error.
    ///
    /// # Errors
    /// If the executor itself cannot be used.
    fn run(&self, work: &WorkList, observer: &mut dyn BatchObserver) -> anyhow::Result<()>;
}

/// Records that a submission cannot be graded now.
fn give_up(work: &WorkList, key: &Key, what: String, observer: &mut dyn BatchObserver) {
    // The judge may already have recorded a more precise error. If this cannot be written, the
    // submission stays ungraded.
    if work.store.infra_error(key).is_none() {
        let _ = work.store.put_infra_error(key, &InfraError::now(what));
    }
    observer.on_result(key);
}

/// One key per line.
fn list(keys: &[Key]) -> String {
    keys.iter().map(|key| format!("{}\n", key.as_str())).collect()
}
