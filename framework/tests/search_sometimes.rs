//! Properties that must hold in at least one state: the report names those that held in none, by every kind of search
//! and with any number of threads.

#[path = "fixtures/at_most_once.rs"]
mod at_most_once;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use at_most_once::{Keys, search, submission, system};
use faultlab::hosting::NodeFailure;
use faultlab::hosting::pure::LocalSteps;
use faultlab::property::{CheckError, Property, View, clients_done, none_decided, violated};
use faultlab::search::{Explorer, Limit, RandomWalks, Role, Search, SearchResult};
use faultlab::{Address, hosting::Submission};

/// The number of results in a state.
fn results(view: &dyn View) -> usize {
    let results = |client| {
        let operations = view.operations(client);
        operations.iter().filter(|operation| operation.result.is_some()).count()
    };
    view.clients().into_iter().map(results).sum()
}

/// The property that there are exactly so many results.
fn has_results(count: usize) -> Property {
    Property::new(format!("there are {count} results"), move |view| match results(view) {
        seen if seen == count => Ok(()),
        seen => Err(violated(format!("{count} results"), format!("there are {seen}"))),
    })
}

/// The property that every client has at least so many results; it is memoised by client.
fn each_has(count: usize) -> Property {
    Property::new(format!("each client has {count} results"), move |view| {
        let has = |client: Address| {
            let operations = view.operations(client);
            operations.iter().filter(|operation| operation.result.is_some()).count() >= count
        };
        match view.clients().into_iter().all(has) {
            true => Ok(()),
            false => Err(violated(format!("{count} results each"), "some have fewer")),
        }
    })
    .of_each_client()
}

#[test]
fn states_at_the_start_on_the_way_and_at_the_end_count() {
    // With two clients and two commands each, a state has at most four results. Those with four are pruned.
    let all = (0..=6).fold(search(2, 2, Keys::Same), |search, count| {
        search.sometimes(has_results(count)).sometimes(each_has(count))
    });
    let report = all.run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);
    let missing = [
        "each client has 3 results",
        "each client has 4 results",
        "there are 5 results",
        "each client has 5 results",
        "there are 6 results",
        "each client has 6 results",
    ];
    assert_eq!(report.never_held, missing);
    // The counts are those without such properties.
    let without = search(2, 2, Keys::Same).run(&submission()).statistics;
    let counts =
        |it: &faultlab::search::Statistics| (it.states, it.depth, it.transitions, it.tried);
    assert_eq!(counts(&report.statistics), counts(&without));
}

#[test]
fn a_state_that_only_the_start_is_counts() {
    let nothing = Property::new("the server has not got anything", |view| {
        let state = view
            .state(Address::new("server"))
            .map_err(|failure| CheckError::Node(Address::new("server"), failure))?;
        match state.iter().all(|&byte| byte == 0) {
            true => Ok(()),
            false => Err(violated("an empty server", "it is not")),
        }
    });
    let is_start = Property::new("nobody has got anything", |view| match results(view) {
        0 => Ok(()),
        _ => Err(violated("no result", "some")),
    });
    // No event is possible, so the start is the only state.
    let start_only = || {
        let server = Address::new("server");
        Search::new(system(1, 1, Keys::Same)).crash(server).stop_timers(Address::new("client1"))
    };
    for (property, held) in [(nothing, true), (is_start, true), (has_results(1), false)] {
        let report = start_only().sometimes(property.clone()).run(&submission());
        assert_eq!((report.result, report.statistics.states), (SearchResult::Exhausted, 1));
        assert_eq!(report.never_held.is_empty(), held, "{property:?}");
        let walks = RandomWalks { seed: 1, count: 1, depth_max: 5 };
        let report = start_only().sometimes(property.clone()).random_walks(&submission(), walks);
        assert_eq!(report.never_held.is_empty(), held, "{property:?}");
    }
}

#[test]
fn a_search_that_ends_at_a_limit_names_what_it_has_not_seen() {
    // An answer takes two events.
    let until = |depth| {
        let search = search(2, 2, Keys::Same).sometimes(has_results(1)).sometimes(has_results(2));
        search.depth_max(depth).run(&submission())
    };
    let report = until(1);
    assert_eq!(report.result, SearchResult::LimitReached(Limit::Depth(1)));
    assert_eq!(report.never_held, ["there are 1 results", "there are 2 results"]);
    assert_eq!(until(2).never_held, ["there are 2 results"]);
    assert_eq!(until(4).never_held, [""; 0]);
}

#[test]
fn nothing_depends_on_threads_orders_or_the_comparison_of_states() {
    let searched = || {
        search(3, 2, Keys::Same)
            .sometimes(has_results(6))
            .sometimes(has_results(7))
            .sometimes(each_has(2))
            .sometimes(each_has(3))
    };
    let threads = |threads| NonZeroUsize::new(threads).expect("not zero");
    let ways = [
        searched(),
        searched().threads(threads(2)),
        searched().threads(threads(5)),
        searched().all_orders(),
        searched().exact(),
    ];
    for (way, search) in ways.into_iter().enumerate() {
        let report = search.run(&submission());
        assert_eq!(report.result, SearchResult::Exhausted, "way {way}");
        assert_eq!(report.never_held, ["there are 7 results", "each client has 3 results"]);
    }
}

