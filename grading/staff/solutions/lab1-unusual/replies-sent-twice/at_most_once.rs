//! A wrapper that executes each command of each client at most once.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use faultlab::{Address, Application};
use lab1_api::AmoCommand;
use serde::{Deserialize, Serialize};

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

    /// `None` if the command is *outdated*: a late copy of one that its client has long finished.
    type Result = Option<A::Result>;

    fn execute(&mut self, command: AmoCommand<A::Command>) -> Option<A::Result> {
        let AmoCommand { client, sequence, command } = command;
        if let Some(last) = self.last.get(&client) {
            match sequence.cmp(&last.sequence) {
                Ordering::Less => return None,
                Ordering::Equal => return Some(last.result.clone()),
                Ordering::Greater => {}
            }
        }
        let result = self.application.execute(command);
        self.last.insert(client, Executed { sequence, result: result.clone() });
        Some(result)
    }
}
