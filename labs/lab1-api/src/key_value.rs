//! The commands of a key-value store, and their results.

use serde::{Deserialize, Serialize};

/// A command of the key-value store. Keys and values are text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KvCommand {
    /// Returns the value of a key. Answered with [`KvResult::Value`], or [`KvResult::KeyNotFound`] if the
    /// key has none. It changes nothing.
    Get {
        /// The key.
        key: String,
    },
    /// Sets a key's value. Answered with [`KvResult::PutDone`].
    Put {
        /// The key.
        key: String,
        /// Its new value.
        value: String,
    },
    /// Appends to a key's value; a key without a value counts as empty. Answered with
    /// [`KvResult::Appended`].
    Append {
        /// The key.
        key: String,
        /// The text to append.
        value: String,
    },
}

/// A result of the key-value store.
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
