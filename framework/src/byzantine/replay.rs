//! A node that sends its earlier messages again.

use super::conduct::{Own, Treatment};
use crate::random::{Random, Rate};

/// After this message, an earlier one is sent again, to any node.
pub(super) fn treat(own: &Own<'_>, rate: Rate, random: &mut Random) -> Option<Treatment> {
    if !rate.draw(random) || own.earlier.is_empty() || own.others.is_empty() {
        return None;
    }
    let message = random.pick(own.earlier).clone();
    Some(Treatment::Also { to: *random.pick(own.others), message })
}
