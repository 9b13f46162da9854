//! A wrapper that executes each command of each client at most once.

use std::cmp::Ordering;

use faultlab::{Address, Application};
use lab1_api::AmoCommand;
use serde::{Deserialize, Serialize};

/// The last command that was executed for a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Executed<R> {
    client: Address,
    sequence: u64,
    result: R,
}

/// An application that wraps another one, `A`, and does not execute a repeated command again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AtMostOnce<A: Application> {
    application: A,
    /// For each client its last command, in the order of the clients.
    last: Vec<Executed<A::Result>>,
}

impl<A: Application> AtMostOnce<A> {
    /// Wraps this application, before any command.
    pub fn new(application: A) -> Self {
        Self { application, last: Vec::new() }
    }
}

impl<A: Application> Application for AtMostOnce<A> {
    type Command = AmoCommand<A::Command>;

    /// `None` if the command is *outdated*: a late copy of one that its client has long finished.
    type Result = Option<A::Result>;

    fn execute(&mut self, command: AmoCommand<A::Command>) -> Option<A::Result> {
        let AmoCommand { client, sequence, command } = command;
        let place = self.last.binary_search_by(|executed| executed.client.cmp(&client));
        if let Ok(index) = place {
            match sequence.cmp(&self.last[index].sequence) {
                Ordering::Less => return None,
                Ordering::Equal => return Some(self.last[index].result.clone()),
                Ordering::Greater => {}
            }
        }
        let result = self.application.execute(command);
        let executed = Executed { client, sequence, result: result.clone() };
        match place {
            Ok(index) => self.last[index] = executed,
            Err(index) => self.last.insert(index, executed),
        }
        Some(result)
    }
}
