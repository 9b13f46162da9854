//! Nodes that crash and come back: what each fault does, which solutions survive it, and which do not. Runs with
//! restarts are recorded, replayed and shrunk like all others.

#[path = "fixtures/durable_notebook.rs"]
mod notebook;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use faultlab::hosting::LocalHost;
use faultlab::property::{Property, clients_done, observe, results_ok, violated};
use faultlab::random::{Random, Stream};
use faultlab::simulate::shrink::shrink;
use faultlab::simulate::{
    self, Intervention, Network, Options, Outcome, Scenario, ScenarioError, Simulation, Verdict,
};
use faultlab::trace::replay::ReplayStatus;
use faultlab::trace::show::{self, diagram};
use faultlab::trace::{
    EventKind, Incarnation, MemoryRecorder, Origin, StorageFate, StorageOperation, Trace, file,
};
use faultlab::{DiskFault, FaultModel, NetworkModel, NodeModel};

use notebook::{Way, client, client_node, server, server_node, submission};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const CRASH_RECOVERY: FaultModel = FaultModel::UNRELIABLE_CRASH_RECOVERY;
const TORN_WRITES: FaultModel = FaultModel::UNRELIABLE_CRASH_RECOVERY_TORN_WRITES;
const FAULTY_DISK: FaultModel = FaultModel::UNRELIABLE_CRASH_RECOVERY_FAULTY_DISK;

fn base(way: Way, model: FaultModel) -> Scenario {
    Scenario::new()
        .fault_model(model)
        .node(server_node(way))
        .node(client_node(12))
        .network(Network::reliable())
        .until_done(20 * SECOND)
        .check(clients_done())
        .check(results_ok())
}

/// The server crashes within a handler and restarts, again and again, at times that the seed draws.
fn crashing(way: Way, model: FaultModel, fault: Option<DiskFault>, seed: u64) -> Scenario {
    let mut random = Random::new(seed, Stream::Setup);
    let mut scenario = base(way, model);
    let mut now = 0;
    for _ in 0..4 {
        now += random.between(20, 90);
        let at = now as u32 * MS;
        scenario = scenario.at(at, Intervention::CrashInHandler(server()));
        if let Some(fault) = fault {
            scenario = scenario.at(at, Intervention::DiskFault { node: server(), fault });
        }
        now += random.between(40, 60);
        scenario = scenario.at(now as u32 * MS, Intervention::Restart(server()));
    }
    scenario
}

fn run(scenario: Scenario, seed: u64) -> Outcome {
    Simulation::new(scenario, seed).run(&mut LocalHost::new(&submission()), Options::default())
}

fn recorded(scenario: Scenario, seed: u64) -> Trace {
    let mut sink = MemoryRecorder::new();
    let origin = Origin { lab: "golden".into(), test: "1.1".into(), title: "a reboot".into() };
    let options = Options { recorder: Some(&mut sink), origin, ..Options::default() };
    Simulation::new(scenario, seed).run(&mut LocalHost::new(&submission()), options);
    let mut text = Vec::new();
    file::write(&mut text, &sink.into_trace().expect("a recorded run has a trace")).unwrap();
    file::read(&text[..]).unwrap()
}

const SEEDS: u64 = 40;

/// The seeds of which a run breaks, with the property that breaks first.
fn broken(way: Way, model: FaultModel, fault: Option<DiskFault>) -> Vec<(u64, String)> {
    let broken = |seed| match run(crashing(way, model, fault, seed), seed).verdict {
        Verdict::Held => None,
        Verdict::Violated(violation) => Some((seed, violation.property)),
        failed => panic!("{way:?}, seed {seed}: {failed:?}"),
    };
    (0..SEEDS).filter_map(broken).collect()
}

