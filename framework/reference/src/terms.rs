//! Translates states and paths of the search into those of the reference.

use faultlab::codec;
use faultlab::search::{Action, FoundState, NodeState, PathEvent, PendingTimer, Sent, State};

use crate::automaton::Automaton;
use crate::claim::{Claims, Verdict};
use crate::disk::Disk;
use crate::timers::{Timer, Timers};
use crate::world::{Event, Global, GlobalOf, Inbox, Local, Plain, Stopped, World};

/// Whether an event of a path is this event of the reference, which is possible in the state `now`.
pub fn is_event<N: Plain, A: Automaton>(
    world: &World<N, A>,
    now: &GlobalOf<N, A>,
    event: Event,
    path_event: &PathEvent,
) -> bool {
    let address = |place: usize| world.members[place].address;
    let is = |bytes: &[u8], value| codec::decode::<u64>(bytes) == Ok(value);
    let within = match event {
        Event::CrashInDelivery { to, from, message, after } => {
            Some((Event::Deliver { to, from, message }, after))
        }
        Event::CrashInFiring { node, timer, after } => Some((Event::Fire { node, timer }, after)),
        Event::CrashInRestart { node, found, after } => {
            Some((Event::Restart { node, found }, after))
        }
        _ => None,
    };
    if let (Some((event, effects)), PathEvent::Interrupted { event: it, after }) =
        (within, path_event)
    {
        return effects == *after as usize && is_event(world, now, event, it);
    }
    match (event, path_event) {
        (
            Event::Restart { node, found },
            PathEvent::Outside(Action::Restart { node: it, outcome }),
        ) => {
            let disk = &now.locals[node].disk;
            let left = disk.left(world.fault_model).into_iter().nth(found);
            address(node) == *it && disk.after(outcome) == left
        }
        (
            Event::Lose { to, from, message },
            PathEvent::Outside(Action::Drop { from: by, to: it, message: lost }),
        ) => address(to) == *it && address(from) == *by && is(lost, message),
        (
            Event::Deliver { to, from, message },
            PathEvent::Deliver { node, from: by, message: it },
        ) => address(to) == *node && address(from) == *by && is(it, message),
        (
            Event::Fire { node, timer },
            PathEvent::Fire { node: at, timer: it, min_ns, max_ns, .. },
        ) => {
            let durations = (timer.min_ns, timer.max_ns);
            address(node) == *at && is(it, timer.value) && durations == (*min_ns, *max_ns)
        }
        (Event::Crash { node }, PathEvent::Outside(Action::Crash { node: it })) => {
            address(node) == *it
        }
        _ => false,
    }
}

/// Follows a path. Returns the state after each event.
///
/// # Errors
/// If an event is not possible at its position in the path.
pub fn follow<N: Plain, A: Automaton>(
    world: &World<N, A>,
    start: &GlobalOf<N, A>,
    path: &[PathEvent],
) -> Result<Vec<GlobalOf<N, A>>, String> {
    let mut states: Vec<GlobalOf<N, A>> = Vec::new();
    for (index, path_event) in path.iter().enumerate() {
        let now = states.last().unwrap_or(start);
        let meant: Vec<Event> = world
            .possible(now)
            .into_iter()
            .filter(|&event| is_event(world, now, event, path_event))
            .collect();
        let [event] = meant[..] else {
            return Err(format!(
                "event {index} of the path, {path_event:?}, can be {} events: {meant:?}",
                meant.len()
            ));
        };
        match world.after(now, event) {
            Ok((next, _)) => states.push(next),
            Err(stopped) => return Err(format!("event {index} of the path ends in {stopped:?}")),
        }
    }
    Ok(states)
}

/// Checks that these states are expanded.
fn check_open<'g, N: Plain + 'g, A: Automaton>(
    world: &World<N, A>,
    claims: &Claims,
    states: impl Iterator<Item = &'g GlobalOf<N, A>>,
) -> Result<(), String>
where
    A::State: 'g,
{
    let mut verdicts = states.map(|state| claims.judge(world, state));
    match verdicts.find(|verdict| *verdict != Verdict::Open) {
        Some(other) => Err(format!("the path continues from a state that is {other:?}")),
        None => Ok(()),
    }
}

/// Checks that a path leads through expanded states to an event that fails with this verdict.
///
/// # Errors
/// If a check fails.
pub fn check_failing_path<N: Plain, A: Automaton>(
    world: &World<N, A>,
    start: &GlobalOf<N, A>,
    claims: &Claims,
    path: &[PathEvent],
    verdict: &Verdict,
) -> Result<(), String> {
    let Some((last, before)) = path.split_last() else { return Err("no event failed".to_owned()) };
    let states = follow(world, start, before)?;
    check_open(world, claims, std::iter::once(start).chain(&states))?;
    let now = states.last().unwrap_or(start);
    let fails = |event: Event| match world.after(now, event) {
        Err(Stopped::UnknownAddress { from, to }) => *verdict == Verdict::Failed { from, to },
        Ok(_) | Err(Stopped::TooManyCommands) => false,
    };
    let mut possible = world.possible(now).into_iter();
    match possible.any(|event| is_event(world, now, event, last) && fails(event)) {
        true => Ok(()),
        false => Err(format!("the last event of the path, {last:?}, does not fail")),
    }
}

