//! The commands of a key-value store, and their results.

use serde::{Deserialize, Serialize};

/// What a key-value store can be asked. Keys and values are text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KvCommand {
    /// What is the key's value? Answered with [`KvResult::Value`], or [`KvResult::KeyNotFound`] when
    /// the key has none. Changes nothing.
    Get {
        /// The key.
        key: String,
    },
    /// Give the key this value, in place of any that it has. Answered with [`KvResult::PutDone`].
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: String,
    },
    /// Add this text to the end of the key's value; a key without a value counts as empty. Answered
    /// with [`KvResult::Appended`].
    Append {
        /// The key.
        key: String,
        /// What is added.
        value: String,
    },
}

/// What a key-value store answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KvResult {
    /// To a `Get`: the key's value.
    Value(String),
    /// To a `Get`: the key has no value.
    KeyNotFound,
    /// To a `Put`: done.
    PutDone,
    /// To an `Append`: the key's whole new value.
    Appended(String),
}
