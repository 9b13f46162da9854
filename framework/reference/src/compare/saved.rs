//! Saved paths: what was found comes back from a file, and a probe's path is as short as can be.

use faultlab::Address;
use faultlab::hosting::Submission;
use faultlab::hosting::pure::LocalSteps;
use faultlab::random::mix;
use faultlab::search::{RandomWalks, Search, SearchResult};
use faultlab::simulate::Origin;
use faultlab::trace::replay::{ReplayStatus as Replayed, replay};
use faultlab::trace::{Ending, EventKind, Trace, TraceEvent, file};

use super::agreement::Seen;
use crate::claim::{Claims, RUN, Role, Verdict};
use crate::explorer::{Bounds, End, explore};
use crate::protocol::{Case, Size};
use crate::terms::{check_also_violated, check_path};

/// Searches and probes what a seed draws, and compares what comes back of what is found.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let size = [Size::Few, Size::Few, Size::Timers][(seed % 3) as usize];
    let mut case = Case::drawn(mix(seed ^ 0x5a), size);
    case.depth_max = Some(case.depth_max.unwrap_or(9).min(9));
    let submission = Case::submission();
    let mut seen = Seen::default();
    let depth_max = case.depth_max.unwrap_or(9);
    let search = case.search().depth_max(depth_max).states_max(3_000);
    let outcome = search.run(&submission).result;
    seen.found |= comes_back(&search, &submission, &outcome)?;

    let probes = RandomWalks { seed, count: 20, depth_max: 12 };
    let search = case.search();
    let outcome = search.random_walks(&submission, probes).result;
    seen.found |= comes_back(&search, &submission, &outcome)?;
    seen.states = is_short(&case, &outcome, probes.depth_max)?;
    Ok(seen)
}

/// Writes what was found as a trace, reads it, and follows it again. Whether something was found.
fn comes_back(
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
        return Err("the trace is another one after it was written and read".to_owned());
    }
    let again = replay(&saved, &mut search.traced_run(&steps));
    let difference = difference(&saved, &again.trace);
    let is_so = match (outcome, &again.status) {
        (SearchResult::Violated(_), Replayed::Reproduced { same, ending, .. }) => {
            *same && Some(ending) == saved.ending.as_ref() && difference.is_none()
        }
        // A goal is no failure: all of it happens again, and nothing breaks.
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

/// Compares the path of a probe with the shortest one that the reference knows. How many states it saw.
fn is_short(case: &Case, outcome: &SearchResult, depth_max: usize) -> Result<usize, String> {
    let (verdict, found) = match outcome {
        SearchResult::GoalFound(found) => (Verdict::Goal(found.property.clone()), found),
        SearchResult::Violated(found) => (Verdict::Violated(found.property.clone()), found),
        _ => return Ok(0),
    };
    let wrong = |why: &str| Err(format!("a probe: {why}\n  search: {outcome:?}"));
    let path = &found.path().events;
    if path.len() > depth_max {
        return wrong("the path is longer than a probe");
    }
    // A shorter path is looked for with this property alone, and may pass where others end the search.
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
/// Where two traces differ, in words. Each node must do the same in both, in the same order: a trace is
/// written in an order that is good to read, and names messages in that order.
fn difference(saved: &Trace, again: &Trace) -> Option<String> {
    saved.header.nodes.iter().find_map(|&node| {
        let (then, now) = (doings(saved, node), doings(again, node));
        let same = then.iter().zip(&now).take_while(|(then, now)| then == now).count();
        (then != now).then(|| format!("{node}: {:?}\n  became {:?}", then.get(same), now.get(same)))
    })
}

/// What a node did: what happened to it, what it sent, the timers that it set, and its states.
fn doings(trace: &Trace, node: Address) -> Vec<String> {
    let of_node = trace.events.iter().filter(|event| event.what.node() == Some(node));
    let doing = |event: &TraceEvent| {
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
    of_node.map(doing).collect()
}
