//! Check results.

use std::fmt;

pub use super::search::Cost;

/// Whether a history is linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It is: the model, given the commands in this order, answers every client as recorded.
    Linearizable {
        /// Numbers of operations, from zero. Unanswered operations that are not in it took no effect.
        order: Vec<usize>,
    },
    /// It is not: no order of the operations agrees with the answers and with real time.
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
/// Everything that happened before the failing operation returned can be explained. Its return
/// cannot: no order of the operations lets it return what it did.
///
/// To find that exact return, pending calls must count as unanswered, which can be harder to decide
/// than the whole. If that hits a limit, the operation named is one that cannot be placed given all
/// results, including later ones. The result is no less certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The operation that cannot be placed, by its number from zero.
    pub operation: usize,
    /// The key that the operations concerned have in common, if the history was checked by key.
    pub key: Option<String>,
    /// An order of operations that explains everything on that key before the failing return: the
    /// longest prefix of the history that is linearizable.
    pub prefix: Vec<usize>,
}

/// Whether a history is sequentially consistent: the same, with each client's own order in the
/// place of real time (Lamport, "How to make a multiprocessor computer that correctly executes
/// multiprocess programs", 1979). Every linearizable history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequentialCheckResult {
    /// It is, in this order of operations (by their numbers from zero).
    SequentiallyConsistent {
        /// Numbers of operations, from zero.
        order: Vec<usize>,
    },
    /// No order agrees with the answers and with the order in which each client asked.
    NotSequentiallyConsistent,
    /// Nobody knows: the check ran into a limit first.
    Unknown(Limit),
}

/// Which limit ended a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The time given was over.
    Time,
    /// The memory given was used up.
    Memory,
    /// The number of configurations given was visited.
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
