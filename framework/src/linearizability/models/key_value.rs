//! A key-value store: texts that are read, replaced, and appended to.

use std::collections::BTreeMap;
use std::fmt;

use crate::linearizability::Model;

/// A store that starts empty; a key that is not there reads as the empty text.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue;

/// What a [`KeyValue`] can be asked. A get answers the value, the others answer nothing: `""`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum KeyValueCommand {
    /// The value?
    Get {
        /// Of what.
        key: String,
    },
    /// Replaces the value.
    Put {
        /// Of what.
        key: String,
        /// By what.
        value: String,
    },
    /// Puts a text behind the value.
    Append {
        /// Of what.
        key: String,
        /// Which text.
        value: String,
    },
}

impl KeyValueCommand {
    /// The key that the command is about.
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
    // An empty text is not kept, so that states that read alike are alike.
    type State = BTreeMap<String, String>;

    fn init(&self) -> Self::State {
        BTreeMap::new()
    }

    fn step(&self, state: &mut Self::State, command: &KeyValueCommand) -> String {
        match command {
            KeyValueCommand::Get { key } => return state.get(key).cloned().unwrap_or_default(),
            KeyValueCommand::Put { key, value } if value.is_empty() => {
                state.remove(key);
            }
            KeyValueCommand::Put { key, value } => {
                state.insert(key.clone(), value.clone());
            }
            KeyValueCommand::Append { value, .. } if value.is_empty() => {}
            KeyValueCommand::Append { key, value } => {
                state.entry(key.clone()).or_default().push_str(value);
            }
        }
        String::new()
    }

    fn key(&self, command: &KeyValueCommand) -> Option<String> {
        Some(command.key().to_owned())
    }

    fn only_observes(&self, command: &KeyValueCommand, _: &String) -> bool {
        matches!(command, KeyValueCommand::Get { .. })
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        let texts: usize = state.iter().map(|(key, value)| key.len() + value.len()).sum();
        // A node of the tree has room for eleven keys and values.
        texts + 2 * size_of::<(String, String)>() * state.len()
    }
}

// As for the register: short, because lanes and messages show it.
impl fmt::Debug for KeyValueCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get { key } => write!(f, "get {key}"),
            Self::Put { key, value } => write!(f, "put {key} {value:?}"),
            Self::Append { key, value } => write!(f, "append {key} {value:?}"),
        }
    }
}
