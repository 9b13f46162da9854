//! A node that sends in the name of another one.

use super::conduct::{Own, Treatment};
use crate::Address;
use crate::random::{Random, Rate};

/// The message names another sender, which is not its receiver.
pub(super) fn treat(own: &Own<'_>, rate: Rate, random: &mut Random) -> Option<Treatment> {
    if own.to == own.node || !rate.draw(random) {
        return None;
    }
    let names: Vec<Address> = own.others.iter().copied().filter(|name| *name != own.to).collect();
    (!names.is_empty()).then(|| Treatment::Claim(*random.pick(&names)))
}
