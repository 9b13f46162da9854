//! Seeds: which runs a test consists of.

use faultlab::random::mix;

use crate::TestNumber;

/// The default suite seed.
pub const SEED: u64 = 1;

/// The default number of seeds per run test.
pub const SEEDS: u64 = 20;

/// The seed of a test's run at `index`. It depends on nothing else: selecting or adding tests does
/// not change other tests' seeds, and more seeds extend the same sequence.
///
/// Seeds have 32 bits, so that they are short enough to type, and exact in every reader of JSON.
#[must_use]
pub fn seed_of(suite_seed: u64, number: TestNumber, index: u64) -> u64 {
    let number = u64::from(number.part) << 32 | u64::from(number.place);
    mix(suite_seed ^ mix(number ^ mix(index))) >> 32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn seeds_do_not_change_between_versions() {
        let number = TestNumber { part: 2, place: 4 };
        let seeds: Vec<u64> = (0..3).map(|index| seed_of(SEED, number, index)).collect();
        assert_eq!(seeds, [2_445_001_755, 1_530_321_476, 2_135_117_577]);
    }

    #[test]
    fn tests_and_suite_seeds_do_not_share_runs() {
        let mut seeds = BTreeSet::new();
        for suite_seed in 0..4 {
            for part in 1..4 {
                for place in 1..10 {
                    let number = TestNumber { part, place };
                    seeds.extend((0..20).map(|index| seed_of(suite_seed, number, index)));
                }
            }
        }
        assert_eq!(seeds.len(), 4 * 3 * 9 * 20);
    }
}
