//! Interning: stores each value once and numbers it in order of arrival.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Hashes a value for lookups. No order is ever derived from a hash.
pub(super) fn hash_of(value: impl std::hash::Hash) -> u64 {
    FixedState::with_seed(0).hash_one(value)
}

/// Byte strings with tags. Two are the same if both tags and bytes are equal.
#[derive(Default)]
pub(super) struct Blobs {
    bytes: Vec<u8>,
    entries: Vec<Blob>,
    ids: HashTable<u32>,
}

/// The end of a byte string in the buffer. It starts at the end of the previous one.
struct Blob {
    tag: u64,
    end: usize,
}

impl Blobs {
    /// The id of these bytes with this tag, if they have one.
    pub(super) fn find(&self, tag: u64, bytes: &[u8]) -> Option<u32> {
        self.ids.find(hash_of((tag, bytes)), |&id| self.get(id) == (tag, bytes)).copied()
    }

    /// The id of these bytes with this tag, which are added if they are new.
    pub(super) fn intern(&mut self, tag: u64, bytes: &[u8]) -> u32 {
        let hash = hash_of((tag, bytes));
        if let Some(&id) = self.ids.find(hash, |&id| self.get(id) == (tag, bytes)) {
            return id;
        }
        let id = next_id(self.entries.len());
        self.bytes.extend_from_slice(bytes);
        self.entries.push(Blob { tag, end: self.bytes.len() });
        let (stored, entries) = (&self.bytes, &self.entries);
        self.ids.insert_unique(hash, id, |&id| hash_of(blob(stored, entries, id)));
        id
    }

    /// The tag and the bytes with this id.
    pub(super) fn get(&self, id: u32) -> (u64, &[u8]) {
        blob(&self.bytes, &self.entries, id)
    }

    pub(super) fn tag(&self, id: u32) -> u64 {
        self.entries[id as usize].tag
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        self.get(id).1
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The total size of all strings in bytes.
    pub(super) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.entries.capacity() * size_of::<Blob>()
            + self.ids.allocation_size()
    }
}

fn blob<'b>(bytes: &'b [u8], entries: &[Blob], id: u32) -> (u64, &'b [u8]) {
    let index = id as usize;
    let start = if index == 0 { 0 } else { entries[index - 1].end };
    (entries[index].tag, &bytes[start..entries[index].end])
}

/// Lists of numbers. The empty list has the id [`Lists::EMPTY`].
pub(super) struct Lists {
    items: Vec<u32>,
    ends: Vec<usize>,
    ids: HashTable<u32>,
}

impl Lists {
    /// The id of the empty list.
    pub(super) const EMPTY: u32 = 0;

    pub(super) fn new() -> Self {
        let mut lists = Self { items: Vec::new(), ends: Vec::new(), ids: HashTable::new() };
        lists.intern(&[]);
        lists
    }

    /// The id of this list, if it has one.
    pub(super) fn find(&self, list: &[u32]) -> Option<u32> {
        self.ids.find(hash_of(list), |&id| self.get(id) == list).copied()
    }

    /// The id of this list, which is added if it is new.
    pub(super) fn intern(&mut self, list: &[u32]) -> u32 {
        let hash = hash_of(list);
        if let Some(&id) = self.ids.find(hash, |&id| self.get(id) == list) {
            return id;
        }
        let id = next_id(self.ends.len());
        self.items.extend_from_slice(list);
        self.ends.push(self.items.len());
        let (items, ends) = (&self.items, &self.ends);
        self.ids.insert_unique(hash, id, |&id| hash_of(list_of(items, ends, id)));
        id
    }

    pub(super) fn get(&self, id: u32) -> &[u32] {
        list_of(&self.items, &self.ends, id)
    }

    /// The total number of entries in all lists.
    pub(super) fn entries(&self) -> usize {
        self.items.len()
    }

    /// The position of a list among the items of all lists, and its length.
    pub(super) fn position(&self, id: u32) -> (usize, usize) {
        let index = id as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        (start, self.ends[index] - start)
    }

    /// The items of a list at this position.
    #[inline]
    pub(super) fn at(&self, start: usize, len: usize) -> &[u32] {
        &self.items[start..start + len]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<u32>()
            + self.ends.capacity() * size_of::<usize>()
            + self.ids.allocation_size()
    }
}

fn list_of<'l>(items: &'l [u32], ends: &[usize], id: u32) -> &'l [u32] {
    let index = id as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &items[start..ends[index]]
}

/// Fixed-size records.
pub(super) struct Records<R> {
    records: Vec<R>,
    ids: HashTable<u32>,
}

impl<R: Copy + Eq + std::hash::Hash> Records<R> {
    pub(super) fn new() -> Self {
        Self { records: Vec::new(), ids: HashTable::new() }
    }

    /// The id of this record, if it has one.
    pub(super) fn find(&self, record: R) -> Option<u32> {
        self.ids.find(hash_of(record), |&id| self.records[id as usize] == record).copied()
    }

    /// The id of this record, and whether it is new.
    pub(super) fn intern(&mut self, record: R) -> (u32, bool) {
        let hash = hash_of(record);
        if let Some(&id) = self.ids.find(hash, |&id| self.records[id as usize] == record) {
            return (id, false);
        }
        let id = next_id(self.records.len());
        self.records.push(record);
        let records = &self.records;
        self.ids.insert_unique(hash, id, |&id| hash_of(records[id as usize]));
        (id, true)
    }

    pub(super) fn get(&self, id: u32) -> R {
        self.records[id as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.records.capacity() * size_of::<R>() + self.ids.allocation_size()
    }
}

/// The next id of a table with this many entries.
///
/// # Panics
/// With 2^32 - 1 entries, far more than fit any memory.
fn next_id(len: usize) -> u32 {
    u32::try_from(len).ok().filter(|&id| id != u32::MAX).expect("fewer than 2^32 - 1 values")
}
