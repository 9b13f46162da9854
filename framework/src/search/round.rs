//! A round: some rows of the frontier, from expansion to checking.
//!
//! Each phase splits the rows into parts, a few per thread. Parts are joined in order, so no result
//! depends on their number.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::candidates::Candidates;
use super::checks::StateStatus;
use super::exact::ExactRows;
use super::expand::{Expander, Expansion, Missing, Origin};
use super::near_miss::Measure;
use super::predecessors;
use super::property_memo::PropertyMemo;
use super::sleep;
use super::state_space::{Ending, StateSpace};
use crate::parallel;

/// The minimum number of rows in a part of a round that is split.
const ROWS_PER_PART_MIN: usize = 1 << 9;

/// Parts per thread. Threads that have finished theirs take the remaining ones.
const PARTS_PER_THREAD: usize = 4;

/// Rows of one depth, with intermediate results.
#[derive(Default)]
pub(super) struct Round {
    /// The events from the first state to these rows.
    pub(super) depth: usize,
    /// The first row's number among the states at this depth.
    pub(super) first: u64,
    /// The rows, each followed by its sleep set.
    rows: Vec<u32>,
    /// The length of a row, without the sleep set.
    width: usize,
    parts: Vec<Part>,
    /// How many parts are in use.
    used: usize,
    candidates: Candidates,
}

/// A range of a round's rows, and one thread's results for them.
#[derive(Default)]
pub(super) struct Part {
    /// The first row's position in its round.
    first: usize,
    /// The number of rows.
    pub(super) len: usize,
    pub(super) expansion: Expansion,
    later: Expansion,
    /// The new rows to expand.
    pub(super) rows: Vec<u32>,
    /// Their entries in the predecessor log.
    pub(super) log: Vec<u8>,
    pub(super) ending: Option<(Origin, Ending)>,
    /// The first of the new rows with the highest count of the measure, and that count.
    pub(super) nearest: Option<(u64, Origin)>,
}

/// A part, and what its thread needs to check the new rows.
struct Collector<'p> {
    part: &'p mut Part,
    /// For each of the part's successors, whether it is new.
    is_new: &'p [AtomicBool],
}

impl Round {
    /// Begins a round with new rows, split for the available threads.
    pub(super) fn begin(&mut self, (depth, first): (usize, u64), rows: Vec<u32>, width: usize) {
        (self.depth, self.first, self.rows, self.width) = (depth, first, rows, width);
        let count = self.len();
        let threads = parallel::threads();
        let wanted = if threads == 1 { 1 } else { threads * PARTS_PER_THREAD };
        self.used = wanted.min(count / ROWS_PER_PART_MIN).max(1);
        self.parts.resize_with(self.parts.len().max(self.used), Part::default);
        let share = count.div_ceil(self.used);
        for (index, part) in self.parts_mut().iter_mut().enumerate() {
            part.first = (index * share).min(count);
            part.len = share.min(count - part.first);
        }
    }

    /// Ends the round, returns the rows' buffer, and keeps the other memory.
    pub(super) fn end(&mut self) -> Vec<u32> {
        self.used = 0;
        self.candidates.clear();
        std::mem::take(&mut self.rows)
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len() / (self.width + 1)
    }

    pub(super) fn parts_mut(&mut self) -> &mut [Part] {
        &mut self.parts[..self.used]
    }

    pub(super) fn candidates(&mut self) -> &mut Candidates {
        &mut self.candidates
    }

    /// Expands the rows as far as the tables allow, one part per thread at a time.
    pub(super) fn expand(&mut self, expander: Expander<'_, '_>) {
        let (rows, width) = (&self.rows, self.width);
        parallel::for_each(&mut self.parts[..self.used], |part| {
            part.expansion.clear();
            for index in part.first..part.first + part.len {
                let (row, asleep) = row_at(rows, width, index);
                expander.expand(row, asleep, index as u32, &mut part.expansion);
            }
        });
    }

    /// Computes the misses in the order of the rows, expands the rows that had them, and partitions all
    /// successors for the visited set. If the deadline passes, some rows remain without successors.
    pub(super) fn complete(&mut self, space: &mut StateSpace<'_>) {
        let (rows, width) = (&self.rows, self.width);
        let parts = &mut self.parts[..self.used];
        let mut missing = Missing::default();
        while !space.table.handlers.deadline.has_passed()
            && parts.iter().any(|part| !part.expansion.incomplete.is_empty())
        {
            for part in parts.iter_mut() {
                missing.append(&mut part.expansion.missing);
            }
            space.resolve(&missing);
            missing.clear();
            let expander = space.expander();
            parallel::for_each(parts, |Part { expansion, later, .. }| {
                later.clear();
                for &index in &expansion.incomplete {
                    let (row, asleep) = row_at(rows, width, index as usize);
                    expander.expand(row, asleep, index, later);
                }
                expansion.merge(later);
                std::mem::swap(&mut expansion.incomplete, &mut later.incomplete);
                expansion.missing.append(&mut later.missing);
            });
        }
        let fingerprints = parts.iter().map(|part| part.expansion.fingerprints.as_slice());
        self.candidates.partition(fingerprints);
    }

