//! Breadth-first search, level by level, in rounds. The result does not depend on the number of
//! threads.
//!
//! A round takes the next rows of the frontier through four phases:
//!
//! 1. *Expand.* Each thread takes some of the rows and writes the fingerprints of their successors,
//!    using tables that do not change in this phase.
//! 2. *Complete.* The misses in the tables are computed, in row order. Handlers run and effects are
//!    looked up on all threads, but one thread assigns ids. Then the threads expand the rows that
//!    had misses.
//! 3. *Insert.* The visited set is sharded. Any free thread takes the next shard and inserts its
//!    fingerprints, in row order, so that the first of several equal successors always counts as the
//!    new one.
//! 4. *Collect.* Each thread builds and checks its new rows.
//!
//! Completing needs exclusive access to the tables but not to the visited set; inserting needs the
//! opposite. So a round is inserted while the next one is completed, even with a single thread.
//! Parts are joined in order, rounds have a fixed size, and only one thread at a time assigns ids. So
//! no result depends on the number of threads or their timing.

use std::time::Instant;

use super::candidates::ShardCandidates;
use super::checks::StateStatus;
use super::deadline::Deadline;
use super::divergence::{self, CheckSchedule};
use super::exact::ExactRows;
use super::frontier::{Frontier, ROUND};
use super::near_miss::{Measure, Nearest};
use super::predecessors::PredecessorLog;
use super::property_memo::PropertyMemo;
use super::report::{Hint, Limit, SearchResult, Statistics};
use super::round::Round;
use super::settings::Limits;
use super::state::State;
use super::state_space::StateSpace;
use super::visited::Visited;
use crate::parallel;

/// A breadth-first search in progress.
pub(super) struct BreadthFirst<'e, 's> {
    space: &'e mut StateSpace<'s>,
    limits: &'e Limits,
    all_orders: bool,
    started: Instant,
    visited: Visited,
    /// In an exact search, the rows, instead of fingerprints in `visited`.
    exact: Option<ExactRows>,
    /// The rows at the current and at the next depth; see [`Self::frontier`].
    frontiers: [Frontier; 2],
    /// The depth from which rows are taken, and the number of rows taken there.
    depth: usize,
    taken: u64,
    /// The round that is expanded and completed.
    round: Round,
    /// The previous round, which is completed but not inserted yet; empty if there is none.
    before: Round,
    memo: Vec<PropertyMemo>,
    predecessors: PredecessorLog,
    /// When to check for divergence next.
    divergence_checks: CheckSchedule,
    statistics: Statistics,
    /// What is counted in each state, if the nearest one to the goals is wanted, and that state.
    measure: Option<&'e Measure>,
    nearest: Option<Nearest>,
}

impl<'e, 's> BreadthFirst<'e, 's> {
    pub(super) fn new(
        space: &'e mut StateSpace<'s>,
        limits: &'e Limits,
        all_orders: bool,
        exact: bool,
    ) -> Self {
        let width = space.width;
        space.exact = exact;
        space.table.handlers.deadline = Deadline::after(limits.time);
        Self {
            space,
            limits,
            all_orders,
            started: Instant::now(),
            visited: Visited::new(),
            exact: exact.then(|| ExactRows::new(width)),
            frontiers: [Frontier::new(width + 1), Frontier::new(width + 1)],
            depth: 0,
            taken: 0,
            round: Round::default(),
            before: Round::default(),
            memo: (0..parallel::threads()).map(|_| PropertyMemo::default()).collect(),
            predecessors: PredecessorLog::default(),
            divergence_checks: CheckSchedule::new(),
            statistics: Statistics::default(),
            measure: None,
            nearest: None,
        }
    }

    /// Runs the search to its end. Returns the state with the highest count of this measure, and of those the deepest, with
    /// its count. `None` if the search finds something.
    pub(super) fn nearest(mut self, measure: &'e Measure) -> Option<(u64, State)> {
        self.measure = Some(measure);
        if self.search().path().is_some() {
            return None;
        }
        let nearest = self.nearest?;
        let ordinals = match nearest.origin {
            None => Vec::new(),
            Some((parent, step)) => {
                let mut ordinals = self.predecessors.steps_to(nearest.depth - 1, parent);
                ordinals.push(step);
                ordinals
            }
        };
        Some((nearest.count, self.space.state_after(&ordinals)))
    }

