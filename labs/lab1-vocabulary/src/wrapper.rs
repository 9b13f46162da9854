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

    /// The wrapped form of a command: `client`'s command of this number.
    fn command(client: Address, number: u64, command: A::Command) -> Self::Command;

    /// The application's own result within a wrapped one; `None` where there is none, as there may
    /// be for an outdated command.
    fn result(result: Self::Result) -> Option<A::Result>;
}

/// A command, and the two things that tell it from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Numbered<C> {
    /// Who asks.
    pub client: Address,
    /// Which of the client's commands it is.
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
    type Command = Numbered<Entry>;
    type Result = Option<Receipt>;

    fn execute(&mut self, numbered: Numbered<Entry>) -> Option<Receipt> {
        let Numbered { client, number, command } = numbered;
        W::result(self.wrapper.execute(W::command(client, number, command)))
    }
}
