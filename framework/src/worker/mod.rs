//! The worker boundary: the one narrow, object-safe way in which an engine reaches a student's code.
//!
//! ```text
//!   engine (simulate, search, ...)            knows bytes, addresses and durations
//!        |  Host: make a node; give it an event, get its effects; look at it
//!   LocalHost (same process)  or  a host in another process
//!        |  HostedNode, NodeKind: typed values in and out of their canonical encoding
//!   the student's Node, Client, Application
//! ```
//!
//! Nothing above the boundary is generic over a student's types. Messages, timers, commands,
//! results and states cross it as their [canonical encodings](crate::codec), which are also their
//! identity; so it makes no difference to a run whether node and engine share a process. What is
//! compiled again for each submission is only the thin layer below it.

mod event;
mod failure;
mod guarded;
mod host;
mod kind;
mod output;
mod panics;
mod promise;
pub mod pure;
pub mod remote;
mod submission;

pub use event::{Event, Payload};
pub use failure::NodeFailure;
pub use host::{Host, LocalHost};
pub use kind::{HostedNode, Kind, NodeKind};
pub use output::{EncodedEffect, Output, Span};
pub use submission::Submission;
