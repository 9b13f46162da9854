//! Breadth-first search: level by level, in rounds, with any number of threads and one result.
//!
//! A round takes the next rows of the frontier and goes through four phases:
//!
//! 1. *Expand.* Each thread takes a range of the rows and writes down the fingerprints of their
//!    successors, from tables that nobody changes meanwhile.
//! 2. *Resolve.* What the tables did not have is worked out by one thread, in the order of the rows
//!    (the handlers that this takes are run in one batch); the rows that needed it are expanded
//!    then.
//! 3. *Insert.* Each thread owns some shards of the visited set and adds the fingerprints that
//!    belong there, in the order of the rows. So it is always the first of equal successors that
//!    counts as new.
//! 4. *Collect.* Each thread builds and judges the new rows of its range.
//!
//! Ranges are joined in order, rounds have a fixed size, and ids are given by one thread: nothing
//! that is reported depends on the number of threads or on their timing.

use std::num::NonZeroUsize;
use std::time::Instant;

use super::checks::Verdict;

use super::endless::{self, Schedule};
use super::engine::{Ending, Engine};
use super::exact::ExactRows;
use super::expand::{Expansion, Missing, Origin};
use super::frontier::Frontier;
use super::lineage::{self, Lineage};
use super::parallel;
use super::recall::Recall;
use super::report::{Limit, Outcome, Statistics};
use super::settings::Limits;
use super::sleep;
use super::visited::{self, SHARDS, Shard, Visited};

/// Below this many rows a round is not worth a second thread.
const ROWS_PER_THREAD_MIN: usize = 1 << 9;

/// A range of a round's rows, and what one thread found out about them.
#[derive(Default)]
struct Part {
    /// The first row's position in its round.
    first: usize,
    /// The number of rows.
    len: usize,
    expansion: Expansion,
    later: Expansion,
    /// The new rows that the search goes on from.
    rows: Vec<u32>,
    /// Their lineage.
    log: Vec<u8>,
    ending: Option<(Origin, Ending)>,
    recall: Recall,
}

/// Some shards, and which fingerprints of each part were new there.
struct Owner<'v> {
    first: usize,
    shards: &'v mut [Shard],
    new: Vec<Vec<u32>>,
}

/// A breadth-first search under way.
pub(super) struct Breadth<'e, 's> {
    engine: &'e mut Engine<'s>,
    limits: &'e Limits,
    all_orders: bool,
    started: Instant,
    visited: Visited,
    /// In an exact search, the rows in the place of the fingerprints in `visited`.
    exact: Option<ExactRows>,
    current: Frontier,
    next: Frontier,
    lineage: Lineage,
    parts: Vec<Part>,
    statistics: Statistics,
}

