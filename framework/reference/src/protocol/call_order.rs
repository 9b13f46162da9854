//! Automata that reject some orders of calls and returns.

use faultlab::property::{CheckError, violated};
use faultlab::search::Monitor;
use faultlab::{Address, codec};

use super::number_of;
use crate::automaton::{Automaton, Entry, Saying};
use crate::claim::RUN;

/// An automaton that stores part of a run's calls and returns, and rejects some of them.
#[derive(Clone, Copy, Debug)]
pub enum CallOrder {
    /// Stores the last two, and the parity of the one before.
    LastThree {
        /// The sequence of three that is rejected.
        rejected: Option<[u8; 3]>,
    },
    /// Stores a sum over all of them that depends on their order.
    WholeRun {
        /// The remainder of the sum by [`REMAINDERS`] that is rejected.
        rejected: u8,
    },
}

/// The number of remainders of [`CallOrder::WholeRun`], chosen so that some runs are rejected, but most are
/// not.
pub const REMAINDERS: u8 = 23;

impl Automaton for CallOrder {
    type State = [u8; 3];

    fn start(&self) -> [u8; 3] {
        [0; 3]
    }

    fn after(&self, state: &[u8; 3], entry: Entry) -> Option<[u8; 3]> {
        let client = number_of(entry.client) as u8 % 8;
        let said = match entry.what {
            Saying::Call(_) => client,
            Saying::Return(result) => 10 + client + (result % 2) as u8,
        };
        match *self {
            Self::LastThree { rejected } => {
                let last = [state[1], state[2], said];
                (rejected != Some(last)).then_some([last[0] % 2, last[1], last[2]])
            }
            Self::WholeRun { rejected } => {
                let sum = state[0].wrapping_mul(3).wrapping_add(said + 1);
                (sum % REMAINDERS != rejected).then_some([sum, 0, 0])
            }
        }
    }
}

/// The same automaton as a monitor of a search.
impl Monitor for CallOrder {
    fn name(&self) -> &str {
        RUN
    }

    fn start(&self) -> Vec<u8> {
        Automaton::start(self).to_vec()
    }

    fn on_call(
        &self,
        state: &[u8],
        client: Address,
        command: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        self.watched(state, client, command, Saying::Call)
    }

    fn on_return(
        &self,
        state: &[u8],
        client: Address,
        result: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        self.watched(state, client, result, Saying::Return)
    }
}

impl CallOrder {
    fn watched(
        &self,
        state: &[u8],
        client: Address,
        bytes: &[u8],
        what: fn(u64) -> Saying,
    ) -> Result<Vec<u8>, CheckError> {
        let number =
            codec::decode(bytes).map_err(|error| violated("a number", error.to_string()))?;
        let state = state.try_into().map_err(|_| violated("three", format!("{state:?}")))?;
        let after = Automaton::after(self, &state, Entry { client, what: what(number) });
        after.map(|state| state.to_vec()).ok_or_else(|| violated("another order", "this one"))
    }
}