    /// Finds the new successors by comparing full rows, on one thread.
    pub(super) fn insert_exact(&mut self, expander: Expander<'_, '_>, seen: &mut ExactRows) {
        let mut next = Vec::new();
        let origins = self.parts[..self.used].iter().flat_map(|part| &part.expansion.origins);
        for (position, origin) in origins.enumerate() {
            let (row, _) = row_at(&self.rows, self.width, origin.row as usize);
            next.clear();
            expander.successor(row, expander.step_from(*origin), &mut next);
            if seen.insert(&next) {
                self.candidates.mark(position);
            }
        }
    }

    /// Builds and checks the new rows, one part per thread at a time, or some of them if the deadline
    /// passes.
    pub(super) fn collect(
        &mut self,
        space: &StateSpace<'_>,
        all_orders: bool,
        measure: Option<&Measure>,
        memo: &mut [PropertyMemo],
    ) {
        let rows = &self.rows;
        let mut is_new = self.candidates.is_new();
        let mut collectors = Vec::with_capacity(self.used);
        for part in &mut self.parts[..self.used] {
            let own;
            (own, is_new) = is_new.split_at(part.expansion.origins.len());
            collectors.push(Collector { part, is_new: own });
        }
        parallel::for_each_with(&mut collectors, memo, |collector, memo| {
            collector.collect(space, rows, all_orders, measure, memo);
        });
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let part = |part: &Part| {
            part.expansion.memory_bytes()
                + part.later.memory_bytes()
                + part.rows.capacity() * size_of::<u32>()
                + part.log.capacity()
        };
        self.rows.capacity() * size_of::<u32>()
            + self.parts.iter().map(part).sum::<usize>()
            + self.candidates.memory_bytes()
    }
}

impl Part {
    /// Records an ending, unless there is an earlier one.
    fn note(&mut self, origin: Origin, ending: Ending) {
        if self.ending.as_ref().is_none_or(|(first, _)| origin < *first) {
            self.ending = Some((origin, ending));
        }
    }
}

impl Collector<'_> {
    /// Builds and checks the new rows.
    fn collect(
        &mut self,
        space: &StateSpace<'_>,
        rows: &[u32],
        all_orders: bool,
        measure: Option<&Measure>,
        memo: &mut PropertyMemo,
    ) {
        let Self { part, is_new } = self;
        let width = space.width;
        let expander = space.expander();
        part.rows.clear();
        part.log.clear();
        part.nearest = None;
        let failure = part.expansion.failures.first();
        part.ending = failure.map(|&(origin, failure)| (origin, Ending::Failure(failure)));
        let mut steps = Vec::new();
        let mut position = 0;
        for index in part.first..part.first + part.len {
            steps.clear();
            let (row, asleep) = row_at(rows, width, index);
            let nodes = space.nodes(row);
            let mut kept_awake = None;
            while let Some(&origin) = part.expansion.origins.get(position)
                && origin.row as usize == index
            {
                position += 1;
                if !is_new[position - 1].load(Relaxed) {
                    continue;
                }
                if space.table.handlers.deadline.is_over() {
                    return;
                }
                let before = part.rows.len();
                let step = expander.step_from(origin);
                expander.successor(row, step, &mut part.rows);
                if let Some(measure) = measure {
                    let count = space.measured(measure, &part.rows[before..], memo);
                    if part.nearest.is_none_or(|(most, _)| count > most) {
                        part.nearest = Some((count, origin));
                    }
                }
                let next = &part.rows[before..];
                match space.check_row_with(next, memo) {
                    Ok(StateStatus::Expand) => {
                        steps.push(origin.step);
                        let kept_awake = *kept_awake.get_or_insert_with(|| {
                            if all_orders {
                                u32::MAX
                            } else {
                                sleep::kept_awake(&space.checks, nodes)
                            }
                        });
                        let asleep =
                            sleep::after(&space.table, nodes, next, asleep, step, kept_awake);
                        part.rows.push(asleep);
                        continue;
                    }
                    Ok(_) => {}
                    Err(ending) => part.note(origin, ending),
                }
                part.rows.truncate(before);
            }
            predecessors::note(&mut part.log, &steps);
        }
    }
}

/// The row at an index, and its sleep set.
fn row_at(rows: &[u32], width: usize, index: usize) -> (&[u32], u32) {
    let (row, asleep) = rows[index * (width + 1)..][..=width].split_at(width);
    (row, asleep[0])
}
