//! Sleep: events that need not be tried because another order of the same events is.
//!
//! Events at different nodes commute. What an event does at its node depends on that node's site
//! alone, and what it does elsewhere only adds messages to sets; so if `e` at one node and `b` at
//! another are both possible in a state, `e` then `b` and `b` then `e` end in the same state. Only one
//! of the two orders has to be tried for this state to be found.
//!
//! Which one is told by a set of nodes that goes with each state: the nodes that are *asleep*. All
//! events of a node that is asleep are left out. When a state is found by an event `b` at node `j`,
//! these sleep in it:
//!
//! - the nodes before `j`, and the nodes that were asleep already, because their events were possible
//!   before `b`, and are tried (or were left out for the same reason) before it;
//! - but not `j` itself, not a node that `b` sent something new, not, if `b` was a call or a return
//!   that a monitor has seen, a node with calls and returns of its own (they do not commute), and not
//!   a node whose event before `b` could lead to a state in which the search does not go on.
//!
//! This leaves out transitions and never a state (sleep sets: Godefroid, *Partial-Order Methods for
//! the Verification of Concurrent Systems*, 1996, chapter 5). Why no state is lost, although each
//! state keeps only the sleep set of the way by which it was found first: compare two ways of the same
//! length by their first different event, in the order in which a state's events are tried, which is
//! by nodes. Breadth-first search, going through the states of a level in the order in which they were
//! found, finds every state first by its least way among the shortest ones. Let `w` be the least way to
//! a state, `e` its last event, `s` the state before. The rest of `w` is the least way to `s`, so it is
//! the one whose sleep set `s` has. Were `e` asleep in `s`, then by the rules above `e` was possible
//! earlier on this way, at a node that comes before that of the event taken there, and commutes with
//! everything since; moving it there gives a way of the same length to the same state that is less
//! than `w`: a contradiction. So no event on a least way is ever left out. The same argument shows that
//! depths, paths and the order in which states are found are those of the full search.

use super::checks::Checks;
use super::intern::Lists;
use super::sites::{SiteStep, Sites};

/// The nodes that can sleep: one bit each. Nodes beyond these are always awake.
const NODES: usize = u32::BITS as usize;

/// Whether a node is in the set.
#[inline]
pub(super) fn contains(asleep: u32, node: usize) -> bool {
    node < NODES && asleep >> node & 1 == 1
}

/// The nodes that sleep in `next`, which was found from `row` by `step` at `node`. Both are without
/// the monitor. `kept_awake` are nodes that may not sleep for the sake of what is pruned, from
/// [`kept_awake`].
pub(super) fn after(
    sites: &Sites<'_>,
    row: &[u32],
    next: &[u32],
    asleep: u32,
    (node, step): (usize, SiteStep),
    kept_awake: u32,
) -> u32 {
    let before = if node < NODES { (1 << node) - 1 } else { u32::MAX };
    let mut candidates = (asleep | before) & !kept_awake;
    let mut after = 0;
    while candidates != 0 {
        let other = candidates.trailing_zeros() as usize;
        candidates &= candidates - 1;
        let is_tied = other == node
            || row[other] != next[other]
            || step.calls != Lists::EMPTY && sites.has_calls(row[other]);
        after |= u32::from(!is_tied) << other;
    }
    after
}

/// The nodes that one event could make the search stop at: those where only this node keeps a prune
/// from holding.
pub(super) fn kept_awake(checks: &Checks, row: &[u32]) -> u32 {
    let Some(prunes) = checks.prunes_by_site() else { return u32::MAX };
    if prunes == 0 {
        return 0;
    }
    let missing = |site: u32| !checks.held(site) & prunes;
    let (mut once, mut twice) = (0, 0);
    for &site in row {
        twice |= once & missing(site);
        once |= missing(site);
    }
    let by_one = once & !twice;
    let nodes = row.iter().take(NODES).enumerate();
    nodes.fold(0, |set, (node, &site)| set | u32::from(missing(site) & by_one != 0) << node)
}
