//! The graph of states: every state with the events that are possible in it, also those that change nothing.

use rustc_hash::FxHashMap;

use super::LeadsTo;
use crate::property::{CheckError, Property};
use crate::search::checks::StateStatus;
use crate::search::effects::Effect;
use crate::search::handlers::NodeEvent;
use crate::search::intern::Lists;
use crate::search::node_table::NodeStep;
use crate::search::path::Path;
use crate::search::report::{FoundState, HandlerFailure, Limit, SearchResult};
use crate::search::settings::Limits;
use crate::search::state_space::StateSpace;
use crate::search::view::StateView;

/// How many states are expanded between two looks at the limits. The handlers that they need run in batches.
const WAVE: usize = 1 << 10;

/// An event between two states.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// The state that it leads to.
    pub(super) to: u32,
    /// Its node.
    pub(super) node: u32,
    pub(super) event: NodeEvent,
    /// The list of the messages that it sends to other nodes, as [`NodeStep::sends`].
    pub(super) sends: u32,
}

/// What is known about a state.
#[derive(Clone, Copy, Debug)]
struct About {
    /// The state and its edge by which it was reached first; its own number for the first state.
    parent: u32,
    depth: u32,
    /// Whether the run must get somewhere from here on: the property before holds.
    is_begun: bool,
    /// Whether the run is where it must get, or is not followed any further.
    is_reached: bool,
}

/// The graph.
pub(super) struct Graph {
    width: usize,
    rows: Vec<u32>,
    about: Vec<About>,
    edges: Vec<Vec<Edge>>,
    /// From a row to its number. Used for lookups only; never iterated.
    numbers: FxHashMap<Vec<u32>, u32>,
}

/// How building ended.
pub(super) enum Built {
    /// The graph has all states that matter.
    Complete,
    /// A limit was reached before that.
    Limit(Limit),
    /// A state or an event on the way is wrong in itself.
    Found(Box<SearchResult>),
}

/// A possible event at an interned node.
type Move = (NodeEvent, Option<NodeStep>);

