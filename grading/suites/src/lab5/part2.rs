//! Part 2: causal order, on a network that delays messages and loses none.

use std::time::Duration;

use faultlab::Address;
use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::{Intervention, Latency, LinkConditions, Network, Scenario};

use super::properties::{awaited_is_delivered, causal_order, delivers};
use super::setup::{peer, peers, post, scenario, system, wait, work};
use crate::{Part, Test};

pub(super) fn part() -> Part {
    Part::new(2, "Causal order")
        .test(
            Test::run("2.1", "A post reaches everybody")
                .asserts("everybody sees what somebody has posted")
                .points(5)
                .scenario(|_| {
                    checked(4, scenario([vec![post("hello")], vec![wait("hello")], vec![wait("hello")], vec![wait("hello")]]))
                }),
        )
        .test(
            Test::run("2.2", "Nobody waits for the network to post")
                .asserts("a peer that is cut off answers at once, and delivers its own posts")
                .points(5)
                .scenario(|_| {
                    let posts = vec![post("one"), post("two"), wait("one"), post("three")];
                    checked(3, scenario([posts, vec![], vec![]]))
                        .at(Duration::ZERO, Intervention::Isolate(peer(1)))
                        .check(delivers(peer(1), &["one", "two", "three"]))
                }),
        )
        .test(
            Test::run("2.3", "An author's posts stay in order")
                .asserts("posts of one author are delivered in the order in which they were posted")
                .points(5)
                .by_share_of_seeds()
                .scenario(|_| {
                    let texts: Vec<String> = (1..=6).map(|number| format!("chapter {number}")).collect();
                    let book = texts.iter().map(|text| post(text)).collect();
                    let reader = || vec![wait("chapter 6")];
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    checked(3, scenario([book, reader(), reader()]))
                        .network(Network::with(taking(1, 800)))
                        .check(delivers(peer(2), &texts))
                        .check(delivers(peer(3), &texts))
                }),
        )
        .test(
            Test::run("2.4", "An answer does not overtake its question")
                .asserts("who sees the answer has seen the question, however slow the question is")
                .points(7)
                .scenario(|_| {
                    let asks = vec![post("lunch?"), wait("at noon")];
                    let answers = vec![wait("lunch?"), post("at noon")];
                    checked(3, scenario([asks, answers, vec![wait("at noon")]]))
                        .network(Network::reliable().link(peer(1), peer(3), taking(2_000, 2_000)))
                        .check(delivers(peer(3), &["lunch?", "at noon"]))
                }),
        )
        .test(
            Test::run("2.5", "Rumours through several mouths")
                .asserts("a post waits for everything that led to it, through any number of peers")
                .points(6)
                .scenario(|_| {
                    let network = Network::reliable()
                        .link(peer(1), peer(4), taking(3_000, 3_000))
                        .link(peer(2), peer(4), taking(1_000, 1_000));
                    checked(
                        4,
                        scenario([
                            vec![post("fire")],
                            vec![wait("fire"), post("smoke")],
                            vec![wait("smoke"), post("sirens")],
                            vec![wait("sirens")],
                        ]),
                    )
                    .network(network)
                    .check(delivers(peer(4), &["fire", "smoke", "sirens"]))
                }),
        )
        .test(
            Test::run("2.6", "What is unrelated does not wait")
                .asserts("a post that waits for another one does not hold up posts that have nothing to do with it")
                .points(5)
                .scenario(|_| {
                    // Peer 3 gets the answer without its question, and posts of peer 4, who has seen neither.
                    let hourly = work(["one", "two", "three"].map(post)).every(Duration::from_secs(1));
                    let commands = [
                        work([post("lunch?")]),
                        work([wait("lunch?"), post("at noon")]),
                        work([wait("three")]),
                        hourly,
                    ];
                    let cut = |from, to| (Duration::ZERO, Intervention::Cut { from: peer(from), to: peer(to) });
                    let cuts = [cut(1, 3), cut(1, 4), cut(2, 4)];
                    let scenario = checked(4, Scenario::new().system(system(commands)));
                    cuts.into_iter().fold(scenario, |scenario, (time, cut)| scenario.at(time, cut))
                }),
        )
}

/// Messages take between so many milliseconds.
fn taking(min_ms: u64, max_ms: u64) -> LinkConditions {
    let latency = Latency::between(Duration::from_millis(min_ms), Duration::from_millis(max_ms));
    LinkConditions { latency, ..LinkConditions::reliable() }
}

/// The scenario with so many peers, with what must always hold.
pub(super) fn checked(count: usize, scenario: Scenario) -> Scenario {
    let all: Vec<Address> = peers(count);
    scenario
        .until_done(Duration::from_secs(60))
        .monitor(causal_order(&all))
        .always(awaited_is_delivered())
        .check(results_ok())
        .check(clients_done())
}
