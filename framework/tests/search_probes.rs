//! Random walks: reproducible for a seed, and minimised.

#[path = "fixtures/at_most_once.rs"]
mod at_most_once;

use std::num::NonZeroUsize;

use at_most_once::{Append, AppendClient, Keys, Message, Retry, search, submission, system};
use faultlab::property::{Property, clients_done, none_decided, violated};
use faultlab::search::{Limit, Outcome, Probes, Search, System};
use faultlab::worker::pure::StepFailure;
use faultlab::worker::{Kind, NodeFailure, Submission};
use faultlab::workload::Workload;
use faultlab::{Address, Context, Node};
use serde::{Deserialize, Serialize};

const PROBES: Probes = Probes { seed: 7, count: 50, depth_max: 200 };

/// "Not all clients have had two results": it takes a while to break.
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
fn what_probes_find_is_as_short_as_what_breadth_finds() {
    let search = || search(3, 4, Keys::Same).invariant(not_all_two());
    let by_breadth = search().run(&submission());
    let shortest = by_breadth.outcome.path().expect("breadth finds it").len();
    assert_eq!(shortest, 12);
    let report = search().probe(&submission(), PROBES);
    let Outcome::Violated(found) = &report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(found.path().len(), shortest);
    assert_eq!(found.violation().expect("a violation").seen, "all have two");
    assert_eq!(search().probe(&submission(), PROBES).outcome, report.outcome, "the same seed");
}

/// Whatever the first run that broke it looked like: probes with other seeds, by any number of threads,
/// any number of times, show a run of the same length.
#[test]
fn one_fault_is_shown_at_one_length() {
    let mut first_runs = std::collections::BTreeSet::new();
    for seed in 1..=8 {
        let probe = |threads: usize| {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            let search = search(2, 3, Keys::Same).invariant(not_all_two()).threads(threads);
            search.probe(&submission(), Probes { seed, ..PROBES })
        };
        let report = probe(1);
        let path = report.outcome.path().expect("probes find it");
        assert_eq!(path.len(), 8, "seed {seed}");
        first_runs.insert(report.statistics.depth);
        for threads in [1, 2, 3] {
            assert_eq!(probe(threads).outcome, report.outcome, "seed {seed}, {threads} threads");
        }
    }
    assert!(first_runs.len() > 1 && first_runs.first() > Some(&8), "{first_runs:?}");
}

#[test]
fn endless_workloads_are_probed_to_any_depth() {
    let client = Address::new("client1");
    let server = Address::new("server");
    let endless = Workload::<Append, String>::endless(|turn| Append {
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
        .probe(&submission(), Probes { depth_max: 1_000, ..PROBES });
    let Outcome::Violated(found) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(found.path().len(), 62, "two deliveries for each result, and nothing else");
}

#[test]
fn probes_that_find_nothing_prove_nothing() {
    let cut = Search::new(system(1, 1, Keys::Same))
        .cut(Address::new("client1"), Address::new("server"))
        .invariant(none_decided());
    let report = cut.probe(&submission(), PROBES);
    assert_eq!(report.outcome, Outcome::LimitReached(Limit::Probes(50)));
    let goal = Search::new(system(2, 3, Keys::Different)).goal(clients_done());
    let report = goal.probe(&submission(), PROBES);
    assert!(matches!(&report.outcome, Outcome::GoalFound(found) if found.path().len() == 12));
}

#[test]
fn only_what_is_drawn_is_worked_out() {
    let calls = |depth_max| {
        let probes = Probes { count: 1, depth_max, ..PROBES };
        let report = Search::new(system(5, 1, Keys::Different)).probe(&submission(), probes);
        report.statistics.handler_calls
    };
    // Any of five requests may arrive first.
    assert_eq!(calls(1), calls(0) + 1);
}

/// A server that does not like a second command.
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
    let run = || search(2, 5, Keys::Same).probe(&submission, PROBES);
    let Outcome::Failed(failed) = run().outcome else { panic!("{:?}", run().outcome) };
    assert_eq!(failed.node, Address::new("server"));
    let StepFailure::Node(NodeFailure::Panicked { message, .. }) = &failed.failure else {
        panic!("{:?}", failed.failure)
    };
    assert!(message.starts_with("too much"), "{message}");
    // One command answered, and six deliveries at the server, the last of them not the first command.
    assert_eq!(failed.path.len(), 7);
}
