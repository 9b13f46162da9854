//! Nodes out of process crash and come back as in process do, also in runs that are logged, recorded and repeated.

use std::time::Duration;

use faultlab::hosting::{Host, LocalHost};
use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::{Intervention, Network, Options, Outcome, Scenario, Simulation};
use faultlab::trace::{EventKind, MemoryRecorder, Trace};
use faultlab::{DiskFault, FaultModel};
use faultlab_remote::{Logging, ProcessPool, RunCompletion, record_from_logs, rerun};

use crate::notebook::{Way, client_node, server, server_node, submission};
use crate::support::{SECOND, logged, run_all, start};

fn pool(processes: usize) -> ProcessPool<'static> {
    ProcessPool::new(processes, |_| start("notebook", 20 * SECOND))
}

/// A server that crashes within handlers, on a disk that tears writes.
fn scenario(way: Way) -> Scenario {
    let ms = Duration::from_millis;
    let mut scenario = Scenario::new()
        .fault_model(FaultModel::UNRELIABLE_CRASH_RECOVERY_TORN_WRITES)
        .node(server_node(way))
        .node(client_node(10))
        .network(Network::unreliable())
        .until_done(20 * SECOND)
        .check(clients_done())
        .check(results_ok());
    for crash in [40, 120, 210, 300] {
        let tear = Intervention::DiskFault { node: server(), fault: DiskFault::TornWrite };
        scenario = scenario
            .at(ms(crash), Intervention::CrashInHandler(server()))
            .at(ms(crash), tear)
            .at(ms(crash + 55), Intervention::Restart(server()));
    }
    scenario
}

fn record(scenario: &Scenario, seed: u64, host: &mut dyn Host) -> (Outcome, Trace) {
    let mut sink = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut sink), ..Options::default() };
    let outcome = Simulation::new(scenario.clone(), seed).run(host, options);
    (outcome, sink.into_trace().expect("a recorded run has a trace"))
}

fn here(scenario: &Scenario, seed: u64) -> (Outcome, Trace) {
    record(scenario, seed, &mut LocalHost::new(&submission()))
}

pub(super) fn runs_with_restarts_are_the_same_in_all_hosts() {
    let (mut one, mut other) = (pool(2), pool(3));
    for way in [Way::Logs, Way::TrustsTornEntries, Way::SavesAfterAnswering] {
        let scenario = scenario(way);
        let expected = here(&scenario, 2);
        let is_restart = |what: &EventKind| matches!(what, EventKind::Restart { .. });
        let restarts = expected.1.events.iter().filter(|event| is_restart(&event.what)).count();
        assert!(restarts > 1, "{way:?}: {restarts} restarts");
        assert_eq!(record(&scenario, 2, &mut one.host(0)), expected, "{way:?}");
        assert_eq!(record(&scenario, 2, &mut other.stateless_host()), expected, "{way:?}");
    }
}

pub(super) fn batched_runs_with_restarts_match_in_process_runs() {
    let ways = [Way::Logs, Way::SavesAll, Way::NeverSyncs, Way::TrustsTornEntries];
    let scenarios = ways.map(scenario);
    let runs: Vec<_> =
        scenarios.iter().flat_map(|it| (0..30).map(move |seed| (it, seed))).collect();
    let ended = run_all(&runs, &mut pool(3)).expect("processes can be started");
    let mut broken = 0;
    for (&(scenario, seed), ended) in runs.iter().zip(ended) {
        let (expected, _) = here(scenario, seed);
        broken += usize::from(!expected.verdict.held());
        assert_eq!(ended, Some(RunCompletion::Finished(expected)), "seed {seed}");
    }
    assert!(broken > 2, "{broken} runs break");
}

pub(super) fn logs_of_runs_with_restarts_are_recorded_and_repeated() {
    let mut pool = pool(3);
    let scenario = scenario(Way::NeverSyncs);
    let runs = logged(&scenario, 0..4, Logging::States, &mut pool);
    let logs: Vec<_> = runs.iter().map(|(outcome, log)| (log, outcome)).collect();
    let mut traces = Vec::new();
    let same = record_from_logs(&logs, &mut pool, &mut |index, host, for_good| {
        let (outcome, trace) = record(&scenario, index as u64, host);
        if for_good {
            traces.push(trace);
        }
        Some(outcome)
    });
    assert_eq!(same, [true; 4]);
    for (seed, trace) in (0..).zip(traces) {
        assert_eq!(trace, here(&scenario, seed).1, "seed {seed}");
    }
    let logs: Vec<_> = (0..).zip(&runs).map(|(process, (_, log))| (process % 3, log)).collect();
    pool.restart();
    assert_eq!(rerun(&logs, &mut pool).expect("processes can be started"), [true; 4]);
}
