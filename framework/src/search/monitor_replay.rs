//! Recovers a monitor's state in a run that it did not observe.
//!
//! A state contains its nodes, but not the order of the calls and returns that led to it. So a search
//! with a monitor that starts from such a state first replays the path to it, from the start of the
//! nodes, while the monitor observes. The search that found the state need not have had a monitor.

use super::monitor::MonitorState;
use super::position::Position;
use super::state::State;
use super::state_space::{Setup, StartError, StateSpace};

/// Returns the monitor's state after the run that led to `start`.
///
/// # Errors
/// When the path cannot be replayed, or leads to other results than those in the state.
pub(super) fn monitor_state(setup: &Setup<'_>, start: &State) -> Result<MonitorState, StartError> {
    // The restrictions of this search did not apply to the run before it.
    let restrictions = setup.restrictions.at_beginning();
    let setup = Setup {
        properties: Vec::new(),
        restrictions,
        start: None,
        restarts_from_outside: true,
        ..setup.clone()
    };
    let mut space = StateSpace::new(setup)?;
    let mut position = Position::first(&space);
    for (index, event) in start.path.events.iter().enumerate() {
        let unknown = |why: String| StartError::UnknownCalls(format!("event {} {why}", index + 1));
        let followed = position
            .follow(&mut space, event)
            .ok_or_else(|| unknown("of its path is not possible in this system".to_owned()))?;
        if let Some(failure) = followed.failure {
            return Err(unknown(format!("of its path fails: {failure}")));
        }
    }
    let reached = space.state_of(&position.row, start.path.clone());
    for (reached, given) in reached.nodes.iter().zip(&start.nodes) {
        if (&reached.results, reached.is_waiting) != (&given.results, given.is_waiting) {
            let reason =
                format!("its path does not produce the results that {} holds in it", given.address);
            return Err(StartError::UnknownCalls(reason));
        }
    }
    Ok(space.monitor_state(&position.row))
}
