//! Breadth-first search, level by level, in rounds. The result does not depend on the number of
//! threads.
//!
//! A round takes the next rows of the frontier through four phases:
//!
//! 1. *Expand.* Each thread takes some of the rows and writes the fingerprints of their successors,
//!    using tables that do not change meanwhile.
//! 2. *Complete.* Compute what the tables lacked, in row order. Handlers run and effects are looked
//!    up on all threads, but one thread assigns ids. Then the threads expand the rows that were
//!    waiting for it.
//! 3. *Insert.* The visited set is sharded. Any free thread takes the next shard and inserts that
//!    shard's fingerprints, in row order, so the first of several equal successors always counts as
//!    the new one.
//! 4. *Collect.* Each thread builds and checks its new rows.
//!
//! Completing needs exclusive access to the tables but not to the visited set; inserting is the
//! opposite. So a round is inserted while the next one is completed, even with a single thread.
//! Parts are joined in order, rounds have a fixed size, and only one thread at a time assigns ids.
//! Nothing reported depends on the number of threads or their timing.

use std::time::Instant;

use super::candidates::Claim;
use super::checks::Verdict;
use super::deadline::Deadline;
use super::endless::{self, Schedule};
use super::engine::Engine;
use super::exact::ExactRows;
use super::frontier::{Frontier, ROUND};
use super::lineage::Lineage;
use super::recall::Recall;
use super::report::{Hint, Limit, Outcome, Statistics};
use super::round::Round;
use super::settings::Limits;
use super::visited::Visited;
use crate::parallel;

/// A breadth-first search under way.
pub(super) struct Breadth<'e, 's> {
    engine: &'e mut Engine<'s>,
    limits: &'e Limits,
    all_orders: bool,
    started: Instant,
    visited: Visited,
    /// In an exact search, the rows in the place of the fingerprints in `visited`.
    exact: Option<ExactRows>,
    /// The rows at the current depth, and at the next; see [`Self::frontier`].
    frontiers: [Frontier; 2],
    /// The depth from which rows are taken, and how many have been taken there.
    depth: usize,
    taken: u64,
    /// The round that is expanded and completed.
    round: Round,
    /// The previous round, completed but not inserted yet; empty if there is none.
    before: Round,
    recall: Vec<Recall>,
    lineage: Lineage,
    /// When to check for divergence next.
    looks: Schedule,
    statistics: Statistics,
}

impl<'e, 's> Breadth<'e, 's> {
    pub(super) fn new(
        engine: &'e mut Engine<'s>,
        limits: &'e Limits,
        all_orders: bool,
        exact: bool,
    ) -> Self {
        let width = engine.width;
        engine.exact = exact;
        engine.sites.handlers.deadline = Deadline::after(limits.time);
        Self {
            engine,
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
            recall: (0..parallel::threads()).map(|_| Recall::default()).collect(),
            lineage: Lineage::default(),
            looks: Schedule::new(),
            statistics: Statistics::default(),
        }
    }

