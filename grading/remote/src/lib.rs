//! Nodes out of process: the engine sends requests, and node processes send answers, which the engine
//! does not trust.
//!
//! ```text
//!   engine                                         node process (one of several)
//!   Simulation, batched runs, search               main: serve(submission, stream)
//!        |  RemoteHost, ProcessPool                      |  LocalHost
//!        |  frames of requests   ----------------------> |
//!        | <----------------------  frames of answers    |
//! ```
//!
//! The engines do no I/O. This crate provides the nodes through their interfaces: a simulation says what
//! it needs next and takes in the results ([`Simulation`](faultlab::simulate::Simulation)), a
//! [`Host`](faultlab::hosting::Host) holds the nodes of one run, and
//! [`PureSteps`](faultlab::hosting::pure::PureSteps) computes the steps of a search.
//!
//! A frame contains many requests, about nodes of many runs. An exchange with one request takes tens of
//! microseconds; each further request in the same frame takes a fraction of one. Runs have numbers.
//! Different nodes of one run are in different processes, so that they can communicate only by messages.
//!
//! A node process runs an untrusted submission, so its answers are untrusted too. Every length is
//! checked; a malformed frame or a slow answer ends the process; and no bytes can make the engine
//! panic. A submission gains nothing by false answers: they only define how its nodes behave.

mod answer;
mod batched_runs;
mod exchange;
mod exit;
mod frame;
mod host;
mod process;
mod process_pool;
mod render;
mod request;
mod run_log;
mod serve;
mod shared;
mod stateless_host;
mod steps;

/// The argument that makes a submission's binary a node process: it [serves](serve_stdin) on its
/// standard input and does nothing else.
pub const SERVE_NODES: &str = "--serve-nodes";

pub use batched_runs::{Logging, RunCompletion, run_batched};
pub use exit::{ProcessExit, ProcessFailure};
pub use frame::{FRAME_BYTES_MAX, FrameError, FrameReader, FrameWriter};
pub use host::RemoteHost;
pub use process::{Connection, Process, ProcessHandle};
pub use process_pool::ProcessPool;
pub use run_log::{RunLog, record_from_logs, rerun};
pub use serve::{main, serve, serve_stdin};
pub use shared::{SharedHost, SharedProcessPool};
pub use stateless_host::StatelessHost;
pub use steps::RemoteSteps;
