//! The comparisons, one per file. Each takes a seed and returns whether engine and reference agree.

mod agreement;
mod explored;
mod faults;
mod progress;
mod protocols;
mod restarts;
mod runs;
mod saved;
mod services;
mod staged;

use std::fmt;
use std::panic::catch_unwind;

pub use agreement::Seen;

/// A kind of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// Searches of random protocols.
    Protocols,
    /// Searches of random protocols with one or two nodes and many timers.
    Timers,
    /// Searches of random protocols that may choose crashes, and the states that are reached with cuts and repairs.
    Faults,
    /// Searches of random protocols that may crash nodes and start them again.
    Restarts,
    /// Searches that start from states that were found before.
    Staged,
    /// Linearizability of random services with faults.
    Services,
    /// Simulated runs, followed in the reference.
    Runs,
    /// Findings of searches and random walks, saved as traces, read and replayed.
    Saved,
    /// Random explorations with actions from outside, and returns to earlier states.
    Explored,
    /// What every fair run of a random protocol must reach.
    Progress,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Protocols,
        Self::Timers,
        Self::Faults,
        Self::Restarts,
        Self::Staged,
        Self::Services,
        Self::Runs,
        Self::Saved,
        Self::Explored,
        Self::Progress,
    ];

    /// Runs the comparison for this seed.
    ///
    /// # Errors
    /// A description of the difference.
    pub fn compare(self, seed: u64) -> Result<Seen, String> {
        let compare = match self {
            Self::Protocols => protocols::compare,
            Self::Timers => protocols::compare_timers,
            Self::Faults => faults::compare,
            Self::Restarts => restarts::compare,
            Self::Staged => staged::compare,
            Self::Services => services::compare,
            Self::Runs => runs::compare,
            Self::Saved => saved::compare,
            Self::Explored => explored::compare,
            Self::Progress => progress::compare,
        };
        // A panic of an engine is a difference.
        catch_unwind(|| compare(seed)).unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().cloned();
            let text =
                text.or_else(|| payload.downcast_ref().map(|text: &&str| (*text).to_owned()));
            Err(format!("a panic: {}", text.unwrap_or_default()))
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocols => "protocols",
            Self::Timers => "timers",
            Self::Faults => "faults",
            Self::Restarts => "restarts",
            Self::Staged => "staged",
            Self::Services => "services",
            Self::Runs => "runs",
            Self::Saved => "saved",
            Self::Explored => "explored",
            Self::Progress => "progress",
        })
    }
}
