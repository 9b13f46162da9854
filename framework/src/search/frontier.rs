//! The frontier: rows that wait to be expanded, in order.

use std::collections::VecDeque;

/// The number of states expanded in one round. Fixed, so that no result depends on the number of threads.
pub(super) const ROUND: usize = 1 << 14;

/// Rows in pieces of [`ROUND`], so that the memory of expanded rows is freed at once.
pub(super) struct Frontier {
    width: usize,
    pieces: VecDeque<Vec<u32>>,
    rows: u64,
    /// Empty pieces, kept so that freed memory is reused.
    spare: Vec<Vec<u32>>,
}

/// The maximum number of empty pieces that are kept.
const SPARE_MAX: usize = 4;

impl Frontier {
    /// A frontier of rows with `width` numbers each.
    pub(super) fn new(width: usize) -> Self {
        Self { width, pieces: VecDeque::new(), rows: 0, spare: Vec::new() }
    }

    /// Adds rows at the end.
    pub(super) fn push_all(&mut self, mut rows: &[u32]) {
        self.rows += (rows.len() / self.width) as u64;
        let full = ROUND * self.width;
        while !rows.is_empty() {
            match self.pieces.back_mut().filter(|piece| piece.len() < full) {
                Some(piece) => {
                    let part = rows.len().min(full - piece.len());
                    piece.extend_from_slice(&rows[..part]);
                    rows = &rows[part..];
                }
                None => self.pieces.push_back(self.spare.pop().unwrap_or_default()),
            }
        }
    }

    /// Removes and returns up to [`ROUND`] rows from the start.
    pub(super) fn pop_round(&mut self) -> Option<Vec<u32>> {
        let piece = self.pieces.pop_front()?;
        self.rows -= (piece.len() / self.width) as u64;
        Some(piece)
    }

    /// Takes back a piece that is no longer needed, to reuse its memory.
    pub(super) fn recycle(&mut self, mut piece: Vec<u32>) {
        if self.spare.len() < SPARE_MAX {
            piece.clear();
            self.spare.push(piece);
        }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> u64 {
        self.rows
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let pieces = self.pieces.iter().chain(&self.spare);
        pieces.map(|piece| piece.capacity() * size_of::<u32>()).sum()
    }
}
