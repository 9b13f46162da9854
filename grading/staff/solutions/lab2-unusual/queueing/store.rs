//! What is replicated: the store of lab 1, which executes each command of each client at most once.

use faultlab::Application;
use lab1::Lab;
use lab1_api::{AmoCommand, AtMostOnceWrapper, KvCommand, KvResult, Lab1};
use serde::{Deserialize, Serialize};

/// Lab 1's key-value store.
type Store = <Lab as Lab1>::Store;

/// Lab 1's wrapper around it.
type Wrapper = <Lab as Lab1>::AtMostOnce<Store>;

/// One copy of the store, with what it remembers of clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Replica {
    store: Wrapper,
}

impl Default for Replica {
    /// A copy without any keys, which has executed nothing.
    fn default() -> Self {
        Self { store: <Wrapper as AtMostOnceWrapper<Store>>::new(Lab::store()) }
    }
}

impl Replica {
    /// Executes a command that is new. For a repeated one, returns the result of the first time. `None` if the
    /// command is outdated: its client has a newer one.
    pub fn execute(&mut self, command: AmoCommand<KvCommand>) -> Option<KvResult> {
        let command = <Wrapper as AtMostOnceWrapper<Store>>::command(command);
        <Wrapper as AtMostOnceWrapper<Store>>::result(self.store.execute(command))
    }
}
