//! Pins a submission's processes to one processor.
//!
//! A worker asks a node process and waits, hundreds of thousands of times, so the two never work at
//! the same time. On one processor that costs a context switch each time. On two, each wakes the
//! other, which takes several times as long on a virtual machine.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Runs `start` so that what it starts uses a single processor: of those available to this process,
/// the one for this slot. If the system refuses, any.
pub(super) fn on_one<V>(place: usize, start: impl FnOnce() -> V) -> V {
    let Ok(all) = sched_getaffinity(None) else { return start() };
    let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| all.is_set(cpu)).collect();
    if usable.is_empty() {
        return start();
    }
    let mut one = CpuSet::new();
    one.set(usable[place % usable.len()]);
    let limited = sched_setaffinity(None, &one).is_ok();
    let started = start();
    if limited {
        let _ = sched_setaffinity(None, &all);
    }
    started
}
