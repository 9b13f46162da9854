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

/// The most events drawn for one step, in the hope of an unseen state. Events that change nothing
/// do not count.
const DRAWS: u32 = 4;

/// How many walks advance together: the handlers they need next are called in one batch.
const WALKS_AT_ONCE: u64 = 64;

/// Settings of random walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomWalks {
    /// Fixes what is drawn.
    pub seed: u64,
    /// How many runs.
    pub count: u64,
    /// The most events in a run. Events that change nothing do not count.
    pub depth_max: usize,
}

/// Takes random walks through a system, many at a time. Each starts at the first row and takes
/// random events, preferring new states, until it is pruned, no event is left, or it is deep
/// enough. Only drawn events are computed: most of what could happen in a walk never does.
pub(super) fn run(
    space: &mut StateSpace<'_>,
    probes: RandomWalks,
    limits: &Limits,
) -> (SearchResult, Statistics) {
    let started = Instant::now();
    space.table.handlers.deadline = Deadline::after(limits.time);
    let mut visited = Visited::new();
    let mut statistics = Statistics::default();
    let outcome = search(space, probes, limits, &mut visited, &mut statistics);
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
    probes: RandomWalks,
    limits: &Limits,
    visited: &mut Visited,
    statistics: &mut Statistics,
) -> SearchResult {
    let first = space.first.clone();
    visited.insert(space.expander().fingerprint(&first));
    match space.judge(&first) {
        Ok(StateStatus::Expand) => {}
        Ok(_) => return space.result_without_finding(None),
        Err(ending) => return space.outcome_at(ending, space.path_of(&[])),
    }
    let mut memo = PropertyMemo::default();
    let mut begun = 0;
    while begun < probes.count {
        let numbers = begun..probes.count.min(begun + WALKS_AT_ONCE);
        begun = numbers.end;
        let mut under_way: Vec<RandomWalk> =
            numbers.map(|number| RandomWalk::new(space, probes, number)).collect();
        loop {
            under_way.retain(|probe| !probe.is_over && probe.taken.len() < probes.depth_max);
            if under_way.is_empty() {
                break;
            }
            if let Some(limit) = limit_reached(space, limits, visited) {
                return space.result_without_finding(Some(limit));
            }
            for probe in &mut under_way {
                if space.table.handlers.deadline.is_over() {
                    break;
                }
                let went = probe.go_on(space, visited, &mut memo, statistics);
                statistics.depth = statistics.depth.max(probe.taken.len());
                if let Err(ending) = went {
                    return space.outcome_at(ending, space.path_of(&probe.taken));
                }
            }
            space.table.handlers.run_wanted();
        }
    }
    space.result_without_finding(Some(Limit::RandomWalks(probes.count)))
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

/// A run under way.
struct RandomWalk {
    random: Random,
    row: Vec<u32>,
    /// The events that it took: where, and what.
    taken: Vec<(usize, NodeEvent)>,
    /// What may happen next and has not been drawn.
    left: Vec<(usize, NodeEvent)>,
    /// The event drawn, if a handler must be called before its effect is known.
    drawn: Option<(usize, NodeEvent)>,
    /// The last event drawn for this step that changes something, and the row after it.
    seen: Option<((usize, NodeEvent), Vec<u32>)>,
    /// How many events were drawn for this step that change something.
    draws: u32,
    /// Whether the walk has ended.
    is_over: bool,
}

impl RandomWalk {
    fn new(space: &StateSpace<'_>, probes: RandomWalks, number: u64) -> Self {
        let mut probe = Self {
            random: Random::new(mix(probes.seed ^ mix(number)), Stream::RandomWalk),
            row: space.first.clone(),
            taken: Vec::new(),
            left: Vec::new(),
            drawn: None,
            seen: None,
            draws: 0,
            is_over: false,
        };
        probe.look_around(space);
        probe
    }

    /// Notes all that may happen next.
    fn look_around(&mut self, space: &StateSpace<'_>) {
        self.left.clear();
        let mut events = Vec::new();
        for (node, &interned) in space.nodes(&self.row).iter().enumerate() {
            space.table.events(interned, &mut events);
            self.left.extend(events.iter().map(|&event| (node, event)));
        }
        self.seen = None;
        self.draws = 0;
    }

    /// Draws events until one is taken, none is left, or a handler must be called. An error ends
    /// the search.
    fn go_on(
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
            let step = match space.table.effect(self.row[node], event) {
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

    /// One of the events that may happen next and have not been drawn.
    fn draw(&mut self) -> Option<(usize, NodeEvent)> {
        if self.left.is_empty() {
            return None;
        }
        let place = self.random.below(self.left.len() as u64) as usize;
        Some(self.left.swap_remove(place))
    }

    /// Takes the last event drawn, if there is one. `new` says whether it leads to an unseen state.
    /// An error ends the search.
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
        match space.judge_with(&self.row, memo) {
            Ok(verdict) => self.is_over = verdict != StateStatus::Expand,
            Err(ending) if new => return Err(ending),
            Err(_) => self.is_over = true,
        }
        self.look_around(space);
        Ok(())
    }
}
