//! Resource limits of a run. They limit counts, not times, so they are the same on every machine.

/// Limits on a run, or on one step of it. Exceeding one is a failure that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps of nodes in the whole run.
    pub steps_max: u64,
    /// Messages sent in one step.
    pub sends_per_step_max: usize,
    /// Timers set in one step.
    pub timers_per_step_max: usize,
    /// Messages in flight and pending timers, at any time.
    pub pending_max: usize,
    /// The size of one message, in encoded bytes.
    pub message_bytes_max: usize,
}

impl Default for Limits {
    /// Limits far above what any solution of a lab needs.
    fn default() -> Self {
        Self {
            steps_max: 2_000_000,
            sends_per_step_max: 1_000,
            timers_per_step_max: 1_000,
            pending_max: 20_000,
            message_bytes_max: 1 << 20,
        }
    }
}
