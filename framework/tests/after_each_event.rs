//! Properties that must hold after every event: the engine remembers answers, and checks only what an event can
//! change. The results must be those of an oracle that asks all nodes after every event.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Fault, client, client_node, record, server, server_node, submission};
use faultlab::Address;
use faultlab::hosting::{Host, LocalHost, Output};
use faultlab::property::{CheckError, Property, Subject, clients_done, violated};
use faultlab::random::mix;
use faultlab::simulate::{Intervention, Network, Next, Scenario, Simulation, Verdict};
use faultlab::trace::{Ending, EventKind};

const SECOND: Duration = Duration::from_secs(1);

fn scenario(commands: u64) -> Scenario {
    Scenario::new()
        .node(server_node(Fault::None))
        .node(client_node(1, commands))
        .node(client_node(2, commands))
        .network(Network::unreliable())
        .until_done(60 * SECOND)
}

/// Holds while the results of all clients are fewer than this, and counts how often it is checked.
fn fewer_results(limit: usize, checks: &Arc<AtomicU64>) -> Property {
    let checks = Arc::clone(checks);
    Property::new(format!("there are fewer than {limit} results"), move |view| {
        checks.fetch_add(1, Ordering::Relaxed);
        let clients = view.clients();
        let operations = clients.iter().flat_map(|&client| view.operations(client));
        let results = operations.filter(|operation| operation.result.is_some()).count();
        if results < limit {
            Ok(())
        } else {
            Err(violated(format!("fewer than {limit}"), format!("there are {results}")))
        }
    })
}

#[test]
fn the_run_ends_with_the_event_after_which_the_property_does_not_hold() {
    for limit in 1..=6 {
        let always = scenario(3).always(fewer_results(limit, &Arc::default()));
        let (outcome, trace) = record(&always, 7);
        let Verdict::Violated(violation) = &outcome.verdict else { panic!("{outcome:?}") };
        assert_eq!(violation.seen, format!("there are {limit}"));
        assert_eq!(trace.ending, Some(Ending::Violated(violation.clone())));
        let returns =
            trace.events.iter().filter(|event| matches!(event.what, EventKind::Return { .. }));
        assert_eq!(returns.count(), limit);
        let [.., last] = &trace.events[..] else { panic!("no events") };
        assert!(matches!(last.what, EventKind::Check { .. }), "{last:?}");
        // Up to there, the run is the one without the property.
        let (_, whole) = record(&scenario(3), 7);
        let same = trace.events.len() - 1;
        assert_eq!(trace.events[..same], whole.events[..same]);
    }
}

#[test]
fn a_property_that_holds_changes_nothing() {
    let checks = Arc::default();
    let (without, plain) = record(&scenario(3), 11);
    let (with, trace) = record(&scenario(3).always(fewer_results(100, &checks)), 11);
    assert_eq!(without, with);
    assert_eq!(plain.events, trace.events);
    assert_eq!(checks.load(Ordering::Relaxed), with.steps, "once after each step");
}

/// Whether a state is unlucky: a pseudo-random choice, which depends on `salt`.
fn is_unlucky(state: &[u8], salt: u64) -> bool {
    let sum = state.iter().fold(salt, |sum, &byte| mix(sum ^ u64::from(byte)));
    mix(sum).is_multiple_of(16)
}

fn no_unlucky_state(salt: u64) -> Property {
    Property::new("no state is unlucky", move |view| {
        for node in view.nodes() {
            let state = view.state(node).map_err(|failure| CheckError::Node(node, failure))?;
            if is_unlucky(&state, salt) {
                let seen = format!("{node} has {state:?}");
                return Err(violated("a lucky state", seen).about(Subject::node(node)));
            }
        }
        Ok(())
    })
}

/// After how many steps the first node has an unlucky state: asks all nodes that have started after every step.
fn first_unlucky(scenario: &Scenario, seed: u64, salt: u64) -> Option<u64> {
    let submission = submission();
    let mut host = LocalHost::new(&submission);
    let mut simulation = Simulation::new(scenario.clone(), seed);
    let (mut output, mut slots, mut steps) = (Output::new(), Vec::new(), 0);
    loop {
        match simulation.advance() {
            Next::Make(slot) => {
                let node = simulation.spec(slot).descriptor();
                let made = host.make(slot, &node.kind, node.address, &node.arguments);
                simulation.made(made);
            }
            Next::Step(slot) => {
                let stepped = host.step(slot, simulation.event(), &mut output);
                simulation.stepped(stepped, &output).expect("all addresses are known");
                steps += 1;
                slots.push(slot);
                let is_unlucky = |&slot: &usize| {
                    let mut state = Vec::new();
                    host.state(slot, &mut state).expect("the state encodes");
                    is_unlucky(&state, salt)
                };
                if slots.iter().any(is_unlucky) {
                    return Some(steps);
                }
            }
            Next::Check => simulation.checked(Ok(())),
            Next::Finished => return None,
        }
    }
}

#[test]
fn remembered_answers_are_those_of_an_oracle() {
    let mut found = 0;
    for seed in 0..60 {
        let base = scenario(2).at(SECOND / 10, Intervention::Crash(client(2)));
        let expected = first_unlucky(&base, seed, seed);
        found += u32::from(expected.is_some());
        for property in [no_unlucky_state(seed), no_unlucky_state(seed).of_each_node()] {
            let (outcome, _) = record(&base.clone().always(property), seed);
            match expected {
                Some(steps) => {
                    assert!(matches!(outcome.verdict, Verdict::Violated(_)), "{outcome:?}");
                    assert_eq!(outcome.steps, steps, "seed {seed}");
                }
                None => assert!(outcome.verdict.held(), "seed {seed}: {outcome:?}"),
            }
        }
    }
    assert!((20..60).contains(&found), "{found} of 60");
}

