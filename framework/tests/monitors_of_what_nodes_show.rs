//! Monitors that follow what nodes show: one definition for searches and runs.

mod common;

use std::time::Duration;

use common::{Fault, client, client_node, record, server, server_node, submission};
use faultlab::hosting::{LocalHost, NodeFailure};
use faultlab::property::{CheckError, Monitor, Property, observe, violated, watching};
use faultlab::search::{Report, Search, SearchResult};
use faultlab::simulate::{Intervention, Network, Next, Options, Scenario, Simulation, Verdict};
use faultlab::trace::{Ending, EventKind};
use faultlab::{Address, System};

/// The server's sum never grows by more than this at once.
fn grows_by(at_most: u64) -> impl Monitor + 'static {
    let name = format!("the sum grows by at most {at_most}");
    watching(name, [server()], &(), move |last: &mut u64, node, sum: u64| {
        let grown = sum - *last;
        *last = sum;
        if grown <= at_most {
            Ok(())
        } else {
            Err(violated(format!("at most {at_most} more"), format!("{node} has {grown} more")))
        }
    })
}

fn search(commands: u64) -> Search {
    let clients = [client_node(1, commands), client_node(2, commands)];
    let system = System::new().with(server_node(Fault::None));
    Search::new(clients.into_iter().fold(system, System::with))
}

fn scenario(commands: u64) -> Scenario {
    Scenario::new()
        .node(server_node(Fault::None))
        .node(client_node(1, commands))
        .node(client_node(2, commands))
        .network(Network::unreliable())
        .until_done(Duration::from_secs(60))
}

fn run(search: &Search) -> Report {
    search.run(&submission())
}

#[test]
fn one_monitor_serves_searches_and_runs() {
    // The clients add 1 and 2.
    assert_eq!(run(&search(2).monitor(grows_by(2))).result, SearchResult::Exhausted);
    let report = run(&search(2).monitor(grows_by(1)));
    let SearchResult::Violated(found) = &report.result else { panic!("{report:?}") };
    assert_eq!(found.violation().expect("a violation").seen, "server1 has 2 more");
    for seed in 0..20 {
        let (outcome, _) = record(&scenario(2).monitor(grows_by(2)), seed);
        assert_eq!(outcome.verdict, Verdict::Held);
        let (outcome, trace) = record(&scenario(2).monitor(grows_by(1)), seed);
        let Verdict::Violated(violation) = &outcome.verdict else { panic!("{outcome:?}") };
        assert_eq!(violation.property, "the sum grows by at most 1");
        assert_eq!(violation.seen, "server1 has 2 more");
        assert_eq!(trace.ending, Some(Ending::Violated(violation.clone())));
        // The run ends with the event at the server.
        let last = trace.events.iter().rev().find(|it| it.what.node().is_some());
        let is_there = last.is_some_and(
            |it| matches!(it.what, EventKind::Deliver { node, .. } if node == server()),
        );
        assert!(is_there, "{last:?}");
    }
}

#[test]
fn a_run_with_a_monitor_is_the_run_without_it() {
    for seed in 0..5 {
        let (without, plain) = record(&scenario(3), seed);
        let (with, trace) = record(&scenario(3).monitor(grows_by(3)), seed);
        assert_eq!((without, plain.events), (with, trace.events));
    }
}

#[test]
fn each_run_of_a_scenario_has_a_monitor_of_its_own() {
    let scenario = scenario(2).monitor(grows_by(2));
    assert_eq!(scenario.without_effect(), Vec::<String>::new());
    let submission = submission();
    for seed in [1, 1, 2, 1] {
        let mut host = LocalHost::new(&submission);
        let outcome = Simulation::new(scenario.clone(), seed).run(&mut host, Options::default());
        assert_eq!(outcome.verdict, Verdict::Held);
    }
}

