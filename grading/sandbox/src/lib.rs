//! Runs untrusted code: one program at a time, confined as well as the machine allows.
//!
//! ```text
//!   Sandbox::probe            what does this machine support? (tested, not assumed)
//!      |
//!   Sandbox::start(&Job)      one program, what it may read, how much it may use
//!      |
//!   bubblewrap or unshare     its own files, processes, network      (where available)
//!      faultlab-confine       limits, Landlock, user, seccomp        (a program limits itself)
//!         the program
//! ```
//!
//! [`ForkServer`] starts many processes of one program in one such sandbox.
//!
//! Two kinds of jobs are predefined: [`Job::nodes`] for a submission's binary, which only computes
//! and communicates over one socket, and [`Job::compiler`] for the compiler that built it. A machine
//! that lacks a mechanism supports a lower [`Tier`]; [`Sandbox::require`] fails if it is too low.
//!
//! The launcher limits itself with safe calls and then becomes the program, so no code runs between
//! a fork and an exec. The only `unsafe` call keeps descriptors from being inherited; it is in its
//! own file.
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
pub use output::CapturedOutput;
pub use policy::{Limits, SystemCalls};
pub use running::{Confined, Finished};
pub use sandbox::{Sandbox, SandboxError, TierTooLow};
pub use tier::{NoSuchTier, Tier};
pub use toolchain::Toolchain;
