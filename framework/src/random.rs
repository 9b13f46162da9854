//! Seeded random numbers that are the same on every machine and in every version.
//!
//! The bits come from ChaCha. Everything derived from them is integer arithmetic in this file, so a
//! seed means the same after any update of a library.

use std::convert::Infallible;

use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;

use crate::Address;

/// A stream of random numbers, fixed by its seed.
///
/// It is also a generator for the `rand` crate, so scenarios can use that crate's distributions and shuffles. Their
/// results may change with that crate's version; the results of the methods here do not.
#[derive(Clone, Debug)]
pub struct Random {
    bits: ChaCha8Rng,
}

/// The purpose of a stream, so that streams of one seed never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// Delays, losses and duplicates of messages.
    Network = 1,
    /// Durations of timers.
    Timers = 2,
    /// Commands created from templates.
    Workload = 3,
    /// The setup of a run, drawn by a test's author.
    Setup = 4,
    /// Random walks of a search.
    RandomWalk = 5,
    /// Where in a handler a node crashes.
    Crashes = 6,
    /// What a crash leaves on a disk.
    Disks = 7,
    /// How the content of a message changes.
    Changes = 8,
    /// What Byzantine nodes do.
    Misbehaviour = 9,
}

/// A fraction of all messages, in parts per million: exact, and the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    per_million: u32,
}

impl Rate {
    /// Never.
    pub const NEVER: Self = Self { per_million: 0 };

    /// All of them.
    pub const ALWAYS: Self = Self { per_million: 1_000_000 };

    /// `percent` of a hundred.
    ///
    /// # Panics
    /// When above a hundred.
    #[must_use]
    pub fn percent(percent: u32) -> Self {
        Self::per_million(percent.saturating_mul(10_000))
    }

    /// `per_million` of a million.
    ///
    /// # Panics
    /// When above a million.
    #[must_use]
    pub fn per_million(per_million: u32) -> Self {
        assert!(per_million <= 1_000_000, "a rate cannot be above all messages");
        Self { per_million }
    }

    /// Whether it is all messages.
    pub(crate) fn is_always(self) -> bool {
        self == Self::ALWAYS
    }

    /// Whether this message is one of them. A rate of zero draws nothing, so a lossless network costs no time.
    #[inline]
    pub(crate) fn draw(self, random: &mut Random) -> bool {
        self.per_million > 0 && random.chance_per_million(self.per_million)
    }
}

impl Random {
    /// The stream of this seed for this use.
    #[must_use]
    pub fn new(seed: u64, stream: Stream) -> Self {
        // The key is derived here, because `seed_from_u64` may change with its library.
        let mut key = [0; 32];
        for (index, word) in (1_u64..).zip(key.chunks_exact_mut(8)) {
            word.copy_from_slice(&mix(seed ^ mix(index)).to_le_bytes());
        }
        let mut bits = ChaCha8Rng::from_seed(key);
        bits.set_stream(stream as u64);
        Self { bits }
    }

    /// The stream for one command of a workload.
    #[must_use]
    pub(crate) fn for_turn(seed: u64, client: Address, index: u64) -> Self {
        Self::for_one(seed, client, index, Stream::Workload)
    }

    /// The stream for one timer of a node, in a run whose decisions are not drawn in their order.
    #[must_use]
    pub(crate) fn for_timer(seed: u64, node: Address, index: u64) -> Self {
        Self::for_one(seed, node, index, Stream::Timers)
    }

    /// The stream for the crash of a node's incarnation within a handler.
    #[must_use]
    pub(crate) fn for_crash(seed: u64, node: Address, incarnation: u64) -> Self {
        Self::for_one(seed, node, incarnation, Stream::Crashes)
    }

    /// The stream for what is left on a node's disk when this incarnation starts.
    #[must_use]
    pub(crate) fn for_disk(seed: u64, node: Address, incarnation: u64) -> Self {
        Self::for_one(seed, node, incarnation, Stream::Disks)
    }

    /// The stream for a Byzantine node's chance to misbehave with this index.
    #[must_use]
    pub(crate) fn for_misbehaviour(seed: u64, node: Address, index: u64) -> Self {
        Self::for_one(seed, node, index, Stream::Misbehaviour)
    }

    /// The stream for the thing with this index at a node.
    fn for_one(seed: u64, node: Address, index: u64, stream: Stream) -> Self {
        let mut name = 0_u64;
        for byte in node.as_str().bytes() {
            name = mix(name ^ u64::from(byte));
        }
        Self::new(mix(seed ^ mix(name ^ mix(index))), stream)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.bits.next_u64()
    }

