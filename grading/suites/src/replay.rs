//! Following a saved trace again, with the submission as it is now.

use faultlab::search::{Outcome, State};
use faultlab::simulate;
use faultlab::trace::replay::{Replay, Verdict, replay};
use faultlab::trace::{Engine, Trace};

use crate::search_plan::{SearchPlan, Stage, StageSearch};
use crate::{Body, Nodes, SeedContext, Suite};

/// Why a saved trace cannot be followed at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It is of another lab.
    #[error("it is of {0}, not of {1}")]
    OtherLab(String, String),
    /// The suite has no such test any more.
    #[error("there is no test {0} any more")]
    NoTest(String),
    /// The test is now of another kind than the run that was saved.
    #[error("test {0} is not what it was when the run was saved")]
    OtherKind(String),
    /// The submission does not provide what the test needs.
    #[error("{0}")]
    NotProvided(String),
}

/// Follows a saved trace again.
///
/// A run that a search found is followed event by event. A simulated run is run again with what the network and
/// the timers did then, and is *fixed* when it holds now.
///
/// # Errors
/// When the trace is not of a test of this suite.
pub fn replay_saved(
    suite: &Suite,
    saved: &Trace,
    nodes: &dyn Nodes,
) -> Result<Replay, ReplayError> {
    let header = &saved.header;
    if header.lab != suite.lab() {
        return Err(ReplayError::OtherLab(header.lab.clone(), suite.lab().to_owned()));
    }
    let number = header.test.parse().ok();
    let test = number.and_then(|number| suite.test(number));
    let test = test.ok_or_else(|| ReplayError::NoTest(header.test.clone()))?;
    match (header.engine, test.body()) {
        (Engine::Simulate, Body::Simulate(scenario)) => {
            let scenario = scenario(&mut SeedContext::new(header.seed));
            Ok(simulate::replay(scenario, saved, &mut *nodes.host()))
        }
        (Engine::Search, Body::Search(plan)) => {
            let plan = plan(&mut SeedContext::new(header.seed));
            follow_searched(plan, saved, nodes)?
                .ok_or_else(|| ReplayError::OtherKind(header.test.clone()))
        }
        _ => Err(ReplayError::OtherKind(header.test.clone())),
    }
}

/// Follows a run in each of a test's searches. They differ in what may happen; the one in which it breaks, or
/// else the one that follows the run furthest, is the one that it came from.
fn follow_searched(
    plan: SearchPlan,
    saved: &Trace,
    nodes: &dyn Nodes,
) -> Result<Option<Replay>, ReplayError> {
    let mut best: Option<Replay> = None;
    let mut found: Option<State> = None;
    let mut stages = plan.stages.into_iter().peekable();
    while let Some(stage) = stages.next() {
        let search = match stage.search {
            StageSearch::Given(search) => *search,
            StageSearch::From(make) => match found.take() {
                Some(state) => make(state),
                // With the submission as it is now, the goal that this search starts from is not found.
                None => continue,
            },
        };
        let steps = nodes
            .steps(search.system().roster())
            .map_err(|failure| ReplayError::NotProvided(failure.to_string()))?;
        let replayed = replay(saved, &mut search.walk(steps.as_ref()));
        if best.as_ref().is_none_or(|best| rank(&replayed) > rank(best)) {
            best = Some(replayed);
        }
        let goes_on = |next: &Stage| matches!(next.search, StageSearch::From(_));
        if stages.peek().is_some_and(goes_on)
            && let Outcome::GoalFound(goal) = search.run_with(steps.as_ref()).outcome
        {
            found = Some(goal.state);
        }
    }
    Ok(best)
}

/// How much a replay says.
fn rank(replay: &Replay) -> (u8, usize) {
    match &replay.verdict {
        Verdict::Reproduced { same: true, .. } => (3, 0),
        Verdict::Fixed { happened, .. } => (2, *happened),
        Verdict::Reproduced { same: false, .. } => (1, 0),
        Verdict::NoLongerApplies { event, .. } => (0, *event),
    }
}
