//! A pool of workers, each with a thread that waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::process::{Timeouts, WorkerCommand, WorkerFailure, WorkerProcess};
use crate::worker::protocol::{Answer, Request};

/// Requests for one worker, in order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The requests. If one fails, the rest are not executed.
    pub requests: Vec<Request>,
    /// Whether the worker must be fresh.
    pub fresh: bool,
    /// The file for the worker's output. Only for a fresh worker, which is ended afterwards.
    pub output: Option<PathBuf>,
    /// How long the submission's code may run without returning.
    pub timeouts: Timeouts,
}

/// The answers to a batch: one per request that was executed or failed.
pub type Answers = Vec<Result<Answer, WorkerFailure>>;

/// A pool of workers. Dropping it kills them.
pub struct Pool {
    slots: Vec<Slot>,
    finished: Receiver<(usize, Answers)>,
    cancelled: Arc<AtomicBool>,
}

struct Slot {
    batches: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
    busy: bool,
}

impl Pool {
    /// A pool of this many workers, at least one, started on demand.
    #[must_use]
    pub fn new(command: &WorkerCommand, workers: usize) -> Self {
        let (sender, finished) = crossbeam_channel::unbounded();
        let cancelled = Arc::new(AtomicBool::new(false));
        let slot = |index| {
            let (batches, received) = crossbeam_channel::unbounded();
            let (command, sender) = (command.clone(), sender.clone());
            let cancelled = Arc::clone(&cancelled);
            let thread =
                thread::spawn(move || run_worker(index, &command, &received, &sender, &cancelled));
            Slot { batches: Some(batches), thread: Some(thread), busy: false }
        };
        let slots = (0..workers.max(1)).map(slot).collect();
        Self { slots, finished, cancelled }
    }

    /// An idle worker.
    #[must_use]
    pub fn idle(&self) -> Option<usize> {
        self.slots.iter().position(|slot| !slot.busy)
    }

    /// Whether all workers are idle.
    #[must_use]
    pub fn all_idle(&self) -> bool {
        self.slots.iter().all(|slot| !slot.busy)
    }

    /// Gives a batch to an idle worker.
    ///
    /// # Panics
    /// When it is busy.
    pub fn give(&mut self, slot: usize, batch: Batch) {
        let slot = &mut self.slots[slot];
        assert!(!slot.busy, "a worker gets one batch at a time");
        if let Some(batches) = &slot.batches {
            slot.busy = batches.send(batch).is_ok();
        }
    }

    /// Waits until a batch is finished, but no longer than `longest`.
    pub fn wait(&mut self, longest: Duration) -> Option<(usize, Answers)> {
        match self.finished.recv_timeout(longest) {
            Ok((slot, answers)) => {
                self.slots[slot].busy = false;
                Some((slot, answers))
            }
            Err(_) => None,
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        for slot in &mut self.slots {
            slot.batches = None;
        }
        for slot in &mut self.slots {
            if let Some(thread) = slot.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// Runs one worker.
fn run_worker(
    index: usize,
    command: &WorkerCommand,
    batches: &Receiver<Batch>,
    finished: &Sender<(usize, Answers)>,
    cancelled: &AtomicBool,
) {
    let mut worker: Option<WorkerProcess> = None;
    while let Ok(batch) = batches.recv() {
        if batch.fresh {
            worker = None;
        }
        let answers = perform(command, &mut worker, &batch, cancelled);
        if batch.output.is_some() {
            worker = None;
        }
        if finished.send((index, answers)).is_err() {
            return;
        }
    }
}

fn perform(
    command: &WorkerCommand,
    worker: &mut Option<WorkerProcess>,
    batch: &Batch,
    cancelled: &AtomicBool,
) -> Answers {
    let mut answers = Vec::new();
    for request in &batch.requests {
        if cancelled.load(Ordering::Relaxed) {
            answers.push(Err(WorkerFailure::Cancelled));
            return answers;
        }
        let process = match worker {
            Some(process) => process,
            None => match WorkerProcess::start(command, batch.output.as_deref()) {
                Ok(process) => worker.insert(process),
                Err(error) => {
                    let program = command.program.display();
                    answers.push(Err(WorkerFailure::Unavailable(format!(
                        "cannot start {program}: {error}"
                    ))));
                    return answers;
                }
            },
        };
        let answer = process.perform(request, batch.timeouts, cancelled);
        let lost = answer.is_err();
        answers.push(answer);
        if lost {
            *worker = None;
            return answers;
        }
    }
    answers
}