#[test]
fn a_property_of_each_client_is_checked_only_after_events_at_clients() {
    let checks = Arc::default();
    let property = fewer_results(100, &checks).of_each_client();
    let (_, trace) = record(&scenario(3).always(property), 3);
    let at_clients = trace.events.iter().filter(|event| match &event.what {
        EventKind::Start { node, .. }
        | EventKind::Deliver { node, .. }
        | EventKind::Fire { node, .. } => *node != server(),
        EventKind::Command { .. } => true,
        _ => false,
    });
    assert_eq!(checks.load(Ordering::Relaxed), at_clients.count() as u64);
}

#[test]
fn a_crash_is_an_event_and_a_crashed_node_can_still_be_observed() {
    let alive = Property::new("both clients run, and show what they did", |view| {
        view.state(client(2)).map_err(|failure| CheckError::Node(client(2), failure))?;
        if view.is_crashed(client(2)) {
            return Err(violated("client2 to run", "it has crashed"));
        }
        Ok(())
    });
    let crash = SECOND / 10;
    let (outcome, trace) =
        record(&scenario(30).at(crash, Intervention::Crash(client(2))).always(alive), 5);
    assert!(matches!(outcome.verdict, Verdict::Violated(_)), "{outcome:?}");
    assert_eq!(outcome.time_ns, crash.as_nanos() as u64);
    let [.., crashed, check] = &trace.events[..] else { panic!("no events") };
    assert!(matches!(crashed.what, EventKind::Crash { .. }), "{crashed:?}");
    assert!(matches!(check.what, EventKind::Check { .. }), "{check:?}");
}

/// Holds once this client has so many results.
fn has_results(of: Address, results: usize) -> Property {
    Property::new(format!("{of} has {results} results"), move |view| {
        let answered = view.operations(of).iter().filter(|operation| operation.result.is_some());
        match answered.count() {
            count if count >= results => Ok(()),
            count => Err(violated(format!("{results} results"), format!("there are {count}"))),
        }
    })
}

#[test]
fn an_intervention_takes_place_once_when_its_condition_holds() {
    let condition = has_results(client(1), 2);
    let by_condition = scenario(4).when(condition, Intervention::Crash(client(2)));
    let by_results = scenario(4).when_answered(client(1), 2, Intervention::Crash(client(2)));
    for seed in 0..10 {
        let ((first, trace), (second, same)) =
            (record(&by_condition, seed), record(&by_results, seed));
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(trace.events, same.events, "seed {seed}");
    }
}

#[test]
fn a_condition_that_never_holds_does_nothing() {
    let never = has_results(client(1), 100);
    let with = scenario(3).when(never, Intervention::Crash(server()));
    assert_eq!(record(&with, 4), record(&scenario(3), 4));
}

#[test]
fn a_run_ends_when_its_condition_holds() {
    let condition = has_results(client(2), 1);
    let (outcome, trace) = record(
        &scenario(50)
            .until_holds(condition.clone(), 60 * SECOND)
            .check(condition)
            .check(clients_done()),
        9,
    );
    let Verdict::Violated(violation) = &outcome.verdict else { panic!("{outcome:?}") };
    assert_eq!(violation.property, clients_done().name(), "the run ended too early for that");
    let returns = trace
        .events
        .iter()
        .filter(|event| matches!(event.what, EventKind::Return { node, .. } if node == client(2)));
    assert_eq!(returns.count(), 1);
}

#[test]
fn interventions_can_depend_on_the_run() {
    // The client that is ahead crashes.
    let ahead = Intervention::decide("the client with more results crashes", |view| {
        let results = |of| view.operations(of).len();
        let ahead = if results(client(1)) > results(client(2)) { client(1) } else { client(2) };
        Ok(vec![Intervention::Crash(ahead), Intervention::Heal])
    });
    let mut crashed = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let (outcome, trace) = record(&scenario(20).at(SECOND / 5, ahead.clone()), seed);
        assert!(outcome.verdict.held(), "{outcome:?}");
        let crash = trace.events.iter().find_map(|event| match event.what {
            EventKind::Crash { node, .. } => Some(node),
            _ => None,
        });
        crashed.insert(crash.expect("a client crashes"));
    }
    assert_eq!(crashed.len(), 2, "it depends on the seed which one");
}

#[test]
fn a_choice_that_fails_or_is_invalid_ends_the_run() {
    let fails = Intervention::decide("somebody crashes", |_| Err(violated("somebody", "nobody")));
    let (outcome, _) = record(&scenario(2).at(SECOND / 100, fails), 1);
    let Verdict::Violated(violation) = outcome.verdict else { panic!("{outcome:?}") };
    assert_eq!(violation.property, "somebody crashes");

    let unknown = Intervention::decide("server9 crashes", |_| {
        Ok(vec![Intervention::Crash(Address::new("server9"))])
    });
    let (outcome, _) = record(&scenario(2).at(SECOND / 100, unknown), 1);
    let Verdict::Failed(failure) = outcome.verdict else { panic!("{outcome:?}") };
    let text = failure.to_string();
    assert!(text.contains("no node `server9` exists"), "{text}");
}
