//! Checks states against a search's properties. Results are memoised: per interned node for
//! properties of one client or node, or else by the property's read set.

use super::node_table::NodeTable;
use super::property_memo::{PropertyMemo, StateRead};
use super::settings::Restrictions;
use super::view::StateView;
use crate::parallel;
use crate::property::{CheckError, Property, Scope};

/// How many interned nodes a thread checks at a time.
const STATES_PER_PART: usize = 64;

/// The role of a property in a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It must hold in every state.
    Invariant,
    /// It must hold in at least one state.
    Sometimes,
    /// The search ends in a state in which it holds.
    Goal,
    /// The search does not expand states in which it holds.
    Prune,
}

/// The properties of a search, in the order of their roles.
pub(super) struct Checks {
    properties: Vec<(Role, Property)>,
    /// For each interned node: one bit per property that is memoised by node and holds there.
    holding: Vec<u64>,
    /// The bits of the properties that are memoised per interned node.
    by_node: u64,
    invariants: u64,
    /// The bits of the properties that must hold in at least one state and have not held in any yet.
    never_held: u64,
    goals: u64,
    prunes: u64,
}

/// The result of checking a state.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum StateStatus {
    /// It is to be expanded.
    Expand,
    /// It is not to be expanded.
    Pruned,
    /// The goal at this index holds.
    Goal(usize),
    /// The property at this index does not hold, or could not be decided.
    Broken(usize, CheckError),
}

/// The id of a part of a state. `nodes` is its row without the monitor.
pub(super) fn read_id(table: &NodeTable<'_>, nodes: &[u32], read: StateRead) -> u32 {
    match read {
        StateRead::State(node) => table.get(nodes[node]).state,
        StateRead::Driver(node) => table.get(nodes[node]).driver,
        StateRead::IsDown(node) => u32::from(table.get(nodes[node]).is_down()),
    }
}

impl StateStatus {
    /// The status of a state by the answer of the property at `index`, if the properties after it do not
    /// matter.
    #[inline]
    pub(super) fn of(role: Role, index: usize, checked: Result<(), CheckError>) -> Option<Self> {
        match (role, checked) {
            (Role::Invariant | Role::Sometimes, Ok(())) => None,
            (Role::Invariant, Err(broken)) => Some(Self::Broken(index, broken)),
            (Role::Goal, Ok(())) => Some(Self::Goal(index)),
            (Role::Prune, Ok(())) => Some(Self::Pruned),
            (_, Err(broken @ CheckError::Node(..))) => Some(Self::Broken(index, broken)),
            (_, Err(_)) => None,
        }
    }
}

impl Checks {
    /// # Panics
    /// With more than 64 properties.
    pub(super) fn new(mut properties: Vec<(Role, Property)>) -> Self {
        assert!(properties.len() <= 64, "at most 64 properties");
        properties.sort_by_key(|&(role, _)| role);
        let mut checks = Self {
            properties,
            holding: Vec::new(),
            by_node: 0,
            invariants: 0,
            never_held: 0,
            goals: 0,
            prunes: 0,
        };
        for (index, (role, property)) in checks.properties.iter().enumerate() {
            let bit = 1 << index;
            if property.scope() != Scope::State {
                checks.by_node |= bit;
            }
            match role {
                Role::Invariant => checks.invariants |= bit,
                Role::Sometimes => checks.never_held |= bit,
                Role::Goal => checks.goals |= bit,
                Role::Prune => checks.prunes |= bit,
            }
        }
        checks
    }

    /// The bits of the prunes, if all of them are memoised per interned node.
    pub(super) fn prunes_by_node(&self) -> Option<u64> {
        (self.prunes & !self.by_node == 0).then_some(self.prunes)
    }

    /// The bits of the properties that hold in an interned node.
    pub(super) fn held(&self, interned: u32) -> u64 {
        self.holding[interned as usize]
    }

    pub(super) fn name(&self, index: usize) -> &str {
        self.properties[index].1.name()
    }

    /// Records that the properties of these bits held in some state.
    pub(super) fn note_held(&mut self, held: u64) {
        self.never_held &= !held;
    }

    /// The names of the properties that must hold in at least one state and have not held in any yet.
    pub(super) fn never_held(&self) -> Vec<String> {
        let missing = (0..self.properties.len()).filter(|index| self.never_held >> index & 1 == 1);
        missing.map(|index| self.name(index).to_owned()).collect()
    }

