//! What the tests need to know of an at-most-once wrapper, whose commands are the student's own.

use faultlab::{Address, Application};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::journal::{Entry, Journal, Receipt};

/// An application that wraps the application `A`, so that a command which arrives again is not
/// executed again.
///
/// How its commands tell clients and requests apart, and what its results look like, is the
/// student's choice; here the lab crate says how to make the one and read the other.
///
/// # The contract
///
/// Clients number their commands. Numbers only ever rise, but they may start anywhere and have gaps,
/// and a client starts a command only after it had the result of the one before. So:
///
/// - A number above all that were seen from this client is a new command: it is executed, and its
///   result returned.
/// - The highest number seen from this client is a repetition: nothing is executed, and the result
///   is the same as the first time.
/// - A lower number is *outdated*: nothing is executed, and what is returned does not matter, since
///   nobody waits for it any more.
pub trait AtMostOnceWrapper<A: Application>: Application {
    /// The wrapper around this application, before any command.
    fn new(application: A) -> Self;

    /// The command in the form in which the wrapper takes it.
    fn command(command: AmoCommand<A::Command>) -> Self::Command;

    /// The application's own result within a wrapped one; `None` where there is none, as there may
    /// be for an outdated command.
    fn result(result: Self::Result) -> Option<A::Result>;
}

/// A command with what tells it from all others: the client that asks, and the command's sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AmoCommand<C> {
    /// Who asks.
    pub client: Address,
    /// The sequence number: which of the client's commands it is. A later command has a higher number.
    pub number: u64,
    /// What is asked.
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
    /// The wrapper around this journal.
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
