//! The mechanisms by which this machine may be able to confine a program.

use serde::{Deserialize, Serialize};

use crate::tier::Tier;

/// The mechanisms that confine a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mechanisms {
    pub(super) namespaces: Namespaces,
    pub(super) landlock: bool,
    pub(super) seccomp: bool,
}

/// The program that creates the namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Namespaces {
    /// bubblewrap, started by root: the program gets its own user id.
    BubblewrapAsRoot,
    /// bubblewrap, with a user namespace.
    Bubblewrap,
    /// `unshare`, started by root.
    UnshareAsRoot,
    /// `unshare`, with a user namespace.
    Unshare,
    /// No namespaces.
    None,
}

impl Namespaces {
    /// Whether only root can use it.
    pub(super) fn needs_root(self) -> bool {
        matches!(self, Self::BubblewrapAsRoot | Self::UnshareAsRoot)
    }

    pub(super) fn is_bubblewrap(self) -> bool {
        matches!(self, Self::BubblewrapAsRoot | Self::Bubblewrap)
    }
}

/// All combinations to try, best first.
pub(super) const CANDIDATES: [(Tier, Mechanisms); 8] = [
    (Tier::Bubblewrap, all_with(Namespaces::BubblewrapAsRoot)),
    (Tier::Bubblewrap, all_with(Namespaces::Bubblewrap)),
    (Tier::Namespaces, Mechanisms { landlock: false, ..all_with(Namespaces::BubblewrapAsRoot) }),
    (Tier::Namespaces, Mechanisms { landlock: false, ..all_with(Namespaces::Bubblewrap) }),
    (Tier::Namespaces, all_with(Namespaces::UnshareAsRoot)),
    (Tier::Namespaces, all_with(Namespaces::Unshare)),
    (Tier::Landlock, all_with(Namespaces::None)),
    (Tier::Rlimits, Mechanisms { namespaces: Namespaces::None, landlock: false, seccomp: false }),
];

const fn all_with(namespaces: Namespaces) -> Mechanisms {
    Mechanisms { namespaces, landlock: true, seccomp: true }
}

impl Mechanisms {
    /// Names what distinguishes it from the other combinations.
    pub(super) fn describe(self) -> &'static str {
        match self.namespaces {
            Namespaces::BubblewrapAsRoot if !self.landlock => "bubblewrap, as root, no Landlock",
            Namespaces::BubblewrapAsRoot => "bubblewrap, as root",
            Namespaces::Bubblewrap if !self.landlock => "bubblewrap, no Landlock",
            Namespaces::Bubblewrap => "bubblewrap",
            Namespaces::UnshareAsRoot => "unshare, as root",
            Namespaces::Unshare => "unshare",
            Namespaces::None if self.landlock => "no namespaces",
            Namespaces::None => "limits only",
        }
    }
}
