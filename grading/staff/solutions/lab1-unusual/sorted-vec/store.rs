//! The key-value store. It knows nothing of clients, servers or networks.

use faultlab::Application;
use lab1_api::{KvCommand, KvResult};
use serde::{Deserialize, Serialize};

/// A key-value store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KvStore {
    values: Vec<(String, String)>,
}

impl KvStore {
    /// The index of the key, or the index at which it would have to be inserted.
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.values.binary_search_by(|(other, _)| other.as_str().cmp(key))
    }

    /// The value of a key, which is inserted if missing.
    fn value_mut(&mut self, key: String) -> &mut String {
        let index = self.find(&key).unwrap_or_else(|index| {
            self.values.insert(index, (key, String::new()));
            index
        });
        &mut self.values[index].1
    }
}

impl Application for KvStore {
    type Command = KvCommand;
    type Result = KvResult;

    fn execute(&mut self, command: KvCommand) -> KvResult {
        match command {
            KvCommand::Get { key } => match self.find(&key) {
                Ok(index) => KvResult::Value(self.values[index].1.clone()),
                Err(_) => KvResult::KeyNotFound,
            },
            KvCommand::Put { key, value } => {
                *self.value_mut(key) = value;
                KvResult::PutDone
            }
            KvCommand::Append { key, value } => {
                let whole = self.value_mut(key);
                whole.push_str(&value);
                KvResult::Appended(whole.clone())
            }
        }
    }
}
