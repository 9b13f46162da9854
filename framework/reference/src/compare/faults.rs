//! Faults as events: crashes that a search chooses within a bound, and cuts, of which it need not know.

use std::collections::BTreeSet;

use faultlab::random::mix;

use super::agreement::Seen;
use super::protocols::compare_case;
use crate::protocol::{CallOrder, Case, Drawn, Size};
use crate::world::{Event, GlobalOf, World};

/// Compares a protocol in which nodes may crash.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let size = match seed % 8 {
        3 => Size::Clients,
        5 => Size::InOrder,
        7 => Size::Timers,
        _ => Size::Few,
    };
    let mut case = Case::drawn(mix(seed ^ 0xfa), size);
    case.draw_crashes(mix(seed ^ 0xfb));
    compare_cuts(&case)?;
    compare_case(&case)
}

/// The most states of a system whose links are cut and repaired by events.
const STATES_MAX: usize = 3_000;

type State = GlobalOf<Drawn, Option<CallOrder>>;

/// The links that are cut, as sender and receiver.
type Cut = BTreeSet<(usize, usize)>;

/// Checks that cuts and repairs, wherever they happen, lead to no state that is not reached without them.
fn compare_cuts(case: &Case) -> Result<(), String> {
    let world = case.world();
    let Ok(start) = world.start() else { return Ok(()) };
    let both = (reached(&world, &start, 0), reached(&world, &start, 1));
    let (Some(without), Some(with)) = both else { return Ok(()) };
    if without == with {
        Ok(())
    } else {
        let (without, with) = (without.len(), with.len());
        Err(format!("{without} states are reached without cuts, and {with} with them"))
    }
}

/// The states that are reached when events may cut links, at most `cuts` at any moment, and repair them. `None` if there
/// are too many.
fn reached(
    world: &World<Drawn, Option<CallOrder>>,
    start: &State,
    cuts: usize,
) -> Option<BTreeSet<State>> {
    let nodes = world.members.len();
    let mut seen = BTreeSet::from([(start.clone(), Cut::new())]);
    let mut open: Vec<(State, Cut)> = seen.iter().cloned().collect();
    while let Some((state, cut)) = open.pop() {
        let mut next = Vec::new();
        for event in world.possible(&state) {
            let is_cut = match event {
                Event::Deliver { to, from, .. } => cut.contains(&(from, to)),
                _ => false,
            };
            if !is_cut && let Ok((after, _)) = world.after(&state, event) {
                next.push((after, cut.clone()));
            }
        }
        for link in (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to))) {
            let mut changed = cut.clone();
            if changed.remove(&link) || cut.len() < cuts && changed.insert(link) {
                next.push((state.clone(), changed));
            }
        }
        for next in next {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        if seen.len() > STATES_MAX {
            return None;
        }
    }
    Some(seen.into_iter().map(|(state, _)| state).collect())
}
