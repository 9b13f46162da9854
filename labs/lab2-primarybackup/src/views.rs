//! Part 1: the view service. It knows nothing of networks, messages or clocks.

use std::collections::BTreeMap;

use faultlab::Address;
use lab2_api::{View, ViewService};
use serde::{Deserialize, Serialize};

/// A server is dead once so many checks have passed since its last ping.
const DEAD_AFTER: u8 = 2;

/// The view service: it decides who is the primary and who is the backup.
///
/// Add the fields you need. `Default` makes a service that nobody has pinged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Views {
    view: View,
    // Part 1: whether the view is acknowledged, and which servers are alive. A number that grows for ever, such as a
    // count of all checks, makes infinitely many states, and a search cannot visit those.
}

impl Views {
    // Part 1: a function that begins the next view, if one is due, helps: both handlers below need it.
}

/// The rules are in the documentation of [`ViewService`].
impl ViewService for Views {
    fn ping(&mut self, server: Address, number: u64) {
        todo!(
            "part 1: the server is alive; is it the first one? does it acknowledge the view? is the next view due?"
        )
    }

    fn check(&mut self) {
        todo!("part 1: time has passed; who is dead now? is the next view due?")
    }

    fn view(&self) -> View {
        self.view
    }

    fn is_acknowledged(&self) -> bool {
        todo!("part 1: whether the primary has pinged with the number of the current view")
    }
}
