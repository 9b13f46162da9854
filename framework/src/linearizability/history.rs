//! Histories: the operations of clients, with their results and times.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};

use crate::Address;

/// One operation of a client: a call, and its result if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<C, R> {
    /// The client.
    pub client: Address,
    /// The command.
    pub command: C,
    /// The result. `None` if unknown; then any result fits.
    pub result: Option<R>,
    /// The time of the call, in any unit.
    pub called: u64,
    /// The time of the return; `None` if it never returned. Then the operation may have taken effect at any
    /// time after its call, or not at all.
    pub returned: Option<u64>,
}

/// The operations of a run, checked for consistency: each client has one operation at a time.
///
/// One operation is before another if it returned before the other was called, or if the same client
/// performed the one and then the other. If an operation of one client returns at exactly the time at
/// which an operation of another client is called, they count as concurrent, because their order is
/// unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<C, R> {
    operations: Vec<Operation<C, R>>,
    /// For each operation, the number of earlier operations of its client.
    ordinals: Vec<usize>,
}

/// Why a list of operations is not a [`History`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// An operation returned before its call.
    #[error("{operation} returned before it was called: swap the times")]
    ReturnBeforeCall {
        /// The operation.
        operation: Box<Named>,
    },
    /// An operation has a result but no return time.
    #[error("{operation} has a result but no return time: add the time, or remove the result")]
    ResultWithoutReturn {
        /// The operation.
        operation: Box<Named>,
    },
    /// Two operations of one client overlap.
    #[error(
        "{second} was called while {first} of the same client was pending: a client has one operation at a time; give the clients different names"
    )]
    Overlap {
        /// The operation that was called first.
        first: Box<Named>,
        /// The operation that was called before the first one returned.
        second: Box<Named>,
    },
    /// Two operations of one client start and end at the same time, so their order is unknown.
    #[error(
        "{first} and {second} of the same client both start and end at time {time}, so their order is unknown; is one a duplicate?"
    )]
    Duplicate {
        /// One operation.
        first: Box<Named>,
        /// The other.
        second: Box<Named>,
        /// The time of both.
        time: u64,
    },
    /// The operations of one client are not given in the client's order.
    #[error(
        "{second} was called before {first}, which comes before it in the list: give the operations of each client in the order in which the client did them"
    )]
    OutOfOrder {
        /// The operation that comes first in the list.
        first: Box<Named>,
        /// The operation that was called before that one.
        second: Box<Named>,
    },
    /// A client got an answer without a pending call.
    #[error("{client} got the answer {result} without a pending call")]
    AnswerWithoutCall {
        /// The client.
        client: Address,
        /// The answer.
        result: String,
    },
}

/// An operation in an error message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The operation's number in the list, counting from one.
    pub number: usize,
    /// The client.
    pub client: Address,
    /// The command as text.
    pub command: String,
    /// The time of the call.
    pub called: u64,
    /// The time of the return, if it returned.
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
    /// The history of these operations, which may be in any order.
    ///
    /// The order of each client's operations is taken from their times. If the list is in that order, use
    /// [`History::in_client_order`], which accepts more histories.
    ///
    /// # Errors
    /// If an operation returns before its call, has a result but no return time, or overlaps with another
    /// of the same client; or if two operations of one client start and end at the same time. The error
    /// names the operations.
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
        let ordinals = ordinals(&operations, order);
        Ok(Self { operations, ordinals })
    }

    /// The history of these operations, where the operations of each client are in the order in which it
    /// performed them. The operations of different clients may be interleaved in any way.
    ///
    /// So a client may perform several operations at one instant, as a simulated client does if it knows
    /// the results: their order is the order of the list.
    ///
    /// # Errors
    /// If an operation returns before its call, has a result but no return time, or was called before the
    /// previous operation of the same client in the list returned. The error names the operations.
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
        let ordinals = ordinals(&operations, 0..operations.len());
        Ok(Self { operations, ordinals })
    }
}

/// Checks each operation alone.
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

/// For each operation, the number of earlier operations of its client, if each client performed its
/// operations in this order.
fn ordinals<C, R>(
    operations: &[Operation<C, R>],
    order: impl IntoIterator<Item = usize>,
) -> Vec<usize> {
    let mut ordinals = vec![0; operations.len()];
    let mut counts: BTreeMap<Address, usize> = BTreeMap::new();
    for at in order {
        let count = counts.entry(operations[at].client).or_default();
        ordinals[at] = *count;
        *count += 1;
    }
    ordinals
}

/// An operation of a list, for an error message.
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

    /// Sorts numbers of operations by time. At equal times, the order depends only on the clients' addresses
    /// and on each client's order, not on the list. An operation comes after all earlier ones of its client.
    pub(super) fn sort_by_time(&self, numbers: &mut [usize]) {
        numbers.sort_unstable_by_key(|&number| self.time_key(number));
    }

    /// Sorts numbers of operations by client, and those of each client in its order.
    pub(super) fn sort_by_client(&self, numbers: &mut [usize]) {
        numbers.sort_unstable_by_key(|&number| {
            (self.operations[number].client, self.ordinals[number])
        });
    }

    fn time_key(&self, number: usize) -> (u64, u64, Address, usize) {
        let Operation { client, called, returned, .. } = &self.operations[number];
        (*called, returned.unwrap_or(u64::MAX), *client, self.ordinals[number])
    }

    /// Whether these numbers are in the order of [`History::sort_by_time`].
    pub(super) fn is_sorted_by_time(&self, numbers: &[usize]) -> bool {
        numbers.is_sorted_by_key(|&number| self.time_key(number))
    }
}

/// Records a history as it happens: calls and answers, in their order.
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
    // The clients with a pending call, and the number of its operation.
    waiting: BTreeMap<Address, usize>,
    events: u64,
}

impl<C: Debug, R: Debug> Recorder<C, R> {
    /// A recorder of an empty history.
    #[must_use]
    pub fn new() -> Self {
        Self { operations: Vec::new(), waiting: BTreeMap::new(), events: 0 }
    }

    /// Records that a client calls a command.
    ///
    /// # Errors
    /// If its last call is still pending.
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

    /// Records that a client gets a result.
    ///
    /// # Errors
    /// If it has no pending call.
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

    /// The recorded history. Pending calls stay unanswered.
    #[must_use]
    pub fn finish(self) -> History<C, R> {
        // By construction, this satisfies the checks of `History::in_client_order`.
        let ordinals = ordinals(&self.operations, 0..self.operations.len());
        History { operations: self.operations, ordinals }
    }
}

impl<C: Debug, R: Debug> Default for Recorder<C, R> {
    fn default() -> Self {
        Self::new()
    }
}