    /// A number below `bound`; 0 when `bound` is 0.
    ///
    /// By multiplication (Lemire 2019, without the rejection step): the bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `min` to `max`, both included.
    ///
    /// # Panics
    /// When `min > max`.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        assert!(min <= max, "an empty range: {min} to {max}");
        match (max - min).checked_add(1) {
            Some(width) => min + self.below(width),
            None => self.bits(),
        }
    }

    /// True `parts` times in a million.
    pub fn chance_per_million(&mut self, parts: u32) -> bool {
        self.below(1_000_000) < u64::from(parts)
    }

    /// One of the elements.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<'a, V>(&mut self, elements: &'a [V]) -> &'a V {
        &elements[self.below(elements.len() as u64) as usize]
    }

    /// Puts the elements in a random order (Durstenfeld 1964). All orders are equally likely.
    pub fn shuffle<V>(&mut self, elements: &mut [V]) {
        self.shuffle_first(elements, elements.len());
    }

    /// So many different elements, in a random order; all of them if there are fewer.
    pub fn sample<V: Clone>(&mut self, elements: &[V], count: usize) -> Vec<V> {
        let count = count.min(elements.len());
        let mut sample = elements.to_vec();
        self.shuffle_first(&mut sample, count);
        sample.truncate(count);
        sample
    }

    /// Moves so many random elements to the front.
    fn shuffle_first<V>(&mut self, elements: &mut [V], count: usize) {
        for place in 0..count {
            let left = (elements.len() - place) as u64;
            elements.swap(place, place + self.below(left) as usize);
        }
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.bits.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.bits.fill_bytes(bytes);
        Ok(())
    }
}

/// Mixes 64 bits so that each bit of the input reaches every bit of the output (the finalizer of
/// SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
#[must_use]
pub fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffles_and_samples_are_fair_and_do_not_change_between_versions() {
        let mut random = Random::new(7, Stream::Setup);
        let mut orders = std::collections::BTreeMap::<_, u32>::new();
        for _ in 0..6_000 {
            let mut order = ["a", "b", "c"];
            random.shuffle(&mut order);
            *orders.entry(order).or_insert(0) += 1;
        }
        assert_eq!(orders.len(), 6);
        assert!(orders.values().all(|count| (850..1150).contains(count)), "{orders:?}");

        let elements: Vec<u32> = (0..5).collect();
        let mut chosen = [0_u32; 5];
        for _ in 0..5_000 {
            let sample = random.sample(&elements, 2);
            assert_eq!(sample.len(), 2);
            assert_ne!(sample[0], sample[1]);
            sample.iter().for_each(|&element| chosen[element as usize] += 1);
        }
        assert!(chosen.iter().all(|count| (1_850..2_150).contains(count)), "{chosen:?}");
        assert_eq!(random.sample(&elements, 9).len(), 5);
        assert!(random.sample::<u32>(&[], 3).is_empty());

        let mut numbers: Vec<u32> = (0..8).collect();
        Random::new(1, Stream::Setup).shuffle(&mut numbers);
        assert_eq!(numbers, [1, 5, 7, 3, 2, 4, 6, 0]);
    }

    #[test]
    fn seeds_do_not_change_between_versions() {
        let mut network = Random::new(7, Stream::Network);
        let mut timers = Random::new(7, Stream::Timers);
        let drawn: Vec<u64> = (0..4).map(|_| network.below(1_000)).collect();
        let other: Vec<u64> = (0..4).map(|_| timers.below(1_000)).collect();
        assert_eq!((drawn, other), (vec![170, 765, 140, 860], vec![178, 651, 910, 19]));
    }

    #[test]
    fn it_is_a_generator_of_the_rand_crate() {
        use rand::RngExt;
        let [mut ours, mut theirs] = [(); 2].map(|()| Random::new(7, Stream::Setup));
        assert_eq!(ours.bits(), theirs.next_u64());
        let drawn: u64 = theirs.random_range(3..=5);
        assert!((3..=5).contains(&drawn));
    }

    #[test]
    fn ranges_are_covered_and_not_exceeded() {
        let mut random = Random::new(1, Stream::Setup);
        let drawn: Vec<u64> = (0..1_000).map(|_| random.between(3, 5)).collect();
        for wanted in 3..=5 {
            assert!(drawn.contains(&wanted));
        }
        assert!(drawn.iter().all(|number| (3..=5).contains(number)));
        assert_eq!(random.below(0), 0);
        random.between(0, u64::MAX);
        assert!(!random.chance_per_million(0));
        assert!(random.chance_per_million(1_000_000));
    }
}
