//! A fork server: one sandbox for many processes of a submission. Creating a sandbox takes several
//! times as long as starting a process in it, and a submission needs dozens of processes. So a
//! small program stays in the sandbox and starts processes there on request.
//!
//! ```text
//!   ForkServer::start_nodes --- ForkRequest, two descriptors ---> server::serve, in the sandbox
//!        |                                                              |
//!   a socket and a pipe                                         the launcher, then the program
//!        |                                                              |
//!   ForkedProcess::end <----------- ExitReport ----------------- how it exited
//! ```
//!
//! Each process has its own limits, Landlock rules, user and seccomp filter, as in its own sandbox.
//! All share a read-only view of the files, a network without devices, and one process tree. Because
//! of seccomp, they can only see which process ids of that tree are taken.

mod client;
mod messages;
mod server;

pub use client::ForkServer;

pub(crate) use server::serve;