/// Reads a state in full, so that its answer is memoised for no other state, and counts how often it is checked.
fn counting(count: usize, checks: &Arc<AtomicUsize>) -> Property {
    let checks = Arc::clone(checks);
    Property::new(format!("there are {count} results, counted"), move |view| {
        checks.fetch_add(1, Relaxed);
        for node in view.nodes() {
            view.state(node).map_err(|failure| CheckError::Node(node, failure))?;
        }
        match results(view) {
            seen if seen == count => Ok(()),
            seen => Err(violated(format!("{count} results"), format!("there are {seen}"))),
        }
    })
}

#[test]
fn a_property_that_has_held_is_not_checked_again() {
    let checked = |count| {
        let checks = Arc::new(AtomicUsize::new(0));
        let report =
            search(3, 2, Keys::Same).sometimes(counting(count, &checks)).run(&submission());
        assert_eq!(report.never_held.is_empty(), count <= 6);
        checks.load(Relaxed)
    };
    // It holds at the start.
    assert_eq!(checked(0), 1);
    // It holds nowhere.
    let everywhere = checked(7);
    assert!(everywhere > 100, "{everywhere}");
    // It holds after two events, and the rest of that round is still checked.
    let until_there = checked(1);
    assert!((2..everywhere / 4).contains(&until_there), "{until_there} of {everywhere}");
}

#[test]
fn random_walks_look_for_them_too() {
    let walks = |depth_max| RandomWalks { seed: 3, count: 20, depth_max };
    let walk = |depth_max| {
        let search = search(2, 2, Keys::Same).sometimes(has_results(4)).sometimes(each_has(3));
        search.random_walks(&submission(), walks(depth_max))
    };
    let short = walk(3);
    assert_eq!(short.result, SearchResult::LimitReached(Limit::RandomWalks(20)));
    assert_eq!(short.never_held, ["there are 4 results", "each client has 3 results"]);
    assert_eq!(walk(100).never_held, ["each client has 3 results"]);
}

#[test]
fn a_finding_comes_first_and_its_path_is_minimised_as_ever() {
    let searched = |search: Search| search.sometimes(has_results(9)).invariant(none_decided());
    let report = searched(search(2, 2, Keys::Same)).run(&submission());
    assert!(matches!(report.result, SearchResult::Violated(_)), "{:?}", report.result);
    assert_eq!(report.never_held, ["there are 9 results"]);
    let walks = RandomWalks { seed: 3, count: 20, depth_max: 100 };
    let walked = searched(search(2, 2, Keys::Same)).random_walks(&submission(), walks);
    assert_eq!(walked.result.path().map(|path| path.len()), Some(2));

    // A goal ends the search, and the state in which it holds counts.
    let report = Search::new(system(1, 2, Keys::Same))
        .sometimes(has_results(2))
        .goal(clients_done())
        .run(&submission());
    assert!(matches!(report.result, SearchResult::GoalFound(_)), "{:?}", report.result);
    assert_eq!(report.never_held, [""; 0]);
}

#[test]
fn a_node_that_fails_when_it_is_read_is_a_finding_and_not_a_state_without_the_property() {
    let fails = Property::new("the server answers", |_| {
        let failure = NodeFailure::NotProvided("such an answer".to_owned());
        Err(CheckError::Node(Address::new("server"), failure))
    });
    let report = search(1, 1, Keys::Same).sometimes(fails).run(&submission());
    let SearchResult::Violated(found) = report.result else { panic!("{:?}", report.result) };
    assert_eq!(found.property, "the server answers");
}

#[test]
fn a_search_that_cannot_start_has_seen_nothing() {
    let report = search(1, 1, Keys::Same).sometimes(clients_done()).run(&Submission::new());
    assert!(matches!(report.result, SearchResult::Failed(_)), "{:?}", report.result);
    assert_eq!(report.never_held, ["every client gets all its results"]);
}

#[test]
fn an_explorer_answers_them_after_the_invariants() {
    let search = search(1, 1, Keys::Same)
        .goal(has_results(1))
        .sometimes(has_results(0))
        .invariant(none_decided());
    let submission = submission();
    let steps = LocalSteps::new(&submission, search.system().descriptors()).expect("steps");
    let explorer = Explorer::new(&search, &steps).expect("a start");
    let answers: Vec<(Role, bool)> =
        explorer.check().into_iter().map(|check| (check.role, check.result.is_ok())).collect();
    let expected = [
        (Role::Invariant, true),
        (Role::Sometimes, true),
        (Role::Goal, false),
        (Role::Prune, false),
    ];
    assert_eq!(answers, expected);
}