    /// Searches.
    pub(super) fn run(mut self) -> (Outcome, Statistics) {
        let outcome = self.search();
        self.note_memory();
        let mut statistics = Statistics { states: self.seen() as u64, ..self.engine.statistics() };
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

    fn search(&mut self) -> Outcome {
        let first = self.engine.first.clone();
        match &mut self.exact {
            Some(rows) => rows.insert(&first),
            None => self.visited.insert(self.engine.expander().fingerprint(&first)),
        };
        match self.engine.judge(&first) {
            Ok(Verdict::Open) => {
                let awake = [0];
                self.frontier(0).push_all(&[first.as_slice(), &awake].concat());
            }
            Ok(_) => {}
            Err(ending) => return self.engine.outcome(ending, &[]),
        }
        loop {
            if self.frontier(self.depth).len() == 0 {
                // All rows of this depth are taken. Do not wait for the last round's successors if
                // there is a full round to go on with.
                if self.frontier(self.depth + 1).len() < ROUND as u64
                    && let Some(outcome) = self.finish()
                {
                    return outcome;
                }
                if self.frontier(self.depth + 1).len() == 0 {
                    // If the deadline cut the round short, rows without successors may still have
                    // some.
                    let cut = self.engine.sites.handlers.deadline.has_passed();
                    return self
                        .engine
                        .found_nothing(self.limits.time.filter(|_| cut).map(Limit::Time));
                }
                self.depth += 1;
                self.taken = 0;
            }
            if let Some(limit) = self.limit_reached() {
                let found = self.finish();
                return found.unwrap_or_else(|| self.engine.found_nothing(Some(limit)));
            }
            if let Some(outcome) = self.go_on() {
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
    fn go_on(&mut self) -> Option<Outcome> {
        let rows = self.frontiers[self.depth % 2].pop_round()?;
        if let Some(times) = self.times_in_a_row(&rows) {
            let limit = Limit::Endless(times);
            let found = self.finish();
            return Some(found.unwrap_or_else(|| self.engine.found_nothing(Some(limit))));
        }
        let place = (self.depth, self.taken);
        self.round.begin(place, rows, self.engine.width);
        self.taken += self.round.len() as u64;
        self.round.expand(self.engine.expander());
        if self.exact.is_some() {
            let outcome = self.finish();
            self.round.complete(self.engine);
            std::mem::swap(&mut self.round, &mut self.before);
            return outcome;
        }
        let Self { engine, round, before, visited, .. } = self;
        let seen = visited.len();
        before.candidates().insert(visited.shards(), |claims| {
            parallel::beside(claims, Claim::insert, || round.complete(engine));
        });
        let outcome = self.collect(seen);
        std::mem::swap(&mut self.round, &mut self.before);
        outcome
    }

    /// Looks, when a look is due, whether a node in these rows is in a new state again and again: how often in a
    /// row.
    fn times_in_a_row(&mut self, rows: &[u32]) -> Option<usize> {
        // A search with a depth limit ends in any state space.
        if self.limits.depth.is_some() || self.limits.endless_too {
            return None;
        }
        let work = endless::work(self.engine, self.statistics.transitions);
        if self.looks.is_due(self.seen() as u64, work) {
            self.engine.endless = endless::look(self.engine, rows, self.engine.width + 1);
        }
        match self.engine.endless {
            Some(Hint::Endless { times, .. }) => Some(times),
            _ => None,
        }
    }

    /// Finishes the completed round, if there is one. Returns the result if that ends the search.
    fn finish(&mut self) -> Option<Outcome> {
        let Self { engine, before, visited, .. } = self;
        if engine.sites.handlers.deadline.has_passed() {
            // The round may be incomplete.
            return None;
        }
        let mut seen = visited.len();
        if let Some(rows) = &mut self.exact {
            seen = rows.len();
            before.insert_exact(engine.expander(), rows);
        } else {
            before.candidates().insert(visited.shards(), |claims| {
                parallel::beside(claims, Claim::insert, || ());
            });
        }
        self.collect(seen)
    }

    /// Collects the new rows of the inserted round. `seen` is the number of states before it.
    /// Returns the result if that ends the search.
    fn collect(&mut self, seen: usize) -> Option<Outcome> {
        if self.before.len() == 0 {
            return None;
        }
        let new = self.seen() > seen;
        let Self { engine, before, frontiers, lineage, statistics, .. } = self;
        before.collect(engine, self.all_orders, &mut self.recall);
        if before.first == 0 {
            lineage.begin_level();
        }
        if new {
            statistics.depth = before.depth + 1;
        }
        let mut ending = None;
        let next = &mut frontiers[(before.depth + 1) % 2];
        for part in before.parts_mut() {
            next.push_all(&part.rows);
            lineage.append(&part.log, part.len as u64);
            statistics.transitions += part.expansion.transitions;
            statistics.tried += part.expansion.tried;
            // Parts are in order, so the first ending is the earliest.
            ending = ending.or(part.ending.take());
        }
        let outcome = ending.map(|(origin, ending)| {
            let parent = before.first + u64::from(origin.row);
            let mut ordinals = lineage.steps_to(before.depth, parent);
            ordinals.push(origin.step);
            engine.outcome(ending, &ordinals)
        });
        frontiers[(before.depth + 1) % 2].recycle(before.end());
        outcome
    }

    /// The number of distinct states so far.
    fn seen(&self) -> usize {
        self.exact.as_ref().map_or_else(|| self.visited.len(), ExactRows::len)
    }

    /// The limit that the search has met, if any.
    fn limit_reached(&mut self) -> Option<Limit> {
        self.note_memory();
        // A client that answers without end has no end of states, and they are large.
        if let Some(limit) = self.engine.sites.work.limit_met() {
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
        time.filter(|_| self.engine.sites.handlers.deadline.is_over()).map(Limit::Time)
    }

    fn note_memory(&mut self) {
        let bytes = self.engine.memory_bytes()
            + self.visited.memory_bytes()
            + self.exact.as_ref().map_or(0, ExactRows::memory_bytes)
            + self.frontiers.iter().map(Frontier::memory_bytes).sum::<usize>()
            + self.lineage.memory_bytes()
            + self.round.memory_bytes()
            + self.before.memory_bytes()
            + self.recall.iter().map(Recall::memory_bytes).sum::<usize>();
        self.statistics.peak_bytes = self.statistics.peak_bytes.max(bytes);
    }
}
