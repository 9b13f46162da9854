//! Part 3: a wrapper that executes each command of each client at most once.

use faultlab::{Address, Application};
use lab1_api::AmoCommand;
use serde::{Deserialize, Serialize};

/// An application that wraps another one, `A`, and does not execute a repeated command again.
///
/// It stores what it needs to answer a repeated command as it did the first time, and nothing more:
/// a client starts a command only once it has the result of the previous one, so it no longer needs
/// older results.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AtMostOnce<A: Application> {
    application: A,
    // Part 3: what was executed for which client, and the result (an `A::Result`).
}

impl<A: Application> AtMostOnce<A> {
    /// Wraps this application, before any command.
    pub fn new(application: A) -> Self {
        Self { application }
    }
}

impl<A: Application> Application for AtMostOnce<A> {
    type Command = AmoCommand<A::Command>;

    /// `None` if the command is *outdated*: a late copy of one that its client has long finished.
    type Result = Option<A::Result>;

    fn execute(&mut self, command: AmoCommand<A::Command>) -> Option<A::Result> {
        todo!(
            "part 3: execute a new command; for a repeated one return the result of the first time"
        )
    }
}
