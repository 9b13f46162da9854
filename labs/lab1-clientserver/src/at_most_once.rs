//! Part 3: a wrapper that executes each command of each client at most once.

use faultlab::{Address, Application};
use lab1_vocabulary::AmoCommand;
use serde::{Deserialize, Serialize};

/// An application around another one, `A`. What arrives again is not executed again.
///
/// It remembers what it needs to answer a repeated command as it did the first time, and nothing
/// more: a client starts a command only when it has the result of the one before, so whoever asks for
/// the next has no use for an older result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AtMostOnce<A: Application> {
    application: A,
    // Part 3: what has been executed for whom, and what came out (a result is an `A::Result`).
}

impl<A: Application> AtMostOnce<A> {
    /// The wrapper around this application, before any command.
    pub fn new(application: A) -> Self {
        Self { application }
    }
}

impl<A: Application> Application for AtMostOnce<A> {
    type Command = AmoCommand<A::Command>;

    /// `None` when the command is *outdated*: a late copy of one that its client is long done with.
    type Result = Option<A::Result>;

    fn execute(&mut self, command: AmoCommand<A::Command>) -> Option<A::Result> {
        todo!(
            "part 3: execute a new command; for a repeated one return the result of the first time"
        )
    }
}
