//! The history: what clients asked, what they were told, and when.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};

use crate::Address;

/// One operation of a client: a call, and the answer where there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<C, R> {
    /// Who asked.
    pub client: Address,
    /// What was asked.
    pub command: C,
    /// What the answer was. `None`: nobody knows; any result fits.
    pub result: Option<R>,
    /// When the call was made, in any unit that only grows.
    pub called: u64,
    /// When the answer came. `None`: it never did. The operation may have taken effect at any time
    /// after its call, or never.
    pub returned: Option<u64>,
}

/// The operations of a run, checked to be possible: each client asks one thing at a time.
///
/// One operation is before another when it returned at an earlier time than the other was called,
/// or when one client did first the one and then the other. Operations of two clients that only
/// touch (one returns at the very time at which the other is called) count as concurrent, because
/// nobody can tell which came first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<C, R> {
    operations: Vec<Operation<C, R>>,
}

/// Why a list of operations is not a [`History`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// An operation that ends before it begins.
    #[error("{operation} returned before it was called: give the call the earlier time")]
    ReturnBeforeCall {
        /// The operation.
        operation: Box<Named>,
    },
    /// An operation with a result, but without the time at which it came.
    #[error("{operation} has a result but no return time: give the time, or leave out the result")]
    ResultWithoutReturn {
        /// The operation.
        operation: Box<Named>,
    },
    /// Two operations of one client at the same time.
    #[error(
        "{second} was called while {first} of the same client was under way: a client asks one thing at a time; give the two clients different names"
    )]
    Overlap {
        /// The operation that was called first.
        first: Box<Named>,
        /// The operation that was called before the first one returned.
        second: Box<Named>,
    },
    /// Two operations of one client that take no time, at one time: their order is unknown.
    #[error(
        "{first} and {second} of the same client both begin and end at time {time}: nobody can tell their order; is one a duplicate?"
    )]
    Duplicate {
        /// One operation.
        first: Box<Named>,
        /// The other.
        second: Box<Named>,
        /// When both were.
        time: u64,
    },
    /// An answer to a client that has not asked.
    #[error("{client} got the answer {result} but has no call under way")]
    AnswerWithoutCall {
        /// The client.
        client: Address,
        /// The answer.
        result: String,
    },
}

/// An operation in a message: its number, its client, its command and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The operation's number in the list, counting from one.
    pub number: usize,
    /// Who asked.
    pub client: Address,
    /// What was asked, as it prints.
    pub command: String,
    /// When the call was made.
    pub called: u64,
    /// When the answer came, if it did.
    pub returned: Option<u64>,
}

impl Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, client, command, called, returned } = self;
        write!(f, "operation {number} ({client}: {command}, called at {called}, ")?;
        match returned {
            Some(returned) => write!(f, "returned at {returned})"),
            None => write!(f, "never answered)"),
        }
    }
}

impl<C: Debug, R> History<C, R> {
    /// The history of these operations, in any order.
    ///
    /// # Errors
    /// When an operation returns before its call, has a result but no return time, or overlaps with
    /// another of the same client. The error names the operations.
    pub fn new(operations: Vec<Operation<C, R>>) -> Result<Self, HistoryError> {
        let named = |at: usize| {
            let Operation { client, command, called, returned, .. } = &operations[at];
            let command = format!("{command:?}");
            Box::new(Named {
                number: at + 1,
                client: *client,
                command,
                called: *called,
                returned: *returned,
            })
        };
        for (at, operation) in operations.iter().enumerate() {
            if operation.returned.is_some_and(|returned| returned < operation.called) {
                return Err(HistoryError::ReturnBeforeCall { operation: named(at) });
            }
            if operation.result.is_some() && operation.returned.is_none() {
                return Err(HistoryError::ResultWithoutReturn { operation: named(at) });
            }
        }
        let mut order: Vec<usize> = (0..operations.len()).collect();
        order.sort_by_key(|&at| {
            let Operation { client, called, returned, .. } = &operations[at];
            (*client, *called, returned.unwrap_or(u64::MAX))
        });
        for pair in order.windows(2) {
            let (first, second) = (&operations[pair[0]], &operations[pair[1]]);
            if first.client != second.client {
                continue;
            }
            if first.returned.is_none_or(|returned| returned > second.called) {
                return Err(HistoryError::Overlap {
                    first: named(pair[0]),
                    second: named(pair[1]),
                });
            }
            if first.called == second.called && second.returned == Some(second.called) {
                let (first, second) = (named(pair[0].min(pair[1])), named(pair[0].max(pair[1])));
                return Err(HistoryError::Duplicate { time: second.called, first, second });
            }
        }
        Ok(Self { operations })
    }
}

