//! The simulator: the same seed gives the same run, and every fault has its documented effect.

mod common;

use std::time::Duration;

use common::{Fault, client, client_node, record, server, server_node, submission};
use faultlab::hosting::{LocalHost, NodeFailure};
use faultlab::property::{CheckError, Property, violated};
use faultlab::property::{
    clients_done, max_message_bytes, max_messages_per_command, max_state_bytes, max_wait,
    none_decided, not_retained, observe, results_ok, silent_for,
};
use faultlab::simulate::{
    Intervention, Latency, Limits, LinkConditions, Network, Options, Outcome, Rate, RunFailure,
    Scenario, Simulation, Verdict,
};
use faultlab::trace::{EventKind, Fate};
use faultlab::workload::Workload;
use faultlab::{Address, FaultModel, NodeSpec};

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let submission = submission();
    Simulation::new(scenario.clone(), seed)
        .run(&mut LocalHost::new(&submission), Options::default())
}

fn unreliable(fault: Fault, commands: u64) -> Scenario {
    Scenario::new()
        .node(server_node(fault))
        .node(client_node(1, commands))
        .network(Network::unreliable())
        .until_done(60 * SECOND)
        .check(clients_done())
        .check(results_ok())
}

fn violation(outcome: &Outcome) -> String {
    match &outcome.verdict {
        Verdict::Violated(violation) => violation.to_string(),
        other => panic!("a violation was expected, not {other:?}"),
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let scenario = unreliable(Fault::None, 20);
    for seed in 0..50 {
        let (first, first_trace) = record(&scenario, seed);
        let (second, second_trace) = record(&scenario, seed);
        assert_eq!(first, second);
        assert_eq!(first_trace, second_trace);
        assert_eq!(first, run(&scenario, seed), "recording must not change the run");
        assert!(first.verdict.held());
    }
    assert_ne!(run(&scenario, 1).digest, run(&scenario, 2).digest);
}

#[test]
fn a_node_that_draws_randomness_gives_different_digests() {
    let scenario = unreliable(Fault::UsesRandomness, 3).until(5 * SECOND);
    assert_ne!(run(&scenario, 1).digest, run(&scenario, 1).digest);
}

#[test]
fn late_copies_are_frequent_on_the_unreliable_network() {
    let scenario = unreliable(Fault::None, 20);
    let outcomes: Vec<Outcome> = (0..100).map(|seed| run(&scenario, seed)).collect();
    assert!(outcomes.iter().all(|outcome| outcome.late > 0), "every run has late messages");
    let late: u64 = outcomes.iter().map(|outcome| outcome.late).sum();
    let delivered: u64 = outcomes.iter().map(|outcome| outcome.delivered).sum();
    assert!(late * 5 > delivered, "{late} of {delivered} deliveries were late");
}

#[test]
fn nearly_every_seed_catches_executed_duplicates() {
    let scenario = unreliable(Fault::ExecutesDuplicates, 20);
    let caught = (0..100).filter(|&seed| !run(&scenario, seed).verdict.held()).count();
    assert!(caught >= 99, "{caught} of 100 seeds catch it");
}

#[test]
fn a_wrong_result_is_described_by_its_command() {
    let scenario = unreliable(Fault::ExecutesDuplicates, 20);
    let text = violation(&run(&scenario, 3));
    assert!(text.starts_with("results are right: expected client1's command "), "{text}");
    assert!(text.contains("it returned "), "{text}");
}

#[test]
fn rates_are_met() {
    let half = LinkConditions {
        drop: Rate::percent(50),
        duplicate: Rate::percent(25),
        latency: Latency::fixed(millis(5)),
        ..LinkConditions::reliable()
    };
    let scenario = unreliable(Fault::None, 200).link_conditions(half).until_done(600 * SECOND);
    let (_, trace) = record(&scenario, 1);
    let fates: Vec<Fate> =
        trace.events.iter().flat_map(|event| &event.sent).map(|sent| sent.fate).collect();
    let share = |fate: Fate| {
        fates.iter().filter(|&&other| other == fate).count() as f64 / fates.len() as f64
    };
    assert!((share(Fate::Dropped) - 0.5).abs() < 0.05, "{}", share(Fate::Dropped));
    assert!((share(Fate::Twice) - 0.125).abs() < 0.04, "{}", share(Fate::Twice));
    for pair in trace.events.windows(2) {
        assert!(pair[0].time_ns <= pair[1].time_ns, "time never decreases");
    }
}

#[test]
fn the_most_specific_conditions_apply() {
    let lossy = LinkConditions { drop: Rate::percent(100), ..LinkConditions::reliable() };
    let (c, s) = (client(1), server());
    let fine = LinkConditions::reliable();
    let link_wins = Network::with(lossy).sender(c, lossy).link(c, s, fine).receiver(c, fine);
    assert!(run(&unreliable(Fault::None, 3).network(link_wins), 1).verdict.held());
    let sender_loses = Network::reliable().receiver(s, fine).sender(c, lossy);
    assert!(!run(&unreliable(Fault::None, 3).network(sender_loses), 1).verdict.held());
    let receiver_loses = Network::reliable().receiver(s, lossy);
    assert!(!run(&unreliable(Fault::None, 3).network(receiver_loses), 1).verdict.held());
}

#[test]
fn a_partition_stops_everything_until_it_heals() {
    let split = Intervention::partition([&[client(1)], &[server()]]);
    let scenario = unreliable(Fault::None, 5)
        .at(Duration::ZERO, split)
        .at(30 * SECOND, Intervention::Check(none_decided()))
        .at(30 * SECOND, Intervention::Heal);
    let outcome = run(&scenario, 7);
    assert!(outcome.verdict.held(), "{outcome:?}");
    assert!(outcome.time_ns > 30 * SECOND.as_nanos() as u64);
}

#[test]
fn a_cut_is_one_way() {
    let (c, s) = (client(1), server());
    let executed = Property::new("the server executed", move |view| {
        let sum: u64 = observe(view, server(), &())?;
        if sum == 1 { Ok(()) } else { Err(violated("1", sum.to_string())) }
    });
    let scenario = Scenario::new()
        .node(server_node(Fault::None))
        .node(client_node(1, 5))
        .at(Duration::ZERO, Intervention::Cut { from: s, to: c })
        .until(5 * SECOND)
        .check(none_decided())
        .check(executed.clone());
    assert!(run(&scenario, 1).verdict.held());
    let other_way = scenario.at(Duration::ZERO, Intervention::Cut { from: c, to: s });
    assert!(!run(&other_way, 1).verdict.held());
}

#[test]
fn isolating_and_repairing() {
    let (c, s) = (client(1), server());
    let scenario = unreliable(Fault::None, 3)
        .at(Duration::ZERO, Intervention::Isolate(s))
        .at(SECOND, Intervention::Check(none_decided()))
        .at(SECOND, Intervention::Repair { from: c, to: s })
        .at(2 * SECOND, Intervention::Check(none_decided()))
        .at(2 * SECOND, Intervention::Repair { from: s, to: c });
    assert!(run(&scenario, 1).verdict.held());
}

#[test]
fn held_messages_arrive_when_the_link_is_repaired() {
    let (c, s) = (client(1), server());
    let scenario = Scenario::new()
        .node(server_node(Fault::None))
        .node(client_node(1, 3))
        .at(Duration::ZERO, Intervention::Hold { from: s, to: c })
        .at(SECOND, Intervention::Check(none_decided()))
        .at(SECOND, Intervention::Repair { from: s, to: c })
        .until_done(10 * SECOND)
        .check(results_ok())
        .check(clients_done());
    let (outcome, trace) = record(&scenario, 1);
    assert!(outcome.verdict.held());
    let at_once = trace.events.iter().filter(|event| {
        event.time_ns == Some(SECOND.as_nanos() as u64)
            && matches!(&event.what, EventKind::Deliver { from, .. } if *from == s)
    });
    assert!(at_once.count() >= 10, "the answers to all retransmissions waited");
}

#[test]
fn the_next_messages_can_be_dropped() {
    let (c, s) = (client(1), server());
    let scenario = Scenario::new()
        .node(server_node(Fault::None))
        .node(client_node(1, 1))
        .at(Duration::ZERO, Intervention::DropNext { from: c, to: s, count: 2 })
        .check(results_ok());
    let (_, trace) = record(&scenario, 1);
    let fates: Vec<Fate> = trace
        .events
        .iter()
        .filter(|event| event.what.node() == Some(c))
        .flat_map(|event| event.sent.iter().map(|sent| sent.fate))
        .collect();
    assert_eq!(fates, [Fate::Dropped, Fate::Dropped, Fate::Once]);
}

#[test]
fn only_a_stalled_run_ends_early() {
    let scenario = |crash| {
        unreliable(Fault::None, 50).when_answered(client(1), 5, crash).until_done(60 * SECOND)
    };
    let stuck = scenario(Intervention::Crash(server()));
    let (outcome, trace) = record(&stuck.clone().until_stalled(4 * SECOND), 1);
    let last =
        trace.events.iter().rposition(|event| matches!(event.what, EventKind::Command { .. }));
    let last_ns = trace.events[last.expect("commands are given")].time_ns.unwrap();
    let end_ns = trace.events.last().and_then(|event| event.time_ns).unwrap();
    assert!(end_ns <= last_ns + 4_000_000_000, "{end_ns} after {last_ns}");
    assert!(end_ns > last_ns + 3_000_000_000, "{end_ns} after {last_ns}");
    assert!(violation(&outcome).contains("client1 has no result for command "));
    let (_, full) = record(&stuck, 1);
    assert!(full.events.starts_with(&trace.events[..trace.events.len() - 1]));
    assert!(full.events.len() > 2 * trace.events.len());

    // A run with further interventions does not count as stalled.
    let (c, s) = (client(1), server());
    let repaired = unreliable(Fault::None, 50)
        .at(millis(20), Intervention::Cut { from: c, to: s })
        .at(20 * SECOND, Intervention::Heal)
        .until_stalled(4 * SECOND);
    assert!(run(&repaired, 1).verdict.held());
}

#[test]
fn a_crashed_node_stays_silent() {
    let scenario = unreliable(Fault::None, 50)
        .when_answered(client(1), 5, Intervention::Crash(server()))
        .until(20 * SECOND);
    let (outcome, trace) = record(&scenario, 1);
    let text = violation(&outcome);
    assert!(text.contains("client1 has no result for command "), "{text}");
    let crash = trace
        .events
        .iter()
        .position(|event| matches!(event.what, EventKind::Crash { .. }))
        .unwrap();
    assert!(trace.events[crash..].iter().all(|event| {
        !matches!(&event.what, EventKind::Deliver { node, .. } if *node == server())
    }));
    let lost = trace.events.iter().any(|event| {
        matches!(&event.what, EventKind::Lose { reason, .. } if reason == "its receiver has crashed")
    });
    assert!(lost);
}

#[test]
fn nodes_can_be_added_while_running() {
    let scenario =
        unreliable(Fault::None, 2).at(3 * SECOND, Intervention::Start(client_node(2, 0))).at(
            3 * SECOND,
            Intervention::Start(NodeSpec::client(
                "client",
                client(3),
                &server(),
                Workload::<u64, u64>::of([10]).expecting([13]),
            )),
        );
    let outcome = run(&scenario, 1);
    assert!(outcome.verdict.held(), "{outcome:?}");
    assert!(outcome.time_ns > 3 * SECOND.as_nanos() as u64);
}

#[test]
fn a_check_does_not_see_a_node_that_starts_after_it() {
    let states = || {
        Property::new("every node can be queried", |view| {
            let nodes = view.nodes();
            assert!(!nodes.contains(&client(2)), "{nodes:?}");
            nodes.into_iter().try_for_each(|node| match view.state(node) {
                Ok(_) => Ok(()),
                Err(failure) => Err(CheckError::Node(node, failure)),
            })?;
            match view.state(client(2)) {
                Err(NodeFailure::NotProvided(what)) if what == "node client2" => Ok(()),
                other => Err(violated("no state of client2", format!("{other:?}"))),
            }
        })
    };
    let start = || Intervention::Start(client_node(2, 0));
    let at_once = unreliable(Fault::None, 2)
        .at(Duration::ZERO, Intervention::Check(states()))
        .at(Duration::ZERO, start());
    let triggered = unreliable(Fault::None, 2)
        .when_answered(client(1), 1, Intervention::Check(states()))
        .when_answered(client(1), 1, start());
    for scenario in [at_once, triggered] {
        let outcome = run(&scenario, 1);
        assert!(outcome.verdict.held(), "{outcome:?}");
    }
}

#[test]
fn a_reliable_network_delivers_once_and_in_order() {
    let hostile = LinkConditions {
        latency: Latency::between(millis(1), millis(400)),
        ..LinkConditions::reliable()
    };
    let scenario = unreliable(Fault::ExecutesDuplicates, 10)
        .link_conditions(hostile)
        .fault_model(FaultModel::RELIABLE_IN_ORDER_FAIL_STOP)
        .at(millis(100), Intervention::Isolate(server()))
        .at(3 * SECOND, Intervention::Heal);
    for seed in 0..20 {
        let (_, trace) = record(&scenario, seed);
        let mut sent = Vec::new();
        let mut delivered = Vec::new();
        for event in &trace.events {
            sent.extend(event.sent.iter().filter(|sent| sent.to == server()).map(|sent| sent.id));
            if let EventKind::Deliver { node, id, .. } = &event.what
                && *node == server()
            {
                delivered.push(*id);
            }
        }
        assert!(delivered.len() > 10);
        assert_eq!(delivered, sent[..delivered.len()], "in order, each once, seed {seed}");
    }
}

#[test]
fn failures_of_a_node_are_named() {
    let failure = |fault| match run(&unreliable(fault, 3).until_done(SECOND), 1).verdict {
        Verdict::Failed(failure) => failure,
        other => panic!("a failure was expected, not {other:?}"),
    };
    let text = failure(Fault::PanicsAt(2)).to_string();
    assert!(text.starts_with("server1's on_message panicked: number 2 is unlucky, at "), "{text}");
    let is_not_implemented = |failure: RunFailure| match failure {
        RunFailure::Node { failure, .. } => failure.is_not_implemented(),
        other => panic!("a node was expected to fail, not {other:?}"),
    };
    assert!(!is_not_implemented(failure(Fault::PanicsAt(2))));
    assert!(is_not_implemented(failure(Fault::NotWritten)));
    let text = failure(Fault::Floods).to_string();
    assert_eq!(
        text,
        "server1's on_message sent too many messages in one step: more than the limit of 1000"
    );
    let text = failure(Fault::SendsToNobody).to_string();
    assert!(text.contains("and there is no node of that name"), "{text}");
    let few = Limits { steps_max: 10, ..Limits::default() };
    let verdict = run(&unreliable(Fault::None, 20).limits(few), 1).verdict;
    assert!(matches!(verdict, Verdict::Failed(RunFailure::TooMuch { .. })), "{verdict:?}");
}

#[test]
fn predicates_say_what_was_expected_and_what_was_seen() {
    let base = unreliable(Fault::None, 10).observe_for(2 * SECOND);
    let fails = |property: Property| violation(&run(&base.clone().check(property), 5));
    assert!(fails(none_decided()).contains("client1 got 1 for 1"));
    assert!(fails(max_wait(millis(2))).contains("client1 waited "));
    assert!(fails(max_message_bytes(2)).contains("one from "));
    assert!(fails(max_messages_per_command(1)).contains("messages were sent"));
    assert!(fails(max_state_bytes(3)).contains("'s state has "));
    assert!(fails(not_retained(["server1".to_owned()])).contains("client1's state of "));
    assert!(fails(silent_for(100 * SECOND)).contains("one was sent "));
    for holds in [
        max_wait(30 * SECOND),
        max_message_bytes(64),
        max_messages_per_command(20),
        max_state_bytes(100),
        not_retained(["nothing like it".to_owned()]),
        silent_for(SECOND),
    ] {
        assert!(run(&base.clone().check(holds), 5).verdict.held());
    }
}

#[test]
fn a_rate_limited_client_keeps_its_pace() {
    let work = Workload::<u64, u64>::infinite(|turn| turn.index).every(millis(100));
    let scenario = Scenario::new()
        .node(server_node(Fault::None))
        .node(NodeSpec::client("client", client(1), &server(), work))
        .until(10 * SECOND);
    let (_, trace) = record(&scenario, 1);
    let times: Vec<u64> = trace
        .events
        .iter()
        .filter(|event| matches!(event.what, EventKind::Command { .. }))
        .map(|event| event.time_ns.unwrap())
        .collect();
    assert_eq!(times.len(), 101);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 100_000_000));
}

