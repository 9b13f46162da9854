//! Search settings: each changes exactly what it says, in breadth-first search and in random walks.
//!
//! Three nodes each get a message from the two others and have a timer: nine things can happen, in
//! any order, and each is remembered. So there are 2^9 states, and the effect of a setting can be
//! told event by event.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use faultlab::hosting::{Kind, Submission};
use faultlab::property::{Property, observe, violated};
use faultlab::search::{Limit, RandomWalks, Search, SearchResult};
use faultlab::{Address, Context, Node, System};
use serde::{Deserialize, Serialize};

const NODES: [&str; 3] = ["a", "b", "c"];

/// Remembers whom it has heard of, and whether its timer has fired.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Listener {
    others: Vec<Address>,
    noticed: BTreeSet<String>,
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
        self.noticed.insert(from.to_string());
    }

    fn on_timer(&mut self, (): (), _: &mut Context<Self>) {
        self.noticed.insert("timer".to_owned());
    }
}

fn node(name: &str) -> Address {
    Address::new(name)
}

fn submission() -> Submission {
    let make = |_: Address, others: Vec<Address>| Listener { others, noticed: BTreeSet::new() };
    let has_noticed = |it: &Listener, what: String| it.noticed.contains(&what);
    Submission::new().with(Kind::node("listener", make).observing(has_noticed))
}

fn search() -> Search {
    let add = |system: System, name: &str| {
        let others: Vec<Address> =
            NODES.into_iter().filter(|other| *other != name).map(node).collect();
        system.node("listener", node(name), &others)
    };
    Search::new(NODES.into_iter().fold(System::new(), add))
}

/// "This node has noticed that."
fn noticed(at: &str, what: &str) -> Property {
    let (at, what) = (node(at), what.to_owned());
    Property::new("it was noticed", move |view| match observe::<String, bool>(view, at, &what)? {
        true => Ok(()),
        false => Err(violated("it was noticed", "it was not")),
    })
}

/// All nine things: where, and what is noticed there.
fn everything() -> Vec<(&'static str, &'static str)> {
    let at = |at| ["a", "b", "c", "timer"].map(|what| (at, what));
    NODES.into_iter().flat_map(at).filter(|(at, what)| at != what).collect()
}

const PROBES: RandomWalks = RandomWalks { seed: 3, count: 20, depth_max: 20 };

/// What can happen in a search with this setting: by breadth, by probes, and by the number of states.
#[track_caller]
fn check(change: impl Fn(Search) -> Search, taken_away: &[(&str, &str)]) {
    let submission = submission();
    let is_found = |outcome: &SearchResult| match outcome {
        SearchResult::GoalFound(_) => true,
        SearchResult::Exhausted | SearchResult::LimitReached(Limit::RandomWalks(_)) => false,
        other => panic!("{other:?}"),
    };
    for (at, what) in everything() {
        let expected = !taken_away.contains(&(at, what));
        let goal = || change(search()).goal(noticed(at, what));
        assert_eq!(is_found(&goal().run(&submission).result), expected, "{at} notices {what}");
        let probed = goal().random_walks(&submission, PROBES);
        assert_eq!(is_found(&probed.result), expected, "probes: {at} notices {what}");
    }
    let all = change(search()).run(&submission);
    assert_eq!(all.result, SearchResult::Exhausted);
    assert_eq!(all.statistics.states, 1 << (9 - taken_away.len()));
}

#[test]
fn without_settings_everything_can_happen() {
    check(|search| search, &[]);
}

