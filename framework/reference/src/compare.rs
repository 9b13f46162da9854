//! The comparisons, one a file: each takes a seed and says whether engine and reference agree.

mod agreement;
mod protocols;
mod runs;
mod saved;
mod services;
mod staged;

use std::fmt;
use std::panic::catch_unwind;

pub use agreement::Seen;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// Random protocols, searched.
    Protocols,
    /// Random protocols of one or two nodes with many timers, searched.
    Timers,
    /// Searches that start from states found before.
    Staged,
    /// Random services with faults, watched for linearizability.
    Services,
    /// Simulated runs, followed in the reference.
    Runs,
    /// What searches and probes found, saved as a trace, read and followed again.
    Saved,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Protocols, Self::Timers, Self::Staged, Self::Services, Self::Runs, Self::Saved];

    /// Compares what this seed draws.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn compare(self, seed: u64) -> Result<Seen, String> {
        let compare = match self {
            Self::Protocols => protocols::compare,
            Self::Timers => protocols::compare_timers,
            Self::Staged => staged::compare,
            Self::Services => services::compare,
            Self::Runs => runs::compare,
            Self::Saved => saved::compare,
        };
        // An engine that panics is one that differs.
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
            Self::Staged => "staged",
            Self::Services => "services",
            Self::Runs => "runs",
            Self::Saved => "saved",
        })
    }
}
