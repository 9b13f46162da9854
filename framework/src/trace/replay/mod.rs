//! Replay: follows a saved trace with code that may have changed since.
//!
//! A trace describes events as text, so a replay matches events of the trace with events of the new
//! run: by exact text first, then by sender, receiver and kind of message (`matching`). So a trace survives a new
//! field in a message, and a state with a different `Debug` text.
//!
//! A run of a search is followed event by event (`follow`). If a message is no longer sent, the
//! replay stops and reports that, which is neither failure nor success. A simulated run has time, a
//! network and a scenario, which continue whatever the nodes do. It is rerun with the trace as its
//! script (`script`): messages and timers of the trace are lost, duplicated and delayed as recorded,
//! and the network decides about the others as usual. So the run reaches its end, where its properties
//! are checked, and the replay reports the first difference (`difference`).

mod difference;
mod follow;
mod matching;
mod script;
mod unsupported;

pub use difference::Difference;
pub use follow::{Replayable, replay};
pub(crate) use script::{Arrival, SavedInjection, SavedTampering, Script};
pub(crate) use unsupported::unsupported;

use std::fmt;

use super::{Ending, Trace};

/// The result of a replay.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// Whether the saved failure still occurs.
    pub status: ReplayStatus,
    /// The new run, as far as it went.
    pub trace: Trace,
    /// How many events were matched by kind only, because their text has changed.
    pub changed: usize,
    /// For a simulated run: the first difference from the saved run. In a search, an event that can no
    /// longer happen ends the replay, and the status contains it.
    pub difference: Option<Difference>,
}

/// Whether a saved failure still occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayStatus {
    /// The run fails again.
    Reproduced {
        /// How it fails.
        ending: Ending,
        /// The index of the saved event with which it failed; `None` if it failed at the start.
        event: Option<usize>,
        /// Whether the same property was violated, or the same kind of failure occurred.
        same: bool,
    },
    /// The run was followed to its end and did not fail.
    Fixed {
        /// How many events happened again. In a search, all of them must.
        happened: usize,
        /// The number of the saved trace's events; for a simulated run, the number of its steps.
        events: usize,
    },
    /// The trace can no longer be followed to its end, and the run did not fail before; or so much of
    /// it no longer happens that a run without a failure proves nothing.
    NoLongerApplies {
        /// The index of the first event that cannot happen.
        event: usize,
        /// Why it cannot, and what could happen in its place.
        reason: String,
    },
    /// The saved run contains something that the engines cannot perform, so it was not followed at
    /// all.
    Unsupported {
        /// The index of the first such event.
        event: usize,
        /// What it is, and why it cannot be performed.
        reason: String,
    },
}

impl fmt::Display for ReplayStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reproduced { ending, event, same } => {
                f.write_str("reproduced")?;
                if !same {
                    f.write_str(", but it breaks in another way")?;
                }
                if let Some(event) = event {
                    write!(f, ", with event {}", event + 1)?;
                }
                match ending {
                    Ending::Violated(violation) => write!(f, ": {violation}"),
                    Ending::Failed { reason } => write!(f, ": {reason}"),
                    Ending::Held | Ending::GoalReached { .. } => Ok(()),
                }
            }
            Self::Fixed { happened, events } if happened == events => {
                write!(f, "fixed: all {events} events happened again, and nothing broke")
            }
            Self::Fixed { happened, events } => {
                write!(f, "fixed: {happened} of {events} events happened again, and nothing broke")
            }
            Self::NoLongerApplies { event, reason } => {
                write!(f, "no longer applies at event {}: {reason}", event + 1)
            }
            Self::Unsupported { event, reason } => {
                write!(f, "cannot be replayed, because of event {}: {reason}", event + 1)
            }
        }
    }
}

/// Whether a run failed in the same way as the saved one.
#[must_use]
pub fn is_same(saved: Option<&Ending>, now: &Ending) -> bool {
    match (saved, now) {
        (Some(Ending::Violated(saved)), Ending::Violated(now)) => saved.property == now.property,
        (Some(Ending::Failed { .. }) | None, Ending::Failed { .. }) => true,
        _ => false,
    }
}