impl<'e, 's> Breadth<'e, 's> {
    pub(super) fn new(
        engine: &'e mut Engine<'s>,
        limits: &'e Limits,
        threads: NonZeroUsize,
        all_orders: bool,
        exact: bool,
    ) -> Self {
        let stride = engine.width + 1;
        engine.exact = exact;
        Self {
            engine,
            limits,
            all_orders,
            started: Instant::now(),
            visited: Visited::new(),
            exact: exact.then(|| ExactRows::new(stride - 1)),
            current: Frontier::new(stride),
            next: Frontier::new(stride),
            lineage: Lineage::default(),
            parts: (0..threads.get().min(SHARDS)).map(|_| Part::default()).collect(),
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
                self.current.push_all(&[first.as_slice(), &awake].concat());
            }
            Ok(_) => {}
            Err(ending) => return self.engine.outcome(ending, &[]),
        }
        let mut looks = Schedule::new();
        let mut depth = 0;
        while self.current.len() > 0 {
            if self.limits.depth.is_some_and(|limit| depth >= limit) {
                return Outcome::LimitReached(Limit::Depth(depth));
            }
            self.lineage.begin_level();
            let mut expanded = 0;
            while let Some(rows) = self.current.pop_round() {
                if let Some(limit) = self.limit_reached() {
                    return Outcome::LimitReached(limit);
                }
                // A search that stops at a depth comes to its end in any space.
                if self.limits.depth.is_none()
                    && !self.limits.endless_too
                    && looks.is_due(self.seen() as u64, depth)
                    && let Some(hint) = endless::look(self.engine, &rows, self.engine.width + 1)
                {
                    self.engine.endless = Some(hint);
                    return Outcome::LimitReached(Limit::Endless(endless::TIMES));
                }
                let before = self.seen();
                let ending = self.round(&rows);
                if self.seen() > before {
                    self.statistics.depth = depth + 1;
                }
                if let Some((origin, ending)) = ending {
                    let parent = expanded + u64::from(origin.row);
                    let mut ordinals = self.lineage.steps_to(depth, parent);
                    ordinals.push(origin.step);
                    return self.engine.outcome(ending, &ordinals);
                }
                expanded += (rows.len() / (self.engine.width + 1)) as u64;
            }
            std::mem::swap(&mut self.current, &mut self.next);
            depth += 1;
        }
        Outcome::Exhausted
    }

    /// The number of distinct states so far.
    fn seen(&self) -> usize {
        self.exact.as_ref().map_or_else(|| self.visited.len(), ExactRows::len)
    }

    /// The limit that the search has met, if any.
    fn limit_reached(&mut self) -> Option<Limit> {
        self.note_memory();
        let Limits { states, time, memory_bytes, .. } = *self.limits;
        if let Some(states) = states.filter(|&limit| self.seen() as u64 >= limit) {
            return Some(Limit::States(states));
        }
        if let Some(bytes) = memory_bytes.filter(|&limit| self.statistics.peak_bytes >= limit) {
            return Some(Limit::Memory(bytes));
        }
        time.filter(|&limit| self.started.elapsed() >= limit).map(Limit::Time)
    }

    fn note_memory(&mut self) {
        let bytes = self.engine.memory_bytes()
            + self.visited.memory_bytes()
            + self.exact.as_ref().map_or(0, ExactRows::memory_bytes)
            + self.current.memory_bytes()
            + self.next.memory_bytes()
            + self.lineage.memory_bytes()
            + self
                .parts
                .iter()
                .map(|part| {
                    part.expansion.memory_bytes()
                        + part.later.memory_bytes()
                        + part.rows.capacity() * 4
                        + part.log.capacity()
                        + part.recall.memory_bytes()
                })
                .sum::<usize>();
        self.statistics.peak_bytes = self.statistics.peak_bytes.max(bytes);
    }

    /// Expands these rows; the first ending among their successors, if there is one.
    fn round(&mut self, rows: &[u32]) -> Option<(Origin, Ending)> {
        let count = rows.len() / (self.engine.width + 1);
        let threads = self.parts.len().min(count / ROWS_PER_THREAD_MIN).max(1);
        let share = count.div_ceil(threads);
        let mut parts = std::mem::take(&mut self.parts);
        for (index, part) in parts[..threads].iter_mut().enumerate() {
            part.first = (index * share).min(count);
            part.len = share.min(count - part.first);
        }
        self.expand(rows, &mut parts[..threads]);
        let new = match self.exact.take() {
            Some(mut seen) => {
                let new = self.insert_exact(rows, &parts[..threads], &mut seen);
                self.exact = Some(seen);
                new
            }
            None => self.insert(&parts[..threads]),
        };
        self.collect(rows, &mut parts[..threads], &new);
        let mut ending: Option<(Origin, Ending)> = None;
        for part in &mut parts[..threads] {
            self.next.push_all(&part.rows);
            self.lineage.append(&part.log, part.len as u64);
            self.statistics.transitions += part.expansion.transitions;
            self.statistics.tried += part.expansion.tried;
            let earlier = part.ending.take().filter(|(origin, _)| {
                ending
                    .as_ref()
                    .is_none_or(|(first, _)| (origin.row, origin.step) < (first.row, first.step))
            });
            ending = earlier.or(ending);
        }
        self.parts = parts;
        ending
    }

    /// Phases one and two.
    fn expand(&mut self, rows: &[u32], parts: &mut [Part]) {
        let width = self.engine.width;
        let row = |index: u32| rows[index as usize * (width + 1)..][..=width].split_at(width);
        let expander = self.engine.expander();
        parallel::for_each(parts, |_, part| {
            part.expansion.clear();
            for index in part.first..part.first + part.len {
                let (row, asleep) = row(index as u32);
                expander.expand(row, asleep[0], index as u32, &mut part.expansion);
            }
        });
        let mut missing = Missing::default();
        while parts.iter().any(|part| !part.expansion.incomplete.is_empty()) {
            for part in parts.iter_mut() {
                missing.append(&mut part.expansion.missing);
            }
            self.engine.resolve(&missing);
            missing.clear();
            let expander = self.engine.expander();
            parallel::for_each(parts, |_, part| {
                let Part { expansion, later, .. } = part;
                later.clear();
                for &index in &expansion.incomplete {
                    let (row, asleep) = row(index);
                    expander.expand(row, asleep[0], index, later);
                }
                expansion.merge(later);
                std::mem::swap(&mut expansion.incomplete, &mut later.incomplete);
                expansion.missing.append(&mut later.missing);
            });
        }
    }

    /// Phase three: for each owner of shards, for each part, the positions of new fingerprints.
    fn insert(&mut self, parts: &[Part]) -> Vec<Vec<Vec<u32>>> {
        let share = SHARDS.div_ceil(parts.len());
        let mut owners: Vec<Owner<'_>> = self
            .visited
            .shards()
            .chunks_mut(share)
            .enumerate()
            .map(|(index, shards)| Owner { first: index * share, shards, new: Vec::new() })
            .collect();
        parallel::for_each(&mut owners, |_, owner| {
            for part in parts {
                let mut new = Vec::new();
                let fingerprints = &part.expansion.fingerprints;
                visited::insert_all(owner.shards, owner.first, fingerprints, &mut new);
                owner.new.push(new);
            }
        });
        owners.into_iter().map(|owner| owner.new).collect()
    }

    /// Phase three of an exact search, by one thread.
    fn insert_exact(
        &self,
        rows: &[u32],
        parts: &[Part],
        seen: &mut ExactRows,
    ) -> Vec<Vec<Vec<u32>>> {
        let width = self.engine.width;
        let expander = self.engine.expander();
        let mut next = Vec::new();
        let mut new_of = |part: &Part| {
            let origins = part.expansion.origins.iter().enumerate();
            let new = origins.filter(|(_, origin)| {
                let row = &rows[origin.row as usize * (width + 1)..][..width];
                next.clear();
                expander.successor(row, origin.step, &mut next);
                seen.insert(&next)
            });
            new.map(|(position, _)| position as u32).collect::<Vec<u32>>()
        };
        vec![parts.iter().map(&mut new_of).collect()]
    }

    /// Phase four.
    fn collect(&self, rows: &[u32], parts: &mut [Part], new: &[Vec<Vec<u32>>]) {
        let engine = &*self.engine;
        parallel::for_each(parts, |index, part| {
            let mut new = merged(new.iter().map(|owner| owner[index].as_slice()).collect());
            part.collect(engine, rows, self.all_orders, &mut new);
        });
    }
}

