//! The deadline of a search: looked at often enough that a search stops within a small part of its time.
//!
//! A round of a search can take long: thousands of handlers are called in it and thousands of states judged, by
//! code that somebody else wrote. So the deadline is looked at between pieces of that work. Once it has passed,
//! what is left of the round is not done, and nothing of the round counts but what it found.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// When a search has to stop.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    at: Option<Instant>,
    /// The longest that a piece of work should take before the clock is looked at again.
    piece: Duration,
    has_passed: AtomicBool,
}

impl Deadline {
    /// The deadline of a search that starts now and may take this long; without a limit, there is none.
    pub(super) fn after(limit: Option<Duration>) -> Self {
        let at = limit.and_then(|limit| Instant::now().checked_add(limit));
        let piece = limit.unwrap_or_default() / 100;
        Self { at, piece, has_passed: AtomicBool::new(false) }
    }

    /// Whether it has passed. Looks at the clock.
    pub(super) fn is_over(&self) -> bool {
        let Some(at) = self.at else { return false };
        if !self.has_passed.load(Relaxed) && Instant::now() >= at {
            self.has_passed.store(true, Relaxed);
        }
        self.has_passed()
    }

    /// Whether somebody has seen that it has passed. Does not look at the clock.
    pub(super) fn has_passed(&self) -> bool {
        self.has_passed.load(Relaxed)
    }

    /// Whether a piece of work that took this long should be smaller next time; `None` when there is no deadline.
    pub(super) fn is_too_long(&self, took: Duration) -> Option<bool> {
        self.at.map(|_| took > self.piece)
    }
}
