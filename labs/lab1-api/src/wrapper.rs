//! The interface of an at-most-once wrapper, whose command type is the student's own.

use faultlab::{Address, Application};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::journal::{Entry, Journal, Receipt};

/// An application that wraps the application `A` and does not execute a repeated command again.
///
/// The student decides how its commands identify clients and requests, and what its results look
/// like. Here the lab crate says how to make the former and read the latter.
///
/// # The contract
///
/// Clients give their commands sequence numbers. These only increase, but they may start anywhere
/// and have gaps, and a client starts a command only after it has the result of the previous one.
/// So:
///
/// - A number above all that were seen from this client is a new command: it is executed, and its
///   result returned.
/// - The highest number seen from this client is a repetition: nothing is executed, and the result
///   is the same as the first time.
/// - A lower number is *outdated*: nothing is executed, and the result does not matter, because no
///   client waits for it.
pub trait AtMostOnceWrapper<A: Application>: Application {
    /// Wraps this application, before any command.
    fn new(application: A) -> Self;

    /// The command in the form in which the wrapper takes it.
    fn command(command: AmoCommand<A::Command>) -> Self::Command;

    /// The application's own result within a wrapped one; `None` if there is none, which is allowed
    /// for an outdated command.
    fn result(result: Self::Result) -> Option<A::Result>;
}

/// A command, and what identifies it: the client that sends it, and its sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AmoCommand<C> {
    /// The client that sends the command.
    pub client: Address,
    /// The sequence number: which of the client's commands it is. A later command has a higher number.
    pub sequence: u64,
    /// The command itself.
    pub command: C,
}

/// A student's wrapper around a [`Journal`], with commands and results that do not depend on the
/// student's types.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "W: Serialize + DeserializeOwned")]
pub struct WrappedJournal<W> {
    wrapper: W,
}

impl<W: AtMostOnceWrapper<Journal>> WrappedJournal<W> {
    /// Wraps this journal.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self { wrapper: W::new(journal) }
    }
}

impl<W: AtMostOnceWrapper<Journal>> Application for WrappedJournal<W>
where
    Self: Serialize,
{
    type Command = AmoCommand<Entry>;
    type Result = Option<Receipt>;

    fn execute(&mut self, command: AmoCommand<Entry>) -> Option<Receipt> {
        W::result(self.wrapper.execute(W::command(command)))
    }
}
