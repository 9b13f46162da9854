//! Which processor a submission's processes run on.
//!
//! A judge asks a submission's process and waits, hundreds of thousands of times, so the two never
//! work at once. On one processor that is a change of context each; on two, each wakes the other up, which
//! takes several times as long on a virtual machine.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Does something so that what it starts runs on one processor: of those that this process may use, the
/// one for this place. Where the system refuses, on any.
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
