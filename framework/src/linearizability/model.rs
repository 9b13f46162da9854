//! Models: sequential specifications of a service.

use std::fmt::Debug;
use std::hash::Hash;

use crate::Application;

/// A sequential specification: a deterministic state machine that defines the correct results.
///
/// Most users have one already: any [`Application`] becomes a model through [`Sequential`].
pub trait Model: Sync {
    /// The commands.
    type Command: Clone + Debug + Eq + Hash + Send + Sync;
    /// The results.
    type Result: Clone + Debug + Eq + Hash + Send + Sync;
    /// The state between commands.
    type State: Clone + Debug + Eq + Hash + Send;

    /// The state before the first command.
    fn init(&self) -> Self::State;

    /// Executes one command.
    fn step(&self, state: &mut Self::State, command: &Self::Command) -> Self::Result;

    /// The part of the state that a command touches, if it touches only one.
    ///
    /// Commands with different keys must not read or change common state. Then a history is linearizable
    /// exactly if the operations on each key are (*locality*: Herlihy and Wing, "Linearizability", 1990,
    /// theorem 1; *P-compositionality*: Horn and Kroening, 2015), and the keys are checked separately, which
    /// is much faster. `None`: the command may touch the whole state, so no keys can be checked separately.
    fn key(&self, command: &Self::Command) -> Option<String> {
        let _ = command;
        None
    }

    /// Whether a command with this result leaves every state unchanged.
    ///
    /// This is true for a read, and for a compare-and-set that failed. Such an operation is placed as soon
    /// as its result fits, without trying alternatives. `false` is always safe; a wrong `true` is detected
    /// if it matters (see the panics of [`Checker::check`]).
    ///
    /// [`Checker::check`]: super::Checker::check
    fn only_observes(&self, command: &Self::Command, result: &Self::Result) -> bool {
        let _ = (command, result);
        false
    }

    /// An estimate of the heap memory that a state owns, in bytes. It counts toward the memory limit.
    fn heap_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }
}

/// An [`Application`] as a [`Model`].
///
/// ```
/// use faultlab::Address;
/// use faultlab::linearizability::{History, Operation, Sequential, check};
/// # use faultlab::Application;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// # struct Counter { total: u64 }
/// # impl Application for Counter {
/// #     type Command = u64;
/// #     type Result = u64;
/// #     fn execute(&mut self, amount: u64) -> u64 { self.total += amount; self.total }
/// # }
///
/// // Two clients add one each, one after the other, and get the same total.
/// let operation = |client, called| Operation {
///     client: Address::new(client),
///     command: 1,
///     result: Some(1),
///     called,
///     returned: Some(called + 1),
/// };
/// let history = History::new(vec![operation("client1", 0), operation("client2", 5)])?;
/// let verdict = check(&Sequential::new(Counter { total: 0 }), &history);
/// assert!(verdict.is_violation());
/// # Ok::<(), faultlab::linearizability::HistoryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sequential<A: Application> {
    initial: A,
    key: fn(&A::Command) -> Option<String>,
    only_observes: fn(&A::Command, &A::Result) -> bool,
}

impl<A: Application> Sequential<A> {
    /// The model with this initial state. Without [`Sequential::with_key`] and [`Sequential::with_observers`],
    /// it has no keys, and no command counts as a read.
    #[must_use]
    pub fn new(initial: A) -> Self {
        Self { initial, key: |_| None, only_observes: |_, _| false }
    }

    /// Sets [`Model::key`].
    #[must_use]
    pub fn with_key(mut self, key: fn(&A::Command) -> Option<String>) -> Self {
        self.key = key;
        self
    }

    /// Sets [`Model::only_observes`].
    #[must_use]
    pub fn with_observers(mut self, only_observes: fn(&A::Command, &A::Result) -> bool) -> Self {
        self.only_observes = only_observes;
        self
    }
}

impl<A: Application> Model for Sequential<A> {
    type Command = A::Command;
    type Result = A::Result;
    type State = A;

    fn init(&self) -> A {
        self.initial.clone()
    }

    fn step(&self, state: &mut A, command: &A::Command) -> A::Result {
        state.execute(command.clone())
    }

    fn key(&self, command: &A::Command) -> Option<String> {
        (self.key)(command)
    }

    fn only_observes(&self, command: &A::Command, result: &A::Result) -> bool {
        (self.only_observes)(command, result)
    }

    fn heap_bytes(&self, state: &A) -> usize {
        // A state takes about twice the size of its encoding: pointers, capacities, tree nodes.
        crate::codec::encode(state).map_or(0, |bytes| 2 * bytes.len())
    }
}
