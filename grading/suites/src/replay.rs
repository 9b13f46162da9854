//! Replays a saved trace with the current submission.

use faultlab::hosting::NodeProvider;
use faultlab::search::{SearchResult, State};
use faultlab::simulate;
use faultlab::trace::replay::{Replay, ReplayStatus, replay};
use faultlab::trace::{Ending, Engine, Trace};

use crate::run_search::{can_be_reached, missed, near_miss};
use crate::search_plan::{SearchPlan, Stage};
use crate::{Body, SeedContext, Suite};

/// Why a saved trace cannot be replayed at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It is of another lab.
    #[error("the trace is of {0}, not of {1}")]
    OtherLab(String, String),
    /// The suite has no such test any more.
    #[error("test {0} no longer exists")]
    NoTest(String),
    /// The kind of the test has changed since the run was saved.
    #[error("test {0} has changed its kind since the run was saved")]
    OtherKind(String),
    /// The submission does not provide what the test needs.
    #[error("{0}")]
    NotProvided(String),
}

/// Replays a saved trace.
///
/// A run found by a search is followed event by event. A simulated run is repeated with the
/// recorded behaviour of network and timers, and is *fixed* if it passes now. `printed` returns the process's output since
/// its last call; the new run has it with its events.
///
/// # Errors
/// When the trace is not of a test of this suite.
pub fn replay_saved(
    suite: &Suite,
    saved: &Trace,
    nodes: &dyn NodeProvider,
    printed: &mut dyn FnMut() -> String,
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
            let scenario = suite.fit(scenario(&mut SeedContext::new(header.seed)));
            Ok(simulate::replay_capturing(scenario, saved, &mut *nodes.host(), printed))
        }
        (Engine::Search, Body::Search(plan)) => {
            let plan = plan(&mut SeedContext::new(header.seed));
            follow_searched(plan, saved, nodes, printed)?
                .ok_or_else(|| ReplayError::OtherKind(header.test.clone()))
        }
        _ => Err(ReplayError::OtherKind(header.test.clone())),
    }
}

/// Replays a run in each of a test's searches, which permit different events, and returns the replay
/// that fails, or else the one that gets furthest.
fn follow_searched(
    plan: SearchPlan,
    saved: &Trace,
    nodes: &dyn NodeProvider,
    printed: &mut dyn FnMut() -> String,
) -> Result<Option<Replay>, ReplayError> {
    let mut best: Option<Replay> = None;
    let mut found: Vec<Option<State>> = Vec::new();
    let (origins, starts_another) = (plan.origins(), plan.starts_another());
    let stages = plan.stages.into_iter().zip(origins).zip(starts_another);
    for ((Stage { title, search, leads_to, .. }, origin), starts_another) in stages {
        found.push(None);
        let steps = nodes
            .steps(&search.system().descriptors())
            .map_err(|failure| ReplayError::NotProvided(failure.to_string()))?;
        // The current submission may not reach the state from which this search starts.
        let Some(Ok(search)) = search.start(&title, &found, steps.as_ref()) else {
            continue;
        };
        let mut run = search.traced_run(steps.as_ref()).capturing(&mut *printed);
        if let Some(leads_to) = &leads_to {
            run = run.owing(leads_to);
        }
        let mut replayed = replay(saved, &mut run);
        drop(run);
        if let ReplayStatus::Fixed { .. } = replayed.status
            && is_miss_of(saved, &title)
        {
            // The run itself breaks nothing: it is the one that comes nearest to the goal.
            let report = search.run_with(steps.as_ref());
            if report.result == SearchResult::Exhausted {
                let near_miss = near_miss(&search, &report, steps.as_ref());
                let states = report.statistics.states;
                let ending = Ending::Violated(missed(
                    (&title, origin.as_deref()),
                    states,
                    near_miss.as_ref(),
                ));
                replayed.trace.ending = Some(ending.clone());
                replayed.status = ReplayStatus::Reproduced { ending, event: None, same: true };
            }
        }
        if best.as_ref().is_none_or(|best| follow_progress(&replayed) > follow_progress(best)) {
            best = Some(replayed);
        }
        if starts_another
            && let SearchResult::GoalFound(goal) = search.run_with(steps.as_ref()).result
            && let Some(last) = found.last_mut()
        {
            *last = Some(goal.state);
        }
    }
    Ok(best)
}

/// Whether a saved run shows how near the stage with this title came to its goal.
fn is_miss_of(saved: &Trace, title: &str) -> bool {
    match &saved.ending {
        Some(Ending::Violated(violation)) => violation.property == can_be_reached(title),
        _ => false,
    }
}

/// How far a replay got.
fn follow_progress(replay: &Replay) -> (u8, usize) {
    match &replay.status {
        ReplayStatus::Reproduced { same: true, .. } => (3, 0),
        ReplayStatus::Fixed { happened, .. } => (2, *happened),
        ReplayStatus::Reproduced { same: false, .. } => (1, 0),
        ReplayStatus::NoLongerApplies { event, .. } | ReplayStatus::Unsupported { event, .. } => {
            (0, *event)
        }
    }
}
