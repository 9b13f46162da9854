//! A register: one value that is read, written, and compared and set.

use std::fmt;

use crate::linearizability::Model;

/// One register that starts without a value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register;

/// What a [`Register`] can be asked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum RegisterCommand {
    /// The value?
    Read,
    /// Sets the value.
    Write(i64),
    /// Sets the value to the second, if it is the first.
    CompareAndSet(i64, i64),
}

/// What a [`Register`] answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum RegisterResult {
    /// The value, or that there is none yet.
    Value(Option<i64>),
    /// The value is set.
    Done,
    /// The value was not the one to compare with, and stays.
    NotEqual,
}

impl Model for Register {
    type Command = RegisterCommand;
    type Result = RegisterResult;
    // A read answers with the state, and it prints alike.
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

// Lanes and messages show commands and results as `Debug` prints them, so it prints them short.

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
