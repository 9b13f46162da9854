//! Nodes in another process: what a judge asks, what the process answers, and what the judge believes
//! of it.
//!
//! ```text
//!   judge                                          process (one of several)
//!   Simulation, lockstep, search                   main: serve(submission, stream)
//!        |  RemoteHost, Fleet                            |  LocalHost
//!        |  frames of questions  ----------------------> |
//!        | <----------------------  frames of answers    |
//! ```
//!
//! A frame carries many questions, about nodes of many runs: a lone exchange costs tens of
//! microseconds, a further question in the same frame a fraction of one. Nodes of different runs are
//! told apart by the run's number; different nodes of one run live in different processes, so that
//! nothing but a message gets from one to the other.
//!
//! The process belongs to a submission that nobody has read, so its answers are claims: every length
//! is checked, a frame that does not read ends the process, an answer that takes too long does too,
//! and the judge never panics over any bytes. What a submission gains by lying here is what it gains
//! by being written wrongly: its nodes behave that way.

mod answer;
mod ask;
mod fleet;
mod frame;
mod handed;
mod host;
mod process;
mod serve;
mod shared;
mod steps;
mod wire;

/// The argument that puts a submission's binary into nodes mode: it [serves](serve_stdin) on its
/// standard input and does nothing else.
pub const SERVE_NODES: &str = "--serve-nodes";

pub(crate) use ask::Then;
pub use fleet::Fleet;
pub(crate) use fleet::{Answered, Followed};
pub use handed::HandedHost;
pub use host::RemoteHost;
pub use process::{Death, Life, Link, Loss, Process};
pub use serve::serve;
#[cfg(unix)]
pub use serve::{main, serve_stdin};
pub use shared::{SharedFleet, SharedHost};
pub use steps::RemoteSteps;
