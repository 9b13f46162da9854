//! A node that tells one half of the nodes something else than the other half.

use super::Change;
use super::conduct::{Own, Treatment};
use crate::Address;
use crate::random::{Random, mix};

/// The index of the stream that draws the halves: no chance has it.
const HALVES: u64 = u64::MAX;

/// A message to the deceived half is changed.
pub(super) fn treat(own: &Own<'_>, change: &Change) -> Option<Treatment> {
    let is_deceived = deceived(own).contains(&own.to);
    let changed = || change.apply(own.message, mix(own.seed)).map(Treatment::Instead);
    is_deceived.then(changed).flatten()
}

/// The deceived half of the other nodes: at least one, if there is one.
fn deceived(own: &Own<'_>) -> Vec<Address> {
    let mut random = Random::for_misbehaviour(own.seed, own.node, HALVES);
    random.sample(own.others, own.others.len().div_ceil(2))
}
