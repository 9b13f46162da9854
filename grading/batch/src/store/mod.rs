//! The store: the results folder, which is consistent at every moment.
//!
//! ```text
//!   results/
//!     summary.csv  index.html  ...           rendered whenever something changes
//!     STUDENT/result.json  feedback.html ... rendered for each student
//!     .work/batch.json                       what is graded, and how
//!     .work/KEY/src/*.rs                     a submission's files
//!     .work/KEY/outcome.json                 the grading record, kept forever
//! ```
//!
//! Rendered documents and submitted files are not synced to disk one by one: the grader checks them
//! each time it starts and rewrites them if needed. Grading records are synced, and each is named
//! by a hash of everything it depends on. So running the grader again always resumes the batch.

mod atomic;
mod key;
mod lock;
mod running;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::grading_record::{GradingRecord, InfraError};

pub use atomic::{write, write_changed};
pub use key::{Hashes, Key, hash, sources};
pub use lock::{Lock, LockError};
pub use running::Running;

/// A folder of results.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The results in this folder, which may not exist yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Creates the folder and takes its lock. Removes unfinished files of an interrupted grader.
    ///
    /// # Errors
    /// If another grader is using it, or the folder is not writable.
    pub fn lock(&self) -> Result<Lock, LockError> {
        fs::create_dir_all(self.work())?;
        let lock = Lock::take(&self.work().join("lock"))?;
        remove_unfinished(&self.root, 3)?;
        Ok(lock)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder's `.work`, which only the grader uses.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join(".work")
    }

    /// A student's folder.
    #[must_use]
    pub fn student(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// The folder of one set of files.
    #[must_use]
    pub fn submission_dir(&self, key: &Key) -> PathBuf {
        self.work().join(key.as_str())
    }

    /// The folder that contains the files of a set.
    #[must_use]
    pub fn sources(&self, key: &Key) -> PathBuf {
        self.submission_dir(key).join("src")
    }

    /// Stores a set of files, unless it is already stored.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put_sources(&self, key: &Key, files: &BTreeMap<String, String>) -> io::Result<()> {
        for (path, text) in files {
            let path = self.sources(key).join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            write_changed(&path, text.as_bytes())?;
        }
        write_changed(&self.submission_dir(key).join("sources.sha256"), sources(files).as_bytes())
    }

    /// Waits until everything written so far is on disk.
    ///
    /// # Errors
    /// When something cannot be written there.
    pub fn sync(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(fs::File::open(&self.root)?)?;
        #[cfg(not(target_os = "linux"))]
        rustix::fs::sync();
        Ok(())
    }

    /// Reads a set of files back.
    ///
    /// # Errors
    /// If they cannot be read, or have changed.
    pub fn get_sources(&self, key: &Key) -> anyhow::Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        read_files(&self.sources(key), "", &mut files)?;
        let noted = fs::read_to_string(self.submission_dir(key).join("sources.sha256"))?;
        anyhow::ensure!(noted == sources(&files), "the files of {} have changed", key.as_str());
        Ok(files)
    }

    /// The grading record of a set of files, if there is one.
    #[must_use]
    pub fn outcome(&self, key: &Key) -> Option<GradingRecord> {
        let outcome: GradingRecord =
            read_json(&self.submission_dir(key).join("outcome.json")).ok()?;
        (outcome.key == *key && outcome.schema == crate::grading_record::SCHEMA).then_some(outcome)
    }

    /// Stores a grading record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_outcome(&self, outcome: &GradingRecord) -> io::Result<()> {
        write(&self.submission_dir(&outcome.key).join("outcome.json"), &to_json(outcome))?;
        self.clear_infra_error(&outcome.key)
    }

    /// Takes over a grading record from another results folder, with everything beside it. Returns whether
    /// there is one.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn take_over(&self, from: &Self, key: &Key) -> io::Result<bool> {
        let Some(outcome) = from.outcome(key) else { return Ok(false) };
        copy_files(&from.submission_dir(key), &self.submission_dir(key))?;
        // Last, so that the copy is complete when the record is there.
        self.put_outcome(&outcome)?;
        Ok(true)
    }

    /// Clears the infrastructure error of a set of files.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn clear_infra_error(&self, key: &Key) -> io::Result<()> {
        match fs::remove_file(self.submission_dir(key).join("infrastructure.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The last infrastructure error of a set of files.
    #[must_use]
    pub fn infra_error(&self, key: &Key) -> Option<InfraError> {
        read_json(&self.submission_dir(key).join("infrastructure.json")).ok()
    }

    /// Records an infrastructure error.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_infra_error(&self, key: &Key, error: &InfraError) -> io::Result<()> {
        fs::create_dir_all(self.submission_dir(key))?;
        write(&self.submission_dir(key).join("infrastructure.json"), &to_json(error))
    }
}

/// Serialises a value as indented JSON with a trailing newline.
#[must_use]
pub fn to_json(value: &impl Serialize) -> Vec<u8> {
    faultlab_harness::report::json_text(value).into_bytes()
}

/// Reads a JSON document.
///
/// # Errors
/// When it cannot be read or parsed.
pub fn read_json<V: DeserializeOwned>(path: &Path) -> anyhow::Result<V> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

/// Copies a folder's files, but no grading record.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if kind.is_dir() {
            copy_files(&entry.path(), &to.join(name))?;
        } else if kind.is_file() && name != "outcome.json" {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// A random word of 32 hexadecimal digits.
///
/// # Errors
/// If the system has no randomness.
pub fn random_word() -> io::Result<String> {
    let mut bytes = [0; 16];
    io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn remove_unfinished(folder: &Path, depth: usize) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(atomic::UNFINISHED) {
            fs::remove_file(entry.path())?;
        } else if depth > 0 && entry.file_type()?.is_dir() {
            remove_unfinished(&entry.path(), depth - 1)?;
        }
    }
    Ok(())
}

fn read_files(
    folder: &Path,
    inside: &str,
    files: &mut BTreeMap<String, String>,
) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if entry.file_type()?.is_dir() {
            read_files(&entry.path(), &path, files)?;
        } else {
            files.insert(path, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_graders_do_not_share_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(&folder.path().join("results"));
        let held = store.lock().expect("the folder is not locked");
        let second = store.lock().expect_err("it is taken").to_string();
        assert!(second.starts_with("another grader is already using these results (process "));
        drop(held);
        let half_written = store.work().join(".unfinished-1-1");
        fs::write(&half_written, b"half").expect("it is written");
        let _again = store.lock().expect("it is free again");
        assert!(!half_written.exists());
    }

    #[test]
    fn sources_are_stored_and_checked() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let key = Key::parse(&"0".repeat(32)).expect("it is a key");
        let files: BTreeMap<String, String> =
            [("lib.rs", "mod a;"), ("a/mod.rs", "")].map(|(k, v)| (k.into(), v.into())).into();
        store.put_sources(&key, &files).expect("it is written");
        assert_eq!(store.get_sources(&key).expect("it is there"), files);
        fs::write(store.sources(&key).join("lib.rs"), b"changed").expect("it is written");
        assert!(store.get_sources(&key).is_err());
    }
}