impl Part {
    /// Builds and judges the new rows, whose positions among the fingerprints are `new`.
    fn collect(
        &mut self,
        engine: &Engine<'_>,
        rows: &[u32],
        all_orders: bool,
        new: &mut dyn Iterator<Item = u32>,
    ) {
        let width = engine.width;
        let expander = engine.expander();
        self.rows.clear();
        self.log.clear();
        self.ending = self
            .expansion
            .failures
            .first()
            .map(|&(origin, failure)| (origin, Ending::Failure(failure)));
        let mut steps = Vec::new();
        let mut new = new.map(|position| self.expansion.origins[position as usize]).peekable();
        for index in self.first..self.first + self.len {
            steps.clear();
            let (row, asleep) = rows[index * (width + 1)..][..=width].split_at(width);
            let mut kept_awake = None;
            while let Some(origin) = new.next_if(|origin| origin.row as usize == index) {
                let before = self.rows.len();
                let step = expander.successor(row, origin.step, &mut self.rows);
                let next = &self.rows[before..];
                match engine.judge_with(next, &mut self.recall) {
                    Ok(Verdict::Open) => {
                        steps.push(origin.step);
                        let nodes = engine.nodes(row);
                        let kept_awake = *kept_awake.get_or_insert_with(|| {
                            if all_orders {
                                u32::MAX
                            } else {
                                sleep::kept_awake(&engine.checks, nodes)
                            }
                        });
                        let asleep =
                            sleep::after(&engine.sites, nodes, next, asleep[0], step, kept_awake);
                        self.rows.push(asleep);
                        continue;
                    }
                    Ok(_) => {}
                    Err(ending) => {
                        let earlier = self.ending.as_ref().is_none_or(|(first, _)| {
                            (origin.row, origin.step) < (first.row, first.step)
                        });
                        if earlier {
                            self.ending = Some((origin, ending));
                        }
                    }
                }
                self.rows.truncate(before);
            }
            lineage::note(&mut self.log, &steps);
        }
    }
}

/// Ascending lists as one.
fn merged<'l>(mut lists: Vec<&'l [u32]>) -> Box<dyn Iterator<Item = u32> + 'l> {
    if let [only] = lists[..] {
        return Box::new(only.iter().copied());
    }
    Box::new(std::iter::from_fn(move || {
        let list = lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list[0])?;
        let (&first, rest) = list.split_first()?;
        *list = rest;
        Some(first)
    }))
}
