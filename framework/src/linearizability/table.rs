//! Interning: equal values get the same small number, so that a search compares and copies integers.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

/// An open-addressing table from hashes to ids. The caller defines the meaning of an id.
///
/// A slot is `hash << 32 | id + 1`. So most different entries are distinguished by their hashes alone,
/// and the table grows without rehashing.
#[derive(Default)]
pub(super) struct IdTable {
    slots: Vec<u64>,
    length: usize,
}

impl IdTable {
    /// The id with this hash for which `is_equal` holds, if there is one.
    pub(super) fn find(&self, hash: u32, mut is_equal: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            let id = slot as u32 - 1;
            if (slot >> 32) as u32 == hash && is_equal(id) {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an id that is not in the table.
    pub(super) fn insert(&mut self, hash: u32, id: u32) {
        if (self.length + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.length += 1;
        place(&mut self.slots, u64::from(hash) << 32 | u64::from(id + 1));
    }

    /// The memory in use.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    fn grow(&mut self) {
        let larger = vec![0; (self.slots.len() * 2).max(16)];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot != 0 {
                place(&mut self.slots, slot);
            }
        }
    }
}

fn place(slots: &mut [u64], slot: u64) {
    let mask = slots.len() - 1;
    let mut at = (slot >> 32) as usize & mask;
    while slots[at] != 0 {
        at = (at + 1) & mask;
    }
    slots[at] = slot;
}

/// The hash of a value. It is the same in every run and on all machines with the same word size.
pub(super) fn hash_of<T: Hash + ?Sized>(value: &T) -> u32 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    mix(hasher.finish())
}

