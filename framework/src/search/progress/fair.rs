//! Fair components: sets of states in which a fair run can stay for ever.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::graph::{Edge, Graph};
use crate::search::handlers::NodeEvent;
use crate::search::list_cache::SINGLE;
use crate::search::node_table::NodeTable;
use crate::search::settings::Restrictions;
use crate::search::state_space::StateSpace;

/// Something that must happen in every fair run that stays in states where it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// This timer of this node fires: a record of a pending timer.
    Timer { node: u32, pending: u32 },
    /// This message, which its receiver has sent to itself, is delivered.
    Own(u32),
    /// In a fault model that loses no messages: the next message of this link is delivered.
    Next { from: usize, to: usize },
}

/// States in which a fair run can stay for ever.
pub(super) struct Component {
    /// Its states, in order.
    pub(super) states: Vec<u32>,
    /// The messages that such a run does not send, since it would have to deliver them.
    unsent: BTreeSet<u32>,
}

impl Component {
    pub(super) fn has(&self, state: u32) -> bool {
        self.states.binary_search(&state).is_ok()
    }

    /// The edges of a state that stay in the component.
    pub(super) fn edges<'g>(
        &'g self,
        space: &'g StateSpace<'_>,
        graph: &'g Graph,
        state: u32,
    ) -> impl Iterator<Item = &'g Edge> {
        let rules = Rules::of(space);
        let stays = move |edge: &&Edge| {
            self.has(edge.to) && !rules.sent(edge).any(|message| self.unsent.contains(&message))
        };
        graph.edges(state).iter().filter(stays)
    }
}

/// What can happen, and what must.
#[derive(Clone, Copy)]
pub(super) struct Rules<'r, 's> {
    pub(super) table: &'r NodeTable<'s>,
    pub(super) restrictions: &'r Restrictions,
}

impl<'r, 's> Rules<'r, 's> {
    pub(super) fn of(space: &'r StateSpace<'s>) -> Self {
        Self { table: &space.table, restrictions: &space.restrictions }
    }

    /// The messages that an edge sends to other nodes.
    pub(super) fn sent(self, edge: &Edge) -> impl Iterator<Item = u32> + use<'r, 's> {
        let lists = &self.table.handlers.lists;
        self.table.sends(edge.sends).chunks_exact(2).flat_map(move |pair| {
            let (one, many) = match pair[1] & SINGLE {
                0 => (None, lists.get(pair[1])),
                _ => (Some(pair[1] & !SINGLE), &[][..]),
            };
            one.into_iter().chain(many.iter().copied())
        })
    }

    /// Whether a message that is sent again and again is delivered again and again in fair runs that stay in a loop
    /// through a state, given by its interned nodes. The search has crashed the same nodes in all states of a loop.
    pub(super) fn gets_through(self, nodes: &[u32], message: u32) -> bool {
        let (from, to) = self.table.handlers.ends(message);
        self.restrictions.delivers(from, to) && !self.table.get(nodes[to]).is_down()
    }

    /// Whether a message that is sent must be delivered only if it is sent again and again.
    pub(super) fn may_lose(self) -> bool {
        self.table.handlers.fault_model.may_lose()
    }

    /// What is due in a state, given by its interned nodes, in order.
    pub(super) fn due(self, nodes: &[u32]) -> Vec<Due> {
        let (handlers, restrictions) = (&self.table.handlers, self.restrictions);
        let mut due = Vec::new();
        for (node, &interned) in nodes.iter().enumerate() {
            let interned = self.table.get(interned);
            if restrictions.fires(node) {
                let timers = handlers.lists.get(interned.timers).iter();
                due.extend(timers.map(|&pending| Due::Timer { node: node as u32, pending }));
            }
            for &message in handlers.lists.get(interned.inbox) {
                let (from, to) = handlers.ends(message);
                if !restrictions.delivers(from, to) {
                    continue;
                }
                if !self.may_lose() {
                    due.push(Due::Next { from, to });
                } else if from == to {
                    due.push(Due::Own(message));
                }
            }
        }
        due.sort_unstable();
        due.dedup();
        due
    }

    /// Whether an edge does what is due.
    pub(super) fn does(self, edge: &Edge, due: Due) -> bool {
        match (edge.event, due) {
            (NodeEvent::Fire(fired), Due::Timer { node, pending }) => {
                edge.node == node && fired == pending
            }
            (NodeEvent::Deliver(delivered), Due::Own(message)) => delivered == message,
            (NodeEvent::Deliver(delivered), Due::Next { from, to }) => {
                self.table.handlers.ends(delivered) == (from, to)
            }
            _ => false,
        }
    }
}

/// The message that an edge delivers, if it does.
pub(super) fn delivered(edge: &Edge) -> Option<u32> {
    match edge.event {
        NodeEvent::Deliver(message) => Some(message),
        _ => None,
    }
}

