//! Tiers: how well a machine can confine a program, from the weakest to the strongest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How well a program is confined. A higher tier includes everything of a lower one.
///
/// | tier | files | network | processes | memory, time, file sizes |
/// |---|---|---|---|---|
/// | `rlimits` | everything that the grader may read | allowed | may be started, may outlive the run | limited |
/// | `landlock+seccomp+rlimits` | only the given ones | denied | none for nodes | limited |
/// | `namespaces+seccomp` | only the given ones | own network without devices | own process tree, killed as one | limited |
/// | `bubblewrap+landlock+seccomp` | own file system with only the given ones, and Landlock | the same | the same, and no `/proc` | limited |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// Limits on memory, time, files and processes only.
    #[serde(rename = "rlimits")]
    Rlimits,
    /// Limits, Landlock for files and network, seccomp for system calls.
    #[serde(rename = "landlock+seccomp+rlimits")]
    Landlock,
    /// Namespaces and seccomp, with files restricted by bubblewrap or by Landlock.
    #[serde(rename = "namespaces+seccomp")]
    Namespaces,
    /// All mechanisms.
    #[serde(rename = "bubblewrap+landlock+seccomp")]
    Bubblewrap,
}

impl Tier {
    /// All tiers, the best one first.
    pub const ALL: [Self; 4] = [Self::Bubblewrap, Self::Namespaces, Self::Landlock, Self::Rlimits];

    /// The tier's name, as users write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rlimits => "rlimits",
            Self::Landlock => "landlock+seccomp+rlimits",
            Self::Namespaces => "namespaces+seccomp",
            Self::Bubblewrap => "bubblewrap+landlock+seccomp",
        }
    }

    /// Describes the tier in a sentence.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Rlimits => {
                "only memory, time and file sizes are limited: a submission can read what the grader can read, \
                 use the network, and leave processes behind"
            }
            Self::Landlock => {
                "submissions see only the files they are given, have no network, and cannot start \
                 processes or threads; memory, time and file sizes are limited"
            }
            Self::Namespaces => {
                "submissions have their own process tree and network, see only the files they are given, and can \
                 make few system calls; memory, time and file sizes are limited"
            }
            Self::Bubblewrap => {
                "submissions have their own file system, process tree and network, Landlock on top, and few \
                 system calls; memory, time and file sizes are limited"
            }
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no tier with this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no sandbox tier `{0}`; tiers, strongest first: {all}", all = names())]
pub struct NoSuchTier(String);

fn names() -> String {
    Tier::ALL.map(Tier::name).join(", ")
}

impl FromStr for Tier {
    type Err = NoSuchTier;

    fn from_str(text: &str) -> Result<Self, NoSuchTier> {
        let named = Self::ALL.into_iter().find(|tier| tier.name() == text);
        named.ok_or_else(|| NoSuchTier(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_tiers_are_ordered() {
        for tier in Tier::ALL {
            assert_eq!(tier.name().parse(), Ok(tier));
        }
        assert!(Tier::ALL.is_sorted_by(|better, worse| better > worse));
        let error = "jail".parse::<Tier>().unwrap_err().to_string();
        assert!(error.starts_with("no sandbox tier `jail`; tiers, strongest first: bub"));
    }
}
