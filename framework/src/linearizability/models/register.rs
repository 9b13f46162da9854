//! A register: one value, with read, write, and compare-and-set.

use std::fmt::{self, Debug};
use std::hash::Hash;

use crate::linearizability::Model;

/// A register with values of type `V`. By default, it starts without a value.
#[derive(Clone, Copy, Debug)]
pub struct Register<V = i64> {
    initial: Option<V>,
}

impl<V> Register<V> {
    /// A register that starts without a value.
    #[must_use]
    pub const fn new() -> Self {
        Self { initial: None }
    }

    /// A register that starts with this value.
    #[must_use]
    pub const fn starting_with(initial: V) -> Self {
        Self { initial: Some(initial) }
    }
}

impl<V> Default for Register<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The commands of a [`Register`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum RegisterCommand<V = i64> {
    /// Returns the value.
    Read,
    /// Sets the value.
    Write(V),
    /// Sets the value to the second argument, if it is the first.
    CompareAndSet(V, V),
}

/// The results of a [`Register`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum RegisterResult<V = i64> {
    /// The value; `None` if there is none yet.
    Value(Option<V>),
    /// The value was set.
    Done,
    /// The value was another one, and is unchanged.
    NotEqual,
}

impl<V: Clone + Debug + Eq + Hash + Send + Sync> Model for Register<V> {
    type Command = RegisterCommand<V>;
    type Result = RegisterResult<V>;
    // The state is the result of a read.
    type State = RegisterResult<V>;

    fn init(&self) -> RegisterResult<V> {
        RegisterResult::Value(self.initial.clone())
    }

    fn step(
        &self,
        state: &mut RegisterResult<V>,
        command: &RegisterCommand<V>,
    ) -> RegisterResult<V> {
        match command {
            RegisterCommand::Read => state.clone(),
            RegisterCommand::Write(value) => {
                *state = RegisterResult::Value(Some(value.clone()));
                RegisterResult::Done
            }
            RegisterCommand::CompareAndSet(from, to) if matches!(state, RegisterResult::Value(Some(value)) if value == from) =>
            {
                *state = RegisterResult::Value(Some(to.clone()));
                RegisterResult::Done
            }
            RegisterCommand::CompareAndSet(..) => RegisterResult::NotEqual,
        }
    }

    fn only_observes(&self, command: &RegisterCommand<V>, result: &RegisterResult<V>) -> bool {
        *command == RegisterCommand::Read || *result == RegisterResult::NotEqual
    }
}

// Lanes and messages show the `Debug` output, so it is short.

impl<V: Debug> Debug for RegisterCommand<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => write!(f, "read"),
            Self::Write(value) => write!(f, "write {value:?}"),
            Self::CompareAndSet(from, to) => write!(f, "cas {from:?} to {to:?}"),
        }
    }
}

impl<V: Debug> Debug for RegisterResult<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(Some(value)) => write!(f, "{value:?}"),
            Self::Value(None) => write!(f, "nil"),
            Self::Done => write!(f, "ok"),
            Self::NotEqual => write!(f, "not equal"),
        }
    }
}