    /// Checks all nodes interned since the last call, or some of them if the deadline passes.
    pub(super) fn evaluate_new_states(
        &mut self,
        table: &NodeTable<'_>,
        restrictions: &Restrictions,
    ) {
        if self.by_node == 0 {
            return;
        }
        let known = self.holding.len();
        self.holding.resize(table.len(), 0);
        let (properties, new) = (&self.properties, &mut self.holding[known..]);
        let node_count = table.handlers.steps.nodes().len();
        let mut parts: Vec<_> =
            new.chunks_mut(STATES_PER_PART).zip((known..).step_by(STATES_PER_PART)).collect();
        parallel::for_each(&mut parts, |(part, first)| {
            if table.handlers.deadline.is_over() {
                return;
            }
            let mut row = vec![0; node_count];
            for (id, held) in (*first..).zip(part.iter_mut()) {
                let node = table.handlers.node_of(table.get(id as u32).state);
                row[node] = id as u32;
                for (index, (_, property)) in properties.iter().enumerate() {
                    let relevant = match property.scope() {
                        Scope::State => continue,
                        Scope::EachClient => table.drivers.is_client(node),
                        Scope::EachNode => true,
                    };
                    let holds = !relevant || {
                        let mut view = StateView::of_one(table, restrictions, &row, node);
                        property.check(&mut view).is_ok()
                    };
                    *held |= u64::from(holds) << index;
                }
            }
        });
    }

    /// Checks a state. `nodes` is its row without the monitor. If a property that has not held in any state holds in
    /// this one, the memo keeps that until someone [takes](PropertyMemo::take_held) it: threads share these checks.
    pub(super) fn evaluate(
        &self,
        table: &NodeTable<'_>,
        restrictions: &Restrictions,
        nodes: &[u32],
        memo: &mut PropertyMemo,
    ) -> StateStatus {
        let mut held = self.by_node;
        if held != 0 {
            held =
                nodes.iter().fold(held, |held, &interned| held & self.holding[interned as usize]);
        }
        let settled =
            self.by_node & self.invariants == held & self.invariants && held & self.goals == 0;
        let all = self.invariants | self.never_held | self.goals | self.prunes;
        if settled && all & !self.by_node == 0 {
            memo.note_held(held & self.never_held);
            return if held & self.prunes == 0 { StateStatus::Expand } else { StateStatus::Pruned };
        }
        let id = |read| read_id(table, nodes, read);
        for (index, (role, property)) in self.properties.iter().enumerate() {
            let bit = 1 << index;
            if *role == Role::Sometimes && self.never_held & bit == 0 {
                continue;
            }
            let known =
                if self.by_node & bit != 0 { Some(held & bit != 0) } else { memo.get(index, id) };
            let checked = match (known, role) {
                (Some(true), Role::Invariant)
                | (Some(false), Role::Sometimes | Role::Goal | Role::Prune) => continue,
                (Some(true), Role::Sometimes | Role::Goal | Role::Prune) => Ok(()),
                // It does not hold, but the message is needed.
                (Some(false), Role::Invariant) | (None, _) => {
                    let mut view = StateView::new(table, restrictions, nodes);
                    let checked = property.check(&mut view);
                    if known.is_none() && !matches!(checked, Err(CheckError::Node(..))) {
                        memo.note(index, &view.reads(), id, checked.is_ok());
                    }
                    checked
                }
            };
            if *role == Role::Sometimes && checked.is_ok() {
                memo.note_held(bit);
            }
            if let Some(status) = StateStatus::of(*role, index, checked) {
                return status;
            }
        }
        StateStatus::Expand
    }

    /// Returns the indices of the invariants that a state violates.
    pub(super) fn broken(
        &self,
        table: &NodeTable<'_>,
        restrictions: &Restrictions,
        nodes: &[u32],
    ) -> Vec<(usize, CheckError)> {
        let invariants = self.properties.iter().enumerate();
        invariants
            .filter(|(_, (role, _))| *role == Role::Invariant)
            .filter_map(|(index, (_, property))| {
                let checked = property.check(&mut StateView::new(table, restrictions, nodes));
                Some((index, checked.err()?))
            })
            .collect()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.holding.capacity() * size_of::<u64>()
    }
}