    /// Runs the search to its end.
    pub(super) fn run(mut self) -> (SearchResult, Statistics) {
        let outcome = self.search();
        self.note_memory();
        let mut statistics = Statistics { states: self.seen() as u64, ..self.space.statistics() };
        statistics.depth = self.statistics.depth;
        statistics.transitions = self.statistics.transitions;
        statistics.tried = self.statistics.tried;
        statistics.peak_bytes = self.statistics.peak_bytes;
        if self.exact.is_none() {
            statistics.collision_bound = super::report::collision_bound(statistics.states);
        }
        statistics.elapsed = self.started.elapsed();
        (outcome, statistics)
    }

    fn search(&mut self) -> SearchResult {
        let first = self.space.first.clone();
        match &mut self.exact {
            Some(rows) => rows.insert(&first),
            None => self.visited.insert(self.space.expander().fingerprint(&first)),
        };
        if let Some(measure) = self.measure {
            let count = self.space.measured(measure, &first, &mut self.memo[0]);
            self.nearest = Some(Nearest { count, depth: 0, origin: None });
        }
        match self.space.check_row(&first) {
            Ok(StateStatus::Expand) => {
                let awake = [0];
                self.frontier(0).push_all(&[first.as_slice(), &awake].concat());
            }
            Ok(_) => {}
            Err(ending) => return self.space.outcome(ending, &[]),
        }
        loop {
            if self.frontier(self.depth).len() == 0 {
                // All rows of this depth are taken. Do not wait for the last round's successors if
                // there is a full round at the next depth.
                if self.frontier(self.depth + 1).len() < ROUND as u64
                    && let Some(outcome) = self.finish()
                {
                    return outcome;
                }
                if self.frontier(self.depth + 1).len() == 0 {
                    // If the deadline cut the round short, rows may have successors that were not
                    // computed.
                    let cut = self.space.table.handlers.deadline.has_passed();
                    return self
                        .space
                        .result_without_finding(self.limits.time.filter(|_| cut).map(Limit::Time));
                }
                self.depth += 1;
                self.taken = 0;
            }
            if let Some(limit) = self.limit_reached() {
                let found = self.finish();
                return found.unwrap_or_else(|| self.space.result_without_finding(Some(limit)));
            }
            if let Some(outcome) = self.advance_round() {
                return outcome;
            }
        }
    }

    /// The rows at a depth: the current one or the next.
    fn frontier(&mut self, depth: usize) -> &mut Frontier {
        &mut self.frontiers[depth % 2]
    }

    /// Expands and completes the next round, and finishes the previous one. Returns the result if
    /// that ends the search.
    fn advance_round(&mut self) -> Option<SearchResult> {
        let rows = self.frontiers[self.depth % 2].pop_round()?;
        if let Some(times) = self.times_in_a_row(&rows) {
            let limit = Limit::Diverges(times);
            let found = self.finish();
            return Some(found.unwrap_or_else(|| self.space.result_without_finding(Some(limit))));
        }
        let position = (self.depth, self.taken);
        self.round.begin(position, rows, self.space.width);
        self.taken += self.round.len() as u64;
        self.round.expand(self.space.expander());
        if self.exact.is_some() {
            let outcome = self.finish();
            self.round.complete(self.space);
            std::mem::swap(&mut self.round, &mut self.before);
            return outcome;
        }
        let Self { space, round, before, visited, .. } = self;
        let seen = visited.len();
        before.candidates().insert(visited.shards(), |claims| {
            parallel::run_alongside(claims, ShardCandidates::insert, || round.complete(space));
        });
        let outcome = self.collect(seen);
        std::mem::swap(&mut self.round, &mut self.before);
        outcome
    }

    /// If a check is due, checks whether a node in these rows diverges. Returns how many times in a row it reached
    /// a new state.
    fn times_in_a_row(&mut self, rows: &[u32]) -> Option<usize> {
        // A search with a depth limit ends even in an infinite state space.
        if self.limits.depth.is_some() || self.limits.allow_divergence {
            return None;
        }
        let work = divergence::work(self.space, self.statistics.transitions);
        if self.divergence_checks.is_due(self.seen() as u64, work) {
            self.space.divergence =
                divergence::find_divergence(self.space, rows, self.space.width + 1);
        }
        match self.space.divergence {
            Some(Hint::Diverges { times, .. }) => Some(times),
            _ => None,
        }
    }

