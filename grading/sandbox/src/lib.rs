//! Runs code that nobody has read: one program at a time, confined as far as the host can.
//!
//! ```text
//!   Sandbox::probe            what can this host do? (tried, not assumed)
//!      |
//!   Sandbox::start(&Job)      one program, what it may see, how much it may use
//!      |
//!   bubblewrap or unshare     its own files, processes, network      (where the host has them)
//!      faultlab-confine       limits, Landlock, user, seccomp        (applied by a program to itself)
//!         the program
//! ```
//!
//! [`ForkServer`] starts many processes of one program in one such sandbox.
//!
//! Two kinds of jobs are made ready: [`Job::nodes`] for a submission's binary, which only computes and
//! talks on one socket, and [`Job::compiler`] for the compiler that built it. A host that lacks
//! something gives a lower [`Tier`]; whoever needs a better one says so with [`Sandbox::require`].
//!
//! The launcher limits itself by safe calls and then becomes the program; nothing runs between a fork
//! and an exec. One call, which keeps descriptors from being inherited, is `unsafe`, in a file of its
//! own.
#![cfg(target_os = "linux")]

mod descriptors;
mod fork_server;
mod job;
mod launcher;
mod mounts;
mod output;
mod policy;
mod running;
mod sandbox;
mod seccomp;
mod self_test;
mod tier;
mod toolchain;

pub use fork_server::ForkServer;
pub use job::Job;
pub use launcher::main as launcher_main;
pub use output::Printed;
pub use policy::{Limits, SystemCalls};
pub use running::{Confined, Ended, Finished};
pub use sandbox::{Sandbox, SandboxError, TierTooLow};
pub use tier::{NoSuchTier, Tier};
pub use toolchain::Toolchain;