/// A component within these states in which a fair run can stay for ever: the one that is reached first, if there are
/// several.
pub(super) fn component(
    space: &StateSpace<'_>,
    graph: &Graph,
    states: &[u32],
) -> Option<Component> {
    let mut found: Option<Component> = None;
    let is_earlier = |one: &Component, other: &Component| {
        let first = |component: &Component| {
            component.states.iter().map(|&state| (graph.depth_of(state), state)).min()
        };
        first(one) < first(other)
    };
    let mut open = vec![Component { states: states.to_vec(), unsent: BTreeSet::new() }];
    while let Some(whole) = open.pop() {
        for states in strongly_connected(space, graph, &whole) {
            let part = Component { states, unsent: whole.unsent.clone() };
            // If what is due in all of its states does not happen, it does not happen in a part of it either.
            if !is_done(space, graph, &part) {
                continue;
            }
            let missing = undelivered(space, graph, &part);
            if missing.is_empty() {
                if found.as_ref().is_none_or(|found| is_earlier(&part, found)) {
                    found = Some(part);
                }
            } else {
                let unsent = part.unsent.iter().copied().chain(missing).collect();
                open.push(Component { states: part.states, unsent });
            }
        }
    }
    found
}

/// Whether everything that is due in all states of a component happens within it.
fn is_done(space: &StateSpace<'_>, graph: &Graph, component: &Component) -> bool {
    let mut always: Option<Vec<Due>> = None;
    for &state in &component.states {
        let here = Rules::of(space).due(space.nodes(graph.row(state)));
        match &mut always {
            None => always = Some(here),
            Some(always) => always.retain(|due| here.binary_search(due).is_ok()),
        }
        if always.as_ref().is_some_and(Vec::is_empty) {
            return true;
        }
    }
    let mut missing = always.unwrap_or_default();
    for &state in &component.states {
        for edge in component.edges(space, graph, state) {
            missing.retain(|&due| !Rules::of(space).does(edge, due));
        }
    }
    missing.is_empty()
}

/// The messages that are sent within a component, and not delivered in it although they get through.
fn undelivered(space: &StateSpace<'_>, graph: &Graph, component: &Component) -> BTreeSet<u32> {
    // In a fault model that loses nothing, each is due.
    let rules = Rules::of(space);
    if !rules.may_lose() {
        return BTreeSet::new();
    }
    let edges = || component.states.iter().flat_map(|&it| component.edges(space, graph, it));
    let arrived: BTreeSet<u32> = edges().filter_map(delivered).collect();
    let sent = edges().flat_map(|edge| rules.sent(edge));
    let nodes = space.nodes(graph.row(component.states[0]));
    let gets_through = |message: &u32| rules.gets_through(nodes, *message);
    sent.filter(|message| gets_through(message) && !arrived.contains(message)).collect()
}

/// The strongly connected components within a part of the graph (Tarjan 1972, without recursion). A state without a way
/// back to itself is one, too: a run can stay in it if nothing is due.
fn strongly_connected(space: &StateSpace<'_>, graph: &Graph, part: &Component) -> Vec<Vec<u32>> {
    /// Not visited yet.
    const NEW: u32 = u32::MAX;
    let place: FxHashMap<u32, usize> =
        part.states.iter().enumerate().map(|(place, &state)| (state, place)).collect();
    let next: Vec<Vec<usize>> = part
        .states
        .iter()
        .map(|&state| part.edges(space, graph, state).map(|edge| place[&edge.to]).collect())
        .collect();
    let mut number = vec![NEW; next.len()];
    let mut lowest = vec![NEW; next.len()];
    let mut is_open = vec![false; next.len()];
    let (mut open, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    for root in 0..next.len() {
        if number[root] != NEW {
            continue;
        }
        // The states on the way from the root, each with the number of its edges that were followed.
        let mut way = vec![(root, 0)];
        while let Some((state, followed)) = way.last_mut() {
            let state = *state;
            if *followed == 0 {
                (number[state], lowest[state]) = (count, count);
                count += 1;
                open.push(state);
                is_open[state] = true;
            }
            if let Some(&to) = next[state].get(*followed) {
                *followed += 1;
                if number[to] == NEW {
                    way.push((to, 0));
                } else if is_open[to] {
                    lowest[state] = lowest[state].min(number[to]);
                }
                continue;
            }
            way.pop();
            if let Some(&(before, _)) = way.last() {
                lowest[before] = lowest[before].min(lowest[state]);
            }
            if lowest[state] == number[state] {
                let mut component = Vec::new();
                while let Some(member) = open.pop() {
                    is_open[member] = false;
                    component.push(part.states[member]);
                    if member == state {
                        break;
                    }
                }
                component.sort_unstable();
                found.push(component);
            }
        }
    }
    found
}
