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
    /// Messages sent in the whole run.
    pub sends_max: u64,
    /// The size of all messages that are sent in the whole run, in encoded bytes.
    pub sent_bytes_max: u64,
    /// Timers set in the whole run.
    pub timers_max: u64,
    /// The size of what a node has in its stable storage, in encoded bytes, at any time.
    pub storage_bytes_max: usize,
}

impl Default for Limits {
    /// Limits far above what any solution of a lab needs: in lab 1's tests, the reference and the unusual solutions take at
    /// most 5,676 steps in a run, set 4,477 timers and send 3,408 messages of 141,105 bytes in all.
    fn default() -> Self {
        Self {
            steps_max: 100_000,
            sends_per_step_max: 1_000,
            timers_per_step_max: 1_000,
            pending_max: 20_000,
            message_bytes_max: 1 << 20,
            sends_max: 500_000,
            sent_bytes_max: 16 << 20,
            timers_max: 500_000,
            storage_bytes_max: 1 << 20,
        }
    }
}
