//! Processes that exit, loop or do not start: what they cost, and whose fault it is.

use std::io;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use faultlab::codec;
use faultlab::hosting::Host;
use faultlab_remote::{ProcessExit, ProcessFailure, ProcessHandle, ProcessPool, RunCompletion};

use crate::common::{Fault, server};
use crate::support::{SECOND, local, pool, run_all, run_seeds, scenario, start, start_as};

pub(super) fn a_process_exit_affects_only_its_own_run() {
    for (fault, how) in [
        (Fault::Exits(7), ProcessExit::Exited(0)),
        (Fault::OverflowsAt(7), ProcessExit::Signalled(6)),
    ] {
        // The fault is after the last command of a run that ends earlier.
        let fatal = scenario(fault, 1);
        let harmless = scenario(Fault::None, 1);
        // More runs than are repeated together after a process was lost, so that it takes two steps to find
        // the one that ended it.
        let is_fatal = |seed| seed == 5 || seed == 21;
        let runs: Vec<_> =
            (0..24).map(|seed| (if is_fatal(seed) { &fatal } else { &harmless }, seed)).collect();
        let mut pool = pool(2);
        let ended = run_all(&runs, &mut pool).expect("processes can be started");
        for (&(scenario, seed), ended) in runs.iter().zip(ended) {
            let expected = match is_fatal(seed) {
                true => RunCompletion::ProcessFailed(ProcessFailure::Ended(how.clone())),
                false => RunCompletion::Finished(local(scenario, seed)),
            };
            assert_eq!(ended, Some(expected), "seed {seed}");
        }
    }
}

pub(super) fn an_infinite_loop_costs_one_run_and_bounded_time() {
    let endless = scenario(Fault::LoopsAt(3), 1);
    let start_time = Instant::now();
    let limit = SECOND / 4;
    let mut pool = ProcessPool::new(2, |_| start("adder", limit));
    let ended = run_seeds(&endless, 5, &mut pool);
    assert!(start_time.elapsed() < 10 * SECOND);
    assert_eq!(ended[0], Some(RunCompletion::ProcessFailed(ProcessFailure::TimedOut)));
    assert_eq!(&ended[1..], [None, None, None, None], "no other run is started");
}

pub(super) fn failing_to_start_a_process_is_an_infra_error() {
    let mut pool = ProcessPool::new(2, |number| match number {
        0 => start("adder", SECOND),
        _ => Err(io::Error::other("no such program")),
    });
    let scenario = scenario(Fault::None, 1);
    let error = run_all(&[(&scenario, 1)], &mut pool).unwrap_err();
    assert_eq!(error.to_string(), "no such program");
}

pub(super) fn an_unknown_exit_is_an_infra_error() {
    struct Unwatched(Child);
    impl ProcessHandle for Unwatched {
        fn end(&mut self, grace: Duration) -> ProcessExit {
            self.0.end(grace);
            ProcessExit::Unknown("the sandbox is gone".to_owned())
        }
    }
    let mut pool = ProcessPool::new(2, |_| start_as("adder", SECOND, Unwatched));
    let scenario = scenario(Fault::Exits(2), 1);
    let error = run_all(&[(&scenario, 1)], &mut pool).unwrap_err();
    assert_eq!(error.to_string(), "the sandbox is gone");
    assert_eq!(pool.failure(), None);
    assert!(pool.check().is_ok(), "the error is returned once");
}

pub(super) fn exchange_finished_is_called_after_the_last_answer() {
    struct Counting(Child, Arc<AtomicUsize>);
    impl ProcessHandle for Counting {
        fn end(&mut self, grace: Duration) -> ProcessExit {
            self.0.end(grace)
        }
        fn exchange_finished(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let answered = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&answered);
    let mut pool = ProcessPool::new(1, move |_| {
        start_as("adder", SECOND, |child| Counting(child, Arc::clone(&counter)))
    });
    let arguments = codec::encode(&Fault::None).expect("a fault encodes");
    pool.host(0).make(0, "server", server(), &arguments).expect("it is made");
    assert_eq!(answered.load(Ordering::Relaxed), 1);
}
