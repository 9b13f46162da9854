//! A node that changes its messages.

use super::Change;
use super::conduct::{Own, Treatment};
use crate::random::{Random, Rate};

/// The message is changed.
pub(super) fn treat(
    own: &Own<'_>,
    rate: Rate,
    change: &Change,
    random: &mut Random,
) -> Option<Treatment> {
    if own.to == own.node || !rate.draw(random) {
        return None;
    }
    change.apply(own.message, random.bits()).map(Treatment::Instead)
}
