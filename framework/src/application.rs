//! The application: the deterministic state machine that a distributed system serves.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;

use crate::node::Value;

/// A deterministic state machine: it executes commands, which change its state and return results.
///
/// Replication relies on the word *deterministic*: two copies that start in the same state and
/// execute the same commands in the same order end in the same state with the same results. So
/// [`execute`] may use nothing but the state and the command: no clock, no randomness, no `HashMap`
/// order, no globals.
///
/// An application also defines correct results: the linearizability checker runs one as its
/// sequential model.
///
/// [`execute`]: Application::execute
///
/// ```
/// use faultlab::Application;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
/// struct Counter {
///     total: u64,
/// }
///
/// impl Application for Counter {
///     type Command = u64;
///     type Result = u64;
///
///     fn execute(&mut self, amount: u64) -> u64 {
///         self.total += amount;
///         self.total
///     }
/// }
///
/// let mut counter = Counter { total: 0 };
/// assert_eq!(counter.execute(2), 2);
/// assert_eq!(counter.execute(3), 5);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an application",
    label = "this needs `impl Application for {Self}`",
    note = "an application derives `Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize` and implements `execute`"
)]
pub trait Application: Clone + Debug + Eq + Hash + Serialize + Send + Sync + 'static {
    // `Deserialize` is required only where a submission is registered. As a supertrait, it would
    // conflict with the bounds that `#[derive(Deserialize)]` puts on a generic wrapper's parameter.

    /// The commands that the application executes.
    type Command: Value;
    /// The results that it returns.
    type Result: Value;

    /// Executes one command: changes the state, returns the result.
    fn execute(&mut self, command: Self::Command) -> Self::Result;
}
