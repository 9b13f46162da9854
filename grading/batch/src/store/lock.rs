//! The lock that keeps a second grader out of a results folder.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::{io, process};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The lock is held until this value is dropped. The system releases it when the process exits, even
/// after a crash.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a results folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another grader is using it.
    #[error(
        "another grader is already using these results{0}; wait until it ends, or give another folder with --out"
    )]
    Taken(String),
    /// The lock file cannot be written.
    #[error("cannot use the results folder")]
    Io(#[from] io::Error),
}

impl Lock {
    /// Locks the folder that `path` lies in.
    ///
    /// # Errors
    /// When another process holds the lock, or the file cannot be written.
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut who = String::new();
                let _ = file.read_to_string(&mut who);
                let who = who.trim();
                let who = if who.is_empty() { String::new() } else { format!(" ({who})") };
                return Err(LockError::Taken(who));
            }
            Err(error) => return Err(io::Error::from(error).into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        writeln!(file, "process {} on {host}", process::id())?;
        Ok(Self { _file: file })
    }
}
