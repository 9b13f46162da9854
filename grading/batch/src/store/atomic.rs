//! Atomic file writes: a reader, or a crash, sees the whole file or none of it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// The prefix of unfinished files.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// Numbers the files of this process, so that no two threads share one.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Atomically replaces `path` with `bytes` and syncs it to disk.
///
/// # Errors
/// If the disk is full, read-only or broken. The old contents are then still there.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, true)
}

/// Like [`write()`], but skips a file that already has these bytes, and does not sync, which would
/// take longer than everything else. For files that can be regenerated after a power failure.
///
/// # Errors
/// As [`write()`].
pub fn write_changed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        Ok(())
    } else {
        replace(path, bytes, false)
    }
}

fn replace(path: &Path, bytes: &[u8], wait: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!("{UNFINISHED}{}-{number}", process::id()));
    let written = (|| {
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        if wait {
            file.sync_all()?;
        }
        fs::rename(&unfinished, path)?;
        if wait { File::open(folder)?.sync_all() } else { Ok(()) }
    })();
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("result.json");
        write(&path, b"first").expect("it is written");
        write(&path, b"second").expect("it is written");
        assert_eq!(fs::read(&path).expect("it is there"), b"second");
        fs::create_dir(folder.path().join("taken")).expect("a folder");
        assert!(write(&folder.path().join("taken"), b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
    }
}
