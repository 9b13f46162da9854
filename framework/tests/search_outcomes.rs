//! Search results, which do not depend on the number of threads.

#[path = "fixtures/at_most_once.rs"]
mod at_most_once;

use std::num::NonZeroUsize;

use at_most_once::{Keys, search, submission, system};
use faultlab::hosting::pure::LocalSteps;
use faultlab::property::{Property, clients_done, none_decided, results_ok, violated};
use faultlab::search::{Explorer, Limit, PathEvent, Search, SearchResult, Statistics};
use faultlab::{Address, codec};

/// The property that no two clients have two results each. It is violated in the middle of the state space.
fn not_two_each() -> Property {
    Property::new("no two clients have two results each", |view| {
        let clients = view.clients();
        let with_two = |client: &&Address| {
            let operations = view.operations(**client);
            operations.iter().filter(|operation| operation.result.is_some()).count() >= 2
        };
        match clients.iter().filter(with_two).count() {
            0 | 1 => Ok(()),
            many => Err(violated("at most one such client", format!("{many} have"))),
        }
    })
}

#[test]
fn a_goal_is_found_by_a_shortest_path() {
    let report = Search::new(system(2, 2, Keys::Same)).goal(clients_done()).run(&submission());
    let SearchResult::GoalFound(found) = report.result else { panic!("{:?}", report.result) };
    // Two deliveries for each of four commands.
    assert_eq!(found.path().len(), 8);
    assert!(found.error.is_none());
    assert!(found.state.nodes[1..].iter().all(|node| node.results.len() == 2 && !node.is_waiting));
}

