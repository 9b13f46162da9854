//! The visited set of an exact search: full rows instead of fingerprints.

use hashbrown::HashTable;

use super::intern::hash_of;

/// A set of full rows.
pub(super) struct ExactRows {
    width: usize,
    rows: Vec<u32>,
    ids: HashTable<u32>,
}

impl ExactRows {
    /// An empty set of rows with `width` numbers each.
    pub(super) fn new(width: usize) -> Self {
        Self { width, rows: Vec::new(), ids: HashTable::new() }
    }

    /// Adds a row, and returns whether it is new.
    ///
    /// # Panics
    /// With 2^32 rows, far more than fit any memory.
    pub(super) fn insert(&mut self, row: &[u32]) -> bool {
        let (width, rows) = (self.width, &self.rows);
        let at = |id: u32| &rows[id as usize * width..][..width];
        let hash = hash_of(row);
        if self.ids.find(hash, |&id| at(id) == row).is_some() {
            return false;
        }
        let id = u32::try_from(self.ids.len()).expect("fewer than 2^32 rows");
        self.ids.insert_unique(hash, id, |&id| hash_of(at(id)));
        self.rows.extend_from_slice(row);
        true
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<u32>() + self.ids.allocation_size()
    }
}
