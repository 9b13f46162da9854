//! Parallel work on persistent threads.
//!
//! A search distributes work thousands of times per second. Starting a thread each time would take
//! longer than most of the work. [`with_threads`] starts the threads once, for all work that is
//! distributed inside it. Outside of it, the calling thread does everything. No result depends on the
//! number of threads.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The stack of each thread: the usual size of a program's main thread, so that students' handlers
/// can recurse equally deep on any of them.
const STACK_BYTES: usize = 8 << 20;

/// Runs `work` with this many threads to distribute work to. With one, or if the system does not
/// allow more, the calling thread does everything.
pub(crate) fn with_threads<R: Send>(threads: NonZeroUsize, work: impl FnOnce() -> R + Send) -> R {
    if threads == NonZeroUsize::MIN {
        return work();
    }
    let pool =
        rayon_core::ThreadPoolBuilder::new().num_threads(threads.get()).stack_size(STACK_BYTES);
    match pool.build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// The number of threads that work can be distributed to, including this one.
pub(crate) fn threads() -> usize {
    match rayon_core::current_thread_index() {
        Some(_) => rayon_core::current_num_threads(),
        None => 1,
    }
}

/// Calls `run` for each part, on all threads, and waits for all calls.
pub(crate) fn for_each<P: Send>(parts: &mut [P], run: impl Fn(&mut P) + Sync) {
    let mut nothing = vec![(); threads()];
    for_each_with(parts, &mut nothing, |part, ()| run(part));
}

/// The same, giving each thread one element of `own`; there must be as many elements as threads.
/// Free threads take the next part.
pub(crate) fn for_each_with<P: Send, T: Send>(
    parts: &mut [P],
    own: &mut [T],
    run: impl Fn(&mut P, &mut T) + Sync,
) {
    let (first, others) = own.split_first_mut().expect("one element for each thread");
    if others.is_empty() || parts.len() < 2 {
        return parts.iter_mut().for_each(|part| run(part, first));
    }
    let parts = Mutex::new(parts.iter_mut());
    let work = |own: &mut T| {
        loop {
            let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(part) = next else { break };
            run(part, own);
        }
    };
    rayon_core::scope(|scope| {
        let work = &work;
        for own in others {
            scope.spawn(move |_| work(own));
        }
        work(first);
    });
}

/// Runs `own` on this thread, and `run` for each part on whichever thread is free, including this
/// one after `own`. Returns what `own` returned.
pub(crate) fn run_alongside<P: Send, R: Send>(
    parts: &mut [P],
    run: impl Fn(&mut P) + Sync,
    own: impl FnOnce() -> R + Send,
) -> R {
    if threads() == 1 {
        let result = own();
        parts.iter_mut().for_each(run);
        return result;
    }
    let parts = Mutex::new(parts.iter_mut());
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(part) = next() {
            run(part);
            // Work that `own` distributes has priority, because `own` waits for it. The parts can
            // wait until the end.
            rayon_core::yield_now();
        }
    };
    let here = rayon_core::current_thread_index();
    let is_over = AtomicBool::new(false);
    rayon_core::scope(|scope| {
        // A broadcast, not a spawn: this thread would execute spawned work when `own` waits for its
        // own distributed work, so `own` would have to wait for the parts.
        scope.spawn_broadcast(|_, context| {
            if Some(context.index()) == here {
                return;
            }
            work();
            // Spin, because `own` distributes short work often, and waking up would take longer.
            while !is_over.load(Ordering::Relaxed) {
                if rayon_core::yield_now() != Some(rayon_core::Yield::Executed) {
                    std::thread::yield_now();
                }
            }
        });
        let over = DoneOnDrop(&is_over);
        let result = own();
        drop(over);
        work();
        result
    })
}

/// Sets a flag when dropped, also during a panic.
struct DoneOnDrop<'b>(&'b AtomicBool);

impl Drop for DoneOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once() {
        for count in 1..4 {
            let count = NonZeroUsize::new(count).unwrap();
            with_threads(count, || {
                assert_eq!(threads(), count.get());
                let mut parts = vec![0; 100];
                let own = run_alongside(&mut parts, |part| *part += 1, || 7);
                assert_eq!((own, parts), (7, vec![1; 100]));
                let mut parts = vec![0; 100];
                for_each(&mut parts, |part| *part += 1);
                assert_eq!(parts, [1; 100]);
            });
        }
        assert_eq!(threads(), 1);
    }

    #[test]
    fn a_panic_alongside_parts_propagates() {
        with_threads(NonZeroUsize::new(2).unwrap(), || {
            let mut parts = vec![0; 50];
            let own = || {
                run_alongside(&mut parts, |part| *part += 1, || panic!("as it should"));
            };
            let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(own));
            assert!(seen.is_err());
        });
    }

    #[test]
    fn each_thread_has_its_own_element() {
        with_threads(NonZeroUsize::new(3).unwrap(), || {
            let mut parts = vec![0; 100];
            let mut own = vec![0; 3];
            for_each_with(&mut parts, &mut own, |part, own| {
                *part += 1;
                *own += 1;
            });
            assert_eq!((parts, own.iter().sum()), (vec![1; 100], 100));
        });
    }

    #[test]
    fn nested_parallel_sections_work() {
        with_threads(NonZeroUsize::new(2).unwrap(), || {
            let mut parts = vec![0; 50];
            let own = || {
                let mut inner = vec![1; 50];
                for_each(&mut inner, |part| *part *= 2);
                inner.iter().sum::<i32>()
            };
            assert_eq!(run_alongside(&mut parts, |part| *part += 1, own), 100);
            assert_eq!(parts, [1; 50]);
        });
    }
}
