//! Replay: following a saved trace again in a system whose code may have changed since.
//!
//! A trace says what happened in texts, so following it is a matter of matching: an event of the trace
//! is matched with what happens now, by exact text first, then by sender, receiver and the name of the message's
//! kind. So a trace survives a new field in a message, or a state that looks different.
//!
//! A run of a search is followed event by event (`follow`). It does not survive a message that is no longer sent,
//! and then says so: that is neither a failure nor a success. A simulated run has time, a network and a scenario
//! that go on whatever the nodes do; it is run again with the trace as its script (`script`): what the trace
//! knows is lost, doubled and delayed as it was then, and for the rest the network decides as it always does. So it
//! comes to its end, where its properties are checked, and says where it first differs (`difference`).

mod difference;
mod follow;
mod script;

pub use difference::Difference;
pub use follow::{Replayable, replay};
pub(crate) use script::{Arrival, Script};

use std::fmt;

use super::show::variant;
use super::{Ending, Trace};

/// What came of following a trace again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The verdict.
    pub verdict: Verdict,
    /// The new run, as far as it went.
    pub trace: Trace,
    /// How many events were matched by the name of their kind only, as their text has changed.
    pub changed: usize,
    /// Of a simulated run: where the new run first differs from the saved one. In a search what cannot happen
    /// as it did ends the replay, and the verdict says so.
    pub difference: Option<Difference>,
}

/// Whether a saved failure is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The run breaks again.
    Reproduced {
        /// How.
        ending: Ending,
        /// The index of the saved trace's event with which it broke; `None` when it broke at the start.
        event: Option<usize>,
        /// Whether it is the property of the saved trace that broke, or the same kind of failure.
        same: bool,
    },
    /// The run was followed to its end, and nothing broke.
    Fixed {
        /// How many of them happened again. In a search they all have to.
        happened: usize,
        /// The number of the saved trace's events; of a simulated run, of the steps that its nodes took.
        events: usize,
    },
    /// The trace cannot be followed to its end any more, and nothing had broken until there; or so much of it
    /// is gone that a run in which nothing breaks says nothing about it.
    NoLongerApplies {
        /// The index of the first event that cannot happen.
        event: usize,
        /// Why it cannot, and what could happen in its place.
        reason: String,
    },
}

impl fmt::Display for Verdict {
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
        }
    }
}

/// What kind of message or timer a text is, by the names that it starts with: `Paxos(Vote` of
/// `Paxos(Vote { ballot: 3 })`.
fn kind_of(text: &str) -> &str {
    let mut end = variant(text).len();
    while let Some(inner) = text[end..].strip_prefix('(')
        && inner.starts_with(|first: char| first.is_uppercase())
    {
        end += 1 + variant(inner).len();
    }
    &text[..end]
}

/// Whether a run broke in the way in which the saved one did.
#[must_use]
pub fn is_same(saved: Option<&Ending>, now: &Ending) -> bool {
    match (saved, now) {
        (Some(Ending::Violated(saved)), Ending::Violated(now)) => saved.property == now.property,
        (Some(Ending::Failed { .. }) | None, Ending::Failed { .. }) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_from_the_names_in_front() {
        assert_eq!(kind_of("Paxos(Vote { ballot: 3 })"), "Paxos(Vote");
        assert_eq!(kind_of("Reply(1, Ok)"), "Reply");
        assert_eq!(kind_of("Tick"), "Tick");
        assert_eq!(kind_of("(1, 2)"), "");
    }
}
