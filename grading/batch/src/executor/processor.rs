//! Pins a submission's processes to one processor.
//!
//! A worker sends a request to a node process and waits, hundreds of thousands of times, so the two
//! never run at the same time. On one processor, each exchange costs two context switches. On two
//! processors, each process must wake the other, which takes several times as long on a virtual
//! machine.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Runs `start` so that the processes it starts use a single processor: the one for this slot, among
/// those available to this process. If the system refuses, they use any.
pub(super) fn on_one<V>(slot: usize, start: impl FnOnce() -> V) -> V {
    let Ok(all) = sched_getaffinity(None) else { return start() };
    let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| all.is_set(cpu)).collect();
    if usable.is_empty() {
        return start();
    }
    let mut one = CpuSet::new();
    one.set(usable[slot % usable.len()]);
    let limited = sched_setaffinity(None, &one).is_ok();
    let started = start();
    if limited {
        let _ = sched_setaffinity(None, &all);
    }
    started
}
