//! Nodes out of process: what the engine asks, what a node process answers, and how much of it the
//! engine trusts.
//!
//! ```text
//!   engine                                         node process (one of several)
//!   Simulation, batched runs, search               main: serve(submission, stream)
//!        |  RemoteHost, ProcessPool                      |  LocalHost
//!        |  frames of requests   ----------------------> |
//!        | <----------------------  frames of answers    |
//! ```
//!
//! A frame carries many requests, about nodes of many runs. A lone exchange takes tens of
//! microseconds; each further request in the same frame takes a fraction of one. Runs are told
//! apart by number. Different nodes of one run live in different processes, so that only messages
//! get from one to the other.
//!
//! A node process runs an untrusted submission, so its answers are mere claims. Every length is
//! checked; a malformed frame or a slow answer ends the process; and no bytes can make the engine
//! panic. A submission that lies here gains nothing: its nodes simply behave that way.

mod answer;
mod frame;
mod host;
mod process;
mod process_pool;
mod request;
mod serve;
mod shared;
mod stateless_host;
mod steps;
mod wire;

/// The argument that makes a submission's binary a node process: it [serves](serve_stdin) on its
/// standard input and does nothing else.
pub const SERVE_NODES: &str = "--serve-nodes";

pub use host::RemoteHost;
pub use process::{Connection, Process, ProcessExit, ProcessFailure, ProcessHandle};
pub use process_pool::ProcessPool;
pub(crate) use process_pool::{Answered, FollowUpAnswer};
pub(crate) use request::FollowUp;
pub use serve::serve;
#[cfg(unix)]
pub use serve::{main, serve_stdin};
pub use shared::{SharedHost, SharedProcessPool};
pub use stateless_host::StatelessHost;
pub use steps::RemoteSteps;
