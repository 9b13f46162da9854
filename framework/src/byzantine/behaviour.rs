//! The behaviours of Byzantine nodes, as values.

use std::fmt;

use serde::Serialize;

use super::{Change, Script, Twin};
use crate::codec;
use crate::random::Rate;

/// What a Byzantine node does. See the [module](super) for an overview.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// It sends nothing. It still receives, so its timers and its state are those of a node that nobody hears.
    Silent,
    /// After this fraction of its events, it loses its memory, its timers and its stable storage, and starts as new, under
    /// the same name. What it promised before, it no longer knows.
    Amnesia(Rate),
    /// There are two copies of it under one name, and each other node talks to only one of them, as the seed decides.
    /// See [`Behaviour::twin`].
    Twin(Twin),
    /// It tells one half of the other nodes the truth, and changes what it sends to the other half. The seed decides about
    /// the halves. Equal messages change in the same way, so each half hears one story.
    Equivocate(Change),
    /// With this fraction of its messages, it also sends one of its earlier messages again, to any node.
    Replay(Rate),
    /// It changes this fraction of its messages.
    Mutate(Rate, Change),
    /// It sends this fraction of its messages in the name of another node, if the links are not authenticated
    /// ([`FaultModel::may_forge`](crate::FaultModel::may_forge)).
    Spoof(Rate),
    /// It does what the test's author has written.
    Script(Script),
}

impl Behaviour {
    /// [`Behaviour::Twin`], two equal copies.
    #[must_use]
    pub fn twin() -> Self {
        Self::Twin(Twin { arguments: None })
    }

    /// [`Behaviour::Twin`] whose second copy is constructed with other arguments: a sender that broadcasts two values, for
    /// example.
    ///
    /// # Panics
    /// When the arguments cannot be encoded.
    #[must_use]
    pub fn twin_with(arguments: &impl Serialize) -> Self {
        let arguments = codec::encode(arguments).expect("a node's arguments encode");
        Self::Twin(Twin { arguments: Some(arguments) })
    }

    /// The name in traces: `silent`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Amnesia(_) => "amnesia",
            Self::Twin(_) => "twin",
            Self::Equivocate(_) => "equivocate",
            Self::Replay(_) => "replay",
            Self::Mutate(..) => "mutate",
            Self::Spoof(_) => "spoof",
            Self::Script(_) => "script",
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
