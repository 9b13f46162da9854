//! Part 1: the key-value store. It knows nothing of clients, servers or networks.

use faultlab::Application;
use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A key-value store.
///
/// Add the fields you need. `Default` makes the empty store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvStore {
    // Part 1: the keys and their values. Use a `BTreeMap`: a `HashMap` iterates in a different
    // order in every run, so it cannot be part of a state machine.
}

impl Application for KvStore {
    type Command = KvCommand;
    type Result = KvResult;

    fn execute(&mut self, command: KvCommand) -> KvResult {
        todo!("part 1: execute the command; `KvCommand` and `KvResult` say what each one means")
    }
}
