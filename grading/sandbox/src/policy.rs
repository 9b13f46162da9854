//! Policies: the restrictions that the launcher applies to itself before it becomes the confined program.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Resource limits of a confined program.
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
    /// Processes and threads at a time, if they can be counted for this program alone.
    pub processes: u64,
}

/// The system calls that a confined program needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemCalls {
    /// Computing, communicating over open descriptors, and reading the given files. No threads,
    /// processes, sockets or file writes.
    Nodes,
    /// Everything that a compiler and a linker need: no sockets and no changes to the system.
    Compiler,
}

/// The files that a program may use; Landlock denies everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Files and folders to read and execute.
    pub read: Vec<PathBuf>,
    /// Folders to write in.
    pub write: Vec<PathBuf>,
}

/// The restrictions that the launcher applies to itself, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Resource limits.
    pub limits: Limits,
    /// Whether processes can be counted for this program alone, because it has its own user id or
    /// user namespace.
    pub counts_processes: bool,
    /// Landlock rules, if available.
    pub files: Option<Files>,
    /// The user and group id to change to.
    pub user: Option<u32>,
    /// The seccomp filter, if available.
    pub system_calls: Option<SystemCalls>,
}
