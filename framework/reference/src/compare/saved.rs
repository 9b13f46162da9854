//! Saved paths: a finding survives saving and replaying, and the path of a random walk is minimal.

use faultlab::Address;
use faultlab::hosting::Submission;
use faultlab::hosting::pure::LocalSteps;
use faultlab::random::mix;
use faultlab::search::{RandomWalks, Search, SearchResult};
use faultlab::trace::replay::{ReplayStatus as Replayed, replay};
use faultlab::trace::{Ending, EventKind, Origin, Trace, TraceEvent, file};

use super::agreement::Seen;
use crate::claim::{Claims, RUN, Role, Verdict};
use crate::explorer::{Bounds, End, explore};
use crate::protocol::{Case, Size};
use crate::terms::{check_also_violated, check_path};

/// Runs a search and random walks for a seed, and checks their findings.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let size = [Size::Few, Size::Few, Size::Timers, Size::InOrder][(seed % 4) as usize];
    let mut case = Case::drawn(mix(seed ^ 0x5a), size);
    case.depth_max = Some(case.depth_max.unwrap_or(9).min(9));
    compare_saved(seed, &case)
}

/// Runs a search and random walks of a case, and checks their findings.
pub(super) fn compare_saved(seed: u64, case: &Case) -> Result<Seen, String> {
    let submission = Case::submission();
    let mut seen = Seen::default();
    let depth_max = case.depth_max.unwrap_or(9);
    let search = case.search().depth_max(depth_max).states_max(3_000);
    let outcome = search.run(&submission).result;
    seen.found |= check_replay(&search, &submission, &outcome)?;

    let walks = RandomWalks { seed, count: 20, depth_max: 12 };
    let search = case.search();
    let outcome = search.random_walks(&submission, walks).result;
    seen.found |= check_replay(&search, &submission, &outcome)?;
    seen.states = check_length(case, &outcome, walks.depth_max)?;
    Ok(seen)
}

/// Saves a finding as a trace, reads it and replays it. Returns whether there is a finding.
fn check_replay(
    search: &Search,
    submission: &Submission,
    outcome: &SearchResult,
) -> Result<bool, String> {
    if !matches!(outcome, SearchResult::GoalFound(_) | SearchResult::Violated(_)) {
        return Ok(false);
    }
    let nodes = search.system().descriptors();
    let steps = LocalSteps::new(submission, nodes).map_err(|failure| failure.to_string())?;
    let trace = search.trace(&steps, &Origin::default(), outcome);
    let trace = trace.ok_or_else(|| format!("no trace of {outcome:?}"))?;
    let mut text = Vec::new();
    file::write(&mut text, &trace).map_err(|error| error.to_string())?;
    let saved = file::read(&text[..]).map_err(|error| error.to_string())?;
    if saved != trace {
        return Err("the trace is different after it was written and read".to_owned());
    }
    let again = replay(&saved, &mut search.traced_run(&steps));
    let difference = difference(&saved, &again.trace);
    let is_so = match (outcome, &again.status) {
        (SearchResult::Violated(_), Replayed::Reproduced { same, ending, .. }) => {
            *same && Some(ending) == saved.ending.as_ref() && difference.is_none()
        }
        // A goal is not a failure, so the whole run repeats and nothing fails.
        (SearchResult::GoalFound(_), Replayed::Fixed { happened, events }) => {
            happened == events && difference.is_none() && again.trace.ending == Some(Ending::Held)
        }
        _ => false,
    };
    if is_so {
        return Ok(true);
    }
    Err(format!("{}, {}\n  of {outcome:?}", again.status, difference.unwrap_or_default()))
}

/// Compares the path of random walks with the shortest path of the reference. Returns the number of the
/// reference's states.
fn check_length(case: &Case, outcome: &SearchResult, depth_max: usize) -> Result<usize, String> {
    let (verdict, found) = match outcome {
        SearchResult::GoalFound(found) => (Verdict::Goal(found.property.clone()), found),
        SearchResult::Violated(found) => (Verdict::Violated(found.property.clone()), found),
        _ => return Ok(0),
    };
    let wrong = |why: &str| Err(format!("random walks: {why}\n  search: {outcome:?}"));
    let path = &found.path().events;
    if path.len() > depth_max {
        return wrong("the path is longer than a random walk");
    }
    // The reference searches for a shorter path with this property alone, which may pass through states
    // where others would end the search.
    let of_it = |(role, claim): &&_| *role == Role::Prune || claim_is(claim, &found.property);
    let claims = Claims(case.claims.0.iter().filter(of_it).cloned().collect());
    let automaton = case.automaton.filter(|_| found.property == RUN);
    let world = Case { automaton, ..case.clone() }.world();
    let start = world.start().map_err(|_| "too many commands at the start".to_owned())?;
    let checked = check_path(&world, &start, &claims, path, (&verdict, found))
        .and_then(|last| check_also_violated(&world, &last, &case.claims, found));
    if let Err(why) = checked {
        return wrong(&why);
    }
    let bounds = Bounds { depth_max: Some(path.len()), states_max: 3_000 };
    let Some(exploration) = explore(&world, &start, &claims, bounds) else { return Ok(0) };
    match exploration.end {
        End::Found(depth, _) if depth < path.len() => {
            wrong(&format!("the reference has a path of {depth} events"))
        }
        _ => Ok(exploration.states),
    }
}

fn claim_is(claim: &crate::claim::Claim, name: &str) -> bool {
    claim.name() == name
}
/// The first difference between two traces. Each node's events must be the same in both, in the same
/// order. The global order may differ, because a trace is written in a readable order, and numbers messages
/// in that order.
fn difference(saved: &Trace, again: &Trace) -> Option<String> {
    saved.header.nodes.iter().find_map(|&node| {
        let (then, now) = (events_of(saved, node), events_of(again, node));
        let same = then.iter().zip(&now).take_while(|(then, now)| then == now).count();
        (then != now).then(|| format!("{node}: {:?}\n  became {:?}", then.get(same), now.get(same)))
    })
}

/// A node's events, with the messages sent, the timers set, and the states.
fn events_of(trace: &Trace, node: Address) -> Vec<String> {
    let of_node = trace.events.iter().filter(|event| event.what.node() == Some(node));
    let describe = |event: &TraceEvent| {
        let what = match &event.what {
            EventKind::Deliver { from, message, copy, .. } => {
                format!("{message} of {from}, {copy:?}")
            }
            EventKind::Fire { timer, .. } => format!("timer {timer}"),
            what => format!("{what:?}"),
        };
        let sent: Vec<_> = event.sent.iter().map(|sent| (sent.to, &sent.message)).collect();
        let set = event.timers.iter().map(|timer| (&timer.timer, timer.min_ns, timer.max_ns));
        format!("{what}: {sent:?} {:?} {:?}", set.collect::<Vec<_>>(), event.state)
    };
    of_node.map(describe).collect()
}
