//! What the launcher applies to itself before it becomes the confined program.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a confined program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Address space of each process, in bytes.
    pub memory_bytes: u64,
    /// Stack of each process's main thread, in bytes.
    pub stack_bytes: u64,
    /// CPU time of each process, in seconds.
    pub cpu_s: u64,
    /// Size of each file written, in bytes.
    pub file_bytes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// Processes and threads at a time, where that can be counted for the program alone.
    pub processes: u64,
}

/// Which system calls a confined program needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemCalls {
    /// Computing and talking on descriptors that are open already; reading the files it was given. No
    /// threads, no processes, no sockets, no writing of files.
    Nodes,
    /// Whatever a compiler and a linker need: everything but sockets and what changes the system.
    Compiler,
}

/// Files that a program may use; everything else is denied by Landlock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Files and folders to read and execute.
    pub read: Vec<PathBuf>,
    /// Folders to write in.
    pub write: Vec<PathBuf>,
}

/// What the launcher applies to itself, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Limits of resources.
    pub limits: Limits,
    /// Whether the number of processes can be counted for the program alone: it has a user id or a user
    /// namespace of its own.
    pub counts_processes: bool,
    /// Landlock, where the host has it.
    pub files: Option<Files>,
    /// The user and group id to change to.
    pub user: Option<u32>,
    /// seccomp, where the host has it.
    pub system_calls: Option<SystemCalls>,
}
