//! Check results.

use std::fmt;

pub use super::search::Cost;

/// Whether a history is linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It is: the model, executing the commands in this order, gives the recorded results.
    Linearizable {
        /// Numbers of operations, from zero. Unanswered operations that are not in it took no effect.
        order: Vec<usize>,
    },
    /// It is not: no order of the operations agrees with the results and with real time.
    NotLinearizable(Violation),
    /// Unknown: the check hit a limit first. This never counts as passed.
    Unknown(Limit),
}

impl CheckResult {
    /// Whether the history is known to be linearizable.
    #[must_use]
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable { .. })
    }

    /// Whether the history is known not to be linearizable.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        matches!(self, Self::NotLinearizable(_))
    }
}

/// Where a history stops being linearizable.
///
/// Everything before the return of the failing operation can be explained. That return cannot: no order
/// of the operations gives the operation its result.
///
/// To find that exact return, operations that were pending then must count as unanswered, which can be
/// harder to decide than the whole history. If that reaches a limit, the operation named here is one that
/// cannot be placed given all results, including later ones. The violation is no less certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The operation that cannot be placed, by its number from zero.
    pub operation: usize,
    /// The key of these operations, if the history was checked by key.
    pub key: Option<String>,
    /// An order of operations that explains everything on that key before the failing return. That is the
    /// longest linearizable prefix of the history.
    pub prefix: Vec<usize>,
}

/// Whether a history is sequentially consistent: the same as linearizable, but with each client's
/// program order instead of real time (Lamport, "How to make a multiprocessor computer that correctly
/// executes multiprocess programs", 1979). Every linearizable history is sequentially consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequentialCheckResult {
    /// It is, in this order of operations (by their numbers from zero).
    SequentiallyConsistent {
        /// Numbers of operations, from zero.
        order: Vec<usize>,
    },
    /// No order agrees with the results and with each client's program order.
    NotSequentiallyConsistent,
    /// Unknown: the check hit a limit first.
    Unknown(Limit),
}

/// The limit that ended a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The time limit.
    Time,
    /// The memory limit.
    Memory,
    /// The limit on configurations.
    Configurations,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "time limit reached",
            Self::Memory => "memory limit reached",
            Self::Configurations => "configuration limit reached",
        })
    }
}
