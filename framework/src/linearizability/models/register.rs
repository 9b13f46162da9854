//! A register: one value, with read, write, and compare-and-set.

use std::fmt;

use crate::linearizability::Model;

/// A register that starts without a value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register;

/// The commands of a [`Register`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum RegisterCommand {
    /// Returns the value.
    Read,
    /// Sets the value.
    Write(i64),
    /// Sets the value to the second argument, if it is the first.
    CompareAndSet(i64, i64),
}

/// The results of a [`Register`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum RegisterResult {
    /// The value; `None` if there is none yet.
    Value(Option<i64>),
    /// The value was set.
    Done,
    /// The value was another one, and is unchanged.
    NotEqual,
}

impl Model for Register {
    type Command = RegisterCommand;
    type Result = RegisterResult;
    // The state is the result of a read.
    type State = RegisterResult;

    fn init(&self) -> RegisterResult {
        RegisterResult::Value(None)
    }

    fn step(&self, state: &mut RegisterResult, command: &RegisterCommand) -> RegisterResult {
        match command {
            RegisterCommand::Read => state.clone(),
            RegisterCommand::Write(value) => {
                *state = RegisterResult::Value(Some(*value));
                RegisterResult::Done
            }
            RegisterCommand::CompareAndSet(from, to)
                if *state == RegisterResult::Value(Some(*from)) =>
            {
                *state = RegisterResult::Value(Some(*to));
                RegisterResult::Done
            }
            RegisterCommand::CompareAndSet(..) => RegisterResult::NotEqual,
        }
    }

    fn only_observes(&self, command: &RegisterCommand, result: &RegisterResult) -> bool {
        *command == RegisterCommand::Read || *result == RegisterResult::NotEqual
    }
}

// Lanes and messages show the `Debug` output, so it is short.

impl fmt::Debug for RegisterCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => write!(f, "read"),
            Self::Write(value) => write!(f, "write {value}"),
            Self::CompareAndSet(from, to) => write!(f, "cas {from} to {to}"),
        }
    }
}

impl fmt::Debug for RegisterResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(Some(value)) => write!(f, "{value}"),
            Self::Value(None) => write!(f, "nil"),
            Self::Done => write!(f, "ok"),
            Self::NotEqual => write!(f, "not equal"),
        }
    }
}
