//! The deadline of a search.
//!
//! One round of a search can take long: it calls thousands of handlers and checks thousands of
//! states, all in code that this crate does not control. So a round is divided into pieces, and the
//! search checks the deadline between them. Once the deadline has passed, the rest of the round is
//! skipped, and only the findings of the completed pieces count.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The time at which a search must stop.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    at: Option<Instant>,
    /// The longest time that a piece of work should take before the clock is read again.
    piece: Duration,
    has_passed: AtomicBool,
}

impl Deadline {
    /// Starts the deadline of a search with this time limit. Without a limit, there is no deadline.
    pub(super) fn after(limit: Option<Duration>) -> Self {
        let at = limit.and_then(|limit| Instant::now().checked_add(limit));
        let piece = limit.unwrap_or_default() / 100;
        Self { at, piece, has_passed: AtomicBool::new(false) }
    }

    /// Reads the clock and returns whether the deadline has passed.
    pub(super) fn is_over(&self) -> bool {
        let Some(at) = self.at else { return false };
        if !self.has_passed.load(Relaxed) && Instant::now() >= at {
            self.has_passed.store(true, Relaxed);
        }
        self.has_passed()
    }

    /// Returns whether an earlier call saw that the deadline had passed. Does not read the clock.
    pub(super) fn has_passed(&self) -> bool {
        self.has_passed.load(Relaxed)
    }

    /// Returns whether the next piece of work should be smaller than one that took this long;
    /// `None` without a deadline.
    pub(super) fn is_too_long(&self, took: Duration) -> Option<bool> {
        self.at.map(|_| took > self.piece)
    }
}
