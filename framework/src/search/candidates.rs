//! Candidates: the successors of a round, partitioned by shard of the visited set.
//!
//! The first of several equal candidates counts as new. Equal candidates are always in the same
//! shard, and each shard gets its candidates in order, so threads can work on shards at any time.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::visited::{self, SHARDS, Shard};

/// The fingerprints of a round's successors, and which of them are new.
#[derive(Default)]
pub(super) struct Candidates {
    /// The fingerprints, grouped by shard.
    fingerprints: Vec<u64>,
    /// The original position of each.
    positions: Vec<u32>,
    /// The number of fingerprints in each shard.
    counts: Vec<usize>,
    /// For each position, whether it is new. Each is written by one thread, and read afterwards.
    is_new: Vec<AtomicBool>,
}

/// A shard, and the candidates for it.
pub(super) struct ShardCandidates<'c> {
    shard: &'c mut Shard,
    fingerprints: &'c [u64],
    /// The positions of the candidates.
    positions: &'c mut [u32],
    is_new: &'c [AtomicBool],
}

impl ShardCandidates<'_> {
    /// Adds the candidates to the shard, and records which are new.
    pub(super) fn insert(&mut self) {
        let new = self.shard.insert_all(self.fingerprints, self.positions);
        for &position in &self.positions[..new] {
            self.is_new[position as usize].store(true, Relaxed);
        }
    }
}

impl Candidates {
    /// Partitions these fingerprints, which are given in several pieces. None is marked as new yet.
    pub(super) fn partition<'f>(&mut self, pieces: impl Iterator<Item = &'f [u64]> + Clone) {
        let all = pieces.flatten().map(|&fingerprint| visited::stored(fingerprint));
        self.counts.clear();
        self.counts.resize(SHARDS, 0);
        for fingerprint in all.clone() {
            self.counts[visited::shard_of(fingerprint)] += 1;
        }
        let mut ends = [0; SHARDS];
        let mut total = 0;
        for (end, count) in ends.iter_mut().zip(&self.counts) {
            *end = total;
            total += count;
        }
        self.fingerprints.resize(total, 0);
        self.positions.resize(total, 0);
        for (position, fingerprint) in all.enumerate() {
            let end = &mut ends[visited::shard_of(fingerprint)];
            self.fingerprints[*end] = fingerprint;
            self.positions[*end] = position as u32;
            *end += 1;
        }
        self.is_new.clear();
        self.is_new.resize_with(total, AtomicBool::default);
    }

    /// Removes all candidates, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.fingerprints.clear();
        self.positions.clear();
        self.counts.clear();
        self.is_new.clear();
    }

    /// Inserts the candidates into their shards. `work` must call [`ShardCandidates::insert`] for each.
    pub(super) fn insert<R>(
        &mut self,
        shards: &mut [Shard],
        work: impl FnOnce(&mut [ShardCandidates<'_>]) -> R,
    ) -> R {
        let mut claims = Vec::with_capacity(SHARDS);
        let is_new = self.is_new.as_slice();
        let (mut fingerprints, mut positions) = (&self.fingerprints[..], &mut self.positions[..]);
        for (shard, &count) in shards.iter_mut().zip(&self.counts) {
            let (own, rest) = fingerprints.split_at(count);
            let (own_positions, rest_positions) = positions.split_at_mut(count);
            (fingerprints, positions) = (rest, rest_positions);
            claims.push(ShardCandidates {
                shard,
                fingerprints: own,
                positions: own_positions,
                is_new,
            });
        }
        work(&mut claims)
    }

    /// Records that the candidate at a position is new.
    pub(super) fn mark(&mut self, position: usize) {
        *self.is_new[position].get_mut() = true;
    }

    /// For each candidate, whether it is new.
    pub(super) fn is_new(&self) -> &[AtomicBool] {
        &self.is_new
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.fingerprints.capacity() * size_of::<u64>()
            + self.positions.capacity() * size_of::<u32>()
            + self.is_new.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::mix;
    use crate::search::visited::Visited;

    #[test]
    fn the_first_of_equal_candidates_is_new() {
        let mut visited = Visited::new();
        let mut candidates = Candidates::default();
        for round in 0..3 {
            let fingerprints: Vec<u64> =
                (0..60_000).map(|number| mix(round * 10_000 + number % 20_000)).collect();
            let (one, other) = fingerprints.split_at(12_345);
            candidates.partition([one, other].into_iter());
            candidates.insert(visited.shards(), |claims| {
                claims.iter_mut().rev().for_each(ShardCandidates::insert);
            });
            let expected = |index: usize| match round {
                0 => index < 20_000,
                _ => (10_000..20_000).contains(&index),
            };
            let differing = (0..60_000)
                .find(|&index| candidates.is_new()[index].load(Relaxed) != expected(index));
            assert_eq!(differing, None);
        }
        assert_eq!(visited.len(), 40_000);
    }
}