#[test]
fn templates_depend_on_seed_client_and_index_alone() {
    let work = || Workload::<u64, u64>::template(5, |turn| turn.random.below(1_000_000));
    let commands = |seed, network: Network, clients: usize| {
        let scenario = Scenario::new()
            .node(server_node(Fault::None))
            .nodes((1..=clients).map(|n| NodeSpec::client("client", client(n), &server(), work())))
            .network(network);
        let (_, trace) = record(&scenario, seed);
        let of_first = trace.events.iter().filter_map(|event| match &event.what {
            EventKind::Command { node, command, .. } if *node == client(1) => Some(command.clone()),
            _ => None,
        });
        of_first.collect::<Vec<String>>()
    };
    let commands_alone = commands(1, Network::reliable(), 1);
    assert_eq!(commands_alone, commands(1, Network::unreliable(), 3));
    assert_ne!(commands_alone, commands(2, Network::reliable(), 1));
}

#[test]
fn logged_lines_and_states_are_in_the_trace() {
    let (_, trace) = record(&unreliable(Fault::PrintsAndLogs, 1), 1);
    let handled = trace
        .events
        .iter()
        .find(|event| matches!(&event.what, EventKind::Deliver { node, .. } if *node == server()))
        .unwrap();
    assert_eq!(handled.logged, ["adding 1"]);
    assert!(handled.state.as_ref().unwrap().contains("sum: 1"));
    assert_eq!(trace.header.nodes, [client(1), server()]);
}

