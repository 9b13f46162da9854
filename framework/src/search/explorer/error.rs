//! Why an explorer cannot start or go on.

use super::Obstacle;
use crate::search::HandlerFailure;

/// Why an [`Explorer`](super::Explorer) cannot start or perform an event.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExplorerError {
    /// A node's code failed.
    #[error("{} {}", .0.node, .0.failure)]
    Failed(Box<HandlerFailure>),
    /// The search's start state does not fit its system or its monitor.
    #[error("{0}")]
    InvalidStart(String),
    /// An event is not possible in the current state.
    #[error("this cannot happen now: {event} ({obstacle})")]
    NotPossible {
        /// The event in words.
        event: String,
        /// Why it is not possible.
        obstacle: Obstacle,
    },
}
