//! A fair loop through a component, and the way to it.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::fair::{Component, Due, Rules, delivered};
use super::graph::{Edge, Graph};
use crate::search::state_space::StateSpace;

/// A fair run that goes on for ever: to a state, and from there round and round.
pub(super) struct Round {
    /// Where the loop begins and ends: the state of the component that is reached first.
    pub(super) entry: u32,
    /// The edges of the loop, each with the state that it leaves.
    pub(super) edges: Vec<(u32, Edge)>,
}

/// A fair loop through a component. It is short, but not always the shortest.
pub(super) fn of(space: &StateSpace<'_>, graph: &Graph, component: &Component) -> Round {
    let states = component.states.iter().copied();
    let entry = states.min_by_key(|&state| (graph.depth_of(state), state));
    let entry = entry.expect("a component has states");
    let walk = Walk { space, graph, component };
    let mut round = Round { entry, edges: Vec::new() };
    // What is due where the loop begins happens on it, or is not due any more somewhere on it.
    let rules = Rules::of(space);
    for due_at_entry in rules.due(space.nodes(graph.row(entry))) {
        if !walk.is_settled(&round, due_at_entry) {
            let from = round.end();
            round.edges.extend(walk.to(from, |state, edge| {
                !walk.is_due(state, due_at_entry)
                    || edge.is_some_and(|edge| rules.does(edge, due_at_entry))
            }));
        }
    }
    let end = round.end();
    if end != entry {
        round.edges.extend(walk.to(end, |state, _| state == entry));
    }
    // What the loop sends, it delivers.
    while let Some(message) = walk.undelivered(&round) {
        let there = walk.to(entry, |_, edge| edge.and_then(delivered) == Some(message));
        round.edges.extend(there);
        let end = round.end();
        if end != entry {
            round.edges.extend(walk.to(end, |state, _| state == entry));
        }
    }
    round
}

impl Round {
    /// The state at the end of the loop so far.
    fn end(&self) -> u32 {
        self.edges.last().map_or(self.entry, |(_, edge)| edge.to)
    }

    /// The messages that the loop sends to other nodes.
    pub(super) fn sent(&self, space: &StateSpace<'_>) -> BTreeSet<u32> {
        self.edges.iter().flat_map(|(_, edge)| Rules::of(space).sent(edge)).collect()
    }

    /// The messages that the loop delivers.
    pub(super) fn delivered(&self) -> BTreeSet<u32> {
        self.edges.iter().filter_map(|(_, edge)| delivered(edge)).collect()
    }
}

/// Walks within a component.
struct Walk<'w, 's> {
    space: &'w StateSpace<'s>,
    graph: &'w Graph,
    component: &'w Component,
}

impl Walk<'_, '_> {
    fn is_due(&self, state: u32, what: Due) -> bool {
        let nodes = self.space.nodes(self.graph.row(state));
        Rules::of(self.space).due(nodes).binary_search(&what).is_ok()
    }

    fn is_settled(&self, round: &Round, what: Due) -> bool {
        let is_done = |(_, edge): &(u32, Edge)| {
            Rules::of(self.space).does(edge, what) || !self.is_due(edge.to, what)
        };
        round.edges.iter().any(is_done)
    }

    /// A message that the loop sends and does not deliver, although it gets through.
    fn undelivered(&self, round: &Round) -> Option<u32> {
        let rules = Rules::of(self.space);
        if !rules.may_lose() {
            return None;
        }
        let arrived = round.delivered();
        let sent = round.sent(self.space);
        let nodes = self.space.nodes(self.graph.row(round.entry));
        sent.into_iter().find(|&it| rules.gets_through(nodes, it) && !arrived.contains(&it))
    }

    /// The shortest walk from a state to one that is wanted, or along an edge that is. It has at least one edge, unless the
    /// state itself is wanted.
    ///
    /// # Panics
    /// When there is none. A fair component has all that is asked for here.
    fn to(&self, from: u32, is_wanted: impl Fn(u32, Option<&Edge>) -> bool) -> Vec<(u32, Edge)> {
        if is_wanted(from, None) {
            return Vec::new();
        }
        let mut by: FxHashMap<u32, (u32, Edge)> = FxHashMap::default();
        let mut open = std::collections::VecDeque::from([from]);
        let back = |by: &FxHashMap<u32, (u32, Edge)>, mut state: u32| {
            let mut walk = Vec::new();
            while state != from {
                let step = by[&state];
                walk.push(step);
                state = step.0;
            }
            walk.reverse();
            walk
        };
        while let Some(state) = open.pop_front() {
            for edge in self.component.edges(self.space, self.graph, state) {
                if is_wanted(edge.to, Some(edge)) {
                    let mut walk = back(&by, state);
                    walk.push((state, *edge));
                    return walk;
                }
                if edge.to != from && !by.contains_key(&edge.to) {
                    by.insert(edge.to, (state, *edge));
                    open.push_back(edge.to);
                }
            }
        }
        panic!("a fair component has a way from state {from} to what must happen in it")
    }
}
