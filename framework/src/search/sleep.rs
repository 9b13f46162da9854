//! Sleep sets: nodes whose events are skipped because another order of the same events is explored.
//!
//! Events at different nodes commute. The effect of an event at its own node depends only on that
//! interned node, and at other nodes it only adds messages to sets, or to the ends of queues. So if `e` at one node and `b` at
//! another are both possible in a state, `e` then `b` and `b` then `e` lead to the same state. To find
//! that state, one of the two orders is enough.
//!
//! Each state has a set of nodes that are *asleep*. Events of sleeping nodes are skipped. When event
//! `b` at node `j` finds a state, these nodes sleep in it:
//!
//! - the nodes before `j`, and those already asleep: their events were possible before `b` and are
//!   explored before it (or were skipped for the same reason);
//! - but not `j` itself; not a node to which `b` sent a new message; not, if `b` was a call or return
//!   seen by a monitor, a node whose events are also calls or returns (they do not commute); not a
//!   node whose event before `b` could lead to a state that the search does not expand; and not, if `b` was a restart,
//!   a node that the search may crash.
//!
//! This skips transitions but never a state (sleep sets: Godefroid, *Partial-Order Methods for the
//! Verification of Concurrent Systems*, 1996, chapter 5). Each state keeps only the sleep set of
//! the path that found it first. Why is that sound? Compare two paths of the same length by their
//! first different event, in the order in which a state's events are explored, which is by node.
//! Breadth-first search expands the states of a level in the order in which it found them, so it
//! finds every state first by its least path among the shortest ones. Let `w` be the least path to
//! a state, `e` its last event, and `s` the state before. The rest of `w` is the least path to `s`,
//! so `s` has that path's sleep set. Suppose `e` were asleep in `s`. By the rules above, `e` was
//! possible earlier on this path, at a node that precedes the node of the event taken there, and it
//! commutes with everything since. Moving `e` there gives a path of the same length to the same
//! state that is less than `w`: a contradiction. So no event on a least path is ever skipped. By
//! the same argument, depths, paths and the order in which states are found are those of the full
//! search.
//!
//! Crashes that a search chooses, between events or within a handler, are events of their nodes. Elsewhere they change as
//! much as other events do, but they share bounds: on crashes in all, and on nodes that are down at any moment. So a crash at one
//! node can make a crash at another one impossible, and a restart can make it possible again.
//!
//! The first is no obstacle. Suppose the crash `e` is possible in `s`, its node has slept since some state `r`, and
//! no node has restarted between. Then all counts have only risen from `r` to `s`. There is room for one more crash in `s`,
//! so there was in `r`: `e` was possible there. The crashes between `r` and `s` stay possible if `e` is moved before
//! them: each count is then one higher than it was, but at most as high as after `e` in `s`, which is within the bounds.
//!
//! The second would be one: a crash that only a restart makes possible cannot be moved before the restart. So after a
//! restart, all nodes that the search may crash are awake. Restarts themselves take nothing from the bounds, and they are
//! possible as long as the node is down. Moving a restart earlier only lowers what is down at a moment, and the count of
//! crashes in all contains it as before. What a restarted node finds depends on its own storage only.
//!
//! A node that is down and may come back still gets messages, as a running node does: its inbox grows. One that never comes
//! back gets none, whether a message is sent to it before or after the crash.

use super::checks::Checks;
use super::intern::Lists;
use super::node_table::{NodeStep, NodeTable};

/// The number of nodes that can sleep, one bit each. Other nodes are always awake.
const NODES: usize = u32::BITS as usize;

/// Whether a node is in the set.
#[inline]
pub(super) fn contains(asleep: u32, node: usize) -> bool {
    node < NODES && asleep >> node & 1 == 1
}

/// The nodes that sleep in `next`, which was reached from `row` by `step` at `node`. Both rows are
/// without the monitor. `kept_awake` are the nodes that must stay awake because of prunes, from
/// [`kept_awake`].
pub(super) fn after(
    table: &NodeTable<'_>,
    row: &[u32],
    next: &[u32],
    asleep: u32,
    (node, step): (usize, NodeStep),
    kept_awake: u32,
) -> u32 {
    let before = if node < NODES { (1 << node) - 1 } else { u32::MAX };
    let mut candidates = (asleep | before) & !kept_awake;
    let comes_back = table.wakes(row[node], next[node]);
    let mut after = 0;
    while candidates != 0 {
        let other = candidates.trailing_zeros() as usize;
        candidates &= candidates - 1;
        let is_tied = other == node
            || row[other] != next[other]
            || comes_back && table.is_mortal(other)
            || step.calls != Lists::EMPTY && table.has_calls(row[other]);
        after |= u32::from(!is_tied) << other;
    }
    after
}

/// The nodes at which a single event could make a prune hold, because all other nodes already
/// satisfy it.
pub(super) fn kept_awake(checks: &Checks, row: &[u32]) -> u32 {
    let Some(prunes) = checks.prunes_by_node() else { return u32::MAX };
    if prunes == 0 {
        return 0;
    }
    let missing = |interned: u32| !checks.held(interned) & prunes;
    let (mut once, mut twice) = (0, 0);
    for &interned in row {
        twice |= once & missing(interned);
        once |= missing(interned);
    }
    let by_one = once & !twice;
    let nodes = row.iter().take(NODES).enumerate();
    nodes.fold(0, |set, (node, &interned)| set | u32::from(missing(interned) & by_one != 0) << node)
}
