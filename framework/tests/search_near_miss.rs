//! A goal that is missed: the nearest state, and what was in the way.

mod common;

use std::num::NonZeroUsize;

use common::{Fault, client, client_node, server, server_node, submission};
use faultlab::hosting::pure::LocalSteps;
use faultlab::property::{Property, clients_done, observe, violated};
use faultlab::search::{Barrier, Measure, NearMiss, Obstacle, Search, SearchResult};
use faultlab::{Address, System};

/// Clients that add numbers, each twice.
fn adding(clients: usize) -> Search {
    let system = System::new().with(server_node(Fault::None));
    let clients = (1..=clients).map(|number| client_node(number, 2));
    Search::new(clients.fold(system, System::with))
}

/// The same; all must have their results.
fn search(clients: usize) -> Search {
    adding(clients).goal(clients_done())
}

fn near_miss(search: &Search) -> Option<NearMiss> {
    let submission = submission();
    let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("nodes");
    search.near_miss_with(&steps)
}

fn miss(search: &Search) -> NearMiss {
    near_miss(search).expect("the goal is missed")
}

fn answered(client: Address, at_least: usize) -> Property {
    Property::new(format!("{client} has {at_least} results"), move |view| {
        let answered = view.operations(client).iter().filter(|it| it.result.is_some()).count();
        if answered >= at_least { Ok(()) } else { Err(violated("more", answered.to_string())) }
    })
}

#[test]
fn a_cut_link_is_named_with_the_message_that_should_come() {
    let cut = search(2).block_link(client(2), server());
    let miss = miss(&cut);
    assert_eq!(miss.count, 2, "client1's commands are answered: {miss:?}");
    assert_eq!(miss.missing.len(), 1);
    let Barrier::Event { event, obstacle, after: 0 } = &miss.barrier else { panic!("{miss:?}") };
    assert_eq!(event, "server1 gets Add { number: 1, amount: 1 } from client2");
    assert_eq!(*obstacle, Obstacle::Cut { from: client(2), to: server() });
    let report = cut.run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);
    assert!(miss.events <= report.statistics.depth);
    assert_eq!(miss.events, miss.state.path.len());
    assert_eq!(
        miss.to_string(),
        format!(
            "the nearest state is {} events away (commands answered: 2). There, it does not hold that every client \
             gets all its results: expected every command to be answered; client2 has no result for command 1, 1. \
             Next, this is needed and cannot happen: server1 gets Add {{ number: 1, amount: 1 }} from client2 (no \
             message from client2 to server1 is delivered)",
            miss.events
        )
    );
}

#[test]
fn a_crash_a_node_that_has_not_started_and_a_prune_are_named() {
    let obstacle = |search: &Search| match miss(search).barrier {
        Barrier::Event { obstacle, .. } => obstacle,
        other => panic!("{other:?}"),
    };
    assert_eq!(obstacle(&search(1).starts_later(server())), Obstacle::NotStarted(server()));
    assert_eq!(obstacle(&search(1).crash(server())), Obstacle::Crashed(server()));
    let blocked = search(1).block_sends(server());
    assert_eq!(obstacle(&blocked), Obstacle::Cut { from: server(), to: client(1) });
    let pruned = miss(&search(1).prune(answered(client(1), 1)));
    let prune = "client1 has 1 results".to_owned();
    assert_eq!((pruned.count, &pruned.barrier), (1, &Barrier::Prune { prune, after: 0 }));
    assert!(
        pruned.to_string().ends_with(
            "Next, the search does not go on, because it holds that client1 has 1 results"
        ),
        "{pruned}"
    );
}

#[test]
fn what_was_never_sent_is_said_to_be_so() {
    let miss = miss(&adding(1).goal(answered(client(1), 3)));
    assert_eq!((miss.count, miss.barrier), (2, Barrier::NeverSent));
}

#[test]
fn a_search_that_finds_something_or_has_no_goal_misses_nothing() {
    assert_eq!(near_miss(&search(1)), None);
    assert_eq!(near_miss(&adding(1)), None);
    let wrong = search(1).starts_later(server()).invariant(answered(client(1), 1));
    assert_eq!(near_miss(&wrong), None);
}

#[test]
fn the_test_says_what_is_near_and_threads_change_nothing() {
    let sum = Measure::new("the sum", |view| observe::<(), u64>(view, server(), &()));
    let by_sum = search(3).block_sends(server()).measure(sum);
    let miss = miss(&by_sum);
    assert_eq!((miss.measure.as_str(), miss.count), ("the sum", 3));
    for threads in [2, 3] {
        let threads = NonZeroUsize::new(threads).expect("not zero");
        assert_eq!(self::miss(&by_sum.clone().threads(threads)), miss);
    }
    // A stage starts somewhere else, and its events count from there.
    let again = self::miss(&by_sum.start_from(miss.state.clone()));
    assert_eq!((again.count, again.events), (3, 0));
    assert_eq!(again.state, miss.state);
}
