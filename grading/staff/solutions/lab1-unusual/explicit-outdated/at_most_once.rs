//! A wrapper that executes each command of each client at most once.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use faultlab::{Address, Application};
use lab1_api::AmoCommand;
use serde::{Deserialize, Serialize};

/// A result of the wrapper.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AmoResult<R> {
    /// The application's result, now or when the command was executed.
    Executed(R),
    /// A later command of this client has been executed.
    Outdated,
}

/// The last command that was executed for a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Executed<R> {
    sequence: u64,
    result: R,
}

/// An application that wraps another one, `A`, and does not execute a repeated command again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AtMostOnce<A: Application> {
    application: A,
    /// The last command of each client. No client waits for the result of an older one.
    last: BTreeMap<Address, Executed<A::Result>>,
}

impl<A: Application> AtMostOnce<A> {
    /// Wraps this application, before any command.
    pub fn new(application: A) -> Self {
        Self { application, last: BTreeMap::new() }
    }
}

impl<A: Application> Application for AtMostOnce<A> {
    type Command = AmoCommand<A::Command>;
    type Result = AmoResult<A::Result>;

    fn execute(&mut self, command: AmoCommand<A::Command>) -> AmoResult<A::Result> {
        let AmoCommand { client, sequence, command } = command;
        if let Some(last) = self.last.get(&client) {
            match sequence.cmp(&last.sequence) {
                Ordering::Less => return AmoResult::Outdated,
                Ordering::Equal => return AmoResult::Executed(last.result.clone()),
                Ordering::Greater => {}
            }
        }
        let result = self.application.execute(command);
        self.last.insert(client, Executed { sequence, result: result.clone() });
        AmoResult::Executed(result)
    }
}
