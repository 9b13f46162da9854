//! The visited set: eight bytes per state.
//!
//! An open-addressing table of 64-bit fingerprints, in buckets of one cache line. The fingerprint's
//! high bits select a shard. Each shard grows on its own: it doubles while it is small, then grows
//! by half. So growing needs only a fraction of the total memory on top, and the table stays about
//! 70 % full. (Growing by a quarter would save 1.4 bytes per state but take a fifth longer, because
//! each fingerprint is moved four times instead of twice.) One thread at a time owns a shard.

/// Fingerprints in a bucket: one cache line of 64 bytes.
const BUCKET: usize = 8;

/// Shards in a set. A power of two.
pub(super) const SHARDS: usize = 64;

/// The high bits of a fingerprint that name its shard.
const SHARD_BITS: u32 = SHARDS.trailing_zeros();

/// Below this many buckets a shard is small: it doubles.
const BUCKETS_SMALL: usize = 1 << 11;

/// How many lookups are in flight at once. Their first loads do not depend on each other, so the
/// processor waits for memory once for many of them.
const WINDOW: usize = 16;

/// The buckets of one cache line. A zero is a free place.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([u64; BUCKET]);

/// The fingerprints whose high bits are the same.
pub(super) struct Shard {
    buckets: Vec<Bucket>,
    count: usize,
    count_max: usize,
}

impl Shard {
    /// A shard with room for a few.
    fn new(buckets: usize) -> Self {
        Self { buckets: vec![Bucket([0; BUCKET]); buckets], count: 0, count_max: limit(buckets) }
    }

    /// Where a fingerprint's search starts. In the order of fingerprints, so that growing reads and
    /// writes memory in order.
    fn home(&self, fingerprint: u64) -> usize {
        let wide = u128::from(fingerprint << SHARD_BITS) * self.buckets.len() as u128;
        (wide >> 64) as usize
    }

    /// Adds a fingerprint; whether it is new. There must be room.
    fn insert(&mut self, fingerprint: u64) -> bool {
        let mut home = self.home(fingerprint);
        loop {
            let bucket = &mut self.buckets[home].0;
            if bucket.iter().fold(false, |found, &place| found | (place == fingerprint)) {
                return false;
            }
            // A bucket fills from its start, and nothing is ever taken out.
            let filled = bucket.iter().filter(|&&place| place != 0).count();
            if filled < BUCKET {
                bucket[filled] = fingerprint;
                self.count += 1;
                return true;
            }
            home = if home + 1 == self.buckets.len() { 0 } else { home + 1 };
        }
    }

    /// Adds fingerprints of this shard, in order. The positions of the new ones are moved to the
    /// front of `positions`; returns how many there are.
    pub(super) fn insert_all(&mut self, fingerprints: &[u64], positions: &mut [u32]) -> usize {
        let mut new = 0;
        let mut at = 0;
        for window in fingerprints.chunks(WINDOW) {
            self.reserve(window.len());
            // Touch all buckets before the first is searched. The sum makes the loads count as used.
            let mut touched = 0_u64;
            for &fingerprint in window {
                touched = touched.wrapping_add(self.buckets[self.home(fingerprint)].0[0]);
            }
            std::hint::black_box(touched);
            for &fingerprint in window {
                positions[new] = positions[at];
                new += usize::from(self.insert(fingerprint));
                at += 1;
            }
        }
        new
    }

    /// Makes room for this many more, which must be few.
    fn reserve(&mut self, more: usize) {
        if self.count + more <= self.count_max {
            return;
        }
        let buckets = self.buckets.len();
        let more = if buckets < BUCKETS_SMALL { buckets } else { buckets / 2 };
        let mut larger = Self::new(buckets + more);
        for bucket in &self.buckets {
            for &fingerprint in bucket.0.iter().filter(|&&place| place != 0) {
                larger.insert(fingerprint);
            }
        }
        *self = larger;
    }
}

/// How many fingerprints this many buckets may hold: 85 in 100.
fn limit(buckets: usize) -> usize {
    buckets * BUCKET * 85 / 100
}

/// The set.
pub(super) struct Visited {
    shards: Vec<Shard>,
}

impl Visited {
    /// An empty set.
    pub(super) fn new() -> Self {
        // Sizes start spread over one step of growth, so that shards grow at different times.
        let spread = |shard: usize| 16 + 8 * shard / SHARDS;
        Self { shards: (0..SHARDS).map(|shard| Shard::new(spread(shard))).collect() }
    }

    /// Adds one fingerprint; whether it is new.
    pub(super) fn insert(&mut self, fingerprint: u64) -> bool {
        let fingerprint = stored(fingerprint);
        let shard = &mut self.shards[shard_of(fingerprint)];
        shard.reserve(1);
        shard.insert(fingerprint)
    }

    /// All shards, to be shared out among threads.
    pub(super) fn shards(&mut self) -> &mut [Shard] {
        &mut self.shards
    }

    /// The number of fingerprints.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.count).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.buckets.capacity() * size_of::<Bucket>()).sum()
    }
}

/// The shard that a fingerprint belongs to.
pub(super) fn shard_of(fingerprint: u64) -> usize {
    (fingerprint >> (64 - SHARD_BITS)) as usize
}

/// A fingerprint as it is stored: zero stands for a free place.
pub(super) fn stored(fingerprint: u64) -> u64 {
    if fingerprint == 0 { 1 << 63 } else { fingerprint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::mix;

    #[test]
    fn it_is_a_set() {
        let mut visited = Visited::new();
        let fingerprints: Vec<u64> = (0..100_000).map(mix).chain([0, 1 << 63, u64::MAX]).collect();
        for (index, &fingerprint) in fingerprints.iter().enumerate() {
            // Zero shares its place with one other value.
            assert_eq!(visited.insert(fingerprint), fingerprint != 1 << 63, "{index}");
        }
        assert!(fingerprints.iter().all(|&fingerprint| !visited.insert(fingerprint)));
        assert_eq!(visited.len(), 100_002);
        assert!(visited.memory_bytes() < 100_002 * 20);
    }
}
