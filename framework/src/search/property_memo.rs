//! Memoises properties that look at several nodes at once.
//!
//! A property is a function of what it reads, and it usually reads little: the states of two
//! proposers, or the results of three clients. The memo is a tree: which part of the state the
//! property reads first; then, for each value seen there, which part it reads next; and so on to
//! its answer. Following it needs only ids.

use super::pairs::PairMap;

/// The most nodes in a tree. A property that reads everything is not worth more.
const NODES_MAX: usize = 1 << 20;

/// A part of a state that a property has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateRead {
    /// A member's state.
    State(usize),
    /// What a member's worker has got so far.
    Driver(usize),
}

#[derive(Clone, Copy)]
enum Node {
    /// Not known yet.
    Unknown,
    /// The property reads this next.
    Looks(StateRead),
    /// The property's answer.
    Holds(bool),
}

/// The tree of one property.
struct Tree {
    nodes: Vec<Node>,
    /// From a node and the id of what was seen there to the next node.
    next: PairMap,
}

/// One thread's trees, by the properties' positions.
#[derive(Default)]
pub(super) struct PropertyMemo {
    trees: Vec<Tree>,
}

impl PropertyMemo {
    /// Whether a property holds, if its reads are known. `id` gives the id of a part.
    pub(super) fn get(&self, property: usize, id: impl Fn(StateRead) -> u32) -> Option<bool> {
        let tree = self.trees.get(property)?;
        let mut node = 0;
        loop {
            match tree.nodes[node as usize] {
                Node::Unknown => return None,
                Node::Holds(holds) => return Some(holds),
                Node::Looks(read) => node = tree.next.get(node, id(read))?,
            }
        }
    }

    /// Records what a property answered after reading these parts, in this order.
    pub(super) fn note(
        &mut self,
        property: usize,
        glances: &[StateRead],
        id: impl Fn(StateRead) -> u32,
        holds: bool,
    ) {
        while self.trees.len() <= property {
            self.trees.push(Tree { nodes: vec![Node::Unknown], next: PairMap::new() });
        }
        let tree = &mut self.trees[property];
        if tree.nodes.len() + glances.len() >= NODES_MAX {
            return;
        }
        let mut node = 0;
        for &read in glances {
            match tree.nodes[node as usize] {
                Node::Unknown => tree.nodes[node as usize] = Node::Looks(read),
                Node::Looks(known) if known == read => {}
                // Not the same read as last time: such a property is not a function.
                _ => return,
            }
            node = tree.next.get(node, id(read)).unwrap_or_else(|| {
                let new = tree.nodes.len() as u32;
                tree.next.insert(node, id(read), new);
                tree.nodes.push(Node::Unknown);
                new
            });
        }
        if let Node::Unknown = tree.nodes[node as usize] {
            tree.nodes[node as usize] = Node::Holds(holds);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let tree =
            |tree: &Tree| tree.nodes.capacity() * size_of::<Node>() + tree.next.memory_bytes();
        self.trees.iter().map(tree).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_by_what_was_looked_at() {
        let mut memo = PropertyMemo::default();
        let row = |first, second| {
            move |read| match read {
                StateRead::State(0) => first,
                StateRead::State(_) | StateRead::Driver(_) => second,
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
