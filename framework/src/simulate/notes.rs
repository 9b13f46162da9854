//! What a recorder must know about a run beyond its steps.

use super::event_queue::InFlight;
use crate::Address;
use crate::trace::{Fate, Incarnation, MessageId, TimerId, WriteId};

/// Notes for a recorder.
#[derive(Debug, Default)]
pub(super) struct RecorderNotes {
    /// The messages that the last step sent, with their fates.
    pub(super) sent: Vec<(MessageId, Fate)>,
    /// The timers that the last step set.
    pub(super) timers: Vec<TimerId>,
    /// The writes of the last step.
    pub(super) writes: Vec<WriteId>,
    /// If its node crashed within the last step: after how many effects.
    pub(super) interrupted_after: Option<u32>,
    /// Events that are not steps, in order, each with its time.
    pub(super) happened: Vec<(u64, SideEvent)>,
}

/// A message that nobody sent, when it is given to the network.
#[derive(Debug)]
pub(super) struct Injection {
    pub(super) id: MessageId,
    /// The slot of the sender that it names.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) replays: Option<MessageId>,
}

/// An event that is not a step.
#[derive(Debug)]
pub(super) enum SideEvent {
    Lost { message: InFlight, bytes: Vec<u8>, reason: &'static str },
    Returned { slot: usize, result: Vec<u8> },
    Crashed(Address, Incarnation),
    Injected(Injection),
    Network(String),
}