impl Graph {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            rows: Vec::new(),
            about: Vec::new(),
            edges: Vec::new(),
            numbers: FxHashMap::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.about.len()
    }

    pub(super) fn depth(&self) -> usize {
        self.about.last().map_or(0, |about| about.depth as usize)
    }

    pub(super) fn edge_count(&self) -> u64 {
        self.edges.iter().map(|edges| edges.len() as u64).sum()
    }

    pub(super) fn row(&self, state: u32) -> &[u32] {
        let start = state as usize * self.width;
        &self.rows[start..start + self.width]
    }

    pub(super) fn edges(&self, state: u32) -> &[Edge] {
        &self.edges[state as usize]
    }

    pub(super) fn depth_of(&self, state: u32) -> u32 {
        self.about[state as usize].depth
    }

    /// The states on the shortest way to this one, from the first on.
    pub(super) fn way_to(&self, state: u32) -> Vec<u32> {
        let parent = |&state: &u32| {
            let parent = self.about[state as usize].parent;
            (parent != state).then_some(parent)
        };
        let mut way: Vec<u32> = std::iter::successors(Some(state), parent).collect();
        way.reverse();
        way
    }

    /// The events along these states, each the first edge to the next.
    pub(super) fn events_along(&self, way: &[u32]) -> Vec<(usize, NodeEvent)> {
        let edge = |pair: &[u32]| {
            let edge = self.edges(pair[0]).iter().find(|edge| edge.to == pair[1]);
            let edge = edge.expect("a state was reached by an edge of its parent");
            (edge.node as usize, edge.event)
        };
        way.windows(2).map(edge).collect()
    }

    /// The states in which a run has begun to owe what it has not reached: those that a begun one leads to.
    pub(super) fn undecided(&self, leads_to: &LeadsTo) -> Vec<u32> {
        let owes = |about: &About| !about.is_reached && (leads_to.from.is_none() || about.is_begun);
        let mut seen: Vec<bool> = self.about.iter().map(owes).collect();
        let mut open: Vec<u32> =
            (0..self.len() as u32).filter(|&state| seen[state as usize]).collect();
        while let Some(state) = open.pop() {
            for edge in self.edges(state) {
                let to = edge.to as usize;
                if !seen[to] && !self.about[to].is_reached {
                    seen[to] = true;
                    open.push(edge.to);
                }
            }
        }
        (0..self.len() as u32).filter(|&state| seen[state as usize]).collect()
    }

    /// Builds the graph, breadth-first. If a run must get somewhere from the start on, states in which it is there are not
    /// expanded.
    pub(super) fn build(
        &mut self,
        space: &mut StateSpace<'_>,
        leads_to: &LeadsTo,
        limits: &Limits,
    ) -> Built {
        let first = space.first.clone();
        if let Err(found) = self.add(space, leads_to, &first, None) {
            return Built::Found(found);
        }
        let mut moves: FxHashMap<u32, Vec<Move>> = FxHashMap::default();
        let mut next = 0;
        let mut is_cut = false;
        while next < self.len() {
            let wave = next..self.len().min(next + WAVE);
            next = wave.end;
            if self.len() as u64 >= super::states_max(limits) {
                return Built::Limit(super::too_many(limits));
            }
            let bytes = space.memory_bytes() + self.memory_bytes();
            if let Some(limit) = limits.memory_bytes.filter(|&limit| bytes >= limit) {
                return Built::Limit(Limit::Memory(limit));
            }
            let mut nodes: Vec<u32> = Vec::new();
            for state in wave.clone() {
                nodes.extend(space.nodes(self.row(state as u32)));
            }
            nodes.sort_unstable();
            nodes.dedup();
            nodes.retain(|&node| !space.table.is_open(node));
            space.table.resolve(&nodes, &[]);
            for state in wave {
                if let Some(time) = limits.time.filter(|_| space.table.handlers.deadline.is_over())
                {
                    return Built::Limit(Limit::Time(time));
                }
                let about = self.about[state];
                if limits.depth.is_some_and(|depth| about.depth as usize >= depth) {
                    is_cut |= !about.is_reached;
                    continue;
                }
                if about.is_reached && leads_to.from.is_none() {
                    continue;
                }
                if let Err(found) = self.expand(space, leads_to, state as u32, &mut moves) {
                    return Built::Found(found);
                }
            }
        }
        match limits.depth.filter(|_| is_cut) {
            Some(depth) => Built::Limit(Limit::Depth(depth)),
            None => Built::Complete,
        }
    }

    fn expand(
        &mut self,
        space: &mut StateSpace<'_>,
        leads_to: &LeadsTo,
        state: u32,
        moves: &mut FxHashMap<u32, Vec<Move>>,
    ) -> Result<(), Box<SearchResult>> {
        let row = self.row(state).to_vec();
        for node in 0..space.nodes(&row).len() {
            let of_node =
                moves.entry(row[node]).or_insert_with(|| possible(space, row[node])).clone();
            for (event, step) in of_node {
                if event == NodeEvent::Crash && !space.table.may_crash(space.nodes(&row), node) {
                    continue;
                }
                let mut next = row.clone();
                let mut sends = Lists::EMPTY;
                if let Some(step) = step {
                    sends = step.sends;
                    if let Err(failure) = space.apply(&mut next, node, step) {
                        return Err(self.failed(space, state, (node, event), failure));
                    }
                }
                let to = self.add(space, leads_to, &next, Some((state, node, event)))?;
                let edge = Edge { to, node: node as u32, event, sends };
                self.edges[state as usize].push(edge);
            }
        }
        Ok(())
    }

    /// The number of a row, which is added and checked if it is new.
    fn add(
        &mut self,
        space: &mut StateSpace<'_>,
        leads_to: &LeadsTo,
        row: &[u32],
        by: Option<(u32, usize, NodeEvent)>,
    ) -> Result<u32, Box<SearchResult>> {
        if let Some(&known) = self.numbers.get(row) {
            return Ok(known);
        }
        let number = u32::try_from(self.len()).expect("fewer than 2^32 states");
        let path = |graph: &Self, space: &StateSpace<'_>| match by {
            None => space.path_of(&[]),
            Some((state, node, event)) => {
                let mut events = graph.events_along(&graph.way_to(state));
                events.push((node, event));
                space.path_of(&events)
            }
        };
        let is_pruned = match space.check_row(row) {
            Ok(status) => status == StateStatus::Pruned,
            Err(ending) => return Err(Box::new(space.outcome_at(ending, path(self, space)))),
        };
        let mut holds = |property: &Property| {
            let view = &mut StateView::new(&space.table, &space.restrictions, space.nodes(row));
            match property.check(view) {
                Ok(()) => Ok(true),
                Err(CheckError::Violated { .. }) => Ok(false),
                Err(error) => Err((property.name().to_owned(), error)),
            }
        };
        let checked = holds(&leads_to.to).and_then(|is_there| {
            let is_begun = leads_to.from.as_ref().map(&mut holds).transpose()?;
            Ok((is_there, is_begun.unwrap_or(true)))
        });
        let (is_there, is_begun) = checked.map_err(|(property, error)| {
            let state = space.state_of(row, path(self, space));
            let found =
                FoundState { property, error: Some(error), also_violated: Vec::new(), state };
            Box::new(SearchResult::Violated(Box::new(found)))
        })?;
        let (parent, depth) = match by {
            None => (number, 0),
            Some((state, ..)) => (state, self.about[state as usize].depth + 1),
        };
        self.about.push(About { parent, depth, is_begun, is_reached: is_there || is_pruned });
        self.rows.extend_from_slice(row);
        self.edges.push(Vec::new());
        self.numbers.insert(row.to_vec(), number);
        Ok(number)
    }

    /// The result for an event whose handler failed.
    fn failed(
        &self,
        space: &StateSpace<'_>,
        state: u32,
        event: (usize, NodeEvent),
        failure: u32,
    ) -> Box<SearchResult> {
        let mut events = self.events_along(&self.way_to(state));
        events.push(event);
        Box::new(SearchResult::Failed(Box::new(HandlerFailure {
            node: space.table.handlers.address(event.0),
            failure: space.table.handlers.failures[failure as usize].clone(),
            path: space.path_of(&events),
        })))
    }

    /// The path to a state.
    pub(super) fn path_to(&self, space: &StateSpace<'_>, state: u32) -> Path {
        space.path_of(&self.events_along(&self.way_to(state)))
    }

    fn memory_bytes(&self) -> usize {
        // Each row is stored twice, once as a key.
        2 * self.rows.capacity() * size_of::<u32>()
            + self.about.capacity() * size_of::<About>()
            + self.edges.iter().map(|edges| edges.capacity() * size_of::<Edge>()).sum::<usize>()
    }
}

/// The possible events at an interned node, with the steps of those that change or send something.
fn possible(space: &mut StateSpace<'_>, interned: u32) -> Vec<Move> {
    let mut events = Vec::new();
    space.table.events(interned, &mut events);
    let mut moves = Vec::new();
    for event in events {
        let step = loop {
            match space.table.effect(interned, event) {
                Effect::NoOp => break None,
                Effect::Change(step) => break Some(step),
                Effect::Unknown if space.table.handlers.deadline.is_over() => return moves,
                Effect::Unknown => space.table.handlers.run_wanted(),
            }
        };
        moves.push((event, step));
    }
    moves
}