impl<C, R> History<C, R> {
    /// The operations, in the order in which they were given.
    #[must_use]
    pub fn operations(&self) -> &[Operation<C, R>] {
        &self.operations
    }
}

/// Writes a history down while it happens: calls and answers in the order in which they are made.
///
/// Times are the numbers of the events, from zero.
///
/// ```
/// use faultlab::Address;
/// use faultlab::linearizability::Recorder;
///
/// let (alice, bob) = (Address::new("alice"), Address::new("bob"));
/// let mut recorder = Recorder::new();
/// recorder.call(alice, "write 1")?;
/// recorder.call(bob, "read")?;
/// recorder.answer(bob, "1")?;
/// let history = recorder.finish();
/// assert_eq!(history.operations()[0].returned, None);
/// assert_eq!(history.operations()[1].returned, Some(2));
/// # Ok::<(), faultlab::linearizability::HistoryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recorder<C, R> {
    operations: Vec<Operation<C, R>>,
    // Who waits for an answer, and to which operation.
    waiting: BTreeMap<Address, usize>,
    events: u64,
}

impl<C: Debug, R: Debug> Recorder<C, R> {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self { operations: Vec::new(), waiting: BTreeMap::new(), events: 0 }
    }

    /// A client asks.
    ///
    /// # Errors
    /// When its last call is still under way.
    pub fn call(&mut self, client: Address, command: C) -> Result<(), HistoryError> {
        let called = self.events;
        if let Some(&first) = self.waiting.get(&client) {
            let named = |number, command: &C, called| {
                let command = format!("{command:?}");
                Box::new(Named { number, client, command, called, returned: None })
            };
            return Err(HistoryError::Overlap {
                first: named(
                    first + 1,
                    &self.operations[first].command,
                    self.operations[first].called,
                ),
                second: named(self.operations.len() + 1, &command, called),
            });
        }
        self.waiting.insert(client, self.operations.len());
        self.operations.push(Operation { client, command, result: None, called, returned: None });
        self.events += 1;
        Ok(())
    }

    /// A client is answered.
    ///
    /// # Errors
    /// When it has not asked.
    pub fn answer(&mut self, client: Address, result: R) -> Result<(), HistoryError> {
        let Some(at) = self.waiting.remove(&client) else {
            let result = format!("{result:?}");
            return Err(HistoryError::AnswerWithoutCall { client, result });
        };
        self.operations[at].result = Some(result);
        self.operations[at].returned = Some(self.events);
        self.events += 1;
        Ok(())
    }

    /// The command that a client waits for.
    #[must_use]
    pub fn under_way(&self, client: Address) -> Option<&C> {
        self.waiting.get(&client).map(|&at| &self.operations[at].command)
    }

    /// What was recorded; calls without an answer stay unanswered.
    #[must_use]
    pub fn finish(self) -> History<C, R> {
        // The checks of `History::new` hold by construction.
        History { operations: self.operations }
    }
}

impl<C: Debug, R: Debug> Default for Recorder<C, R> {
    fn default() -> Self {
        Self::new()
    }
}
