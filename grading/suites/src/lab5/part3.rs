//! Part 3: the same on a network that loses and duplicates messages.

use std::time::Duration;

use faultlab::property::silent_for;
use faultlab::simulate::{Intervention, LinkConditions, Network, Rate, Scenario};

use super::part2::checked;
use super::setup::{conversation, peer, post, scenario, system, wait, work};
use crate::{Part, Test};

pub(super) fn part() -> Part {
    Part::new(3, "An unreliable network")
        .test(
            Test::run("3.1", "Lost posts come again")
                .asserts("everybody sees every post, although two messages in five are lost")
                .points(6)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| {
                    let lossy = LinkConditions { drop: Rate::percent(40), ..LinkConditions::reliable() };
                    dialogue().network(Network::with(lossy))
                }),
        )
        .test(
            Test::run("3.2", "A copy is not a new post")
                .asserts("a post that arrives twice is delivered once")
                .points(6)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| {
                    let twice = LinkConditions { duplicate: Rate::percent(60), ..LinkConditions::reliable() };
                    dialogue().network(Network::with(twice))
                }),
        )
        .test(
            Test::run("3.3", "Five peers, forty posts")
                .asserts("a conversation arrives everywhere in causal order, whatever is lost, late or doubled")
                .points(9)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|seed| {
                    let commands = conversation(seed.random(), 5, 40);
                    checked(5, Scenario::new().system(system(commands.into_iter().map(work))))
                        .network(Network::unreliable())
                }),
        )
        .test(
            Test::run("3.4", "A partition heals")
                .asserts("both sides of a partition go on, and see each other's posts after it has healed")
                .points(7)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| {
                    let here = [peer(1), peer(2)];
                    let there = [peer(3), peer(4)];
                    checked(
                        4,
                        scenario([
                            vec![post("tea"), wait("with milk"), wait("espresso")],
                            vec![wait("tea"), post("with milk"), wait("espresso")],
                            vec![post("coffee"), wait("espresso"), wait("with milk")],
                            vec![wait("coffee"), post("espresso"), wait("with milk")],
                        ]),
                    )
                    .network(Network::unreliable())
                    .at(Duration::ZERO, Intervention::partition([&here, &there]))
                    .when_answered(peer(2), 2, Intervention::Heal)
                }),
        )
        .test(
            Test::run("3.5", "Silence afterwards")
                .asserts("nobody sends any more once everybody has everything")
                .points(5)
                .unreliable()
                .by_share_of_seeds()
                .scenario(|_| {
                    dialogue()
                        .network(Network::unreliable())
                        .observe_for(Duration::from_secs(30))
                        .check(silent_for(Duration::from_secs(10)))
                }),
        )
}

/// Three peers that answer each other.
fn dialogue() -> Scenario {
    checked(
        3,
        scenario([
            vec![post("knock, knock"), wait("who's there?"), post("causal"), wait("causal who?")],
            vec![wait("knock, knock"), post("who's there?"), wait("causal"), post("causal who?")],
            vec![wait("causal who?"), post("shh")],
        ]),
    )
}