#[test]
fn a_driver_that_answers_in_advance_tells_the_monitor_each_thing_once() {
    // As grading does it: what is known is checked first, and a host is asked only if that does not suffice.
    let submission = submission();
    for (limit, holds) in [(2, true), (1, false)] {
        let mut host = LocalHost::new(&submission);
        let mut simulation = Simulation::new(scenario(2).monitor(grows_by(limit)), 3);
        let mut output = faultlab::hosting::Output::new();
        loop {
            match simulation.advance() {
                Next::Finished => break,
                Next::Make(slot) => {
                    let node = simulation.spec(slot).descriptor().clone();
                    let made = faultlab::hosting::Host::make(
                        &mut host,
                        slot,
                        &node.kind,
                        node.address,
                        &node.arguments,
                    );
                    simulation.made(made);
                }
                Next::Step(slot) => {
                    let event = simulation.event();
                    let stepped =
                        faultlab::hosting::Host::step(&mut host, slot, event, &mut output);
                    simulation.stepped(stepped, &output).expect("known addresses");
                }
                Next::Check => {
                    let known = simulation.check_known();
                    let checked = known.unwrap_or_else(|| simulation.check(&mut host));
                    simulation.checked(checked);
                }
            }
        }
        assert_eq!(simulation.outcome().verdict.held(), holds, "{limit}");
    }
}

#[test]
fn sleep_sets_and_fingerprints_change_nothing() {
    let monitored = || search(2).monitor(grows_by(2));
    let usual = run(&monitored());
    let counts = |report: &Report| (report.result.clone(), report.statistics.states);
    for other in [
        monitored().all_orders(),
        monitored().exact(),
        monitored().exact().all_orders(),
        monitored().threads(std::num::NonZeroUsize::MIN.saturating_add(1)),
    ] {
        assert_eq!(counts(&run(&other)), counts(&usual));
    }
    // The last value is a function of the state here, so the monitor distinguishes nothing more.
    assert_eq!(usual.statistics.states, run(&search(2)).statistics.states);
}

#[test]
fn a_monitor_knows_the_run_to_the_state_from_which_a_search_starts() {
    let one = search(2).goal(Property::new("the sum is 1", |view| {
        match observe::<(), u64>(view, server(), &())? {
            1 => Ok(()),
            sum => Err(violated("1", sum.to_string())),
        }
    }));
    let SearchResult::GoalFound(found) = run(&one).result else { panic!("1 is reached") };
    let report = run(&search(2).monitor(grows_by(2)).start_from(found.state));
    assert_eq!(report.result, SearchResult::Exhausted, "it grows from 1, not from 0, to 3");
}

#[test]
fn a_node_that_cannot_be_asked_is_a_failure_of_the_test() {
    let clients = || watching("asked", [client(1)], &(), |_: &mut u64, _, _: u64| Ok(()));
    let report = run(&search(1).monitor(clients()));
    let SearchResult::Violated(found) = report.result else { panic!("it is a client") };
    assert!(
        matches!(found.error, Some(CheckError::Node(node, NodeFailure::NotProvided(_))) if node == client(1)),
        "{:?}",
        found.error
    );
    let (outcome, _) = record(&scenario(1).monitor(clients()), 1);
    assert!(matches!(outcome.verdict, Verdict::Failed(_)), "{outcome:?}");
}

#[test]
fn a_crashed_node_goes_on_showing_what_it_last_showed() {
    // In a run, as in a search: see `search_crashes.rs`.
    let still_there = |server: Address| {
        Property::new("the crashed server shows its last sum", move |view| {
            let sum: u64 = observe(view, server, &())?;
            if view.is_crashed(server) && sum == 1 {
                Ok(())
            } else {
                Err(violated("1", sum.to_string()))
            }
        })
    };
    let scenario = scenario(1)
        .network(Network::reliable())
        .when(
            Property::new("the sum is 1", |view| match observe::<(), u64>(view, server(), &())? {
                1 => Ok(()),
                sum => Err(violated("1", sum.to_string())),
            }),
            Intervention::Crash(server()),
        )
        .until(Duration::from_secs(2))
        .monitor(grows_by(1))
        .check(still_there(server()));
    let (outcome, _) = record(&scenario, 1);
    assert_eq!(outcome.verdict, Verdict::Held, "{outcome:?}");
}
