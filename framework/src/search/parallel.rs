//! Running the same work on several parts at once.

use std::sync::{Mutex, PoisonError};

/// Calls `run` for each part, each on a thread of its own if there are several, and waits for all.
pub(super) fn for_each<P: Send>(parts: &mut [P], run: impl Fn(usize, &mut P) + Sync) {
    let Some((first, rest)) = parts.split_first_mut() else { return };
    if rest.is_empty() {
        return run(0, first);
    }
    std::thread::scope(|scope| {
        let run = &run;
        for (index, part) in (1..).zip(rest) {
            scope.spawn(move || run(index, part));
        }
        run(0, first);
    });
}

/// Does `own` on this thread, and `run` for each part on whichever of this many threads is free: on
/// this one too, after `own`. Returns what `own` did.
pub(super) fn beside<P: Send, R>(
    threads: usize,
    parts: &mut [P],
    run: impl Fn(&mut P) + Sync,
    own: impl FnOnce() -> R,
) -> R {
    let parts = Mutex::new(parts.iter_mut());
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(part) = next() {
            run(part);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        let result = own();
        work();
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_beside_the_own_work() {
        for threads in 1..4 {
            let mut parts = vec![0; 100];
            let own = beside(threads, &mut parts, |part| *part += 1, || 7);
            assert_eq!(own, 7);
            assert_eq!(parts, [1; 100]);
        }
    }
}
