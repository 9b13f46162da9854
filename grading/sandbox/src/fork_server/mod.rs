//! A fork server: one sandbox for many processes of a submission. Making a sandbox takes several
//! times as long as starting a process in it, and a submission needs dozens of processes. So a
//! small program stays in the sandbox and starts processes there on request.
//!
//! ```text
//!   ForkServer::start_nodes --- Order, two descriptors ---> inside::serve, in the sandbox
//!        |                                                      |
//!   a socket and a pipe                                   the launcher, then the program
//!        |                                                      |
//!   Started::end        <------------- Report ---------- how it ended
//! ```
//!
//! Each process has its own limits, Landlock rules, user and seccomp filter, as if it had the
//! sandbox to itself. They share a read-only view of the files, a network without devices, and one
//! process tree; seccomp lets them do nothing with the latter but see which process ids are taken.

mod client;
mod messages;
mod server;

pub use client::ForkServer;

pub(crate) use server::serve;
