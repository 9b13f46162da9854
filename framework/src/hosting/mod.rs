//! The hosting boundary: the narrow, object-safe interface through which engines call a student's
//! code.
//!
//! ```text
//!   engine (simulate, search, ...)            knows bytes, addresses and durations
//!        |  Host: construct a node; execute a step, get its effects; query the node
//!   LocalHost (same process)  or  a host in another process
//!        |  HostedNode, NodeKind: typed values in and out of their canonical encoding
//!   the student's Node, Client, Application
//! ```
//!
//! Nothing above the boundary is generic over a student's types. Messages, timers, commands,
//! results and states cross it in their [canonical encoding](crate::codec), which is also their
//! identity. So a run is the same whether or not nodes and engine share a process. Only the thin
//! layer below the boundary is compiled for each submission.

mod bounds;
mod contract;
mod event;
mod failure;
mod guarded;
mod host;
mod kind;
mod node_descriptor;
mod node_provider;
mod output;
mod panics;
pub mod pure;
mod signature;
mod storage_bytes;
mod submission;
mod unknown_address;

pub use bounds::{
    LOG_BYTES_PER_STEP_MAX, OUTPUT_BYTES_MAX, STATE_BYTES_MAX, TEXT_BYTES_MAX, bounded, bounded_to,
    check_output, check_state,
};
pub use event::{Event, Payload};
pub use failure::NodeFailure;
pub use host::{Host, LocalHost};
pub use kind::{HostedNode, Kind, NodeKind};
pub use node_descriptor::NodeDescriptor;
pub use node_provider::NodeProvider;
pub use output::{EncodedEffect, Output, Span};
pub use panics::catch;
pub use signature::{Signature, short_type_name};
pub use storage_bytes::StorageBytes;
pub use submission::Submission;
pub use unknown_address::UnknownAddress;