#[test]
fn right_servers_survive_restarts() {
    for way in Way::RIGHT {
        assert_eq!(broken(way, CRASH_RECOVERY, None), [], "{way:?}");
        for fault in [DiskFault::UnsyncedLost, DiskFault::UnsyncedReordered, DiskFault::TornWrite] {
            assert_eq!(broken(way, TORN_WRITES, Some(fault)), [], "{way:?}, {fault:?}");
        }
    }
}

#[test]
fn each_wrong_server_is_caught() {
    for (way, fault) in [
        (Way::SavesNothing, None),
        (Way::SavesAfterAnswering, None),
        (Way::ForgetsAnswers, None),
        (Way::NeverSyncs, None),
        (Way::TrustsTornEntries, Some(DiskFault::TornWrite)),
    ] {
        let broken = broken(way, TORN_WRITES, fault);
        assert!(broken.len() > 2, "{way:?} breaks only for {broken:?}");
        assert!(broken.iter().all(|(_, property)| property == results_ok().name()), "{broken:?}");
    }
}

#[test]
fn a_wrong_server_is_caught_only_by_the_fault_that_it_does_not_survive() {
    // On a disk that tears no writes, every entry that can be read can be trusted.
    assert_eq!(broken(Way::TrustsTornEntries, CRASH_RECOVERY, None), []);
    // Crashes between handlers do not separate the answer from what is saved after it.
    for seed in 0..SEEDS {
        let reboot = Intervention::Restart(server());
        let at = (10 + 7 * seed) as u32 * MS;
        let scenario = base(Way::SavesAfterAnswering, CRASH_RECOVERY).at(at, reboot);
        assert!(run(scenario, seed).verdict.held());
    }
}

#[test]
fn a_faulty_disk_loses_and_corrupts_what_was_durable() {
    let lost = broken(Way::SavesAll, FAULTY_DISK, Some(DiskFault::Lost));
    assert!(lost.len() > 2, "{lost:?}");
    let corrupted = broken(Way::SavesAll, FAULTY_DISK, Some(DiskFault::Corrupted));
    assert!(corrupted.len() > 2, "{corrupted:?}");
}

/// The restarts of a run: the incarnation, and what became of what was stored.
fn restarts(trace: &Trace) -> Vec<(Incarnation, Vec<StorageFate>)> {
    let restart = |what: &EventKind| match what {
        EventKind::Restart { incarnation, storage, .. } => {
            Some((*incarnation, storage.iter().map(|item| item.fate).collect()))
        }
        _ => None,
    };
    trace.events.iter().filter_map(|event| restart(&event.what)).collect()
}

#[test]
fn each_fault_happens_in_its_model_and_in_no_weaker_one() {
    let fates = |model, fault| -> BTreeSet<StorageFate> {
        let fates = |seed| restarts(&recorded(crashing(Way::NeverSyncs, model, fault, seed), seed));
        (0..8).flat_map(fates).flat_map(|(_, fates)| fates).collect()
    };
    use StorageFate::{Corrupted, Kept, Lost, Torn, Unsynced};
    assert_eq!(fates(CRASH_RECOVERY, None), [Kept, Unsynced].into());
    assert_eq!(fates(CRASH_RECOVERY, Some(DiskFault::UnsyncedLost)), [Unsynced].into());
    assert!(fates(TORN_WRITES, Some(DiskFault::TornWrite)).contains(&Torn));
    assert!(fates(FAULTY_DISK, Some(DiskFault::Corrupted)).contains(&Corrupted));
    assert!(fates(FAULTY_DISK, Some(DiskFault::Lost)).contains(&Lost));
}

