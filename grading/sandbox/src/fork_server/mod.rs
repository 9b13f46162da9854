//! One sandbox for many processes of a submission. Making a sandbox takes several times as long as
//! starting a process in it, and a submission needs dozens of processes; so a small program of ours stays
//! in its sandbox, and starts a process there whenever it is told to. (Known as a fork server.)
//!
//! ```text
//!   ForkServer::start_nodes --- Order, two descriptors ---> inside::serve, in the sandbox
//!        |                                                      |
//!   a socket and a pipe                                   the launcher, then the program
//!        |                                                      |
//!   Started::end        <------------- Report ---------- how it ended
//! ```
//!
//! Each process gets limits, Landlock, a user and seccomp of its own, as if it had the sandbox for itself.
//! What they share is that sandbox: a view of the files that nobody can write, a network of nothing, and
//! one set of process numbers, with which seccomp lets them do nothing but see which are taken.

mod inside;
mod messages;
mod outside;

pub use outside::ForkServer;

pub(crate) use inside::serve;
