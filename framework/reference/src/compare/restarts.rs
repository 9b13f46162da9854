//! Random protocols whose nodes crash, between events and within handlers, and come back with what is left of their storage.

use faultlab::random::mix;

use super::agreement::Seen;
use super::protocols::compare_case;
use super::saved::compare_saved;
use crate::protocol::{Case, Size};

/// Compares a protocol in which nodes may crash and start again.
pub(super) fn compare(seed: u64) -> Result<Seen, String> {
    let size = match seed % 8 {
        1 | 5 => Size::InOrder,
        3 => Size::Strangers,
        7 => Size::Timers,
        _ => Size::Few,
    };
    let mut case = Case::drawn(mix(seed ^ 0xfc), size);
    case.draw_crashes(mix(seed ^ 0xfd));
    case.draw_restarts(mix(seed ^ 0xfe));
    if size != Size::Strangers {
        compare_saved(seed, &case)?;
    }
    compare_case(&case)
}
