//! A scenario that refers to an unknown node is a mistake of its author, and is rejected before any node is
//! created.

mod common;

use std::time::Duration;

use common::{Fault, client, client_node, server, server_node, submission};
use faultlab::hosting::LocalHost;
use faultlab::simulate::{
    Intervention, LinkConditions, Network, Options, RunFailure, Scenario, ScenarioError,
    Simulation, Verdict,
};
use faultlab::{Address, NodeSpec};

fn ghost() -> Address {
    Address::new("server9")
}

/// A server that starts later.
fn second() -> Address {
    Address::new("server2")
}

fn start() -> Intervention {
    Intervention::Start(NodeSpec::node("server", second(), &Fault::None))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn scenario() -> Scenario {
    Scenario::new().node(server_node(Fault::None)).node(client_node(1, 3)).until_done(seconds(20))
}

/// Every way to refer to this node in an intervention.
fn naming(node: Address) -> Vec<Intervention> {
    let (from, to) = (server(), node);
    vec![
        Intervention::Cut { from, to },
        Intervention::Cut { from: to, to: from },
        Intervention::Hold { from, to },
        Intervention::Hold { from: to, to: from },
        Intervention::Repair { from, to },
        Intervention::Repair { from: to, to: from },
        Intervention::DropNext { from, to, count: 1 },
        Intervention::DropNext { from: to, to: from, count: 1 },
        Intervention::Isolate(node),
        Intervention::partition([&[from], &[client(1), to]]),
        Intervention::Crash(node),
    ]
}

/// Every way to refer to this node in a network.
fn networks(node: Address) -> Vec<Network> {
    let conditions = LinkConditions::reliable();
    vec![
        Network::reliable().sender(node, conditions),
        Network::reliable().receiver(node, conditions),
        Network::reliable().link(node, server(), conditions),
        Network::reliable().link(server(), node, conditions),
    ]
}

fn unknown(scenario: &Scenario, name: Address, known: &[Address]) -> String {
    let error = scenario.validate().expect_err("the node is unknown");
    match &error {
        ScenarioError::UnknownNode { name: of, known: there, .. } => {
            assert_eq!((*of, &there[..]), (name, known), "{error}");
        }
        _ => panic!("another mistake: {error}"),
    }
    error.to_string()
}

#[test]
fn unknown_nodes_are_rejected_everywhere() {
    let known = [client(1), server()];
    for intervention in naming(ghost()) {
        unknown(&scenario().at(Duration::ZERO, intervention.clone()), ghost(), &known);
        unknown(&scenario().at(seconds(1), intervention.clone()), ghost(), &known);
        unknown(&scenario().when_answered(client(1), 1, intervention), ghost(), &known);
    }
    for network in networks(ghost()) {
        unknown(&scenario().network(network.clone()), ghost(), &known);
        let change = Intervention::LinkConditions(network);
        unknown(&scenario().at(seconds(1), change.clone()), ghost(), &known);
        unknown(&scenario().when_answered(client(1), 1, change), ghost(), &known);
    }
    let waits = scenario().when_answered(client(7), 1, Intervention::Heal);
    unknown(&waits, client(7), &known);
    for intervention in naming(server()) {
        scenario().at(Duration::ZERO, intervention.clone()).validate().expect("it is there");
        scenario().when_answered(client(1), 1, intervention).validate().expect("it is there");
    }
}

#[test]
fn errors_name_the_entry_and_the_known_nodes() {
    let text = |scenario: &Scenario| scenario.validate().expect_err("a mistake").to_string();
    assert_eq!(
        text(&scenario().at(seconds(1), Intervention::Crash(ghost()))),
        "at 1s, server9 crashes: no node `server9` exists at that time; nodes: client1, server1"
    );
    assert_eq!(
        text(&scenario().when_answered(server(), 2, Intervention::Heal)),
        "when server1 has had 2 results, the network is whole again: `server1` is not a client, so it has no results; clients: client1"
    );
    assert_eq!(
        text(&scenario().network(networks(ghost()).remove(0))),
        "the network at the start: no node `server9` exists at that time; nodes: client1, server1"
    );
    let again = Intervention::Start(server_node(Fault::None));
    let crash = Intervention::Crash(server());
    assert_eq!(
        text(&scenario().at(seconds(1), crash).at(seconds(2), again)),
        "at 2s, server1 starts: the address `server1` is taken, and a crashed node keeps its address; nodes: client1, server1"
    );
}

#[test]
fn a_node_exists_from_its_start_on() {
    for intervention in naming(second()) {
        let before = scenario().at(seconds(1), intervention.clone()).at(seconds(2), start());
        unknown(&before, second(), &[client(1), server()]);
        let after = scenario().at(seconds(2), start()).at(seconds(3), intervention.clone());
        after.validate().expect("it has started");
        // The order of the list does not matter, except at one time.
        let after = scenario().at(seconds(3), intervention.clone()).at(seconds(2), start());
        after.validate().expect("it has started");
        let same = scenario().at(seconds(2), intervention.clone()).at(seconds(2), start());
        unknown(&same, second(), &[client(1), server()]);
        let same = scenario().at(seconds(2), start()).at(seconds(2), intervention);
        same.validate().expect("it has started");
    }
    // A crashed node still exists, and may crash again.
    let crash = Intervention::Crash(server());
    let twice = scenario().at(seconds(1), crash.clone()).at(seconds(2), crash);
    twice.validate().expect("it is there");
}

#[test]
fn if_the_order_is_unknown_the_node_counts_as_started() {
    for intervention in naming(second()) {
        let timed = |time| {
            let scenario = scenario().when_answered(client(1), 2, start());
            scenario.at(time, intervention.clone())
        };
        timed(seconds(1)).validate().expect("there may be two results after a second");
        unknown(&timed(Duration::ZERO), second(), &[client(1), server()]);
        let answered = |results| {
            let scenario = scenario().when_answered(client(1), 2, start());
            scenario.when_answered(client(1), results, intervention.clone())
        };
        unknown(&answered(1), second(), &[client(1), server()]);
        answered(2).validate().expect("it has started just before");
        answered(3).validate().expect("it has started");
        let started = scenario().at(seconds(5), start());
        let answered = started.when_answered(client(1), 1, intervention.clone());
        answered.validate().expect("the result may come late");
        // The second client has no results before it starts.
        let late = Intervention::Start(client_node(2, 1));
        let late = scenario().at(seconds(5), late).when_answered(client(2), 1, start());
        unknown(
            &late.clone().at(seconds(4), intervention.clone()),
            second(),
            &[client(1), server()],
        );
        late.at(seconds(6), intervention.clone()).validate().expect("it may have started");
    }
    // A client that is started only by its own results never starts.
    let circle = scenario().when_answered(client(2), 1, Intervention::Start(client_node(2, 1)));
    unknown(&circle, client(2), &[client(1), server()]);
}

#[test]
fn a_network_may_refer_to_a_node_that_starts_later() {
    for network in networks(second()) {
        let later = scenario().network(network.clone()).at(seconds(2), start());
        later.validate().expect("the conditions apply once the node starts");
        let change = Intervention::LinkConditions(network);
        scenario()
            .at(seconds(1), change)
            .at(seconds(2), start())
            .validate()
            .expect("the conditions apply once the node starts");
    }
}

#[test]
fn two_starts_at_one_address_are_rejected() {
    let twice = scenario().at(seconds(1), start()).when_answered(client(1), 1, start());
    assert!(matches!(twice.validate(), Err(ScenarioError::AddressTaken { .. })));
    let taken = scenario().at(seconds(1), Intervention::Start(server_node(Fault::None)));
    assert!(matches!(taken.validate(), Err(ScenarioError::AddressTaken { .. })));
}

#[test]
fn a_run_of_an_invalid_scenario_creates_no_nodes() {
    let submission = submission();
    // The server would panic at the first request.
    let scenario = Scenario::new()
        .node(server_node(Fault::PanicsAt(1)))
        .node(client_node(1, 3))
        .at(seconds(100), Intervention::Crash(ghost()));
    let outcome =
        Simulation::new(scenario, 1).run(&mut LocalHost::new(&submission), Options::default());
    let Verdict::Failed(failure) = &outcome.verdict else { panic!("{:?}", outcome.verdict) };
    assert!(matches!(failure, RunFailure::Scenario(ScenarioError::UnknownNode { .. })));
    assert!(failure.is_of_scenario());
    assert_eq!((outcome.steps, outcome.sent), (0, 0));
    assert!(failure.to_string().starts_with("the scenario is invalid: at 100s, server9"));
}
