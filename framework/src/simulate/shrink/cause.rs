//! How a run breaks, without the values: two runs break in the same way if their causes are equal.

use crate::hosting::NodeFailure;
use crate::simulate::outcome::{RunFailure, Verdict};

/// How a run breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The property with this name is violated.
    Violated(String),
    /// A node fails in this handler, in this way.
    Failed { handler: String, how: String },
    /// A node sends a message to an address without a node.
    UnknownAddress,
    /// A limit of this size is exceeded.
    TooMuch { limit: u64 },
}

impl Cause {
    /// The cause of a verdict. `None` if the run does not break because of the nodes' code.
    pub(super) fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Held | Verdict::Undecided { .. } => None,
            Verdict::Violated(violation) => Some(Self::Violated(violation.property.clone())),
            Verdict::Failed(RunFailure::Scenario(_)) => None,
            Verdict::Failed(RunFailure::Node { handler, failure, .. }) => {
                let how = match failure {
                    // A place in the code says more than a message with values.
                    NodeFailure::Panicked { message, location } => {
                        location.clone().unwrap_or_else(|| message.clone())
                    }
                    NodeFailure::Codec { what, .. } => what.clone(),
                    NodeFailure::Unreadable { .. } => "message".to_owned(),
                    NodeFailure::StateTooLarge { .. } => "state too large".to_owned(),
                    NodeFailure::OutputTooLarge { .. } => "output too large".to_owned(),
                    NodeFailure::ProcessLost { .. } | NodeFailure::NotProvided(_) => return None,
                };
                Some(Self::Failed { handler: handler.clone(), how })
            }
            Verdict::Failed(RunFailure::UnknownAddress { .. }) => Some(Self::UnknownAddress),
            Verdict::Failed(RunFailure::TooMuch { limit, .. }) => {
                Some(Self::TooMuch { limit: *limit })
            }
        }
    }

    /// The property that is violated, if one is.
    pub(super) fn property(&self) -> Option<&str> {
        match self {
            Self::Violated(property) => Some(property),
            _ => None,
        }
    }
}
