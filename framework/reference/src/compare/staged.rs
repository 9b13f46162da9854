//! Searches in stages: from states that an earlier search, an explorer or a random walk has reached.

use faultlab::codec;
use faultlab::hosting::pure::LocalSteps;
use faultlab::random::mix;
use faultlab::search::{Explorer, PathEvent, RandomWalks, SearchResult, State};

use super::agreement::{Question, Seen};
use crate::claim::{Claim, Claims, Role};
use crate::explorer::{Bounds, explore};
use crate::protocol::{CallOrder, Case, REMAINDERS, Size};
use crate::terms::{follow, global_of, nodes_of};
use crate::world::Global;

/// Reaches a state of a protocol in one of several ways, and searches from there.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let draw = |what: u64, below: u64| mix(seed ^ mix(what)) % below;
    let size = [Size::Timers, Size::Few, Size::Clients][draw(1, 3) as usize];
    let mut case = Case::drawn(mix(seed ^ 0x57), size);
    case.claims = Claims::default();
    if draw(2, 2) == 0 {
        case.automaton = None;
    }
    let Some(state) = first_stage(seed, &case)? else { return Ok(Seen::default()) };
    check_path_of(&case, &state)?;

    // The automaton, claims and rules of the second stage are independent of the first stage.
    case.draw_rules(mix(seed ^ 11));
    case.draw_claims(mix(seed ^ 12));
    case.draw_automaton(mix(seed ^ 13));
    if size == Size::Clients {
        // Calls and returns before the state matter as much as those after it. Most claims would end the search
        // before there are any.
        case.claims = Claims::default();
        let rejected = draw(7, u64::from(REMAINDERS)) as u8;
        case.automaton = Some(CallOrder::WholeRun { rejected });
    }
    let drops = |to: u64, message: u64| {
        draw(5, 3) == 0 && mix(seed ^ to ^ (message << 8)).is_multiple_of(2)
    };
    let world = case.world();
    let mut expected = nodes_of(&world, &state)?;
    for (to, local) in expected.iter_mut().enumerate() {
        local.inbox.0.retain(|&(_, message)| !drops(to as u64, message));
    }
    let state = state.dropping(|_, to, message| {
        drops(crate::protocol::number_of(to), codec::decode(message).unwrap_or_default())
    });
    if nodes_of(&world, &state)? != expected {
        return Err(format!("with messages dropped, the state is {state:?}, not {expected:?}"));
    }
    let start = global_of(&world, &state)?;
    if start.watched.is_none() {
        // The first stage already violates it. That is not compared here.
        return Ok(Seen::default());
    }
    // Clients that often have results have many states, and a few events suffice for another order.
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

/// The state that the first stage reaches, if it reaches one.
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
            let walks = RandomWalks { seed, count: 5, depth_max: 10 };
            with_goal.search().random_walks(&submission, walks).result
        }
        2 => return after_picked_events(seed, case).map(Some),
        _ => return changed_by_hand(seed, case).map(Some),
    };
    Ok(match outcome {
        SearchResult::GoalFound(found) => Some(found.state),
        _ => None,
    })
}

/// The state after some events that an explorer was told to perform.
fn after_picked_events(seed: u64, case: &Case) -> Result<State, String> {
    let draw = |what: u64, below: u64| mix(seed ^ mix(40 + what)) % below;
    let search = case.search();
    let submission = Case::submission();
    let nodes = search.system().descriptors();
    let steps = LocalSteps::new(&submission, nodes).map_err(|failure| failure.to_string())?;
    let mut explorer = Explorer::new(&search, &steps).map_err(|error| error.to_string())?;
    let node = |what| case.address(draw(what, case.members.len() as u64) as usize);
    // If every node is a client, a few results need many steps.
    let steps_max = if case.members.iter().all(|member| member.1.is_some()) { 24 } else { 8 };
    for step in 0..draw(0, steps_max) {
        let turn = 4 * step;
        let stepped = if draw(1 + turn, 3) == 0 {
            explorer.fire(node(2 + turn))
        } else {
            let wanted = draw(4 + turn, 3);
            explorer.deliver(node(2 + turn), node(3 + turn), |message| {
                codec::decode(message) == Ok(wanted) || wanted == 0
            })
        };
        stepped.map_err(|error| error.to_string())?;
    }
    Ok(explorer.state())
}

/// A state of an explorer, changed so that its path may not lead to it.
fn changed_by_hand(seed: u64, case: &Case) -> Result<State, String> {
    let mut state = after_picked_events(seed, case)?;
    for node in &mut state.nodes {
        // Timers in another order, whether equivalent or not: both are valid states.
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

/// Checks that the path of a state leads to it, except for changes by [`changed_by_hand`].
fn check_path_of(case: &Case, state: &State) -> Result<(), String> {
    let world = case.world();
    let start = world.start().map_err(|_| "too many commands at the start".to_owned())?;
    let events: &[PathEvent] = &state.path.events;
    let states = follow(&world, &start, events)?;
    let last: &Global<_, _> = states.last().unwrap_or(&start);
    let nodes = nodes_of(&world, state)?;
    let mut expected = last.locals.clone();
    // `changed_by_hand` may have changed the order of timers.
    for (expected, node) in expected.iter_mut().zip(&nodes) {
        let mut sorted = [expected.timers.list().to_vec(), node.timers.list().to_vec()];
        sorted.iter_mut().for_each(|list| list.sort_unstable());
        if sorted[0] == sorted[1] {
            expected.timers = node.timers.clone();
        }
    }
    if nodes != expected {
        return Err(format!(
            "the first stage ends in {nodes:?}, but its path leads to {expected:?}"
        ));
    }
    Ok(())
}
