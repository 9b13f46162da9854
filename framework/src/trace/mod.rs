//! Traces: one run, event by event, as a value that every engine writes and every tool reads.
//!
//! A trace consists of a header, the events in order, and how the run ended. On disk it is text:
//! one JSON document per line, header first (see [`mod@file`]). If a run kills its process, the file
//! contains everything up to that event.
//!
//! A trace contains `Debug` texts of messages, timers and states for people, and for tools the ids that
//! connect each delivery with its sent message, so that the run can be replayed. It does not contain
//! encoded states, so it survives changes to a student's types as long as the run itself still applies.

mod bounds;
pub(crate) mod builder;
pub mod causality;
mod clues;
mod compare;
pub mod culprit;
mod event;
pub mod file;
mod growth;
mod header;
mod hex;
pub mod html;
mod recorder;
mod reduction;
mod repetition;
pub mod replay;
pub mod show;

pub use clues::Clue;
pub use compare::{Divergence, Divergent};
pub use event::{
    CopyKind, EventKind, Fate, Forger, Incarnation, MessageId, Misbehaviour, Provenance,
    SentMessage, SetTimer, StorageFate, StorageOperation, StorageWrite, StoredItem, TimerId,
    TraceEvent, WriteId,
};
pub use header::{Engine, Header, Origin};
pub use recorder::{JournalRecorder, MemoryRecorder, Recorder};
pub use reduction::Reduction;

use serde::{Deserialize, Serialize};

use crate::property::Violation;

/// The version of the format that this library writes.
pub const VERSION: u32 = 2;

/// A recorded run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What ran.
    pub header: Header,
    /// What happened, in order.
    pub events: Vec<TraceEvent>,
    /// How it ended; `None` if the run was cut off, for example because its process died.
    pub ending: Option<Ending>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Every property held.
    Held,
    /// A goal was reached.
    GoalReached {
        /// The goal's name.
        goal: String,
    },
    /// A property was violated.
    Violated(Violation),
    /// A node or the run itself failed.
    Failed {
        /// A description of the failure.
        reason: String,
    },
}
