//! Search settings: each has exactly its documented effect, in breadth-first search and in random walks.
//!
//! Each of three nodes gets a message from each other node and has a timer, so nine events are possible, in
//! any order. The nodes record them. So there are 2^9 states, and each event shows the effect of a
//! setting.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::property::{Property, observe, violated};
use faultlab::search::{Limit, RandomWalks, Search, SearchResult};
use faultlab::{Address, Context, Node, System};
use serde::{Deserialize, Serialize};

const NODES: [&str; 3] = ["a", "b", "c"];

/// Records from whom it has received a message, and whether its timer has fired.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Listener {
    others: Vec<Address>,
    recorded: BTreeSet<String>,
}

impl Node for Listener {
    type Message = ();
    type Timer = ();

    fn init(&mut self, ctx: &mut Context<Self>) {
        for &other in &self.others {
            ctx.send(other, ());
        }
        ctx.set_timer((), Duration::from_millis(10));
    }

    fn on_message(&mut self, from: Address, (): (), _: &mut Context<Self>) {
        self.recorded.insert(from.to_string());
    }

    fn on_timer(&mut self, (): (), _: &mut Context<Self>) {
        self.recorded.insert("timer".to_owned());
    }
}

fn node(name: &str) -> Address {
    Address::new(name)
}

fn submission() -> Submission {
    let make = |_: Address, others: Vec<Address>| Listener { others, recorded: BTreeSet::new() };
    let has_recorded = |it: &Listener, what: String| it.recorded.contains(&what);
    Submission::new().with(Kind::node("listener", make).observing(has_recorded))
}

fn search() -> Search {
    let add = |system: System, name: &str| {
        let others: Vec<Address> =
            NODES.into_iter().filter(|other| *other != name).map(node).collect();
        system.node("listener", node(name), &others)
    };
    Search::new(NODES.into_iter().fold(System::new(), add))
}

/// The property that this node has recorded this event.
fn recorded(at: &str, what: &str) -> Property {
    let (at, what) = (node(at), what.to_owned());
    Property::new("it was recorded", move |view| match observe::<String, bool>(view, at, &what)? {
        true => Ok(()),
        false => Err(violated("it was recorded", "it was not")),
    })
}

/// All nine events: the node, and what it records.
fn everything() -> Vec<(&'static str, &'static str)> {
    let at = |at| ["a", "b", "c", "timer"].map(|what| (at, what));
    NODES.into_iter().flat_map(at).filter(|(at, what)| at != what).collect()
}

const WALKS: RandomWalks = RandomWalks { seed: 3, count: 20, depth_max: 20 };

/// Checks which events are possible with this setting: by breadth-first search, by random walks, and by the
/// number of states.
#[track_caller]
fn check(change: impl Fn(Search) -> Search, excluded: &[(&str, &str)]) {
    let submission = submission();
    let is_found = |outcome: &SearchResult| match outcome {
        SearchResult::GoalFound(_) => true,
        SearchResult::Exhausted | SearchResult::LimitReached(Limit::RandomWalks(_)) => false,
        other => panic!("{other:?}"),
    };
    for (at, what) in everything() {
        let expected = !excluded.contains(&(at, what));
        let goal = || change(search()).goal(recorded(at, what));
        assert_eq!(is_found(&goal().run(&submission).result), expected, "{at} records {what}");
        let walked = goal().random_walks(&submission, WALKS);
        assert_eq!(is_found(&walked.result), expected, "random walks: {at} records {what}");
    }
    let all = change(search()).run(&submission);
    assert_eq!(all.result, SearchResult::Exhausted);
    assert_eq!(all.statistics.states, 1 << (9 - excluded.len()));
}

#[test]
fn without_settings_all_events_are_possible() {
    check(|search| search, &[]);
}

#[test]
fn a_blocked_link_delivers_nothing_in_one_direction() {
    check(|search| search.block_link(node("a"), node("b")), &[("b", "a")]);
    check(
        |search| search.block_link(node("c"), node("a")).block_link(node("a"), node("c")),
        &[("a", "c"), ("c", "a")],
    );
}

#[test]
fn blocked_sends_are_not_delivered() {
    check(|search| search.block_sends(node("b")), &[("a", "b"), ("c", "b")]);
}

#[test]
fn blocked_receives_do_not_stop_timers() {
    check(|search| search.block_receives(node("b")), &[("b", "a"), ("b", "c")]);
}

#[test]
fn stopped_timers_do_not_fire() {
    check(|search| search.stop_timers(node("c")), &[("c", "timer")]);
}

#[test]
fn a_crashed_node_handles_nothing_but_its_messages_arrive() {
    check(|search| search.crash(node("a")), &[("a", "b"), ("a", "c"), ("a", "timer")]);
}

#[test]
fn settings_can_be_combined() {
    check(
        |search| {
            search.block_sends(node("a")).stop_timers(node("a")).block_link(node("b"), node("c"))
        },
        &[("b", "a"), ("c", "a"), ("a", "timer"), ("c", "b")],
    );
}