    /// Finishes the completed round, if there is one. Returns the result if that ends the search.
    fn finish(&mut self) -> Option<SearchResult> {
        let Self { space, before, visited, .. } = self;
        if space.table.handlers.deadline.has_passed() {
            // The round may be incomplete.
            return None;
        }
        let mut seen = visited.len();
        if let Some(rows) = &mut self.exact {
            seen = rows.len();
            before.insert_exact(space.expander(), rows);
        } else {
            before.candidates().insert(visited.shards(), |claims| {
                parallel::run_alongside(claims, ShardCandidates::insert, || ());
            });
        }
        self.collect(seen)
    }

    /// Collects the new rows of the inserted round. `seen` is the number of states before it.
    /// Returns the result if that ends the search.
    fn collect(&mut self, seen: usize) -> Option<SearchResult> {
        if self.before.len() == 0 {
            return None;
        }
        let new = self.seen() > seen;
        let Self { space, before, frontiers, predecessors, statistics, .. } = self;
        before.collect(space, self.all_orders, self.measure, &mut self.memo);
        // Not earlier: what one thread has seen within a round must not change what another evaluates.
        for memo in &mut self.memo {
            space.checks.note_held(memo.take_held());
        }
        if before.first == 0 {
            predecessors.begin_level();
        }
        if new {
            statistics.depth = before.depth + 1;
        }
        let mut ending = None;
        let (before_first, before_depth) = (before.first, before.depth);
        let next = &mut frontiers[(before.depth + 1) % 2];
        for part in before.parts_mut() {
            next.push_all(&part.rows);
            predecessors.append(&part.log, part.len as u64);
            statistics.transitions += part.expansion.transitions;
            statistics.tried += part.expansion.tried;
            if let Some((count, origin)) = part.nearest {
                let (parent, depth) = (before_first + u64::from(origin.row), before_depth + 1);
                let nearest = Nearest { count, depth, origin: Some((parent, origin.step)) };
                self.nearest = self.nearest.map(|earlier| earlier.or(nearest));
            }
            // Parts are in order, so the first ending is the earliest.
            ending = ending.or(part.ending.take());
        }
        let outcome = ending.map(|(origin, ending)| {
            let parent = before.first + u64::from(origin.row);
            let mut ordinals = predecessors.steps_to(before.depth, parent);
            ordinals.push(origin.step);
            space.outcome(ending, &ordinals)
        });
        frontiers[(before.depth + 1) % 2].recycle(before.end());
        outcome
    }

    /// The number of distinct states so far.
    fn seen(&self) -> usize {
        self.exact.as_ref().map_or_else(|| self.visited.len(), ExactRows::len)
    }

    /// The limit that the search has reached, if any.
    fn limit_reached(&mut self) -> Option<Limit> {
        self.note_memory();
        // A client that answers endlessly has infinitely many states, and they are large.
        if let Some(limit) = self.space.table.drivers.limit_met() {
            return Some(limit);
        }
        let Limits { depth, states, time, memory_bytes, .. } = *self.limits;
        if let Some(depth) = depth.filter(|&limit| self.depth >= limit) {
            return Some(Limit::Depth(depth));
        }
        if let Some(states) = states.filter(|&limit| self.seen() as u64 >= limit) {
            return Some(Limit::States(states));
        }
        if let Some(bytes) = memory_bytes.filter(|&limit| self.statistics.peak_bytes >= limit) {
            return Some(Limit::Memory(bytes));
        }
        time.filter(|_| self.space.table.handlers.deadline.is_over()).map(Limit::Time)
    }

    fn note_memory(&mut self) {
        let bytes = self.space.memory_bytes()
            + self.visited.memory_bytes()
            + self.exact.as_ref().map_or(0, ExactRows::memory_bytes)
            + self.frontiers.iter().map(Frontier::memory_bytes).sum::<usize>()
            + self.predecessors.memory_bytes()
            + self.round.memory_bytes()
            + self.before.memory_bytes()
            + self.memo.iter().map(PropertyMemo::memory_bytes).sum::<usize>();
        self.statistics.peak_bytes = self.statistics.peak_bytes.max(bytes);
    }
}
