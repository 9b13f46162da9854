//! Two copies of a node under one name.

use super::conduct::{Own, Treatment};
use crate::Address;
use crate::random::Random;

/// The second copy of a node.
#[derive(Clone, Debug)]
pub struct Twin {
    /// Its constructor arguments, encoded, if they are not those of the first one.
    pub(crate) arguments: Option<Vec<u8>>,
}

/// The name of a node's second copy in traces. `None` if there is no room for it in an address.
pub(crate) fn name_of_second(node: Address) -> Option<Address> {
    format!("{node}/2").parse().ok()
}

/// Whether another node talks to the second copy of a node.
pub(crate) fn talks_to_second(seed: u64, node: Address, other: Address) -> bool {
    // The stream of a pair, by the other's name.
    let mut names = Random::for_misbehaviour(seed, other, 0);
    Random::for_misbehaviour(names.bits(), node, 0).below(2) == 1
}

/// A message to a node that talks to the other copy is kept from the network.
pub(super) fn treat(own: &Own<'_>, is_second: bool) -> Option<Treatment> {
    if own.to == own.node {
        return None;
    }
    if talks_to_second(own.seed, own.node, own.to) != is_second {
        return Some(Treatment::Withhold);
    }
    is_second.then_some(Treatment::Claim(own.node))
}
