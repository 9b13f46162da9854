//! The nodes of a run, by slot.

use rustc_hash::FxHashMap;

use super::simulated_node::SimulatedNode;
use crate::byzantine::Conduct;
use crate::trace::Incarnation;
use crate::{Address, NodeSpec};

/// The nodes of a run. A node's index is its slot, which it keeps.
#[derive(Default)]
pub(super) struct Nodes {
    list: Vec<SimulatedNode>,
    /// The slot of each address. Used for lookups only; never iterated.
    slots: FxHashMap<Address, usize>,
    /// The slot of the first client.
    first_client: Option<usize>,
    /// How many clients have not crashed and are not done.
    clients_left: usize,
    /// The slot of the second copy of each twin, by the slot of the first. Used for lookups only; never iterated.
    second_copies: FxHashMap<usize, usize>,
}

impl Nodes {
    /// Takes in what the node in this slot does, because it is Byzantine.
    pub(super) fn is_byzantine(&mut self, slot: usize, conduct: Conduct) {
        self.clients_left -= usize::from(self.list[slot].is_left());
        self.list[slot].is_byzantine(conduct);
    }

    /// Adds a node, and returns its slot.
    pub(super) fn add(&mut self, spec: NodeSpec) -> usize {
        let slot = self.list.len();
        self.slots.entry(spec.address()).or_insert(slot);
        let node = SimulatedNode::new(spec);
        if node.client.is_some() {
            self.first_client.get_or_insert(slot);
        }
        self.clients_left += usize::from(node.is_left());
        self.list.push(node);
        slot
    }

    /// Adds the second copy of the node in this slot, and returns its slot.
    pub(super) fn add_second_copy(&mut self, first: usize, spec: NodeSpec) -> usize {
        let slot = self.add(spec);
        self.second_copies.insert(first, slot);
        slot
    }

    /// Whether any node has two copies.
    #[inline]
    pub(super) fn has_twins(&self) -> bool {
        !self.second_copies.is_empty()
    }

    /// The slot of the second copy of the node in this slot, if it has one.
    pub(super) fn second_copy(&self, first: usize) -> Option<usize> {
        self.second_copies.get(&first).copied()
    }

    #[inline]
    pub(super) fn get(&self, slot: usize) -> &SimulatedNode {
        &self.list[slot]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: usize) -> &mut SimulatedNode {
        &mut self.list[slot]
    }

    #[inline]
    pub(super) fn address(&self, slot: usize) -> Address {
        self.list[slot].address()
    }

    /// The name under which other nodes know the node in this slot: its address, unless it is the second copy of a twin.
    #[inline]
    pub(super) fn identity(&self, slot: usize) -> Address {
        self.list[slot].identity()
    }

    /// The names under which nodes know each other, each once.
    pub(super) fn identities(&self) -> impl Iterator<Item = Address> {
        self.list.iter().filter(|node| !node.is_second_copy()).map(SimulatedNode::address)
    }

    #[inline]
    pub(super) fn slot_of(&self, address: Address) -> Option<usize> {
        self.slots.get(&address).copied()
    }

    /// The node at this address.
    pub(super) fn at(&self, address: Address) -> Option<&SimulatedNode> {
        self.slot_of(address).map(|slot| &self.list[slot])
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The nodes, by slot.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, SimulatedNode> {
        self.list.iter()
    }

    /// The addresses, by slot.
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.list.iter().map(SimulatedNode::address).collect()
    }

    /// The first client.
    pub(super) fn first_client(&self) -> Option<&SimulatedNode> {
        self.first_client.map(|slot| &self.list[slot])
    }

    /// How many clients have not crashed and are not done.
    #[inline]
    pub(super) fn clients_left(&self) -> usize {
        self.clients_left
    }

    /// Whether there are clients, and all that have not crashed are done.
    pub(super) fn clients_are_done(&self) -> bool {
        self.first_client.is_some() && self.clients_left == 0
    }

    /// Takes in that a client has all its results.
    pub(super) fn client_is_done(&mut self) {
        self.clients_left -= 1;
    }

    /// Ends the incarnation of the node at this address, if there is one.
    pub(super) fn crash(&mut self, address: Address) {
        if let Some(slot) = self.slot_of(address) {
            self.clients_left -= usize::from(self.list[slot].is_left());
            self.list[slot].crash();
        }
    }

    /// Whether this incarnation of a node is running.
    #[inline]
    pub(super) fn is_running(&self, slot: usize, incarnation: Incarnation) -> bool {
        self.list[slot].running() == Some(incarnation)
    }
}
