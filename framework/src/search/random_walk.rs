//! Random walks: seeded runs that go deeper than breadth-first search can.

use std::time::Instant;

use super::checks::StateStatus;
use super::deadline::Deadline;
use super::effects::Effect;
use super::handlers::NodeEvent;
use super::property_memo::PropertyMemo;
use super::report::{Limit, SearchResult, Statistics};
use super::settings::Limits;
use super::state_space::{Ending, StateSpace};
use super::visited::Visited;
use crate::random::{Random, Stream, mix};

/// The most events drawn for one step in order to find an unseen state. Events that change nothing do
/// not count.
const DRAWS: u32 = 4;

/// Of so many events that have crash points within their handlers, one is cut short by a crash.
const CRASH_ONE_IN: u64 = 4;

/// How many walks advance together. The handlers that they need next are called in one batch.
const WALKS_AT_ONCE: u64 = 64;

/// Settings of random walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomWalks {
    /// The seed.
    pub seed: u64,
    /// The number of walks.
    pub count: u64,
    /// The most events in a walk. Events that change nothing do not count.
    pub depth_max: usize,
}

/// Takes random walks through a system, many at a time. Each starts at the first row and takes random
/// events, preferring new states, until it is pruned, no event is left, or it reaches the maximum
/// depth. Only drawn events are computed, since most possible events are never drawn.
pub(super) fn run(
    space: &mut StateSpace<'_>,
    walks: RandomWalks,
    limits: &Limits,
) -> (SearchResult, Statistics) {
    let started = Instant::now();
    space.table.handlers.deadline = Deadline::after(limits.time);
    let mut visited = Visited::new();
    let mut statistics = Statistics::default();
    let outcome = search(space, walks, limits, &mut visited, &mut statistics);
    let tables = space.statistics();
    let statistics = Statistics {
        states: visited.len() as u64,
        depth: statistics.depth,
        transitions: statistics.transitions,
        tried: statistics.tried,
        peak_bytes: space.memory_bytes() + visited.memory_bytes(),
        elapsed: started.elapsed(),
        ..tables
    };
    (outcome, statistics)
}

fn search(
    space: &mut StateSpace<'_>,
    walks: RandomWalks,
    limits: &Limits,
    visited: &mut Visited,
    statistics: &mut Statistics,
) -> SearchResult {
    let first = space.first.clone();
    visited.insert(space.expander().fingerprint(&first));
    match space.check_row(&first) {
        Ok(StateStatus::Expand) => {}
        Ok(_) => return space.result_without_finding(None),
        Err(ending) => return space.outcome_at(ending, space.path_of(&[])),
    }
    let mut memo = PropertyMemo::default();
    let mut begun = 0;
    while begun < walks.count {
        let numbers = begun..walks.count.min(begun + WALKS_AT_ONCE);
        begun = numbers.end;
        let mut in_progress: Vec<RandomWalk> =
            numbers.map(|number| RandomWalk::new(space, walks, number)).collect();
        loop {
            in_progress.retain(|walk| !walk.is_over && walk.taken.len() < walks.depth_max);
            if in_progress.is_empty() {
                break;
            }
            if let Some(limit) = limit_reached(space, limits, visited) {
                return space.result_without_finding(Some(limit));
            }
            for walk in &mut in_progress {
                if space.table.handlers.deadline.is_over() {
                    break;
                }
                let went = walk.advance(space, visited, &mut memo, statistics);
                space.checks.note_held(memo.take_held());
                statistics.depth = statistics.depth.max(walk.taken.len());
                if let Err(ending) = went {
                    return space.outcome_at(ending, space.path_of(&walk.taken));
                }
            }
            space.table.handlers.run_wanted();
        }
    }
    space.result_without_finding(Some(Limit::RandomWalks(walks.count)))
}

fn limit_reached(space: &StateSpace<'_>, limits: &Limits, visited: &Visited) -> Option<Limit> {
    if let Some(limit) = space.table.drivers.limit_met() {
        return Some(limit);
    }
    let Limits { states, time, memory_bytes, .. } = *limits;
    if let Some(states) = states.filter(|&limit| visited.len() as u64 >= limit) {
        return Some(Limit::States(states));
    }
    let bytes = space.memory_bytes() + visited.memory_bytes();
    if let Some(limit) = memory_bytes.filter(|&limit| bytes >= limit) {
        return Some(Limit::Memory(limit));
    }
    time.filter(|_| space.table.handlers.deadline.is_over()).map(Limit::Time)
}

/// A walk in progress.
struct RandomWalk {
    random: Random,
    row: Vec<u32>,
    /// The events that it took, with their nodes.
    taken: Vec<(usize, NodeEvent)>,
    /// The possible next events that have not been drawn.
    left: Vec<(usize, NodeEvent)>,
    /// The drawn event, if a handler must be called before its effect is known.
    drawn: Option<(usize, NodeEvent)>,
    /// The last drawn event of this step that changes something, and the row after it.
    seen: Option<((usize, NodeEvent), Vec<u32>)>,
    /// The number of drawn events of this step that change something.
    draws: u32,
    /// Whether the walk has ended.
    is_over: bool,
}

