//! Steps of a search out of process are the same as in process, and a step that fails its process is found.

use std::ops::Range;
use std::time::{Duration, Instant};

use faultlab::codec;
use faultlab::hosting::pure::{Answers, Batch, LocalSteps, PureSteps, Request, StepFailure};
use faultlab::hosting::{Event, NodeDescriptor, NodeFailure, Payload};
use faultlab::property::{clients_done, none_decided};
use faultlab::search::{Explorer, Report, Search, SearchResult, Statistics};
use faultlab_remote::{ProcessExit, ProcessFailure, ProcessPool, SharedProcessPool};

use crate::at_most_once::{self, Keys};
use crate::common::{Fault, Message, client, server};
use crate::support::{SECOND, shared_pool, start};

/// A report without the parts that differ from run to run.
fn comparable(report: Report) -> (SearchResult, Statistics) {
    let statistics = Statistics { elapsed: Duration::ZERO, peak_bytes: 0, ..report.statistics };
    (report.result, statistics)
}

pub(super) fn out_of_process_search_matches_in_process() {
    for property in [None, Some(none_decided())] {
        let system = at_most_once::system(2, 3, Keys::Same);
        let pool = ProcessPool::new(2, |_| start("at-most-once", 20 * SECOND));
        let pool = SharedProcessPool::new(pool);
        let steps = pool.steps(system.descriptors());
        let search = Search::new(system);
        let search = property.into_iter().fold(search, Search::invariant);
        let remote = comparable(search.run_with(&steps));
        pool.check().expect("processes can be started");
        assert_eq!(remote, comparable(search.run(&at_most_once::submission())));
    }
}

/// The results of steps of the adder's server in its initial state, for each of these commands of a client.
fn server_steps(
    pool: &SharedProcessPool<'_>,
    fault: Fault,
    numbers: Range<u64>,
) -> Vec<Result<(), StepFailure>> {
    let arguments = codec::encode(&fault).expect("a fault encodes");
    let node = NodeDescriptor { kind: "server".to_owned(), address: server(), arguments };
    let steps = pool.steps(vec![node]);
    let state = steps.make(0).expect("a server is made");
    let mut batch = Batch::new();
    for number in numbers {
        let message = codec::encode(&Message::Add { number, amount: 1 }).expect("it encodes");
        let event = Event::Message { from: client(1), message: &message };
        batch.push(Request { node: 0, state: &state, event });
    }
    let mut answers = Answers::new();
    steps.run(&batch, &mut answers);
    assert_eq!(answers.len(), batch.len());
    (0..answers.len()).map(|index| answers.get(index).map(|_| ()).map_err(Clone::clone)).collect()
}

pub(super) fn the_step_that_ends_its_process_is_known() {
    let pool = shared_pool(20 * SECOND);
    let outcomes = server_steps(&pool, Fault::Exits(70), 1..101);
    let failed: Vec<usize> = (0..100).filter(|&index| outcomes[index].is_err()).collect();
    assert_eq!(failed, [69], "only number 70");
    let failure = outcomes[69].clone().unwrap_err().to_string();
    assert_eq!(failure, "the process running the node exited with code 0");
    assert_eq!(pool.failure(), Some(ProcessFailure::Ended(ProcessExit::Exited(0))));
    pool.check().expect("processes can be started");
}

pub(super) fn an_endless_step_costs_bounded_time() {
    let pool = shared_pool(SECOND / 4);
    let started = Instant::now();
    let outcomes = server_steps(&pool, Fault::LoopsAt(5), 1..101);
    assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
    assert!(outcomes[..4].iter().all(Result::is_ok));
    let failure = outcomes[4].clone().unwrap_err().to_string();
    assert_eq!(failure, "the process running the node gave no answer in time");
}

pub(super) fn two_processes_that_disagree_are_not_deterministic() {
    let pool = shared_pool(20 * SECOND);
    let outcomes = server_steps(&pool, Fault::CountsInAGlobal, 1..101);
    let is_detected = |outcome: &Result<(), StepFailure>| {
        matches!(outcome, Err(StepFailure::NotDeterministic { .. }))
    };
    let detected = outcomes.iter().filter(|outcome| is_detected(outcome)).count();
    assert_eq!(detected, 100, "forwards and backwards, no step sees the same global");
}

pub(super) fn trees_out_of_process_match_in_process() {
    let system = at_most_once::system(2, 2, Keys::Same);
    let submission = at_most_once::submission();
    let pool = ProcessPool::new(2, |_| start("at-most-once", 20 * SECOND));
    let pool = SharedProcessPool::new(pool);
    let remote = pool.steps(system.descriptors());
    let local = LocalSteps::new(&submission, system.descriptors()).expect("all kinds are there");
    let search = Search::new(system).goal(clients_done());
    let described = |steps: &dyn PureSteps| {
        let report = search.run_with(steps);
        let mut explorer = Explorer::new(&search, steps).expect("a start");
        let mut all = vec![explorer.describe()];
        for event in &report.result.path().expect("a goal").events {
            explorer.perform(event).expect("possible");
            all.push(explorer.describe());
        }
        all
    };
    let (in_process, out_of_process) = (described(&local), described(&remote));
    pool.check().expect("processes can be started");
    assert_eq!(in_process, out_of_process);
    let nodes = in_process.iter().flat_map(|state| &state.nodes);
    let (mut messages, mut results) = (0, 0);
    for node in nodes {
        assert!(node.structure.is_some());
        messages += node.messages.iter().filter(|it| it.structure.is_some()).count();
        let operations = node.client.iter().flat_map(|client| &client.operations);
        results += operations.filter(|it| it.result_structure.is_some()).count();
    }
    assert!(messages > 10 && results > 5, "{messages} messages, {results} results");
    // Bytes that are no value have no tree, wherever they are described.
    for steps in [&local as &dyn PureSteps, &remote] {
        let failure = steps.tree(0, Payload::State, &[0xff]).expect_err("no state");
        assert!(matches!(failure, NodeFailure::Codec { .. }), "{failure}");
        let failure = steps.tree(0, Payload::Arguments, &[]).expect_err("not described");
        assert!(matches!(failure, NodeFailure::Codec { .. }), "{failure}");
    }
}
