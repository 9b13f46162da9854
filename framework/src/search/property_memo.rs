//! Memoises properties that read several nodes at once.
//!
//! A property is a function of its read set, which is usually small: the states of two proposers, or
//! the results of three clients. The memo is a tree: the part of the state that the property reads
//! first; for each value of that part, the part that it reads next; and so on to its answer. Lookups
//! need only ids.

use super::pairs::PairMap;

/// The most nodes in a tree. More would not pay off for a property that reads everything.
const NODES_MAX: usize = 1 << 20;

/// A part of a state that a property reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateRead {
    /// The state of the node with this index.
    State(usize),
    /// The client driver of the node with this index.
    Driver(usize),
    /// Whether the search has crashed the node with this index.
    IsDown(usize),
}

#[derive(Clone, Copy)]
enum Node {
    /// Not known yet.
    Unknown,
    /// The property reads this next.
    Reads(StateRead),
    /// The answer.
    Answer(u64),
}

/// The tree of one property, or of a measure.
struct Tree {
    nodes: Vec<Node>,
    /// From a tree node and the id that was read there to the next tree node.
    next: PairMap,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![Node::Unknown], next: PairMap::new() }
    }
}

impl Tree {
    fn get(&self, id: impl Fn(StateRead) -> u32) -> Option<u64> {
        let mut node = 0;
        loop {
            match self.nodes[node as usize] {
                Node::Unknown => return None,
                Node::Answer(answer) => return Some(answer),
                Node::Reads(read) => node = self.next.get(node, id(read))?,
            }
        }
    }

    fn note(&mut self, read_set: &[StateRead], id: impl Fn(StateRead) -> u32, answer: u64) {
        if self.nodes.len() + read_set.len() >= NODES_MAX {
            return;
        }
        let mut node = 0;
        for &read in read_set {
            match self.nodes[node as usize] {
                Node::Unknown => self.nodes[node as usize] = Node::Reads(read),
                Node::Reads(known) if known == read => {}
                // The reads differ from last time, so the answer is not a function of its reads.
                _ => return,
            }
            node = self.next.get(node, id(read)).unwrap_or_else(|| {
                let new = self.nodes.len() as u32;
                self.next.insert(node, id(read), new);
                self.nodes.push(Node::Unknown);
                new
            });
        }
        if let Node::Unknown = self.nodes[node as usize] {
            self.nodes[node as usize] = Node::Answer(answer);
        }
    }
}

/// One thread's trees, by the properties' indices.
#[derive(Default)]
pub(super) struct PropertyMemo {
    trees: Vec<Tree>,
    /// The tree of the search's measure.
    measured: Tree,
    /// The bits of the properties that held in some state. See [`PropertyMemo::take_held`].
    held: u64,
}

impl PropertyMemo {
    /// Records that the properties of these bits held in some state.
    #[inline]
    pub(super) fn note_held(&mut self, properties: u64) {
        self.held |= properties;
    }

    /// The bits of the properties that held in some state since the last call.
    pub(super) fn take_held(&mut self) -> u64 {
        std::mem::take(&mut self.held)
    }

    /// Whether a property holds, if that is known. `id` returns the id of a part.
    pub(super) fn get(&self, property: usize, id: impl Fn(StateRead) -> u32) -> Option<bool> {
        Some(self.trees.get(property)?.get(id)? != 0)
    }

    /// The count of the search's measure, if that is known.
    pub(super) fn measured(&self, id: impl Fn(StateRead) -> u32) -> Option<u64> {
        self.measured.get(id)
    }

    /// Records the count of the search's measure after reading these parts, in this order.
    pub(super) fn note_measured(
        &mut self,
        read_set: &[StateRead],
        id: impl Fn(StateRead) -> u32,
        count: u64,
    ) {
        self.measured.note(read_set, id, count);
    }

    /// Records a property's answer after reading these parts, in this order.
    pub(super) fn note(
        &mut self,
        property: usize,
        read_set: &[StateRead],
        id: impl Fn(StateRead) -> u32,
        holds: bool,
    ) {
        while self.trees.len() <= property {
            self.trees.push(Tree::default());
        }
        self.trees[property].note(read_set, id, u64::from(holds));
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let tree =
            |tree: &Tree| tree.nodes.capacity() * size_of::<Node>() + tree.next.memory_bytes();
        self.trees.iter().chain([&self.measured]).map(tree).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_by_the_read_set() {
        let mut memo = PropertyMemo::default();
        let row = |first, second| {
            move |read| match read {
                StateRead::State(0) => first,
                StateRead::State(_) | StateRead::Driver(_) | StateRead::IsDown(_) => second,
            }
        };
        let both = [StateRead::State(0), StateRead::Driver(3)];
        assert_eq!(memo.get(1, row(5, 6)), None);
        memo.note(1, &both, row(5, 6), true);
        memo.note(1, &both, row(5, 7), false);
        memo.note(1, &both[..1], row(8, 6), false);
        assert_eq!(memo.get(1, row(5, 6)), Some(true));
        assert_eq!(memo.get(1, row(5, 7)), Some(false));
        assert_eq!(memo.get(1, row(8, 99)), Some(false));
        assert_eq!(memo.get(1, row(9, 6)), None);
        assert_eq!(memo.get(0, row(5, 6)), None);
    }
}
