//! Attempts, inside the sandbox, everything that a confined program must not be able to do.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// An action that a sandbox should prevent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Escape {
    ReadsFiles,
    WritesFiles,
    SeesProcesses,
    OpensSockets,
    StartsThreads,
    StartsProcesses,
    TakesMemory,
    IsRoot,
    SharesProcessNumbers,
}

impl Escape {
    /// Completes the sentence "a submission ...".
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::ReadsFiles => "can read files that were not given to it",
            Self::WritesFiles => "can write files",
            Self::SeesProcesses => "sees /proc",
            Self::OpensSockets => "can open sockets",
            Self::StartsThreads => "can start threads",
            Self::StartsProcesses => "can start processes",
            Self::TakesMemory => "can take more memory than the limit",
            Self::IsRoot => "runs as root",
            Self::SharesProcessNumbers => "shares a process tree with other programs",
        }
    }
}

/// An amount of memory that the self-test must not get.
pub(crate) const TOO_MUCH_MEMORY: u64 = 64 << 30;

/// Process ids above this do not occur in a fresh process tree.
const LOW_PROCESS_NUMBER: u32 = 16;

/// Attempts every escape and prints those that succeeded, one per line.
pub(crate) fn run(hidden: &Path) {
    let mut free = BTreeSet::new();
    let mut note = |escape, succeeded: bool| {
        if succeeded {
            free.insert(escape);
        }
    };
    note(Escape::ReadsFiles, fs::read(hidden).is_ok());
    let beside = hidden.with_extension("written");
    note(Escape::WritesFiles, File::create(beside).is_ok());
    note(
        Escape::SeesProcesses,
        fs::read_dir("/proc").is_ok_and(|mut files| files.next().is_some()),
    );
    note(Escape::OpensSockets, TcpListener::bind("127.0.0.1:0").is_ok());
    note(Escape::StartsThreads, thread::Builder::new().spawn(|| {}).is_ok());
    let program = std::env::args_os().next().unwrap_or_default();
    // A policy that does not parse ends the launcher at once.
    let child = Command::new(program).arg("no policy").stdout(Stdio::null()).spawn();
    note(Escape::StartsProcesses, child.and_then(|mut child| child.wait()).is_ok());
    let much = usize::try_from(TOO_MUCH_MEMORY).unwrap_or(usize::MAX);
    note(Escape::TakesMemory, Vec::<u8>::new().try_reserve_exact(much).is_ok());
    note(Escape::IsRoot, rustix::process::getuid().is_root());
    note(Escape::SharesProcessNumbers, std::process::id() > LOW_PROCESS_NUMBER);
    let mut text = String::new();
    for escape in free {
        text += &format!("{escape:?}\n");
    }
    // The last line shows that the output is complete.
    text += "done\n";
    let _ = std::io::stdout().write_all(text.as_bytes());
}
