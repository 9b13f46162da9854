//! A number for each sender to a node. Memory grows with the number of senders, not of nodes.

use rustc_hash::FxHashMap;

/// Slots below this are table indices. A small system has no others.
const DENSE_MAX: usize = 32;

/// Numbers by the sender's slot, initially 0. Used for lookups only; never iterated.
#[derive(Debug, Default)]
pub(super) struct PerSender {
    first: Vec<u64>,
    others: FxHashMap<usize, u64>,
}

impl PerSender {
    /// The number of the sender in this slot.
    pub(super) fn entry(&mut self, slot: usize) -> &mut u64 {
        if slot >= DENSE_MAX {
            return self.others.entry(slot).or_default();
        }
        if self.first.len() <= slot {
            self.first.resize(slot + 1, 0);
        }
        &mut self.first[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_senders() {
        let mut numbers = PerSender::default();
        for slot in [3, 31, 32, 1_000_000, usize::MAX] {
            assert_eq!(*numbers.entry(slot), 0);
            *numbers.entry(slot) = slot as u64;
        }
        for slot in [3, 31, 32, 1_000_000, usize::MAX] {
            assert_eq!(*numbers.entry(slot), slot as u64);
        }
        assert_eq!(*numbers.entry(4), 0);
        assert!(numbers.first.capacity() <= 64 && numbers.others.capacity() < 16);
    }
}