#[test]
fn a_crash_within_a_handler_comes_between_any_two_effects() {
    let mut points = BTreeSet::new();
    for seed in 0..SEEDS {
        let trace = recorded(crashing(Way::Logs, CRASH_RECOVERY, None, seed), seed);
        for (index, event) in trace.events.iter().enumerate() {
            let Some(after) = event.interrupted_after else { continue };
            let effects = event.stored.len() + event.sent.len() + event.timers.len();
            assert_eq!(effects, after as usize, "only what took place is listed");
            assert_eq!(event.state, None);
            let next = &trace.events[index + 1].what;
            assert!(matches!(next, EventKind::Crash { .. }), "{next:?}");
            let operations = event.stored.iter().map(|write| write.operation);
            points.insert(operations.map(|it| format!("{it:?}")).collect::<Vec<_>>());
        }
    }
    // A handler appends, syncs and answers; the crash comes before the answer at the latest.
    let named = |operations: &[StorageOperation]| {
        operations.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>()
    };
    let (append, sync) = (StorageOperation::Append, StorageOperation::Sync);
    assert_eq!(points, [named(&[]), named(&[append]), named(&[append, sync])].into());
}

#[test]
fn what_is_in_flight_survives_a_crash_and_timers_do_not() {
    // The client's request is under way for 5 ms, while the server reboots.
    let scenario = base(Way::SavesAll, CRASH_RECOVERY)
        .link_conditions(simulate::LinkConditions {
            latency: simulate::Latency::fixed(5 * MS),
            ..simulate::LinkConditions::reliable()
        })
        .at(2 * MS, Intervention::Crash(server()))
        .at(3 * MS, Intervention::Restart(server()));
    let trace = recorded(scenario, 1);
    let times = |is_it: &dyn Fn(&EventKind) -> bool| {
        let times = trace.events.iter().filter(|event| is_it(&event.what));
        times.filter_map(|event| event.time_ns).next()
    };
    assert_eq!(times(&|what| matches!(what, EventKind::Restart { .. })), Some(3_000_000));
    let arrives =
        |what: &EventKind| matches!(what, EventKind::Deliver { node, .. } if *node == server());
    assert_eq!(times(&arrives), Some(5_000_000), "it reaches the new incarnation");
}

#[test]
fn a_running_node_reboots_and_a_restart_disarms_a_crash() {
    let reboot = |at: u32| (at * MS, Intervention::Restart(server()));
    let mut scenario = base(Way::SavesAll, CRASH_RECOVERY);
    for (at, what) in [reboot(100), reboot(200)] {
        scenario = scenario.at(at, what);
    }
    let trace = recorded(scenario.clone(), 3);
    let crashes = |trace: &Trace| {
        trace.events.iter().filter(|it| matches!(it.what, EventKind::Crash { .. })).count()
    };
    assert_eq!(crashes(&trace), 2);
    assert_eq!(restarts(&trace).len(), 2);
    // The client rests, so the server handles nothing between the two.
    let scenario = base(Way::SavesAll, CRASH_RECOVERY)
        .at(Duration::ZERO, Intervention::Cut { from: client(), to: server() })
        .at(100 * MS, Intervention::CrashInHandler(server()))
        .at(150 * MS, Intervention::Restart(server()))
        .at(200 * MS, Intervention::Heal);
    let trace = recorded(scenario, 3);
    assert_eq!(crashes(&trace), 1, "it crashes only to restart");
    assert!(trace.events.iter().all(|event| event.interrupted_after.is_none()));
}

#[test]
fn a_node_that_crashes_before_its_start_starts_when_it_restarts() {
    let scenario = base(Way::SavesAll, CRASH_RECOVERY)
        .at(Duration::ZERO, Intervention::Crash(server()))
        .at(Duration::ZERO, Intervention::Restart(server()));
    let trace = recorded(scenario, 3);
    assert_eq!(restarts(&trace), [(Incarnation::FIRST.next(), Vec::new())]);
    let starts = |event: &&faultlab::trace::TraceEvent| matches!(event.what, EventKind::Start { node, .. } if node == server());
    assert_eq!(trace.events.iter().filter(starts).count(), 0);
    assert_eq!(trace.ending, Some(faultlab::trace::Ending::Held));
}

