//! Recovers a monitor's state in a run that it did not observe.
//!
//! A state contains its nodes, but not the order in which the clients called and returned on the
//! way there. A search with a monitor that starts from such a state therefore first replays the
//! path to it, from the start of the nodes, while the monitor observes. The search that found the
//! state need not have had a monitor.

use super::engine::{Engine, Setup, StartError};
use super::handlers::LocalEvent;
use super::monitor::Watched;
use super::path::PathEvent;
use super::settings::Switches;
use super::state::State;

/// Returns the monitor's state after the run that led to `start`.
///
/// # Errors
/// When the path cannot be replayed, or produces other calls and returns than the state holds.
pub(super) fn watched(setup: &Setup<'_>, start: &State) -> Result<Watched, StartError> {
    let members = setup.system.roster().len();
    // The restrictions of this search did not apply to the run before it.
    let switches = Switches::new(members);
    let setup = Setup { properties: Vec::new(), switches, start: None, ..setup.clone() };
    let mut engine = Engine::new(setup)?;
    let mut row = engine.first.clone();
    for (index, event) in start.path.events.iter().enumerate() {
        let unknown = |why: String| StartError::UnknownCalls(format!("event {} {why}", index + 1));
        let (member, event) = find(&engine, &row, event)
            .ok_or_else(|| unknown("of its path is not possible in this system".to_owned()))?;
        let stepped = engine.step(&mut row, member, event);
        stepped.map_err(|failure| unknown(format!("of its path fails: {failure}")))?;
    }
    let reached = engine.state_of(&row, start.path.clone());
    for (reached, given) in reached.nodes.iter().zip(&start.nodes) {
        if (&reached.results, reached.is_waiting) != (&given.results, given.is_waiting) {
            let reason =
                format!("its path does not produce the results that {} holds in it", given.address);
            return Err(StartError::UnknownCalls(reason));
        }
    }
    Ok(engine.watched(&row))
}

/// Finds the event of a path and its node, if the event is possible in this row.
fn find(engine: &Engine<'_>, row: &[u32], event: &PathEvent) -> Option<(usize, LocalEvent)> {
    let member = engine.sites.handlers.member_at(event.node())?;
    let mut possible = Vec::new();
    engine.sites.events(row[member], &mut possible);
    let is_it = |local: &LocalEvent| engine.sites.handlers.path_event(member, *local) == *event;
    Some((member, possible.into_iter().find(is_it)?))
}
