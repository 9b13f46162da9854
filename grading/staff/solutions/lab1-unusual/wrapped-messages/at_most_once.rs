//! A wrapper that executes each command of each client at most once.

use std::collections::BTreeMap;

use faultlab::{Address, Application};
use lab1_api::AmoCommand;
use serde::{Deserialize, Serialize};

/// A result, and the sequence number of the command that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AmoResult<R> {
    /// The sequence number of the command.
    pub sequence: u64,
    /// The result.
    pub result: R,
}

/// An application that wraps another one, `A`, and does not execute a repeated command again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AtMostOnce<A: Application> {
    application: A,
    results: BTreeMap<Address, AmoResult<A::Result>>,
}

impl<A: Application> AtMostOnce<A> {
    /// Wraps this application, before any command.
    pub fn new(application: A) -> Self {
        Self { application, results: BTreeMap::new() }
    }
}

impl<A: Application> Application for AtMostOnce<A> {
    type Command = AmoCommand<A::Command>;
    type Result = AmoResult<A::Result>;

    fn execute(&mut self, command: AmoCommand<A::Command>) -> AmoResult<A::Result> {
        let AmoCommand { client, sequence, command } = command;
        if self.results.get(&client).is_none_or(|newest| newest.sequence < sequence) {
            let result = self.application.execute(command);
            self.results.insert(client, AmoResult { sequence, result });
        }
        self.results[&client].clone()
    }
}
