//! A key-value store: get, put, append.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::linearizability::Model;

/// A store that starts empty. A missing key reads as the empty string.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue;

/// The commands of a [`KeyValue`] store. A get returns the value; the others return `""`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum KeyValueCommand {
    /// Returns the value.
    Get {
        /// The key.
        key: String,
    },
    /// Replaces the value.
    Put {
        /// The key.
        key: String,
        /// The new value.
        value: String,
    },
    /// Appends a string to the value.
    Append {
        /// The key.
        key: String,
        /// The string.
        value: String,
    },
}

impl KeyValueCommand {
    /// The command's key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Append { key, .. } => key,
        }
    }
}

impl Model for KeyValue {
    type Command = KeyValueCommand;
    type Result = String;
    type State = KeyValueState;

    fn init(&self) -> KeyValueState {
        KeyValueState::default()
    }

    fn step(&self, state: &mut KeyValueState, command: &KeyValueCommand) -> String {
        match command {
            KeyValueCommand::Get { key } => return state.get(key).to_owned(),
            KeyValueCommand::Put { key, value } => state.set(key, value),
            KeyValueCommand::Append { key, value } if !value.is_empty() => {
                state.set(key, &format!("{}{value}", state.get(key)));
            }
            KeyValueCommand::Append { .. } => {}
        }
        String::new()
    }

    fn key(&self, command: &KeyValueCommand) -> Option<String> {
        Some(command.key().to_owned())
    }

    fn only_observes(&self, command: &KeyValueCommand, _: &String) -> bool {
        matches!(command, KeyValueCommand::Get { .. })
    }

    fn heap_bytes(&self, state: &KeyValueState) -> usize {
        // A state shares all texts with the previous one, except for the one that was written.
        let texts: usize = state.values.iter().map(|(_, value)| value.text.len()).sum();
        let mean = texts / state.values.len().max(1);
        mean + state.values.capacity() * size_of::<(Text, Text)>()
    }
}

/// The state of a [`KeyValue`] store.
///
/// A search creates one for each step that it tries, so texts are shared and stored with their hash. A
/// copy costs two reference counts per key, and comparing or hashing never reads a text twice.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct KeyValueState {
    // Sorted by key. Empty values are not stored, so that states that read the same are equal.
    values: Vec<(Text, Text)>,
}

impl KeyValueState {
    /// The value of a key; the empty string for a missing key.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.find(key).map_or("", |at| &self.values[at].1.text)
    }

    fn set(&mut self, key: &str, value: &str) {
        match (self.find(key), value.is_empty()) {
            (Ok(at), true) => {
                self.values.remove(at);
            }
            (Ok(at), false) => self.values[at].1 = Text::new(value),
            (Err(_), true) => {}
            (Err(at), false) => self.values.insert(at, (Text::new(key), Text::new(value))),
        }
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.values.binary_search_by(|(of, _)| (*of.text).cmp(key))
    }
}

#[derive(Clone)]
struct Text {
    hash: u64,
    text: Arc<str>,
}

impl Text {
    fn new(text: &str) -> Self {
        let mut hasher = FxHasher::default();
        text.hash(&mut hasher);
        Self { hash: hasher.finish(), text: text.into() }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.text, &other.text) || self.text == other.text)
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for KeyValueState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.values.iter().map(|(key, value)| (&key.text, &value.text)))
            .finish()
    }
}

// Lanes and messages show the `Debug` output, so it is short.
impl fmt::Debug for KeyValueCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get { key } => write!(f, "get {key}"),
            Self::Put { key, value } => write!(f, "put {key} {value:?}"),
            Self::Append { key, value } => write!(f, "append {key} {value:?}"),
        }
    }
}
