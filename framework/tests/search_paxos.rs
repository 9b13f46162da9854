//! Paxos, correct and incorrect: the search finds two different decisions by a shortest path, or shows that
//! there are none.

#[path = "fixtures/paxos.rs"]
mod paxos;

use std::num::NonZeroUsize;

use faultlab::search::{RandomWalks, SearchResult};
use paxos::{search, submission};

#[test]
fn one_accept_is_not_enough() {
    let report = search(1, 1).run(&submission());
    let SearchResult::Violated(found) = &report.result else { panic!("{:?}", report.result) };
    // For each proposer: two prepares, two promises, one accept, one accepted.
    assert_eq!(found.path().len(), 12);
    assert_eq!(
        found.violation().expect("a violation").seen,
        "proposer1 decided 1 and proposer2 decided 2"
    );
    let walked = search(1, 1)
        .random_walks(&submission(), RandomWalks { seed: 1, count: 1_000, depth_max: 100 });
    assert_eq!(walked.result.path().expect("random walks find it too").len(), 12);
}

#[test]
fn a_majority_is_enough() {
    let report = search(1, 2).threads(NonZeroUsize::MIN).run(&submission());
    assert_eq!(report.result, SearchResult::Exhausted);
    assert!(report.statistics.states > 10_000, "{}", report.statistics.states);
}