#[test]
fn only_selected_messages_are_dropped() {
    let submission = submission();
    let started = search().goal(recorded("c", "timer")).run(&submission);
    let SearchResult::GoalFound(found) = started.result else { panic!("{:?}", started.result) };
    let state = found.state.dropping(|from, to, _| (from, to) == (node("a"), node("b")));
    let all = search().start_from(state).run(&submission);
    assert_eq!(all.result, SearchResult::Exhausted);
    assert_eq!(all.statistics.states, 1 << 7, "neither the timer of c nor the message from a to b");
}

#[test]
fn prunes_cut_paths_but_not_the_search() {
    // The prune holds in half of the 512 states. All of them are seen, because each can be reached from
    // the other half by that event, but none of them is expanded.
    let pruned = search().prune(recorded("a", "b")).run(&submission());
    assert_eq!(pruned.result, SearchResult::Exhausted);
    assert_eq!(pruned.statistics.states, 512);
    let all = search().run(&submission());
    assert!(pruned.statistics.transitions < all.statistics.transitions);
    // With two prunes, states in which both hold are not seen.
    let pruned = search().prune(recorded("a", "b")).prune(recorded("a", "c")).run(&submission());
    assert_eq!(pruned.statistics.states, 512 - 128);
}

#[test]
fn each_limit_ends_a_search_and_is_named() {
    let submission = submission();
    let outcome = |search: Search| search.run(&submission).result;
    assert_eq!(outcome(search().depth_max(3)), SearchResult::LimitReached(Limit::Depth(3)));
    assert_eq!(outcome(search().states_max(50)), SearchResult::LimitReached(Limit::States(50)));
    assert_eq!(outcome(search().memory_max(1)), SearchResult::LimitReached(Limit::Memory(1)));
    let now = Duration::ZERO;
    assert_eq!(outcome(search().time_max(now)), SearchResult::LimitReached(Limit::Time(now)));
    // Limits that are not reached change nothing.
    let far = search().depth_max(10).states_max(513).memory_max(1 << 30);
    assert_eq!(outcome(far.time_max(Duration::from_secs(3_600))), SearchResult::Exhausted);

    // The depth is exact: there are 1 + 9 + 36 + 84 states up to three events away.
    let deep = search().depth_max(3).run(&submission);
    assert_eq!((deep.statistics.depth, deep.statistics.states), (3, 1 + 9 + 36 + 84));
}

#[test]
fn each_limit_ends_random_walks() {
    let submission = submission();
    let walk = |search: Search, walks| search.random_walks(&submission, walks);
    let outcome = |search| walk(search, WALKS).result;
    assert_eq!(outcome(search()), SearchResult::LimitReached(Limit::RandomWalks(20)));
    assert_eq!(outcome(search().states_max(15)), SearchResult::LimitReached(Limit::States(15)));
    assert_eq!(outcome(search().memory_max(1)), SearchResult::LimitReached(Limit::Memory(1)));
    let now = Duration::ZERO;
    assert_eq!(outcome(search().time_max(now)), SearchResult::LimitReached(Limit::Time(now)));
    let deep = walk(search(), WALKS).statistics.depth;
    assert_eq!(deep, 9);
    assert_eq!(walk(search(), RandomWalks { depth_max: 4, ..WALKS }).statistics.depth, 4);
    // Other seeds give other runs.
    let states = |seed| walk(search(), RandomWalks { seed, ..WALKS }).statistics.states;
    assert!((4..20).any(|seed| states(seed) != states(3)));
}

#[test]
fn exact_and_all_orders_change_the_statistics() {
    let submission = submission();
    let usual = search().run(&submission).statistics;
    let exact = search().exact().run(&submission).statistics;
    assert!(usual.collision_bound > 0.0);
    assert_eq!(exact.collision_bound, 0.0);
    assert_eq!((exact.states, exact.depth), (usual.states, usual.depth));
    let all_orders = search().all_orders().run(&submission).statistics;
    assert_eq!(all_orders.transitions, usual.transitions);
    // On average, half of the nine events are still possible in each of the 512 states.
    assert_eq!(all_orders.tried, 512 * 9 / 2);
    // Only the orders in which the nodes come one after the other are tried. Seven of a node's eight states
    // are not its first, and nine events are possible in these in total.
    let at_c = 8 * 8 * 9;
    let at_b = 8 * (9 + 7 * 3);
    let at_a = 9 + 7 * (3 + 3);
    assert_eq!(usual.tried, at_c + at_b + at_a + 9);
}

#[test]
fn threads_do_not_change_the_result() {
    let by = |threads| {
        let threads = NonZeroUsize::new(threads).expect("not zero");
        let report = search().threads(threads).goal(recorded("c", "timer")).run(&submission());
        (report.result, report.statistics.states)
    };
    assert_eq!(by(2), by(1));
    assert_eq!(by(7), by(1));
}
