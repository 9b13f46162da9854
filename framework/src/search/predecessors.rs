//! The predecessor log: how each state was first reached, in about two bytes per state.
//!
//! States are numbered in the order in which breadth-first search finds them, and expanded in that
//! order. So for each expanded state, it is enough to log the number of new states that it led to, and
//! the steps that did so. To find a state's ancestors, the counts of each level are read from the last
//! level to the first.

/// The size of one piece of the log, in bytes. The log consists of pieces, so that it grows without being copied.
const PIECE: usize = 1 << 20;

/// The log, and the positions of its levels.
#[derive(Default)]
pub(super) struct PredecessorLog {
    pieces: Vec<Vec<u8>>,
    length: usize,
    levels: Vec<Level>,
}

/// The expansion of the states at one depth.
struct Level {
    /// The start of these expansions in the log.
    start: usize,
    /// How many states of the next level are numbered before its first one: always zero, counted
    /// within each level.
    expanded: u64,
}

impl PredecessorLog {
    /// Begins the expansion of the states at the next depth.
    pub(super) fn begin_level(&mut self) {
        self.levels.push(Level { start: self.length, expanded: 0 });
    }

    /// Appends the entries of the next `expanded` states; see [`note`].
    pub(super) fn append(&mut self, bytes: &[u8], expanded: u64) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.length.is_multiple_of(PIECE) {
                self.pieces.push(Vec::with_capacity(PIECE));
            }
            let piece = self.pieces.last_mut().expect("a piece was just added");
            let part = rest.len().min(PIECE - piece.len());
            piece.extend_from_slice(&rest[..part]);
            self.length += part;
            rest = &rest[part..];
        }
        if let Some(level) = self.levels.last_mut() {
            level.expanded += expanded;
        }
    }

    /// The steps that lead from the first state to the state with this number among the states at
    /// `depth`, as ordinals among each state's steps.
    pub(super) fn steps_to(&self, depth: usize, number: u64) -> Vec<u32> {
        let mut steps = Vec::with_capacity(depth);
        let mut number = number;
        for level in self.levels[..depth].iter().rev() {
            let (parent, step) = self.parent(level, number);
            steps.push(step);
            number = parent;
        }
        steps.reverse();
        steps
    }

    /// The number of the state that led to this one, and by which step.
    fn parent(&self, level: &Level, number: u64) -> (u64, u32) {
        let mut at = level.start;
        let mut before = 0;
        for parent in 0..level.expanded {
            let count = u64::from(self.read(&mut at));
            if number < before + count {
                for _ in before..number {
                    self.read(&mut at);
                }
                return (parent, self.read(&mut at));
            }
            for _ in 0..count {
                self.read(&mut at);
            }
            before += count;
        }
        panic!("state {number} of a level with {before}");
    }

    fn read(&self, at: &mut usize) -> u32 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.pieces[*at / PIECE][*at % PIECE];
            *at += 1;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pieces.len() * PIECE + self.levels.capacity() * size_of::<Level>()
    }
}

/// Appends the entry of a state that led to new states by these steps.
pub(super) fn note(bytes: &mut Vec<u8>, steps: &[u32]) {
    write(bytes, steps.len() as u32);
    for &step in steps {
        write(bytes, step);
    }
}

fn write(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_found_through_all_levels() {
        let mut predecessors = PredecessorLog::default();
        let mut bytes = Vec::new();
        predecessors.begin_level();
        note(&mut bytes, &[4, 300]);
        predecessors.append(&bytes, 1);
        bytes.clear();
        predecessors.begin_level();
        note(&mut bytes, &[]);
        note(&mut bytes, &[1, 2, 70_000]);
        predecessors.append(&bytes, 2);
        assert_eq!(predecessors.steps_to(0, 0), Vec::<u32>::new());
        assert_eq!(predecessors.steps_to(1, 0), [4]);
        assert_eq!(predecessors.steps_to(2, 0), [300, 1]);
        assert_eq!(predecessors.steps_to(2, 2), [300, 70_000]);
    }

    #[test]
    fn pieces_join() {
        let mut predecessors = PredecessorLog::default();
        predecessors.begin_level();
        let mut bytes = Vec::new();
        let states = PIECE as u32 / 2;
        for state in 0..states {
            note(&mut bytes, &[state % 1_000]);
        }
        predecessors.append(&bytes, u64::from(states));
        assert!(predecessors.pieces.len() > 1);
        for number in [0, 17, 400_000, states - 1] {
            assert_eq!(predecessors.steps_to(1, u64::from(number)), [number % 1_000]);
        }
    }
}
