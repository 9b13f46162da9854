//! Random walks: reproducible for a seed, and minimised.

#[path = "fixtures/at_most_once.rs"]
mod at_most_once;

use std::num::NonZeroUsize;

use at_most_once::{Append, AppendClient, Keys, Message, Retry, search, submission, system};
use faultlab::hosting::pure::StepFailure;
use faultlab::hosting::{Kind, NodeFailure, Submission};
use faultlab::property::{Property, clients_done, none_decided, violated};
use faultlab::search::{Limit, RandomWalks, Search, SearchResult};
use faultlab::workload::Workload;
use faultlab::{Address, Context, Node, System};
use serde::{Deserialize, Serialize};

const WALKS: RandomWalks = RandomWalks { seed: 7, count: 50, depth_max: 200 };

/// The property that some client has fewer than two results. It is violated only late in a run.
fn not_all_two() -> Property {
    Property::new("some client has fewer than two results", |view| {
        let with_two = |client: &Address| {
            let operations = view.operations(*client);
            operations.iter().filter(|operation| operation.result.is_some()).count() >= 2
        };
        if view.clients().iter().all(with_two) {
            return Err(violated("one with fewer", "all have two"));
        }
        Ok(())
    })
}

#[test]
fn random_walks_minimise_to_the_shortest_path() {
    let search = || search(3, 4, Keys::Same).invariant(not_all_two());
    let by_breadth = search().run(&submission());
    let shortest = by_breadth.result.path().expect("breadth-first search finds it").len();
    assert_eq!(shortest, 12);
    let report = search().random_walks(&submission(), WALKS);
    let SearchResult::Violated(found) = &report.result else { panic!("{:?}", report.result) };
    assert_eq!(found.path().len(), shortest);
    assert_eq!(found.violation().expect("a violation").seen, "all have two");
    assert_eq!(search().random_walks(&submission(), WALKS).result, report.result, "the same seed");
}

/// Random walks with any seed and any number of threads minimise their first violation to a path of the
/// same length.
#[test]
fn a_fault_always_minimises_to_the_same_length() {
    let mut first_runs = std::collections::BTreeSet::new();
    for seed in 1..=8 {
        let report_by = |threads: usize| {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            let search = search(2, 3, Keys::Same).invariant(not_all_two()).threads(threads);
            search.random_walks(&submission(), RandomWalks { seed, ..WALKS })
        };
        let report = report_by(1);
        let path = report.result.path().expect("random walks find it");
        assert_eq!(path.len(), 8, "seed {seed}");
        first_runs.insert(report.statistics.depth);
        for threads in [1, 2, 3] {
            assert_eq!(report_by(threads).result, report.result, "seed {seed}, {threads} threads");
        }
    }
    assert!(first_runs.len() > 1 && first_runs.first() > Some(&8), "{first_runs:?}");
}

#[test]
fn random_walks_reach_any_depth_of_an_infinite_workload() {
    let client = Address::new("client1");
    let server = Address::new("server");
    let endless = Workload::<Append, String>::infinite(|turn| Append {
        key: "x".to_owned(),
        value: format!("{}", turn.index % 10),
    });
    let system =
        System::new().node("server", server, &()).client("client", client, &server, endless);
    let report = Search::new(system)
        .invariant(Property::new("no more than 30 results", move |view| {
            match view.operations(client).len() {
                0..=31 => Ok(()),
                many => Err(violated("at most 30", format!("{} ", many - 1))),
            }
        }))
        .random_walks(&submission(), RandomWalks { depth_max: 1_000, ..WALKS });
    let SearchResult::Violated(found) = report.result else { panic!("{:?}", report.result) };
    assert_eq!(found.path().len(), 62, "two deliveries for each result, and nothing else");
}

#[test]
fn random_walks_without_a_finding_prove_nothing() {
    let cut = Search::new(system(1, 1, Keys::Same))
        .block_link(Address::new("client1"), Address::new("server"))
        .invariant(none_decided());
    let report = cut.random_walks(&submission(), WALKS);
    assert_eq!(report.result, SearchResult::LimitReached(Limit::RandomWalks(50)));
    let goal = Search::new(system(2, 3, Keys::Different)).goal(clients_done());
    let report = goal.random_walks(&submission(), WALKS);
    assert!(matches!(&report.result, SearchResult::GoalFound(found) if found.path().len() == 12));
}

#[test]
fn random_walks_run_only_the_handlers_they_draw() {
    let calls = |depth_max| {
        let walks = RandomWalks { count: 1, depth_max, ..WALKS };
        let report = Search::new(system(5, 1, Keys::Different)).random_walks(&submission(), walks);
        report.statistics.handler_calls
    };
    // Any of five requests may be the first to arrive.
    assert_eq!(calls(1), calls(0) + 1);
}

/// A server that panics at a second command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Brittle {
    seen: Vec<u64>,
}

impl Node for Brittle {
    type Message = Message;
    type Timer = Retry;

    fn on_message(&mut self, from: Address, message: Message, ctx: &mut Context<Self>) {
        let Message::Request { sequence, command } = message else { return };
        self.seen.push(sequence);
        assert!(self.seen.len() < 6 || sequence == 1, "too much: {:?}", self.seen);
        ctx.send(from, Message::Reply { sequence, result: command.value });
    }
}

#[test]
fn a_panic_is_found_and_minimised_too() {
    let submission = Submission::new()
        .with(Kind::node("server", |_address, ()| Brittle { seen: Vec::new() }))
        .with(Kind::client("client", |_address, server: Address| AppendClient::new(server)));
    let run = || search(2, 5, Keys::Same).random_walks(&submission, WALKS);
    let SearchResult::Failed(failed) = run().result else { panic!("{:?}", run().result) };
    assert_eq!(failed.node, Address::new("server"));
    let StepFailure::Node(NodeFailure::Panicked { message, .. }) = &failed.failure else {
        panic!("{:?}", failed.failure)
    };
    assert!(message.starts_with("too much"), "{message}");
    // One answered command, and six deliveries to the server, of which the last is not the first command.
    assert_eq!(failed.path.len(), 7);
}
