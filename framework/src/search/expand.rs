//! Expands rows: computes the fingerprints of all successors, from tables only.

use super::handlers::NONE;
use super::intern::Lists;
use super::monitor::MonitorMemo;
use super::node_table::{NodeStep, NodeTable};
use super::sleep;
use crate::random::mix;

/// One node's part of a fingerprint. A state's fingerprint is the sum over its nodes (and its
/// monitor), so a step changes it by a difference.
#[inline]
fn node_word(interned: u32) -> u64 {
    mix(u64::from(interned))
}

/// The monitor's part of a fingerprint.
#[inline]
fn monitor_word(state: u32) -> u64 {
    mix(u64::from(state) | 1 << 40)
}

/// The row and the step that lead to a successor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// The row's position in its round.
    pub(super) row: u32,
    /// The step's position among all steps of that row.
    pub(super) step: u32,
    /// The node.
    pub(super) node: u32,
    /// The index of the step in the table. See [`NodeTable::step_at`].
    pub(super) step_at: u32,
}

/// The successors of some rows, and the misses among them.
#[derive(Default)]
pub(super) struct Expansion {
    pub(super) fingerprints: Vec<u64>,
    pub(super) origins: Vec<Origin>,
    /// Steps whose handler failed, with the failure.
    pub(super) failures: Vec<(Origin, u32)>,
    /// Rows with a miss. They have no successors here.
    pub(super) incomplete: Vec<u32>,
    pub(super) missing: Missing,
    /// The number of events in the complete rows, including those that change nothing.
    pub(super) transitions: u64,
    /// The number of these events that were not skipped by sleep sets.
    pub(super) tried: u64,
}

/// The misses that must be computed before some rows can be expanded.
#[derive(Default)]
pub(super) struct Missing {
    /// Nodes whose steps are not known.
    pub(super) nodes: Vec<u32>,
    /// Nodes, and messages for them.
    pub(super) arrivals: Vec<(u32, u32)>,
    /// States of a monitor, and calls.
    pub(super) calls: Vec<(u32, u32)>,
}

impl Missing {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.arrivals.clear();
        self.calls.clear();
    }

    /// Moves all misses of `other` here.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.nodes.append(&mut other.nodes);
        self.arrivals.append(&mut other.arrivals);
        self.calls.append(&mut other.calls);
    }

    fn total(&self) -> usize {
        self.nodes.len() + self.arrivals.len() + self.calls.len()
    }
}

impl Expansion {
    pub(super) fn clear(&mut self) {
        self.fingerprints.clear();
        self.origins.clear();
        self.failures.clear();
        self.incomplete.clear();
        self.missing.clear();
        self.transitions = 0;
        self.tried = 0;
    }

