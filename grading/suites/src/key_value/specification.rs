//! A reference key-value store: the results that are right.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use faultlab::Application;
use faultlab::linearizability::Sequential;
use serde::{Deserialize, Serialize};

use super::{StoreAction, StoreCommand, StoreResult};

/// The specification of a key-value store with the commands `C`, against which results are checked.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Specification<C: StoreCommand> {
    values: BTreeMap<String, String>,
    #[serde(skip)]
    commands: PhantomData<fn() -> C>,
}

impl<C: StoreCommand> Default for Specification<C> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), commands: PhantomData }
    }
}

// Explanations of violations show the `Debug` output.
impl<C: StoreCommand> fmt::Debug for Specification<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Specification").field("values", &self.values).finish()
    }
}

impl<C: StoreCommand> Specification<C> {
    /// The value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

impl<C: StoreCommand> Application for Specification<C> {
    type Command = C;
    type Result = C::Result;

    fn execute(&mut self, command: C) -> C::Result {
        let key = command.key();
        match command.action() {
            StoreAction::Get => {
                C::result(self.value(key).map_or(StoreResult::KeyNotFound, StoreResult::Value))
            }
            StoreAction::Put(value) => {
                self.values.insert(key.to_owned(), value.to_owned());
                C::result(StoreResult::PutDone)
            }
            StoreAction::Append(value) => {
                let new = format!("{}{value}", self.value(key).unwrap_or_default());
                let result = C::result(StoreResult::Appended(&new));
                self.values.insert(key.to_owned(), new);
                result
            }
        }
    }
}

/// The results of these commands, each executed once, in this order, on an empty store.
pub fn results<C: StoreCommand>(commands: &[C]) -> Vec<C::Result> {
    let mut store = Specification::default();
    commands.iter().map(|command| store.execute(command.clone())).collect()
}

/// The specification as a model: keys are independent, and a get changes nothing.
#[must_use]
pub fn model<C: StoreCommand>() -> Sequential<Specification<C>> {
    Sequential::new(Specification::default())
        .with_key(|command: &C| Some(command.key().to_owned()))
        .with_observers(|command: &C, _| command.action() == StoreAction::Get)
}
