//! Writing a file so that a reader, or a crash, sees all of it or none.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// How names of files begin that are not finished yet.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// Counts the files of this process, so that two threads never share one.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path`, in place of what was there, and waits until they are on the disk.
///
/// # Errors
/// When the disk is full, read-only or broken. Then what was there still is.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, true)
}

/// Writes as [`write()`] does, but leaves a file alone that holds these bytes already, and does not wait for the
/// disk, which would take longer than everything else: for what is made again if the machine loses its power.
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
