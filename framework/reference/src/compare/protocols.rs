//! Random protocols: the search must see the same states and find the same as the reference.

use faultlab::Address;
use faultlab::hosting::pure::StepFailure;
use faultlab::search::{Limit, SearchResult};

use super::agreement::{Question, Seen};
use crate::explorer::{Bounds, explore};
use crate::protocol::{Case, Size};
use crate::world::Stopped;

/// Compares a protocol. Most have few nodes; some have many, or long chains of commands.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let size = match seed % 16 {
        7 => Size::Chains,
        11 => Size::Many,
        3 | 9 => Size::Clients,
        5 | 13 => Size::Strangers,
        1 | 15 => Size::InOrder,
        _ => Size::Few,
    };
    compare_case(&Case::drawn(seed, size))
}

/// Compares a protocol with many timers.
pub(super) fn compare_timers(seed: u64) -> Result<Seen, String> {
    compare_case(&Case::drawn(seed, Size::Timers))
}

pub(super) fn compare_case(case: &Case) -> Result<Seen, String> {
    let world = case.world();
    let bounds = Bounds { depth_max: case.depth_max, states_max: 1_000 };
    let start = match world.start() {
        Ok(start) => start,
        Err(Stopped::TooManyCommands) => return compare_limit_at_start(case),
        Err(Stopped::UnknownAddress { from, to }) => {
            return compare_failure_at_start(case, from, to);
        }
    };
    let Some(exploration) = explore(&world, &start, &case.claims, bounds) else {
        return Ok(Seen::default());
    };
    let question = Question { world: &world, start: &start, claims: &case.claims, before: 0 };
    let submission = Case::submission();
    question.compare(&exploration, &submission, || case.search())
}

/// A protocol in which a client reaches the command limit when it starts.
fn compare_limit_at_start(case: &Case) -> Result<Seen, String> {
    let report = case.search().depth_max(3).states_max(500).run(&Case::submission());
    match report.result {
        SearchResult::LimitReached(Limit::CommandsPerEvent { .. })
        | SearchResult::GoalFound(_)
        | SearchResult::Violated(_) => Ok(Seen::default()),
        outcome => Err(format!("too many commands at the start: {outcome:?}")),
    }
}

/// A protocol in which a node sends to an unknown address when it starts.
fn compare_failure_at_start(case: &Case, from: Address, to: Address) -> Result<Seen, String> {
    let report = case.search().run(&Case::submission());
    let is_same = match &report.result {
        SearchResult::Failed(failed) => {
            let is_same = matches!(&failed.failure, StepFailure::UnknownAddress(it) if it.to == to);
            is_same && failed.node == from && failed.path.is_empty()
        }
        _ => false,
    };
    if is_same {
        Ok(Seen { found: true, ..Seen::default() })
    } else {
        Err(format!("{from} sends to {to} as it starts: {:?}", report.result))
    }
}