/// Properties see the node as it is: crashed, or restored.
#[test]
fn properties_hold_in_every_event_of_a_run_with_restarts() {
    let grows = Property::new("the text is there", |view| {
        if view.is_crashed(server()) {
            return Ok(());
        }
        let done = view.operations(client()).iter().filter(|it| it.result.is_some()).count();
        let text: String = observe(view, server(), &())?;
        let words = text.split_whitespace().count();
        if words >= done { Ok(()) } else { Err(violated(format!("{done} words"), text)) }
    });
    for seed in 0..10 {
        let right = crashing(Way::Logs, CRASH_RECOVERY, None, seed).always(grows.clone());
        assert!(run(right, seed).verdict.held(), "seed {seed}");
    }
    let wrong =
        |seed| crashing(Way::SavesNothing, CRASH_RECOVERY, None, seed).always(grows.clone());
    let broken = (0..10).filter(|&seed| match run(wrong(seed), seed).verdict {
        Verdict::Violated(violation) => violation.property == "the text is there",
        _ => false,
    });
    assert!(broken.count() > 5);
}

#[test]
fn only_a_crash_after_a_restart_is_worth_another() {
    let crash = || Intervention::Crash(server());
    let twice = base(Way::SavesAll, CRASH_RECOVERY).at(SECOND, crash()).at(3 * SECOND, crash());
    assert_eq!(twice.without_effect().len(), 1);
    let restarted = twice.at(2 * SECOND, Intervention::Restart(server()));
    assert_eq!(restarted.without_effect(), Vec::<String>::new());
}

#[test]
fn scenarios_ask_only_for_what_the_model_allows() {
    let refused =
        |model, what: Intervention| match base(Way::SavesAll, model).at(SECOND, what).validate() {
            Ok(()) => String::new(),
            Err(error @ ScenarioError::NotInModel { .. }) => error.to_string(),
            Err(other) => panic!("{other}"),
        };
    let restart = Intervention::Restart(server());
    assert_eq!(
        refused(FaultModel::default(), restart.clone()),
        "at 1s, server1 restarts: a node restarts, which the fault model (unreliable network, \
         fail-stop nodes) does not allow"
    );
    assert_eq!(refused(CRASH_RECOVERY, restart.clone()), "");
    let in_order = FaultModel { network: NetworkModel::ReliableInOrder, ..CRASH_RECOVERY };
    assert_eq!(refused(in_order, restart), "");
    let disk = |fault| Intervention::DiskFault { node: server(), fault };
    assert_eq!(
        refused(CRASH_RECOVERY, disk(DiskFault::TornWrite)),
        "at 1s, the disk of server1 tears the last entry that was not synced: this happens to a disk, \
         which the fault model (unreliable network, crash-recovery nodes) does not allow"
    );
    assert_eq!(refused(TORN_WRITES, disk(DiskFault::TornWrite)), "");
    assert_ne!(refused(TORN_WRITES, disk(DiskFault::Lost)), "");
    let faulty = FaultModel { nodes: NodeModel::CrashRecoveryFaultyDisk, ..TORN_WRITES };
    assert_eq!(refused(faulty, disk(DiskFault::Lost)), "");
    let client = base(Way::SavesAll, CRASH_RECOVERY).at(SECOND, Intervention::Restart(client()));
    assert_eq!(
        client.validate().expect_err("clients do not restart").to_string(),
        "at 1s, client1 restarts: `client1` is a client; only nodes that take no commands can restart"
    );
}

#[test]
fn what_a_node_stores_is_limited() {
    let mut scenario = base(Way::NeverSyncs, CRASH_RECOVERY);
    scenario =
        scenario.limits(simulate::Limits { storage_bytes_max: 200, ..simulate::Limits::default() });
    match run(scenario, 1).verdict {
        Verdict::Failed(failure) => assert_eq!(
            failure.to_string(),
            "server1's on_message left too many bytes in its stable storage: more than the limit of 200"
        ),
        other => panic!("{other:?}"),
    }
}

