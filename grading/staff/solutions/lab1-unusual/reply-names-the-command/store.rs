//! The key-value store. It knows nothing of clients, servers or networks.

use std::collections::BTreeMap;

use faultlab::Application;
use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A key-value store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvStore {
    values: BTreeMap<String, String>,
}

impl Application for KvStore {
    type Command = KvCommand;
    type Result = KvResult;

    fn execute(&mut self, command: KvCommand) -> KvResult {
        match command {
            KvCommand::Get { key } => match self.values.get(&key) {
                Some(value) => KvResult::Value(value.clone()),
                None => KvResult::KeyNotFound,
            },
            KvCommand::Put { key, value } => {
                self.values.insert(key, value);
                KvResult::PutDone
            }
            KvCommand::Append { key, value } => {
                let whole = self.values.entry(key).or_default();
                whole.push_str(&value);
                KvResult::Appended(whole.clone())
            }
        }
    }
}
