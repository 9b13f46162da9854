//! Searches in stages: from states that an earlier search, a hand or a probe has led to.

use faultlab::codec;
use faultlab::hosting::pure::LocalSteps;
use faultlab::random::mix;
use faultlab::search::{PathEvent, RandomWalks, SearchResult, State};

use super::agreement::{Question, Seen};
use crate::claim::{Claim, Claims, Role};
use crate::explorer::{Bounds, explore};
use crate::protocol::{CallOrder, Case, REMAINDERS, Size};
use crate::terms::{follow, global_of, nodes_of};
use crate::world::Global;

/// Takes a protocol to a state in one of several ways, and searches on from there.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
    let size = [Size::Timers, Size::Few, Size::Clients][draw(1, 3) as usize];
    let mut case = Case::drawn(mix(seed ^ 0x57), size);
    case.claims = Claims::default();
    if draw(2, 2) == 0 {
        case.automaton = None;
    }
    let Some(state) = first_stage(seed, &case)? else { return Ok(Seen::default()) };
    led_there(&case, &state)?;

    // What is watched, claimed and possible later has nothing to do with what was.
    case.draw_rules(mix(seed ^ 11));
    case.draw_claims(mix(seed ^ 12));
    case.draw_automaton(mix(seed ^ 13));
    if size == Size::Clients {
        // Calls and returns on the way to the state count as much as those after it. Most claims would end the
        // search before there are any.
        case.claims = Claims::default();
        let disliked = draw(7, u64::from(REMAINDERS)) as u8;
        case.automaton = Some(CallOrder::WholeRun { disliked });
    }
    let drops = |to: u64, message: u64| {
        draw(5, 3) == 0 && mix(seed ^ to ^ (message << 8)).is_multiple_of(2)
    };
    let world = case.world();
    let mut expected = nodes_of(&world, &state)?;
    for (to, local) in expected.iter_mut().enumerate() {
        local.inbox.retain(|&(_, message)| !drops(to as u64, message));
    }
    let state = state.dropping(|_, to, message| {
        drops(crate::protocol::number_of(to), codec::decode(message).unwrap_or_default())
    });
    if nodes_of(&world, &state)? != expected {
        return Err(format!("with messages dropped, the state is {state:?}, not {expected:?}"));
    }
    let start = global_of(&world, &state)?;
    if start.watched.is_none() {
        // It broke before; what a search says of that is not asked here.
        return Ok(Seen::default());
    }
    // Clients that often have results have many states, and a few events are enough for another order.
    let depth_max = if size == Size::Clients { 1 + draw(6, 3) } else { 2 + draw(6, 5) };
    let bounds = Bounds { depth_max: Some(depth_max as usize), states_max: 500 };
    let Some(exploration) = explore(&world, &start, &case.claims, bounds) else {
        return Ok(Seen::default());
    };
    let before = state.path.len();
    let question = Question { world: &world, start: &start, claims: &case.claims, before };
    question
        .compare(&exploration, &Case::submission(), || case.search().start_from(state.clone()))
        .map_err(|difference| format!("after {before} events, {difference}"))
}

/// The state that the first stage leads to, if it leads to one.
fn first_stage(seed: u64, case: &Case) -> Result<Option<State>, String> {
    let draw = |what: u64, below: u64| mix(seed ^ mix(20 + what)) % below;
    let submission = Case::submission();
    let goal = Claim::StatesAre(
        [0, 1].map(|place| case.address(draw(place, case.members.len() as u64) as usize)),
        [1 + draw(2, 2), 1 + draw(3, 2)],
    );
    let with_goal = Case { claims: Claims(vec![(Role::Goal, goal)]), ..case.clone() };
    let outcome = match draw(4, 4) {
        0 => with_goal.search().depth_max(8).states_max(500).run(&submission).result,
        1 => {
            let probes = RandomWalks { seed, count: 5, depth_max: 10 };
            with_goal.search().random_walks(&submission, probes).result
        }
        2 => return by_hand(seed, case).map(Some),
        _ => return made_by_hand(seed, case).map(Some),
    };
    Ok(match outcome {
        SearchResult::GoalFound(found) => Some(found.state),
        _ => None,
    })
}

/// Some steps by hand.
fn by_hand(seed: u64, case: &Case) -> Result<State, String> {
    let draw = |what: u64, below: u64| mix(seed ^ mix(40 + what)) % below;
    let search = case.search();
    let submission = Case::submission();
    let nodes = search.system().descriptors();
    let steps = LocalSteps::new(&submission, nodes).map_err(|failure| failure.to_string())?;
    let mut hand = search.manual_run(&steps).map_err(|failed| failed.failure.to_string())?;
    let node = |what| case.address(draw(what, case.members.len() as u64) as usize);
    // Where every node is a client, many steps are needed for a few results.
    let steps_max = if case.members.iter().all(|member| member.1.is_some()) { 24 } else { 8 };
    for step in 0..draw(0, steps_max) {
        let turn = 4 * step;
        let stepped = if draw(1 + turn, 3) == 0 {
            hand.fire(node(2 + turn))
        } else {
            let wanted = draw(4 + turn, 3);
            hand.deliver(node(2 + turn), node(3 + turn), |message| {
                codec::decode(message) == Ok(wanted) || wanted == 0
            })
        };
        stepped.map_err(|failed| failed.failure.to_string())?;
    }
    Ok(hand.state())
}

/// A state that nobody led to: the one at the start, changed.
fn made_by_hand(seed: u64, case: &Case) -> Result<State, String> {
    let mut state = by_hand(seed, case)?;
    for node in &mut state.nodes {
        // Timers in another order that means the same, or something else: both are states.
        if mix(seed ^ 61).is_multiple_of(2) {
            node.timers.reverse();
        }
        node.inbox.reverse();
        if mix(seed ^ 62).is_multiple_of(2) {
            let again = node.inbox.clone();
            node.inbox.extend(again);
        }
    }
    Ok(state)
}

/// The path of a state leads to it, unless the state was made by hand.
fn led_there(case: &Case, state: &State) -> Result<(), String> {
    let world = case.world();
    let start = world.start().map_err(|_| "too many commands at the start".to_owned())?;
    let events: &[PathEvent] = &state.path.events;
    let states = follow(&world, &start, events)?;
    let last: &Global<_, _> = states.last().unwrap_or(&start);
    let nodes = nodes_of(&world, state)?;
    let mut expected = last.locals.clone();
    // The order of timers may have been changed by hand.
    for (expected, node) in expected.iter_mut().zip(&nodes) {
        let mut sorted = [expected.timers.list().to_vec(), node.timers.list().to_vec()];
        sorted.iter_mut().for_each(|list| list.sort_unstable());
        if sorted[0] == sorted[1] {
            expected.timers = node.timers.clone();
        }
    }
    if nodes != expected {
        return Err(format!("the first stage has {nodes:?}, its path leads to {expected:?}"));
    }
    Ok(())
}