    /// Adds the successors of rows that were expanded later, in the order of their rows.
    pub(super) fn merge(&mut self, later: &Self) {
        self.transitions += later.transitions;
        self.tried += later.tried;
        self.failures.extend_from_slice(&later.failures);
        self.failures.sort_unstable_by_key(|&(origin, _)| (origin.row, origin.step));
        let (mut left, mut right) = (self.origins.len(), later.origins.len());
        self.origins.resize(left + right, Origin::default());
        self.fingerprints.resize(left + right, 0);
        // From the back, so that nothing is overwritten before it is moved.
        for index in (0..left + right).rev() {
            let from_later =
                left == 0 || right > 0 && later.origins[right - 1].row > self.origins[left - 1].row;
            if from_later {
                right -= 1;
                self.origins[index] = later.origins[right];
                self.fingerprints[index] = later.fingerprints[right];
            } else {
                left -= 1;
                self.origins[index] = self.origins[left];
                self.fingerprints[index] = self.fingerprints[left];
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.fingerprints.capacity() * size_of::<u64>()
            + self.origins.capacity() * size_of::<Origin>()
            + self.missing.nodes.capacity() * 4
            + (self.missing.arrivals.capacity() + self.missing.calls.capacity()) * 8
    }
}

/// Expands rows by reading the tables.
#[derive(Clone, Copy)]
pub(super) struct Expander<'t, 's> {
    pub(super) table: &'t NodeTable<'s>,
    pub(super) monitor_memo: Option<&'t MonitorMemo<'s>>,
    /// Whether full successors are compared later.
    pub(super) exact: bool,
}

impl Expander<'_, '_> {
    /// The number of nodes in a row.
    fn nodes(&self, row: &[u32]) -> usize {
        row.len() - usize::from(self.monitor_memo.is_some())
    }

    /// A row's fingerprint.
    pub(super) fn fingerprint(&self, row: &[u32]) -> u64 {
        let (nodes, monitor_memo) = row.split_at(self.nodes(row));
        let sum = nodes.iter().fold(0_u64, |sum, &interned| sum.wrapping_add(node_word(interned)));
        monitor_memo.iter().fold(sum, |sum, &state| sum.wrapping_add(monitor_word(state)))
    }

    /// Adds the successors of `row`, which has position `index` in its round, except those of
    /// sleeping nodes.
    pub(super) fn expand(&self, row: &[u32], asleep: u32, index: u32, out: &mut Expansion) {
        let start = (out.fingerprints.len(), out.failures.len(), out.missing.total());
        let base = self.fingerprint(row);
        let mut ordinal = 0;
        let (mut transitions, mut tried) = (0, 0);
        let nodes = &row[..self.nodes(row)];
        for (node, &interned) in nodes.iter().enumerate() {
            if !self.table.is_open(interned) {
                out.missing.nodes.push(interned);
                continue;
            }
            // Where crashes are not possible any more, they keep their ordinals.
            let all = self.table.steps(interned).len() as u32;
            let steps = self.table.steps_in(nodes, node);
            transitions += steps.len() as u64 + self.table.quiet(interned);
            if sleep::contains(asleep, node) {
                ordinal += all;
                continue;
            }
            tried += steps.len() as u64;
            let without = base.wrapping_sub(node_word(interned));
            let first = self.table.first_step(interned);
            for (offset, step) in (0..).zip(steps) {
                let origin = Origin {
                    row: index,
                    step: ordinal + offset,
                    node: node as u32,
                    step_at: first + offset,
                };
                if step.interned == NONE {
                    out.failures.push((origin, step.sends));
                    continue;
                }
                let own = without.wrapping_add(node_word(step.interned));
                let Some(fingerprint) = self.elsewhere(row, step, own, &mut out.missing) else {
                    continue;
                };
                // If row and successor have equal fingerprints, nothing has changed. Otherwise,
                // the differences add up to zero only with the probability of a collision.
                if fingerprint != base || self.exact {
                    out.fingerprints.push(fingerprint);
                    out.origins.push(origin);
                }
            }
            ordinal += all;
        }
        if out.missing.total() == start.2 {
            out.transitions += transitions;
            out.tried += tried;
        } else {
            out.fingerprints.truncate(start.0);
            out.origins.truncate(start.0);
            out.failures.truncate(start.1);
            out.incomplete.push(index);
        }
    }

    /// How a step changes the fingerprint at other nodes, which receive its messages, and in the
    /// monitor.
    #[inline]
    fn elsewhere(
        &self,
        row: &[u32],
        step: &NodeStep,
        mut fingerprint: u64,
        missing: &mut Missing,
    ) -> Option<u64> {
        let mut complete = true;
        if step.sends != Lists::EMPTY {
            for pair in self.table.sends(step.sends).chunks_exact(2) {
                let receiver = row[pair[0] as usize];
                match self.table.arrival(receiver, pair[1]) {
                    Some(after) if after == receiver => {}
                    Some(after) => {
                        let difference = node_word(after).wrapping_sub(node_word(receiver));
                        fingerprint = fingerprint.wrapping_add(difference);
                    }
                    None => {
                        missing.arrivals.push((receiver, pair[1]));
                        complete = false;
                    }
                }
            }
        }
        if step.calls != Lists::EMPTY
            && let (Some(monitor_memo), Some(&state)) = (self.monitor_memo, row.last())
        {
            match monitor_memo.after(state, step.calls) {
                Some(after) => {
                    let difference = monitor_word(after).wrapping_sub(monitor_word(state));
                    fingerprint = fingerprint.wrapping_add(difference);
                }
                None => {
                    missing.calls.push((state, step.calls));
                    complete = false;
                }
            }
        }
        complete.then_some(fingerprint)
    }

    /// The node and its step that lead to a successor.
    pub(super) fn step_from(&self, origin: Origin) -> (usize, NodeStep) {
        (origin.node as usize, self.table.step_at(origin.step_at))
    }

    /// The node and its step with this ordinal.
    pub(super) fn step_of(&self, row: &[u32], ordinal: u32) -> (usize, NodeStep) {
        let mut rest = ordinal as usize;
        for (node, &interned) in row[..self.nodes(row)].iter().enumerate() {
            let steps = self.table.steps(interned);
            if let Some(&step) = steps.get(rest) {
                return (node, step);
            }
            rest -= steps.len();
        }
        panic!("step {ordinal} of a state that has fewer");
    }

    /// Appends the successor of `row` by a step of a node. The tables must contain everything that it needs.
    pub(super) fn successor(
        &self,
        row: &[u32],
        (node, step): (usize, NodeStep),
        rows: &mut Vec<u32>,
    ) {
        let start = rows.len();
        rows.extend_from_slice(row);
        let next = &mut rows[start..];
        next[node] = step.interned;
        for pair in self.table.sends(step.sends).chunks_exact(2) {
            let receiver = &mut next[pair[0] as usize];
            *receiver = self.table.arrival(*receiver, pair[1]).unwrap_or(*receiver);
        }
        if step.calls != Lists::EMPTY
            && let (Some(monitor_memo), Some(state)) = (self.monitor_memo, next.last_mut())
        {
            *state = monitor_memo.after(*state, step.calls).unwrap_or(*state);
        }
    }
}
