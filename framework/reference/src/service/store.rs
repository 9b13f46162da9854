//! The model of a service: one copy of a number.

use faultlab::Application;
use serde::{Deserialize, Serialize};

/// The command that reads.
pub const READ: u64 = 0;

/// Commands up to this one append a digit. Those above write the difference.
const APPEND_MAX: u64 = 9;

/// A number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Store(pub u64);

impl Application for Store {
    type Command = u64;
    type Result = u64;

    fn execute(&mut self, command: u64) -> u64 {
        let (after, answer) = step(self.0, command);
        self.0 = after;
        answer
    }
}

/// The number after a command, and the result.
#[must_use]
pub fn step(value: u64, command: u64) -> (u64, u64) {
    match command {
        READ => (value, value),
        1..=APPEND_MAX => {
            let after = (value * 10 + command) % 1_000_000_000;
            (after, after)
        }
        _ => (command - APPEND_MAX, value),
    }
}