/// Mixes all bits of a word into the hash.
pub(super) fn mix(word: u64) -> u32 {
    let product = u128::from(word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    let folded = (product >> 64) as u64 ^ product as u64;
    (folded >> 32) as u32 ^ folded as u32
}

/// Gives equal values the same number, counting from zero.
pub(super) struct Interner<T> {
    values: Vec<T>,
    table: IdTable,
}

impl<T: Eq + Hash> Interner<T> {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), table: IdTable::default() }
    }

    /// The number of a value, which may be new.
    pub(super) fn intern(&mut self, value: T) -> u32 {
        let hash = hash_of(&value);
        match self.table.find(hash, |id| self.values[id as usize] == value) {
            Some(id) => id,
            None => {
                let id = u32::try_from(self.values.len()).expect("fewer than 2^32 values");
                self.table.insert(hash, id);
                self.values.push(value);
                id
            }
        }
    }

    /// The number of a value, if it is known.
    pub(super) fn find(&self, value: &T) -> Option<u32> {
        self.table.find(hash_of(value), |id| self.values[id as usize] == *value)
    }

    pub(super) fn value(&self, id: u32) -> &T {
        &self.values[id as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The memory in use, without the heap memory of the values.
    pub(super) fn bytes(&self) -> usize {
        self.table.bytes() + self.values.capacity() * size_of::<T>()
    }
}

/// A memo of steps: (state, command) to (next state, result), all of them ids.
#[derive(Default)]
pub(super) struct StepMemo {
    // (state + 1, command, next state, result). A slot is free if its first word is zero.
    slots: Vec<[u32; 4]>,
    length: usize,
}

impl StepMemo {
    pub(super) fn find(&self, state: u32, command: u32) -> Option<(u32, u32)> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = Self::hash(state, command) as usize & mask;
        loop {
            let [stored, of_command, next, result] = self.slots[at];
            if stored == 0 {
                return None;
            }
            if stored == state + 1 && of_command == command {
                return Some((next, result));
            }
            at = (at + 1) & mask;
        }
    }

    pub(super) fn insert(&mut self, state: u32, command: u32, next: u32, result: u32) {
        if (self.length + 1) * 4 > self.slots.len() * 3 {
            let larger = vec![[0; 4]; (self.slots.len() * 2).max(16)];
            for slot in std::mem::replace(&mut self.slots, larger) {
                if slot[0] != 0 {
                    self.place(slot);
                }
            }
        }
        self.length += 1;
        self.place([state + 1, command, next, result]);
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<[u32; 4]>()
    }

    fn place(&mut self, slot: [u32; 4]) {
        let mask = self.slots.len() - 1;
        let mut at = Self::hash(slot[0] - 1, slot[1]) as usize & mask;
        while self.slots[at][0] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    fn hash(state: u32, command: u32) -> u32 {
        mix(u64::from(state) << 32 | u64::from(command))
    }
}

/// A set of rows of one length, stored exactly, where the last words of a row may be counters.
///
/// A row is *covered* when the set contains a row with the same key and no larger counter: whatever
/// can follow the new row can also follow the old one. Only uncovered rows are added.
pub(super) struct RowSet {
    key_words: usize,
    counter_words: usize,
    // Key, counters (four per word), and, if there are counters, the next row with this key.
    rows: Vec<u32>,
    table: IdTable,
    length: usize,
}

const NO_ROW: u32 = u32::MAX;

impl RowSet {
    /// An empty set of rows with this many words of key, followed by words of four counters each.
    pub(super) fn new(key_words: usize, counter_words: usize) -> Self {
        Self { key_words, counter_words, rows: Vec::new(), table: IdTable::default(), length: 0 }
    }

    /// Adds a row and returns its number, unless it is covered.
    pub(super) fn insert(&mut self, row: &[u32]) -> Option<u32> {
        debug_assert_eq!(row.len(), self.key_words + self.counter_words);
        let key = &row[..self.key_words];
        let mut hasher = FxHasher::default();
        for &word in key {
            hasher.write_u32(word);
        }
        let hash = mix(hasher.finish());
        let first = self.table.find(hash, |id| self.key(id) == key);
        if let Some(first) = first {
            let mut at = first;
            loop {
                if self.covers(at, &row[self.key_words..]) {
                    return None;
                }
                if self.counter_words == 0 || self.next(at) == NO_ROW {
                    break;
                }
                at = self.next(at);
            }
        }
        let id = u32::try_from(self.length).expect("fewer than 2^32 rows");
        self.rows.extend_from_slice(row);
        if self.counter_words > 0 {
            // The new row becomes the second of its chain, so that the table does not change.
            let next = first.map_or(NO_ROW, |first| self.next(first));
            self.rows.push(next);
            if let Some(first) = first {
                let at = self.next_at(first);
                self.rows[at] = id;
            }
        }
        if first.is_none() {
            self.table.insert(hash, id);
        }
        self.length += 1;
        Some(id)
    }

    /// The row with this number.
    pub(super) fn row(&self, id: u32) -> &[u32] {
        let start = id as usize * self.stride();
        &self.rows[start..start + self.key_words + self.counter_words]
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes() + self.rows.capacity() * size_of::<u32>()
    }

    fn stride(&self) -> usize {
        self.key_words + self.counter_words + usize::from(self.counter_words > 0)
    }

    fn key(&self, id: u32) -> &[u32] {
        &self.row(id)[..self.key_words]
    }

    fn next_at(&self, id: u32) -> usize {
        (id as usize + 1) * self.stride() - 1
    }

    fn next(&self, id: u32) -> u32 {
        self.rows[self.next_at(id)]
    }

    fn covers(&self, id: u32, counters: &[u32]) -> bool {
        let known = &self.row(id)[self.key_words..];
        known.iter().zip(counters).all(|(known, new)| {
            known.to_le_bytes().iter().zip(new.to_le_bytes()).all(|(known, new)| *known <= new)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_get_the_same_number() {
        let mut interner = Interner::new();
        let numbers: Vec<u32> = (0..1000).map(|value| interner.intern(value % 300)).collect();
        assert_eq!(interner.len(), 300);
        assert!(numbers.iter().enumerate().all(|(at, &number)| number == at as u32 % 300));
        assert_eq!(interner.find(&299), Some(299));
        assert_eq!(interner.find(&300), None);
    }

    #[test]
    fn steps_are_remembered() {
        let mut memo = StepMemo::default();
        for state in 0..50 {
            for command in 0..50 {
                assert_eq!(memo.find(state, command), None);
                memo.insert(state, command, state + command, 7);
            }
        }
        assert_eq!(memo.find(49, 3), Some((52, 7)));
        assert_eq!(memo.find(50, 3), None);
    }

    #[test]
    fn a_row_with_larger_counters_is_covered() {
        let mut set = RowSet::new(1, 1);
        let counters = u32::from_le_bytes;
        assert_eq!(set.insert(&[1, counters([2, 1, 0, 0])]), Some(0));
        assert_eq!(set.insert(&[1, counters([2, 1, 0, 0])]), None);
        assert_eq!(set.insert(&[1, counters([2, 1, 0, 5])]), None);
        assert_eq!(set.insert(&[1, counters([1, 2, 0, 0])]), Some(1));
        assert_eq!(set.insert(&[1, counters([0, 9, 0, 0])]), Some(2));
        assert_eq!(set.insert(&[1, counters([1, 9, 0, 0])]), None);
        assert_eq!(set.insert(&[2, counters([2, 1, 0, 0])]), Some(3));
        assert_eq!(set.row(1), [1, counters([1, 2, 0, 0])]);
        assert_eq!(set.len(), 4);
    }
}
