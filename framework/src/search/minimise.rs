//! Minimising: finds a short path with the same ending.
//!
//! First it removes events, many at a time and then one by one, as long as the rest has the same
//! ending. Then it searches breadth-first for a shorter path, twice: once with only the path's events,
//! in any order and number, and once with all events. Both searches stop at a fixed number of states.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Search;
use super::breadth_first::BreadthFirst;
use super::checks::Role;
use super::path::PathEvent;
use super::report::SearchResult;
use super::settings::Limits;
use super::state_space::{Setup, StateSpace};
use crate::hosting::NodeFailure;
use crate::hosting::pure::{PureSteps, StepFailure};

/// The state limit of each of the two searches for a shorter path.
const STATES_MAX: u64 = 300_000;

/// Minimises the path of a result. A result without a path is not changed.
pub(super) fn minimised(
    search: &Search,
    steps: &dyn PureSteps,
    outcome: SearchResult,
) -> SearchResult {
    let Some(target) = Target::of(&outcome) else { return outcome };
    let before = search.before().len();
    let Some(path) = outcome.path() else { return outcome };
    let mut events = path.events[before..].to_vec();
    let Ok(mut space) = space(search, steps, &target, None) else { return outcome };
    let mut best = outcome;
    while let Some((shorter, fewer)) = without_some(&mut space, &target, &events) {
        best = shorter;
        events = fewer;
    }
    let only: BTreeSet<PathEvent> = events.iter().cloned().collect();
    for only in [Some(Arc::new(only)), None] {
        let Some(depth) = events.len().checked_sub(1) else { break };
        let Ok(mut space) = self::space(search, steps, &target, only) else { break };
        let limits = Limits { depth: Some(depth), states: Some(STATES_MAX), ..Limits::default() };
        let (found, _) = BreadthFirst::new(&mut space, &limits, false, false).run();
        if target.is_met_by(&found)
            && let Some(path) = found.path()
        {
            events = path.events[before..].to_vec();
            best = found;
        }
    }
    best
}

/// The ending that a shorter path must have.
enum Target {
    /// A goal or a violation of this property.
    Property(String),
    /// A failure similar to this one.
    Failure(StepFailure),
}

impl Target {
    fn of(outcome: &SearchResult) -> Option<Self> {
        match outcome {
            SearchResult::GoalFound(found) | SearchResult::Violated(found) => {
                Some(Self::Property(found.property.clone()))
            }
            SearchResult::Failed(failed) => Some(Self::Failure(failed.failure.clone())),
            SearchResult::Exhausted
            | SearchResult::LimitReached(_)
            | SearchResult::InvalidStart(_) => None,
        }
    }

    fn is_met_by(&self, outcome: &SearchResult) -> bool {
        match (self, outcome) {
            (
                Self::Property(name),
                SearchResult::GoalFound(found) | SearchResult::Violated(found),
            ) => found.property == *name,
            (Self::Failure(failure), SearchResult::Failed(failed)) => {
                is_like(failure, &failed.failure)
            }
            _ => false,
        }
    }
}

/// Whether two failures are of the same kind and, if they are panics, have the same location; if they are messages to
/// unknown addresses, the same address.
fn is_like(one: &StepFailure, other: &StepFailure) -> bool {
    match (one, other) {
        (
            StepFailure::Node(NodeFailure::Panicked { location: one, .. }),
            StepFailure::Node(NodeFailure::Panicked { location: other, .. }),
        ) => one == other,
        (StepFailure::UnknownAddress(one), StepFailure::UnknownAddress(other)) => {
            one.to == other.to
        }
        (StepFailure::Node(one), StepFailure::Node(other)) => {
            std::mem::discriminant(one) == std::mem::discriminant(other)
        }
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// Tables for a search for only the target. With `only`, no other events are possible.
fn space<'s>(
    search: &'s Search,
    steps: &'s dyn PureSteps,
    target: &Target,
    only: Option<Arc<BTreeSet<PathEvent>>>,
) -> Result<StateSpace<'s>, ()> {
    let name = match target {
        Target::Property(name) => Some(name.as_str()),
        Target::Failure(_) => None,
    };
    let properties = search
        .properties
        .iter()
        .filter(|(role, property)| *role == Role::Prune || name == Some(property.name()));
    let monitor = search.monitor.as_deref().filter(|monitor| name == Some(monitor.name()));
    let mut restrictions = search.restrictions.clone();
    restrictions.allow_only(only);
    let properties = properties.cloned().collect();
    let setup = Setup { monitor, properties, restrictions, ..search.setup(steps) };
    StateSpace::new(setup).map_err(|_| ())
}

/// Tries to remove as many events as possible at once. Returns the result and the remaining events if
/// any could be removed.
fn without_some(
    space: &mut StateSpace<'_>,
    target: &Target,
    events: &[PathEvent],
) -> Option<(SearchResult, Vec<PathEvent>)> {
    let mut part = events.len().div_ceil(2);
    while part > 0 {
        for start in (0..events.len()).step_by(part) {
            let end = (start + part).min(events.len());
            let kept: Vec<PathEvent> =
                events[..start].iter().chain(&events[end..]).cloned().collect();
            if let Some((outcome, used)) = space.follow(&kept)
                && target.is_met_by(&outcome)
                && used.len() < events.len()
            {
                return Some((outcome, used));
            }
        }
        part /= 2;
    }
    None
}
