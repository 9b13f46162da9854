//! Fair runs that go on for ever: found by trying every set of messages that such a run does not send.

use std::collections::{BTreeMap, BTreeSet};

use crate::automaton::Automaton;
use crate::claim::Claim;
use crate::timers::Timer;
use crate::world::{Event, GlobalOf, Inbox, Plain, World};

/// A message between two nodes: sender, receiver, content.
type Message = (usize, usize, u64);

/// What must happen in a fair run as long as it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timer(usize, Timer),
    Own(Message),
    Link(usize, usize),
}

/// An event from one state to another.
struct Edge {
    to: usize,
    event: Event,
    sent: BTreeSet<Message>,
}

/// The limits of what is tried.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most states in which the claim does not hold.
    pub states_max: usize,
    /// The most messages whose sets are tried.
    pub messages_max: usize,
}

/// Whether a fair run can go on for ever without reaching a state in which the claim holds. `None` if the system is too
/// large, or a node fails.
pub fn avoids<N: Plain, A: Automaton>(
    world: &World<N, A>,
    start: &GlobalOf<N, A>,
    claim: &Claim,
    bounds: Bounds,
) -> Option<bool> {
    if claim.holds(world, start) {
        return Some(false);
    }
    let mut numbers = BTreeMap::from([(start.clone(), 0)]);
    let mut states = vec![start.clone()];
    let mut edges: Vec<Vec<Edge>> = Vec::new();
    while edges.len() < states.len() {
        let state = states[edges.len()].clone();
        let mut from_here = Vec::new();
        for event in world.possible(&state) {
            let (after, _) = world.after(&state, event).ok()?;
            if claim.holds(world, &after) {
                continue;
            }
            let to = *numbers.entry(after.clone()).or_insert_with(|| {
                states.push(after);
                states.len() - 1
            });
            from_here.push(Edge { to, event, sent: sent(world, &state, event)? });
        }
        edges.push(from_here);
        if states.len() > bounds.states_max {
            return None;
        }
    }
    let all: BTreeSet<Message> =
        edges.iter().flatten().flat_map(|edge| edge.sent.clone()).collect();
    let all: Vec<Message> = all.into_iter().filter(|&sent| gets_through(world, sent)).collect();
    if all.len() > bounds.messages_max {
        return None;
    }
    let subsets = if world.fault_model.may_lose() { 1 << all.len() } else { 1 };
    Some((0_usize..subsets).any(|subset| {
        let is_unsent = |message: &Message| {
            all.iter().position(|it| it == message).is_some_and(|at| subset >> at & 1 == 1)
        };
        let allowed: Vec<Vec<&Edge>> = edges
            .iter()
            .map(|edges| edges.iter().filter(|edge| !edge.sent.iter().any(is_unsent)).collect())
            .collect();
        let reached: Vec<BTreeSet<usize>> =
            (0..states.len()).map(|state| reachable(&allowed, state)).collect();
        (0..states.len()).any(|state| {
            let back = |&other: &usize| reached[other].contains(&state);
            let component: Vec<usize> = reached[state].iter().copied().filter(back).collect();
            is_fair(world, &states, &allowed, &component)
        })
    }))
}

/// The messages that an event sends to other nodes.
fn sent<N: Plain, A: Automaton>(
    world: &World<N, A>,
    state: &GlobalOf<N, A>,
    event: Event,
) -> Option<BTreeSet<Message>> {
    // With nothing else in the network, what is in it afterwards was sent, unless its receiver has crashed. (A message that
    // can be delivered once is removed, and need not be there.)
    let mut alone = state.clone();
    alone.locals.iter_mut().for_each(|local| local.inbox = Inbox::default());
    let (after, _) = world.after(&alone, event).ok()?;
    let inboxes = after.locals.iter().enumerate();
    let messages = inboxes.flat_map(|(to, local)| {
        local.inbox.0.iter().map(move |&(from, message)| (from, to, message))
    });
    Some(messages.filter(|(from, to, _)| from != to).collect())
}

/// Whether the rules let a message through.
fn gets_through<N, A>(world: &World<N, A>, (from, to, _): Message) -> bool {
    let rules = &world.rules;
    !rules.cut.contains(&(from, to))
        && !rules.blocked_sends.contains(&from)
        && !rules.blocked_receives.contains(&to)
        && !rules.crashed.contains(&to)
}

fn reachable(edges: &[Vec<&Edge>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(state) = open.pop() {
        for edge in &edges[state] {
            if reached.insert(edge.to) {
                open.push(edge.to);
            }
        }
    }
    reached
}

/// What is due in a state.
fn due<N: Plain, A: Automaton>(world: &World<N, A>, state: &GlobalOf<N, A>) -> BTreeSet<Due> {
    let mut due = BTreeSet::new();
    for (node, local) in state.locals.iter().enumerate() {
        if !world.rules.crashed.contains(&node) && !world.rules.stopped.contains(&node) {
            due.extend(local.timers.list().iter().map(|&timer| Due::Timer(node, timer)));
        }
        for &(from, message) in &local.inbox.0 {
            if !gets_through(world, (from, node, message)) {
                continue;
            }
            if !world.fault_model.may_lose() {
                due.insert(Due::Link(from, node));
            } else if from == node {
                due.insert(Due::Own((from, node, message)));
            }
        }
    }
    due
}

/// Whether a run that takes all edges within a component, again and again, is fair.
fn is_fair<N: Plain, A: Automaton>(
    world: &World<N, A>,
    states: &[GlobalOf<N, A>],
    edges: &[Vec<&Edge>],
    component: &[usize],
) -> bool {
    let inside: Vec<&Edge> = component
        .iter()
        .flat_map(|&state| &edges[state])
        .filter(|edge| component.contains(&edge.to))
        .copied()
        .collect();
    let mut happens = BTreeSet::new();
    let mut delivered = BTreeSet::new();
    for edge in &inside {
        match edge.event {
            Event::Fire { node, timer } => drop(happens.insert(Due::Timer(node, timer))),
            Event::Deliver { to, from, message } => {
                delivered.insert((from, to, message));
                happens.insert(Due::Link(from, to));
                happens.insert(Due::Own((from, to, message)));
            }
            // Progress is not checked where nodes start again.
            Event::Crash { .. }
            | Event::Restart { .. }
            | Event::Lose { .. }
            | Event::CrashInDelivery { .. }
            | Event::CrashInFiring { .. }
            | Event::CrashInRestart { .. } => {}
        }
    }
    let settled = component.iter().all(|&first| {
        due(world, &states[first]).into_iter().all(|it| {
            happens.contains(&it)
                || component.iter().any(|&at| !due(world, &states[at]).contains(&it))
        })
    });
    let arrives = |message: &Message| delivered.contains(message) || !gets_through(world, *message);
    settled
        && (!world.fault_model.may_lose()
            || inside.iter().all(|edge| edge.sent.iter().all(arrives)))
}
