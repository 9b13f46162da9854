//! A number for each sender of a node: as many entries as there are senders, not nodes.

use rustc_hash::FxHashMap;

/// Slots below this are found by index: a small system has no others.
const DENSE_MAX: usize = 32;

/// Numbers by the sender's slot, 0 at first. They are looked up, and never gone through.
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
    fn there_is_room_for_the_senders_alone() {
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