/// Checks that a path leads through expanded states to the found state, and that it has this verdict.
/// Returns that state.
///
/// # Errors
/// If a check fails.
pub fn check_path<N: Plain, A: Automaton>(
    world: &World<N, A>,
    start: &GlobalOf<N, A>,
    claims: &Claims,
    path: &[PathEvent],
    (verdict, found): (&Verdict, &FoundState),
) -> Result<GlobalOf<N, A>, String> {
    let states = follow(world, start, path)?;
    let last = states.last().unwrap_or(start);
    if let Some((_, before)) = states.split_last() {
        check_open(world, claims, std::iter::once(start).chain(before))?;
    }
    let here = claims.judge(world, last);
    if here != *verdict {
        return Err(format!("the path ends in a state that is {here:?}"));
    }
    let nodes = nodes_of(world, &found.state)?;
    if nodes != last.locals {
        return Err(format!("the path ends in {:?}, but the state is {nodes:?}", last.locals));
    }
    Ok(last.clone())
}

/// Checks that a finding lists all invariants that are violated in the last state of its path.
///
/// # Errors
/// If it does not.
pub fn check_also_violated<N: Plain, A: Automaton>(
    world: &World<N, A>,
    last: &GlobalOf<N, A>,
    claims: &Claims,
    found: &FoundState,
) -> Result<(), String> {
    let mut expected = claims.broken(world, last);
    if let Some(reported) = expected.iter().position(|name| *name == found.property) {
        expected.remove(reported);
    }
    let also_violated: Vec<&str> =
        found.also_violated.iter().map(|violation| violation.property.as_str()).collect();
    if also_violated == expected {
        return Ok(());
    }
    Err(format!("the finding also lists {also_violated:?}, but the reference has {expected:?}"))
}

/// The nodes of a state.
///
/// # Errors
/// If it is not a state of this world.
pub fn nodes_of<N: Plain, A: Automaton>(
    world: &World<N, A>,
    state: &State,
) -> Result<Vec<Local<N>>, String> {
    if state.nodes.len() != world.members.len() {
        return Err(format!("a state of {} nodes", state.nodes.len()));
    }
    state.nodes.iter().map(|node| local_of(world, node)).collect()
}

fn local_of<N: Plain, A: Automaton>(
    world: &World<N, A>,
    node: &NodeState,
) -> Result<Local<N>, String> {
    let number = |bytes: &[u8]| codec::decode::<u64>(bytes).map_err(|error| error.to_string());
    let timer = |it: &PendingTimer| {
        Ok::<_, String>(Timer { value: number(&it.timer)?, min_ns: it.min_ns, max_ns: it.max_ns })
    };
    let sent = |it: &Sent| {
        let from = world.place(it.from).ok_or_else(|| format!("a message from {}", it.from))?;
        Ok::<_, String>((from, number(&it.message)?))
    };
    let mut inbox = Inbox::default();
    for it in &node.inbox {
        inbox.add(world.fault_model, sent(it)?);
    }
    let timers = node.timers.iter().map(timer).collect::<Result<_, _>>()?;
    Ok(Local {
        node: codec::decode(&node.state).map_err(|error| error.to_string())?,
        timers: Timers::new(timers),
        results: node.results.iter().map(|it| number(it)).collect::<Result<_, _>>()?,
        is_waiting: node.is_waiting,
        inbox,
        restarts: node.restarts,
        disk: Disk {
            record: node.storage.record.clone(),
            synced: node.storage.log[..node.storage.synced].to_vec(),
            unsynced: node.storage.log[node.storage.synced..].to_vec(),
        },
    })
}

/// The state with these nodes, and with the automaton's state after its path from the start.
///
/// # Errors
/// If it is not a state of this world.
pub fn global_of<N: Plain, A: Automaton>(
    world: &World<N, A>,
    state: &State,
) -> Result<GlobalOf<N, A>, String> {
    // The rules do not apply to the path before the state.
    let start = world.start().map_err(|_| "too many commands at the start".to_owned())?;
    let unbound = world.without_rules();
    let states = follow(&unbound, &start, &state.path.events)?;
    let Global { watched, down, .. } = states.last().unwrap_or(&start).clone();
    Ok(Global { locals: nodes_of(world, state)?, watched, down })
}
