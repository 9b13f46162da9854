//! Part 4: every order of events.

use faultlab::property::{clients_done, results_ok};
use faultlab::search::{LeadsTo, Search};
use lab5_api::Command;

use super::properties::{awaited_is_delivered, causal_order, delivers};
use super::setup::{peer, peers, post, system, wait, work};
use crate::{Part, SearchPlan, Test};

pub(super) fn part() -> Part {
    Part::new(4, "Every order of events")
        .test(
            Test::search("4.1", "A question and its answer")
                .asserts("in no order of events does somebody see an answer without its question")
                .points(8)
                .searches(|_| {
                    let search = question_and_answer().sometimes(clients_done());
                    SearchPlan::new().exhausting("all runs", search)
                }),
        )
        .test(
            Test::search("4.2", "Unrelated posts come in any order")
                .asserts("of two posts that have nothing to do with each other, either can be delivered first")
                .points(5)
                .searches(|_| {
                    let two = || checked([vec![post("tea")], vec![post("coffee")], vec![]]);
                    SearchPlan::new()
                        .reaching("tea first", two().goal(delivers(peer(3), &["tea", "coffee"])))
                        .reaching("coffee first", two().goal(delivers(peer(3), &["coffee", "tea"])))
                }),
        )
        .test(
            Test::search("4.3", "An author who posts twice")
                .asserts("in no order of events are posts of one author delivered in another order, or twice")
                .points(5)
                .searches(|_| {
                    SearchPlan::new().exhausting(
                        "all runs",
                        checked([vec![post("one"), post("two")], vec![wait("two"), post("three")]])
                            .sometimes(delivers(peer(1), &["one", "two", "three"])),
                    )
                }),
        )
        .test(
            Test::search("4.4", "Nobody waits for ever")
                .asserts(
                    "no run goes on for ever without the answer being seen, unless the network or a timer is unfair",
                )
                .points(4)
                .searches(|_| {
                    let leads_to = LeadsTo::always(clients_done());
                    SearchPlan::new().progressing("all runs", question_and_answer(), leads_to)
                }),
        )
}

/// Somebody asks, somebody answers, and a third peer waits for the answer.
fn question_and_answer() -> Search {
    checked([vec![post("lunch?")], vec![wait("lunch?"), post("at noon")], vec![wait("at noon")]])
}

/// All runs of peers that get these commands, and what must hold in them.
fn checked<const N: usize>(commands: [Vec<Command>; N]) -> Search {
    Search::new(system(commands.map(work)))
        .monitor(causal_order(&peers(N)))
        .invariant(awaited_is_delivered())
        .invariant(results_ok())
}
