//! Several independent objects of one kind, each with a key.

use std::collections::BTreeMap;
use std::fmt;

use crate::linearizability::Model;

/// One object of the model `M` for each key. All start in the same state.
///
/// The objects are independent, so the operations on each are checked separately ([`Model::key`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct Keyed<M> {
    /// The model of each object.
    pub object: M,
}

/// A command for the object with this key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyedCommand<C> {
    /// The key.
    pub key: String,
    /// The command.
    pub command: C,
}

impl<M: Model> Model for Keyed<M> {
    type Command = KeyedCommand<M::Command>;
    type Result = M::Result;
    type State = BTreeMap<String, M::State>;

    fn init(&self) -> Self::State {
        BTreeMap::new()
    }

    fn step(&self, state: &mut Self::State, command: &Self::Command) -> M::Result {
        let KeyedCommand { key, command } = command;
        if let Some(object) = state.get_mut(key) {
            return self.object.step(object, command);
        }
        let mut object = self.object.init();
        let result = self.object.step(&mut object, command);
        // An object that is still as it was at the start has no entry, so that equal states are equal.
        if object != self.object.init() {
            state.insert(key.clone(), object);
        }
        result
    }

    fn key(&self, command: &Self::Command) -> Option<String> {
        Some(command.key.clone())
    }

    fn only_observes(&self, command: &Self::Command, result: &M::Result) -> bool {
        self.object.only_observes(&command.command, result)
    }

    fn heap_bytes(&self, state: &Self::State) -> usize {
        let bytes = |(key, object): (&String, &M::State)| {
            key.capacity() + size_of::<(String, M::State)>() + self.object.heap_bytes(object)
        };
        state.iter().map(bytes).sum()
    }
}

// Lanes and messages show the `Debug` output, so it is short.

impl<C: fmt::Debug> fmt::Debug for KeyedCommand<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (key {})", self.command, self.key)
    }
}
