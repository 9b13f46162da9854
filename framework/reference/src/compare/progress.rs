//! Progress: whether every fair run must reach a claim, and whether the loops that are found are loops.

use faultlab::hosting::NodeProvider;
use faultlab::random::mix;
use faultlab::search::{Action, Lasso, LeadsTo, PathEvent, ProgressResult, Search};
use faultlab::{Address, Explorer};

use super::agreement::Seen;
use crate::claim::{Claim, Claims};
use crate::fairness::{Bounds, avoids};
use crate::protocol::{Case, Drawn, Size};

/// Compares what a protocol must reach.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let size = match seed % 4 {
        0 => Size::InOrder,
        1 => Size::Timers,
        _ => Size::Few,
    };
    let mut case = Case::drawn(seed, size);
    (case.claims, case.automaton) = (Claims::default(), None);
    if seed.is_multiple_of(3) {
        case.draw_crashes(mix(seed ^ 0xfc));
    }
    let draw = |what: u64, below: u64| mix(seed ^ mix(1_000 + what)) % below;
    let node = |what: u64| case.address(draw(what, case.members.len() as u64) as usize);
    let claim = match draw(0, 4) {
        0 => Claim::EveryClientHasAResult,
        1 => Claim::ClientsAreDone,
        _ => Claim::StatesAre([node(1), node(2)], [1 + draw(3, 3), 1 + draw(4, 3)]),
    };
    let world = case.world();
    let Ok(start) = world.start() else { return Ok(Seen::default()) };
    let bounds = Bounds { states_max: 150, messages_max: 6 };
    let Some(avoided) = avoids(&world, &start, &claim, bounds) else { return Ok(Seen::default()) };
    let search = case.search();
    let leads_to = LeadsTo::always(claim.property::<Drawn>());
    let report = search.progress(&Case::submission(), &leads_to);
    match (&report.result, avoided) {
        (ProgressResult::Inevitable, false) => Ok(Seen { exhausted: true, ..Seen::default() }),
        (ProgressResult::Avoided(lasso), true) => {
            is_a_loop(&search, &leads_to, lasso)?;
            Ok(Seen { found: true, ..Seen::default() })
        }
        (result, true) => Err(format!("{claim:?} can be avoided, but the search says {result:?}")),
        (result, false) => Err(format!("{claim:?} is inevitable, but the search says {result:?}")),
    }
}

/// Follows a lasso.
fn is_a_loop(search: &Search, leads_to: &LeadsTo, lasso: &Lasso) -> Result<(), String> {
    let submission = Case::submission();
    let steps = submission.steps(&search.system().descriptors()).map_err(|it| it.to_string())?;
    let search = search.clone().sometimes(leads_to.to().clone());
    let mut explorer = Explorer::new(&search, steps.as_ref()).map_err(|it| it.to_string())?;
    // Messages to a node that has crashed may differ: an explorer keeps them, and a search does not.
    let crashed = |address: Address| {
        let crash = PathEvent::Outside(Action::Crash { node: address });
        lasso.before.events.contains(&crash)
    };
    let running = |explorer: &Explorer<'_>| {
        let nodes = explorer.state().nodes.into_iter();
        nodes.filter(|node| !crashed(node.address)).collect::<Vec<_>>()
    };
    let mut began = None;
    let events = lasso.before.events.iter().chain(&lasso.round.events);
    for (index, event) in events.map(Some).chain([None]).enumerate() {
        if index == lasso.before.len() {
            began = Some(running(&explorer));
        }
        if explorer.check().iter().any(|check| check.result.is_ok()) {
            return Err(format!("the claim holds after {index} events of {lasso:?}"));
        }
        if let Some(event) = event {
            explorer.perform(event).map_err(|it| format!("event {index} of {lasso:?}: {it}"))?;
        }
    }
    match began == Some(running(&explorer)) {
        true => Ok(()),
        false => Err(format!("the loop does not close: {lasso:?}")),
    }
}
