//! What is being graded now, and what staff cancelled: small files beside a submission, which outlive
//! no grading.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::{Key, Store, read_json, to_json, write_changed};
use crate::grading_record::moment;

/// A submission that is being graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Since when.
    pub since: String,
    /// The machine's name.
    pub machine: String,
    /// The judge's process there.
    pub process: u32,
}

impl Running {
    /// This process, from now on.
    #[must_use]
    pub fn now() -> Self {
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { since: moment(), machine, process: std::process::id() }
    }
}

const RUNNING: &str = "running.json";
const CANCELLED: &str = "cancelled";

impl Store {
    /// Says that a submission is being graded. If it cannot be said, grading goes on.
    pub fn put_running(&self, key: &Key) {
        let _ = write_changed(&self.submission_dir(key).join(RUNNING), &to_json(&Running::now()));
    }

    /// Says that it is not any more.
    pub fn clear_running(&self, key: &Key) {
        let _ = fs::remove_file(self.submission_dir(key).join(RUNNING));
    }

    /// Where and since when a submission is being graded.
    #[must_use]
    pub fn running(&self, key: &Key) -> Option<Running> {
        read_json(&self.submission_dir(key).join(RUNNING)).ok()
    }

    /// Asks for the end of a submission's grading.
    ///
    /// # Errors
    /// If it cannot be written, for example because there is no such submission.
    pub fn cancel(&self, key: &Key) -> io::Result<()> {
        write_changed(&self.submission_dir(key).join(CANCELLED), b"")
    }

    /// Whether somebody asked for that.
    #[must_use]
    pub fn is_cancelled(&self, key: &Key) -> bool {
        self.submission_dir(key).join(CANCELLED).exists()
    }

    /// Forgets that somebody did, before it is graded again.
    pub fn clear_cancelled(&self, key: &Key) {
        let _ = fs::remove_file(self.submission_dir(key).join(CANCELLED));
    }
}