#[test]
fn a_violation_has_a_path_and_a_description() {
    let report = Search::new(system(2, 2, Keys::Same)).invariant(none_decided()).run(&submission());
    let SearchResult::Violated(found) = report.result else { panic!("{:?}", report.result) };
    let violation = found.violation().expect("it is a violation");
    assert_eq!(violation.seen, r#"client1 got "c" for Append { key: "x", value: "c" }"#);
    let [PathEvent::Deliver { node, from, .. }, PathEvent::Deliver { node: last, message, .. }] =
        &found.path().events[..]
    else {
        panic!("{:?}", found.path())
    };
    assert_eq!(
        [node, from, last].map(|address| address.as_str()),
        ["server", "client1", "client1"]
    );
    let reply: at_most_once::Message = codec::decode(message).expect("a message");
    assert_eq!(reply, at_most_once::Message::Reply { sequence: 1, result: "c".to_owned() });
}

/// The report of a search with this many threads, without the parts that may differ.
fn by_threads(
    search: impl Fn() -> Search,
    threads: usize,
) -> (SearchResult, Statistics, Vec<faultlab::search::Hint>) {
    let threads = NonZeroUsize::new(threads).expect("not zero");
    let report = search().threads(threads).run(&submission());
    let statistics = Statistics { elapsed: Default::default(), peak_bytes: 0, ..report.statistics };
    (report.result, statistics, report.hints)
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for property in [None, Some(not_two_each())] {
        let search = || {
            let search = search(3, 2, Keys::Same);
            match property.clone() {
                Some(property) => search.invariant(property),
                None => search,
            }
        };
        let one = by_threads(search, 1);
        for threads in [2, 3, 5] {
            assert_eq!(by_threads(search, threads), one, "{threads} threads");
        }
        match property {
            None => assert_eq!(one.0, SearchResult::Exhausted),
            Some(_) => {
                assert!(matches!(&one.0, SearchResult::Violated(found) if found.path().len() == 8))
            }
        }
    }
}

/// Three clients with three commands. Some depths have many more states than fit in a round, so that one
/// round is inserted while the next one, or the first of the next depth, is completed.
#[test]
fn overlapping_rounds_change_no_result() {
    let halfway = || search(3, 3, Keys::Same).states_max(250_000);
    let one = by_threads(halfway, 1);
    assert_eq!(one.0, SearchResult::LimitReached(Limit::States(250_000)));
    assert_eq!(by_threads(halfway, 3), one);

    let not_eight = Property::new("there are not eight results", |view| {
        let results = |client| {
            let operations = view.operations(client);
            operations.iter().filter(|operation| operation.result.is_some()).count()
        };
        match view.clients().into_iter().map(results).sum() {
            0..8 => Ok(()),
            many => Err(violated("at most seven", format!("{many} results"))),
        }
    });
    let violated = || search(3, 3, Keys::Same).invariant(not_eight.clone());
    let one = by_threads(violated, 1);
    let SearchResult::Violated(found) = &one.0 else { panic!("{:?}", one.0) };
    // Two deliveries for each of eight commands.
    assert_eq!(found.path().len(), 16);
    assert!(one.1.states > 100_000, "{}", one.1.states);
    assert_eq!(by_threads(violated, 3), one);
}

#[test]
fn a_limit_is_not_exhaustion() {
    let limited = |search: Search| search.run(&submission());
    let deep = limited(search(2, 3, Keys::Same).depth_max(4));
    assert_eq!(deep.result, SearchResult::LimitReached(Limit::Depth(4)));
    assert_eq!(deep.statistics.depth, 4);
    let few = limited(search(2, 3, Keys::Same).states_max(100));
    assert_eq!(few.result, SearchResult::LimitReached(Limit::States(100)));
    assert!(few.statistics.states >= 100);
    let small = limited(search(2, 3, Keys::Same).memory_max(1));
    assert_eq!(small.result, SearchResult::LimitReached(Limit::Memory(1)));
}

#[test]
fn search_can_start_from_a_found_state() {
    let (client1, client2) = (Address::new("client1"), Address::new("client2"));
    let first = Search::new(system(2, 2, Keys::Different))
        .crash(client2)
        .goal(Property::new("client1 is done", move |view| {
            if view.is_done(client1) { Ok(()) } else { Err(violated("done", "it is not")) }
        }))
        .run(&submission());
    let SearchResult::GoalFound(found) = first.result else { panic!("{:?}", first.result) };
    assert_eq!(found.path().len(), 4);

    let second = Search::new(system(2, 2, Keys::Different))
        .start_from(found.state.clone())
        .invariant(results_ok())
        .goal(clients_done())
        .run(&submission());
    let SearchResult::GoalFound(both) = second.result else { panic!("{:?}", second.result) };
    assert_eq!(both.path().len(), 8);
    assert_eq!(both.path().events[..4], found.path().events);

    // With all messages lost, client2 has only its timer.
    let third = Search::new(system(2, 2, Keys::Different))
        .start_from(found.state.clone().dropping(|_, _, _| true))
        .stop_timers(client2)
        .prune(clients_done())
        .goal(clients_done())
        .run(&submission());
    assert_eq!(third.result, SearchResult::Exhausted);
}

#[test]
fn partitioned_nodes_make_no_progress() {
    let (client1, server) = (Address::new("client1"), Address::new("server"));
    for cut in [(client1, server), (server, client1)] {
        let report = Search::new(system(1, 1, Keys::Same))
            .block_link(cut.0, cut.1)
            .invariant(none_decided())
            .run(&submission());
        assert_eq!(report.result, SearchResult::Exhausted);
    }
}

#[test]
fn search_can_start_where_an_explorer_stands() {
    let (client1, client2, server) =
        (Address::new("client1"), Address::new("client2"), Address::new("server"));
    let begin = Search::new(system(2, 1, Keys::Same));
    let submission = submission();
    let steps =
        LocalSteps::new(&submission, system(2, 1, Keys::Same).descriptors()).expect("steps");
    let mut explorer = Explorer::new(&begin, &steps).expect("nodes that start");
    assert!(!explorer.deliver(server, client1, |_| true).expect("no failure"), "nothing sent yet");
    assert!(explorer.fire(client2).is_ok());
    assert!(explorer.deliver(client2, server, |_| true).expect("no failure"));
    assert!(
        !explorer.deliver(client2, server, |_| true).expect("no failure"),
        "nothing would change"
    );
    let state = explorer.state();
    assert_eq!(state.path.events.last().and_then(PathEvent::node), Some(server));

    // From here, client2's value comes first.
    let report = Search::new(system(2, 1, Keys::Same))
        .start_from(state)
        .goal(clients_done())
        .run(&submission);
    let SearchResult::GoalFound(found) = report.result else { panic!("{:?}", report.result) };
    let first: String = codec::decode(&found.state.nodes[1].results[0]).expect("a result");
    let second: String = codec::decode(&found.state.nodes[2].results[0]).expect("a result");
    assert_eq!((first.as_str(), second.as_str()), ("cb", "c"));
}

/// A client that retransmits with a new number whenever its timer fires, and a server that keeps every copy
/// it receives.
mod divergence {
    use std::time::Duration;

    use faultlab::hosting::{Kind, Submission};
    use faultlab::search::{Hint, Limit, Report, Search, SearchResult};
    use faultlab::{Address, Context, Node, System};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Sender {
        to: Address,
        number: u64,
        /// The number after which numbers start over.
        last: u64,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Retry;

    impl Node for Sender {
        type Message = u64;
        type Timer = Retry;

        fn init(&mut self, ctx: &mut Context<Self>) {
            self.on_timer(Retry, ctx);
        }

        fn on_message(&mut self, _: Address, _: u64, _: &mut Context<Self>) {}

        fn on_timer(&mut self, _: Retry, ctx: &mut Context<Self>) {
            self.number = (self.number + 1) % self.last;
            ctx.send(self.to, self.number);
            ctx.set_timer(Retry, Duration::from_millis(10)..=Duration::from_millis(10));
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Keeper {
        keeps_all: bool,
        kept: Vec<u64>,
    }

    impl Node for Keeper {
        type Message = u64;
        type Timer = Retry;

        fn on_message(&mut self, _: Address, number: u64, _: &mut Context<Self>) {
            if self.keeps_all {
                self.kept.push(number);
            }
        }
    }

    /// The report of a sender whose numbers start over after `last`, and a keeper of all messages or of none.
    fn report(last: u64, keeps_all: bool, change: impl FnOnce(Search) -> Search) -> Report {
        let submission = Submission::new()
            .with(Kind::node("sender", |_, (to, last)| Sender { to, number: 0, last }))
            .with(Kind::node("keeper", |_, keeps_all| Keeper { keeps_all, kept: Vec::new() }));
        let (sender, keeper) = (Address::new("sender"), Address::new("keeper"));
        let system = System::new()
            .node("sender", sender, &(keeper, last))
            .node("keeper", keeper, &keeps_all);
        change(Search::new(system)).run(&submission)
    }

    fn hint(report: &Report) -> Option<(Address, Option<&str>, &str)> {
        report.hints.iter().find_map(|hint| match hint {
            Hint::Diverges { node, message, last, .. } => {
                Some((*node, message.as_deref(), last.as_str()))
            }
            _ => None,
        })
    }

    #[test]
    fn unbounded_sequence_numbers_are_reported_as_divergence() {
        let report = report(u64::MAX, false, |search| search);
        assert_eq!(report.result, SearchResult::LimitReached(Limit::Diverges(1_000)));
        assert!(report.statistics.states < 10_000, "{}", report.statistics.states);
        let (node, message, last) = hint(&report).expect("the hint names the node");
        assert_eq!((node.as_str(), message), ("sender", None));
        assert!(last.starts_with("Sender { to: keeper, number: "), "{last}");
    }

    #[test]
    fn unbounded_duplicate_storage_is_reported_with_its_message() {
        let report = report(1, true, |search| search);
        assert_eq!(report.result, SearchResult::LimitReached(Limit::Diverges(1_000)));
        let (node, message, _) = hint(&report).expect("the hint names the node");
        assert_eq!((node.as_str(), message), ("keeper", Some("0")));
    }

    /// Sets its timer twice each time it fires.
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Doubling;

    impl Node for Doubling {
        type Message = ();
        type Timer = ();

        fn init(&mut self, ctx: &mut Context<Self>) {
            ctx.set_timer((), Duration::from_millis(10));
        }

        fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}

        fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
            ctx.set_timer((), Duration::from_millis(10));
            ctx.set_timer((), Duration::from_millis(10));
        }
    }

    #[test]
    fn multiplying_timers_are_reported_early() {
        let submission = Submission::new().with(Kind::node("node", |_, ()| Doubling));
        let report =
            Search::new(System::new().node("node", Address::new("node"), &())).run(&submission);
        assert!(report.statistics.states < 1_000, "{}", report.statistics.states);
        let Some(Hint::Diverges { times, timers, .. }) = report.hints.first() else {
            panic!("{:?}", report.hints)
        };
        assert_eq!(report.result, SearchResult::LimitReached(Limit::Diverges(*times)));
        assert!(*timers >= 200, "{timers}");
    }

    #[test]
    fn a_long_cycle_is_not_divergence() {
        for last in [171, 700] {
            let report = report(last, false, |search| search);
            assert_eq!(report.result, SearchResult::Exhausted, "{last} numbers");
            // Each number, and each again with all messages in flight.
            assert_eq!(report.statistics.depth as u64, 2 * (last - 1));
            assert_eq!(hint(&report), None);
        }
    }

    #[test]
    fn a_bounded_search_ignores_divergence() {
        let deep = report(u64::MAX, false, |search| search.depth_max(1_500));
        assert_eq!(deep.result, SearchResult::LimitReached(Limit::Depth(1_500)));
        let many = report(u64::MAX, false, |search| search.states_max(1_500).allow_divergence());
        assert_eq!(many.result, SearchResult::LimitReached(Limit::States(1_500)));
    }
}
