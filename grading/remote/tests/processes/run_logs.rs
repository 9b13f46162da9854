//! A run's log is enough to record the run, and to repeat it elsewhere.

use std::io;

use faultlab::hosting::LocalHost;
use faultlab::simulate::{Options, Simulation};
use faultlab::trace::MemoryRecorder;
use faultlab_remote::{Logging, ProcessPool, record_from_logs, rerun, run_batched};

use crate::common::{Fault, submission};
use crate::support::{logged, pool, scenario};

pub(super) fn a_trace_recorded_from_a_log_is_the_same() {
    let submission = submission();
    let mut pool = pool(3);
    for fault in [Fault::None, Fault::PrintsAndLogs, Fault::PanicsAt(3), Fault::SendsToNobody] {
        let scenario = scenario(fault, 2);
        let here = |seed| {
            let mut sink = MemoryRecorder::new();
            let options = Options { recorder: Some(&mut sink), ..Options::default() };
            let simulation = Simulation::new(scenario.clone(), seed);
            let outcome = simulation.run(&mut LocalHost::new(&submission), options);
            (outcome, sink.into_trace())
        };
        let runs = logged(&scenario, 0..4, Logging::States, &mut pool);
        let logs: Vec<_> = runs.iter().map(|(outcome, log)| (log, outcome)).collect();
        let mut traces = Vec::new();
        let same = record_from_logs(&logs, &mut pool, &mut |index, host, for_good| {
            let mut sink = MemoryRecorder::new();
            let options = Options { recorder: Some(&mut sink), ..Options::default() };
            let outcome = Simulation::new(scenario.clone(), index as u64).run(host, options);
            if for_good {
                traces.push(sink.into_trace());
            }
            Some(outcome)
        });
        assert_eq!(same, [true; 4], "{fault:?}");
        for (seed, ((outcome, _), trace)) in (0..).zip(runs.iter().zip(traces)) {
            let (expected, mut expected_trace) = here(seed);
            assert_eq!(*outcome, expected, "{fault:?}, seed {seed}");
            // A node's output stays in its process.
            for event in expected_trace.iter_mut().flat_map(|trace| &mut trace.events) {
                event.printed.clear();
            }
            assert_eq!(trace, expected_trace, "{fault:?}, seed {seed}");
        }
    }
}

pub(super) fn rerunning_a_log_detects_hidden_state() {
    let mut pool = pool(3);
    for (fault, is_same) in [
        (Fault::None, true),
        (Fault::PanicsAt(3), true),
        (Fault::KeepsAGlobal, false),
        (Fault::CountsInAGlobal, false),
    ] {
        let runs = logged(&scenario(fault, 2), 0..3, Logging::Log, &mut pool);
        let logs: Vec<_> = (0..).zip(&runs).map(|(process, (_, log))| (process, log)).collect();
        pool.restart();
        let again = rerun(&logs, &mut pool).expect("processes can be started");
        assert_eq!(again, [is_same; 3], "{fault:?}");
        pool.restart();
    }
}

pub(super) fn reruns_fail_when_no_process_starts() {
    let scenario = scenario(Fault::None, 1);
    let keep = |_| Logging::Log;
    let ended =
        run_batched(&[(&scenario, 1)], &keep, &mut pool(2), &mut |_, _| 0..0, &mut || false);
    let ended = ended.expect("processes can be started");
    let mut none = ProcessPool::new(2, |_| Err(io::Error::other("no such program")));
    let error = rerun(&[(0, &ended[0].1)], &mut none).unwrap_err();
    assert_eq!(error.to_string(), "no such program");
}