#[test]
fn a_cut_link_carries_nothing_one_way() {
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
fn a_crashed_node_notices_nothing_and_what_it_has_sent_arrives() {
    check(|search| search.crash(node("a")), &[("a", "b"), ("a", "c"), ("a", "timer")]);
}

#[test]
fn settings_add_up() {
    check(
        |search| {
            search.block_sends(node("a")).stop_timers(node("a")).block_link(node("b"), node("c"))
        },
        &[("b", "a"), ("c", "a"), ("a", "timer"), ("c", "b")],
    );
}

#[test]
fn only_the_messages_that_are_named_are_dropped() {
    let submission = submission();
    let started = search().goal(noticed("c", "timer")).run(&submission);
    let SearchResult::GoalFound(found) = started.result else { panic!("{:?}", started.result) };
    let state = found.state.dropping(|from, to, _| (from, to) == (node("a"), node("b")));
    let all = search().start_from(state).run(&submission);
    assert_eq!(all.result, SearchResult::Exhausted);
    assert_eq!(all.statistics.states, 1 << 7, "neither the timer of c nor the message from a to b");
}

#[test]
fn prunes_cut_paths_but_not_the_search() {
    // Half of the 512 states have noticed it; of these, those are seen that are found from the other
    // half: all, since the last event on the way to any of them can be that one. Nothing follows them.
    let pruned = search().prune(noticed("a", "b")).run(&submission());
    assert_eq!(pruned.result, SearchResult::Exhausted);
    assert_eq!(pruned.statistics.states, 512);
    let all = search().run(&submission());
    assert!(pruned.statistics.transitions < all.statistics.transitions);
    // With two prunes, what is behind both is not seen.
    let pruned = search().prune(noticed("a", "b")).prune(noticed("a", "c")).run(&submission());
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
    // Limits that are not met change nothing.
    let far = search().depth_max(10).states_max(513).memory_max(1 << 30);
    assert_eq!(outcome(far.time_max(Duration::from_secs(3_600))), SearchResult::Exhausted);

    // A depth is met exactly: there are 1 + 9 + 36 + 84 states up to three events away.
    let deep = search().depth_max(3).run(&submission);
    assert_eq!((deep.statistics.depth, deep.statistics.states), (3, 1 + 9 + 36 + 84));
}

#[test]
fn each_limit_ends_random_walks() {
    let submission = submission();
    let probe = |search: Search, probes| search.random_walks(&submission, probes);
    let outcome = |search| probe(search, PROBES).result;
    assert_eq!(outcome(search()), SearchResult::LimitReached(Limit::RandomWalks(20)));
    assert_eq!(outcome(search().states_max(15)), SearchResult::LimitReached(Limit::States(15)));
    assert_eq!(outcome(search().memory_max(1)), SearchResult::LimitReached(Limit::Memory(1)));
    let now = Duration::ZERO;
    assert_eq!(outcome(search().time_max(now)), SearchResult::LimitReached(Limit::Time(now)));
    let deep = probe(search(), PROBES).statistics.depth;
    assert_eq!(deep, 9);
    assert_eq!(probe(search(), RandomWalks { depth_max: 4, ..PROBES }).statistics.depth, 4);
    // Another seed draws other runs.
    let states = |seed| probe(search(), RandomWalks { seed, ..PROBES }).statistics.states;
    assert!((4..20).any(|seed| states(seed) != states(3)));
}

#[test]
fn exact_searches_and_all_orders_say_so_in_their_statistics() {
    let submission = submission();
    let usual = search().run(&submission).statistics;
    let exact = search().exact().run(&submission).statistics;
    assert!(usual.collision_bound > 0.0);
    assert_eq!(exact.collision_bound, 0.0);
    assert_eq!((exact.states, exact.depth), (usual.states, usual.depth));
    let all_orders = search().all_orders().run(&submission).statistics;
    assert_eq!(all_orders.transitions, usual.transitions);
    // In each of 512 states half of nine events are left on average.
    assert_eq!(all_orders.tried, 512 * 9 / 2);
    // Of all orders, only those are tried in which nodes come in their order. Of a node's eight states,
    // seven are not its first; in these, nine events are left in sum.
    let at_c = 8 * 8 * 9;
    let at_b = 8 * (9 + 7 * 3);
    let at_a = 9 + 7 * (3 + 3);
    assert_eq!(usual.tried, at_c + at_b + at_a + 9);
}

#[test]
fn threads_are_used_without_a_trace_in_the_result() {
    let by = |threads| {
        let threads = NonZeroUsize::new(threads).expect("not zero");
        let report = search().threads(threads).goal(noticed("c", "timer")).run(&submission());
        (report.result, report.statistics.states)
    };
    assert_eq!(by(2), by(1));
    assert_eq!(by(7), by(1));
}