impl RandomWalk {
    fn new(space: &StateSpace<'_>, walks: RandomWalks, number: u64) -> Self {
        let mut walk = Self {
            random: Random::new(mix(walks.seed ^ mix(number)), Stream::RandomWalk),
            row: space.first.clone(),
            taken: Vec::new(),
            left: Vec::new(),
            drawn: None,
            seen: None,
            draws: 0,
            is_over: false,
        };
        walk.collect_events(space);
        walk
    }

    /// Collects the possible next events.
    fn collect_events(&mut self, space: &StateSpace<'_>) {
        self.left.clear();
        let mut events = Vec::new();
        let nodes = space.nodes(&self.row);
        for (node, &interned) in nodes.iter().enumerate() {
            space.table.events(interned, &mut events);
            // Whether there are crashes within handlers depends on which handlers have been called. They are drawn
            // together with their events.
            let may_crash = space.table.may_crash(nodes, node);
            events
                .retain(|event| event.interrupted().is_none() && (may_crash || !event.is_crash()));
            self.left.extend(events.iter().map(|&event| (node, event)));
        }
        self.seen = None;
        self.draws = 0;
    }

    /// Draws events until one is taken, none is left, or a handler must be called. An error ends
    /// the search.
    fn advance(
        &mut self,
        space: &mut StateSpace<'_>,
        visited: &mut Visited,
        memo: &mut PropertyMemo,
        statistics: &mut Statistics,
    ) -> Result<(), Ending> {
        while self.draws < DRAWS {
            let Some(drawn @ (node, event)) = self.drawn.take().or_else(|| self.draw()) else {
                break;
            };
            let (mut drawn, mut effect) = (drawn, space.table.effect(self.row[node], event));
            if !matches!(effect, Effect::Unknown) && space.restrictions.may_restart(node) {
                let interrupted = self.interrupted(space, node, event);
                if interrupted != event {
                    drawn = (node, interrupted);
                    effect = space.table.effect(self.row[node], interrupted);
                }
            }
            let step = match effect {
                Effect::Change(step) => step,
                Effect::NoOp => continue,
                Effect::Unknown => {
                    self.drawn = Some(drawn);
                    return Ok(());
                }
            };
            statistics.tried += 1;
            let mut next = self.row.clone();
            if let Err(failure) = space.apply(&mut next, node, step) {
                self.taken.push(drawn);
                return Err(Ending::Failure(failure));
            }
            if next == self.row {
                continue;
            }
            self.draws += 1;
            let new = visited.insert(space.expander().fingerprint(&next));
            self.seen = Some((drawn, next));
            if new {
                return self.take(space, memo, statistics, true);
            }
        }
        self.take(space, memo, statistics, false)
    }

    /// An event whose handler has been called, or a crash within that handler, drawn with a chance of one in
    /// [`CRASH_ONE_IN`].
    fn interrupted(&mut self, space: &StateSpace<'_>, node: usize, event: NodeEvent) -> NodeEvent {
        let table = &space.table;
        if !table.may_crash(space.nodes(&self.row), node) || self.random.below(CRASH_ONE_IN) > 0 {
            return event;
        }
        let state = table.get(self.row[node]).state;
        let points = table.handlers.crash_points(state, event).unwrap_or(0..0);
        if points.is_empty() {
            return event;
        }
        let after = points.start + self.random.below(points.len() as u64) as u16;
        event.interrupted_after(after).unwrap_or(event)
    }

    /// Draws one of the remaining events.
    fn draw(&mut self) -> Option<(usize, NodeEvent)> {
        if self.left.is_empty() {
            return None;
        }
        let index = self.random.below(self.left.len() as u64) as usize;
        Some(self.left.swap_remove(index))
    }

    /// Takes the last drawn event, if there is one. `new` is whether it leads to an unseen state. An
    /// error ends the search.
    fn take(
        &mut self,
        space: &StateSpace<'_>,
        memo: &mut PropertyMemo,
        statistics: &mut Statistics,
        new: bool,
    ) -> Result<(), Ending> {
        let Some((event, row)) = self.seen.take() else {
            self.is_over = true;
            return Ok(());
        };
        statistics.transitions += 1;
        self.taken.push(event);
        self.row = row;
        match space.check_row_with(&self.row, memo) {
            Ok(verdict) => self.is_over = verdict != StateStatus::Expand,
            Err(ending) if new => return Err(ending),
            Err(_) => self.is_over = true,
        }
        self.collect_events(space);
        Ok(())
    }
}
