//! Searches in stages: nodes that start later, changes to a state, and dividers in paths and traces.

mod common;

use common::{Fault, client, client_node, server, server_node, submission};
use faultlab::hosting::Submission;
use faultlab::hosting::pure::LocalSteps;
use faultlab::property::{Property, clients_done, results_ok, violated};
use faultlab::search::{
    Action, Explorer, ExplorerError, Obstacle, PathEvent, RandomWalks, Search, SearchResult,
};
use faultlab::trace::replay::{ReplayStatus, replay};
use faultlab::trace::{Ending, EventKind, Origin, Trace, file};
use faultlab::{Address, System};

/// A server with a fault, and clients that add numbers, each this often.
fn search(fault: Fault, clients: &[u64]) -> Search {
    let system = System::new().with(server_node(fault));
    let clients = clients.iter().enumerate();
    let clients = clients.map(|(index, &commands)| client_node(index + 1, commands));
    Search::new(clients.fold(system, System::with))
}

fn steps<'s>(search: &Search, submission: &'s Submission) -> LocalSteps<'s> {
    LocalSteps::new(submission, search.system().descriptors()).expect("all kinds are there")
}

fn has_results(client: Address, count: usize) -> Property {
    Property::new(format!("{client} has {count} results"), move |view| {
        let results = view.operations(client).iter().filter(|it| it.result.is_some()).count();
        if results >= count { Ok(()) } else { Err(violated("more", results.to_string())) }
    })
}

/// The states that the report has, and whether the search was exhausted.
fn exhausted(search: &Search) -> u64 {
    let report = search.run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);
    report.statistics.states
}

fn stages(trace: &Trace) -> Vec<&str> {
    let events = trace.events.iter();
    events
        .filter_map(|event| match &event.what {
            EventKind::Stage { title } => Some(title.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn before_it_starts_a_node_is_not_seen_and_messages_wait_for_it() {
    let search = search(Fault::None, &[1]).starts_later(server());
    let submission = submission();
    let steps = steps(&search, &submission);
    let mut explorer = Explorer::new(&search, &steps).expect("the client starts");
    let seen = search.clone().goal(Property::new("only the client is seen", |view| {
        let seen = (view.nodes(), view.servers());
        if seen == (vec![client(1)], vec![]) { Ok(()) } else { Err(violated("", "")) }
    }));
    assert!(matches!(seen.run(&submission).result, SearchResult::GoalFound(_)));
    let none = search.clone().goal(has_results(client(1), 1)).run(&submission);
    assert_eq!(none.result, SearchResult::Exhausted, "nobody answers");

    let state = explorer.state();
    let waiting = &state.nodes[0].inbox;
    assert_eq!(waiting.len(), 1, "the request waits");
    let [node, from] = [server(), waiting[0].from];
    let request = PathEvent::Deliver { node, from, message: waiting[0].message.clone() };
    assert_eq!(explorer.obstacle(&request), Some(Obstacle::NotStarted(server())));
    assert_eq!(explorer.start(server()), Ok(true));
    assert_eq!(explorer.obstacle(&request), None);
    let again = explorer.start(server());
    assert!(
        matches!(again, Err(ExplorerError::NotPossible { obstacle: Obstacle::Started(_), .. })),
        "{again:?}"
    );
    // From there, everything is as if it had started with the others.
    let later = search.clone().start_from(explorer.state());
    assert_eq!(exhausted(&later), exhausted(&self::search(Fault::None, &[1])));
    let found = later.goal(clients_done()).run(&submission);
    let path = found.result.path().expect("a path");
    assert_eq!(path.actions().collect::<Vec<_>>(), [&Action::Start { node: server() }]);
}

#[test]
fn a_client_that_starts_later_is_given_its_commands_then() {
    let base = search(Fault::None, &[1, 1]).starts_later(client(2));
    let submission = submission();
    let SearchResult::GoalFound(first) =
        base.clone().goal(clients_done()).stage("client1 is done").run(&submission).result
    else {
        panic!("client1 alone gets its result")
    };
    let steps = steps(&base, &submission);
    let unchanged = base.clone().start_from(first.state).stage("client2 comes");
    let mut explorer = Explorer::new(&unchanged, &steps).expect("a state of this system");
    explorer.start(client(2)).expect("it has not started");
    explorer.drop_messages(|_, to, _| to == client(1)).expect("messages may be lost");
    let left = explorer.state();
    assert!(left.nodes[1].inbox.is_empty(), "the reply was lost: {left:?}");
    assert_eq!(left.nodes[0].inbox.len(), 2, "both requests are in the network: {left:?}");
    explorer.command(client(1), &1_u64).expect("it is done");
    let last = base.start_from(explorer.state()).goal(has_results(client(1), 2));
    let report = last.run(&submission);
    let SearchResult::GoalFound(found) = &report.result else { panic!("{report:?}") };
    // The path is that of all stages, with their dividers.
    let walked = last.random_walks(&submission, RandomWalks { seed: 1, count: 200, depth_max: 30 });
    assert!(
        matches!(walked.result, SearchResult::GoalFound(_)),
        "walks go on from a state as well"
    );
    let trace = last.trace(&steps, &Origin::default(), &report.result).expect("a trace");
    assert_eq!(stages(&trace), ["client1 is done", "client2 comes"]);
    let starts = trace.events.iter().rposition(
        |event| matches!(event.what, EventKind::Start { node, .. } if node == client(2)),
    );
    let stage =
        trace.events.iter().rposition(|event| matches!(event.what, EventKind::Stage { .. }));
    assert!(starts > stage, "it starts in the second stage");
    assert_eq!(found.path().actions().count(), 5, "{:?}", found.path());
}

#[test]
fn a_later_stage_that_fails_shows_and_replays_the_run_of_all_stages() {
    // Each client expects to be the only one.
    let wrong = || search(Fault::None, &[1, 1]).starts_later(client(2)).invariant(results_ok());
    let submission = submission();
    let steps = steps(&wrong(), &submission);
    let first = wrong().stage("one").goal(has_results(client(1), 1));
    let SearchResult::GoalFound(one) = first.run(&submission).result else { panic!("no result") };
    let mut explorer = Explorer::new(&first, &steps).expect("it starts");
    for event in one.path().events.iter().skip(1) {
        explorer.perform(event).expect("the path is possible");
    }
    assert_eq!(explorer.state(), one.state, "an explorer is at the same state");

    let unchanged = wrong().start_from(one.state).stage("two");
    let mut explorer = Explorer::new(&unchanged, &steps).expect("it starts");
    explorer.start(client(2)).expect("it has not started");
    let second = wrong().start_from(explorer.state());
    let report = second.run(&submission);
    let SearchResult::Violated(_) = &report.result else { panic!("{report:?}") };
    let trace = second.trace(&steps, &Origin::default(), &report.result).expect("a trace");
    assert_eq!(stages(&trace), ["one", "two"]);
    assert!(matches!(trace.ending, Some(Ending::Violated(_))));
    let saved = {
        let mut bytes = Vec::new();
        file::write(&mut bytes, &trace).expect("it can be written");
        file::read(bytes.as_slice()).expect("it can be read")
    };
    assert_eq!(saved, trace);
    let mut run = second.traced_run(&steps);
    let replayed = replay(&saved, &mut run);
    assert!(
        matches!(replayed.status, ReplayStatus::Reproduced { same: true, .. }),
        "{}",
        replayed.status
    );
    assert_eq!(stages(&replayed.trace), ["one", "two"]);
}