/// A run in which every fault of the strictest model occurs.
fn eventful() -> Scenario {
    let disk = |fault| Intervention::DiskFault { node: server(), fault };
    base(Way::NeverSyncs, FAULTY_DISK)
        .at(60 * MS, Intervention::CrashInHandler(server()))
        .at(60 * MS, disk(DiskFault::TornWrite))
        .at(130 * MS, Intervention::Restart(server()))
        .at(200 * MS, Intervention::CrashInHandler(server()))
        .at(200 * MS, disk(DiskFault::UnsyncedReordered))
        .at(260 * MS, Intervention::Restart(server()))
        .at(300 * MS, disk(DiskFault::Corrupted))
        .at(310 * MS, Intervention::Restart(server()))
        .at(340 * MS, Intervention::Crash(server()))
        .at(340 * MS, disk(DiskFault::Lost))
        .at(360 * MS, Intervention::Restart(server()))
        .network(Network::unreliable())
}

/// A seed means the same run forever, also with restarts.
#[test]
fn the_golden_trace_of_restarts_stays() {
    let trace = recorded(eventful(), 5);
    let mut text = Vec::new();
    file::write(&mut text, &trace).unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/restarts.jsonl");
    if std::env::var_os("FAULTLAB_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(golden.as_bytes() == text, "restarts.jsonl is not what it was");
}

#[test]
fn a_run_with_restarts_is_drawn() {
    let scenario = crashing(Way::SavesAfterAnswering, CRASH_RECOVERY, None, 0);
    let options = show::Options { events_max: 40, ..show::Options::default() };
    insta::assert_snapshot!(diagram(&recorded(scenario, 0), &options));
}

#[test]
fn a_saved_run_with_restarts_is_repeated() {
    let replay = |scenario: Scenario, saved: &Trace| {
        simulate::replay(scenario, saved, &mut LocalHost::new(&submission()))
    };
    for seed in 0..10 {
        let saved = recorded(eventful(), seed);
        let replayed = replay(eventful(), &saved);
        assert_eq!(replayed.difference, None, "seed {seed}");
        assert_eq!(replayed.trace, saved, "seed {seed}");
    }
    // The changed code writes before it answers.
    let wrong = |seed| crashing(Way::SavesAfterAnswering, CRASH_RECOVERY, None, seed);
    let (seed, _) = broken(Way::SavesAfterAnswering, CRASH_RECOVERY, None)[0];
    let saved = recorded(wrong(seed), seed);
    assert!(matches!(
        replay(wrong(seed), &saved).status,
        ReplayStatus::Reproduced { same: true, .. }
    ));
    let right = crashing(Way::SavesAll, CRASH_RECOVERY, None, seed);
    let fixed = replay(right, &saved);
    assert!(matches!(fixed.status, ReplayStatus::Fixed { .. }), "{}", fixed.status);
}

#[test]
fn a_failing_run_with_restarts_is_shrunk() {
    let submission = submission();
    for way in [Way::SavesNothing, Way::SavesAfterAnswering, Way::NeverSyncs] {
        let (seed, _) = broken(way, CRASH_RECOVERY, None)[0];
        let scenario = crashing(way, CRASH_RECOVERY, None, seed);
        let mut run = |simulation: &mut Simulation, options: Options<'_>| {
            simulation.drive(&mut LocalHost::new(&submission), options)
        };
        let shrunk = shrink(&scenario, seed, &Origin::default(), &mut run).expect("it breaks");
        assert_eq!(restarts(&shrunk.trace).len(), 1, "{way:?}: one restart is enough");
        let reduction = shrunk.trace.header.reduction.as_ref().expect("it is reduced");
        assert!(reduction.interventions.len() >= 6, "{way:?}: {reduction:?}");
        // And it is repeated from its file.
        let host = &mut LocalHost::new(&submission);
        let replayed = simulate::replay(scenario, &shrunk.trace, host);
        assert_eq!(replayed.difference, None, "{way:?}");
    }
}