#[test]
#[should_panic(expected = "two nodes have the address server1")]
fn two_nodes_with_one_address_are_rejected() {
    let _ = Scenario::new().node(server_node(Fault::None)).node(server_node(Fault::None));
}

#[test]
fn sending_to_an_unknown_address_fails() {
    let nowhere = NodeSpec::client(
        "client",
        client(1),
        &Address::new("server9"),
        Workload::<u64, u64>::of([1]),
    );
    let verdict = run(&Scenario::new().node(nowhere), 1).verdict;
    let Verdict::Failed(RunFailure::UnknownAddress { from, unknown }) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!((from, unknown.to), (client(1), Address::new("server9")));
    assert_eq!(unknown.nodes, [client(1)]);
}

/// A property with a fixed result.
fn always(name: &str, broken: Option<CheckError>) -> Property {
    Property::new(name, move |_| broken.clone().map_or(Ok(()), Err))
}

#[test]
fn all_violated_properties_are_reported() {
    let wrong = |name: &str| always(name, Some(violated(format!("{name} to hold"), "it does not")));
    let undecided = always("unknown", Some(CheckError::Undecided("too much".to_owned())));
    let failure = NodeFailure::NotProvided("such an answer".to_owned());
    let failed = always("a query", Some(CheckError::Node(server(), failure)));
    let base = || unreliable(Fault::None, 3);
    let checked = |scenario: &Scenario| {
        let outcome = run(scenario, 1);
        let names = outcome.also_violated.iter().map(|one| one.property.clone());
        (outcome.verdict.clone(), names.collect::<Vec<_>>().join(", "))
    };
    let property = |verdict: Verdict| match verdict {
        Verdict::Violated(violation) => violation.property,
        other => panic!("{other:?}"),
    };

    let held = base().check(always("fine", None));
    assert_eq!(checked(&held), (Verdict::Held, String::new()));
    let several = base()
        .check(wrong("first"))
        .check(always("fine", None))
        .check(wrong("second"))
        .check(undecided.clone())
        .check(wrong("third"));
    let (verdict, also) = checked(&several);
    assert_eq!((property(verdict), also.as_str()), ("first".to_owned(), "second, third"));
    let (verdict, also) = checked(&base().check(undecided).check(wrong("second")));
    assert!(matches!(verdict, Verdict::Undecided { .. }));
    assert_eq!(also, "second");
    // A failed node is not queried again.
    let (verdict, also) =
        checked(&base().check(wrong("first")).check(failed.clone()).check(wrong("x")));
    assert_eq!((property(verdict), also.as_str()), ("first".to_owned(), ""));
    let (verdict, _) = checked(&base().check(failed).check(wrong("first")));
    assert!(matches!(verdict, Verdict::Failed(_)));
    // A violated check during the run ends it.
    let on_the_way = base().at(millis(1), Intervention::Check(wrong("early"))).check(wrong("late"));
    let (verdict, also) = checked(&on_the_way);
    assert_eq!((property(verdict), also.as_str()), ("early".to_owned(), ""));
    // The run is the same, and its trace ends with the deciding check.
    let (outcome, trace) = record(&several, 1);
    assert_eq!(outcome.digest, run(&base(), 1).digest);
    assert_eq!(outcome, run(&several, 1));
    let last = &trace.events.last().expect("a check").what;
    assert_eq!(*last, EventKind::Check { property: "first".to_owned() });
}
