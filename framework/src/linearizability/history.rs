//! Histories: what clients called, what was returned, and when.

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
    /// The answer. `None` if unknown; then any result fits.
    pub result: Option<R>,
    /// When the call was made, in any unit that only increases.
    pub called: u64,
    /// When the answer came; `None` if never. The operation may have taken effect at any time after
    /// its call, or not at all.
    pub returned: Option<u64>,
}

/// The operations of a run, checked for consistency: each client has one operation at a time.
///
/// One operation is before another if it returned at an earlier time than the other was called, or
/// if one client performed the first and then the second. If two clients' operations only touch
/// (one returns at exactly the time at which the other is called), they count as concurrent,
/// because their order is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<C, R> {
    operations: Vec<Operation<C, R>>,
    /// By operation: how many operations of its client come before it.
    places: Vec<usize>,
}

/// Why a list of operations is not a [`History`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// An operation that ends before it begins.
    #[error("{operation} returned before it was called: swap the times")]
    ReturnBeforeCall {
        /// The operation.
        operation: Box<Named>,
    },
    /// An operation with a result, but without the time at which it came.
    #[error("{operation} has a result but no return time: add the time, or remove the result")]
    ResultWithoutReturn {
        /// The operation.
        operation: Box<Named>,
    },
    /// Two operations of one client at the same time.
    #[error(
        "{second} was called while {first} of the same client was pending: a client has one operation at a time; give the clients different names"
    )]
    Overlap {
        /// The operation that was called first.
        first: Box<Named>,
        /// The operation that was called before the first one returned.
        second: Box<Named>,
    },
    /// Two operations of one client that take no time, at one time: their order is unknown.
    #[error(
        "{first} and {second} of the same client both start and end at time {time}, so their order is unknown; is one a duplicate?"
    )]
    Duplicate {
        /// One operation.
        first: Box<Named>,
        /// The other.
        second: Box<Named>,
        /// When both were.
        time: u64,
    },
    /// Operations of one client that are not given in the client's order.
    #[error(
        "{second} was called before {first}, which comes before it in the list: give the operations of each client in the order in which the client did them"
    )]
    OutOfOrder {
        /// The operation that comes first in the list.
        first: Box<Named>,
        /// The operation that was called before that one.
        second: Box<Named>,
    },
    /// An answer to a client that has not asked.
    #[error("{client} got the answer {result} without a pending call")]
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
    /// The times alone say in which order each client did its operations. Where the list says it, use
    /// [`History::in_client_order`], which accepts more.
    ///
    /// # Errors
    /// When an operation returns before its call, has a result but no return time, or overlaps with
    /// another of the same client; and when two operations of one client take no time at one time.
    /// The error names the operations.
    pub fn new(operations: Vec<Operation<C, R>>) -> Result<Self, HistoryError> {
        check_each(&operations)?;
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
                    first: named(&operations, pair[0]),
                    second: named(&operations, pair[1]),
                });
            }
            if first.called == second.called && second.returned == Some(second.called) {
                let (first, second) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
                return Err(HistoryError::Duplicate {
                    time: operations[second].called,
                    first: named(&operations, first),
                    second: named(&operations, second),
                });
            }
        }
        let places = places(&operations, order);
        Ok(Self { operations, places })
    }

    /// The history of these operations, where each client's operations stand in the order in which the
    /// client did them. The operations of different clients may be mixed in any way.
    ///
    /// So a client may do several things at one instant, as it does in a simulation when it knows the
    /// answers: the list says which was first.
    ///
    /// # Errors
    /// When an operation returns before its call, has a result but no return time, or was called before
    /// the operation of the same client that stands before it in the list had returned. The error names
    /// the operations.
    pub fn in_client_order(operations: Vec<Operation<C, R>>) -> Result<Self, HistoryError> {
        check_each(&operations)?;
        let mut latest: BTreeMap<Address, usize> = BTreeMap::new();
        for (second, operation) in operations.iter().enumerate() {
            let Some(first) = latest.insert(operation.client, second) else { continue };
            let before = &operations[first];
            if operation.called < before.called {
                return Err(HistoryError::OutOfOrder {
                    first: named(&operations, first),
                    second: named(&operations, second),
                });
            }
            if before.returned.is_none_or(|returned| returned > operation.called) {
                return Err(HistoryError::Overlap {
                    first: named(&operations, first),
                    second: named(&operations, second),
                });
            }
        }
        let places = places(&operations, 0..operations.len());
        Ok(Self { operations, places })
    }
}

/// Checks what an operation must be by itself.
fn check_each<C: Debug, R>(operations: &[Operation<C, R>]) -> Result<(), HistoryError> {
    for (at, operation) in operations.iter().enumerate() {
        if operation.returned.is_some_and(|returned| returned < operation.called) {
            return Err(HistoryError::ReturnBeforeCall { operation: named(operations, at) });
        }
        if operation.result.is_some() && operation.returned.is_none() {
            return Err(HistoryError::ResultWithoutReturn { operation: named(operations, at) });
        }
    }
    Ok(())
}

/// By operation: how many of its client come before it, when each client did its own in this order.
fn places<C, R>(
    operations: &[Operation<C, R>],
    order: impl IntoIterator<Item = usize>,
) -> Vec<usize> {
    let mut places = vec![0; operations.len()];
    let mut counts: BTreeMap<Address, usize> = BTreeMap::new();
    for at in order {
        let count = counts.entry(operations[at].client).or_default();
        places[at] = *count;
        *count += 1;
    }
    places
}

/// An operation of a list, for a message.
fn named<C: Debug, R>(operations: &[Operation<C, R>], at: usize) -> Box<Named> {
    let Operation { client, command, called, returned, .. } = &operations[at];
    let command = format!("{command:?}");
    Box::new(Named {
        number: at + 1,
        client: *client,
        command,
        called: *called,
        returned: *returned,
    })
}

impl<C, R> History<C, R> {
    /// The operations, in the order in which they were given.
    #[must_use]
    pub fn operations(&self) -> &[Operation<C, R>] {
        &self.operations
    }

    /// Sorts numbers of operations by time. At equal times it depends on the clients' names and on each
    /// client's own order alone, and not on the list. An operation comes after all that its client did
    /// before.
    pub(super) fn sort_by_time(&self, numbers: &mut [usize]) {
        numbers.sort_unstable_by_key(|&number| self.time_key(number));
    }

    /// Sorts numbers of operations by client, and those of one client in its order.
    pub(super) fn sort_by_client(&self, numbers: &mut [usize]) {
        numbers
            .sort_unstable_by_key(|&number| (self.operations[number].client, self.places[number]));
    }

    fn time_key(&self, number: usize) -> (u64, u64, Address, usize) {
        let Operation { client, called, returned, .. } = &self.operations[number];
        (*called, returned.unwrap_or(u64::MAX), *client, self.places[number])
    }

    /// Whether these numbers are sorted as [`History::sort_by_time`] sorts.
    pub(super) fn is_sorted_by_time(&self, numbers: &[usize]) -> bool {
        numbers.is_sorted_by_key(|&number| self.time_key(number))
    }
}

/// Records a history as it happens: calls and answers in the order in which they are made.
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
        // The checks of `History::in_client_order` hold by construction.
        let places = places(&self.operations, 0..self.operations.len());
        History { operations: self.operations, places }
    }
}

impl<C: Debug, R: Debug> Default for Recorder<C, R> {
    fn default() -> Self {
        Self::new()
    }
}
