//! A packed grader in Gradescope's folder layout.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Batch, said};

const METADATA: &str = r#"{"id": 1, "created_at": "2026-11-21T12:00:00.000000+00:00", "users": [{"name": "Ada", "email": "ada@example.edu"}]}"#;

/// A folder with Gradescope's layout, with the submission of this name.
pub struct Autograder {
    folder: tempfile::TempDir,
}

impl Autograder {
    /// A packed grader, and the submission of this student.
    pub fn new(batch: &Batch, student: &str) -> Self {
        Self::with(batch, student, &[])
    }

    /// The same, packed with these options.
    pub fn with(batch: &Batch, student: &str, options: &[&OsStr]) -> Self {
        let this = Self { folder: tempfile::tempdir().expect("a folder") };
        let submission = this.path().join("submission");
        fs::create_dir_all(&submission).expect("a folder");
        fs::create_dir(this.path().join("results")).expect("a folder");
        for entry in fs::read_dir(batch.submissions().join(student)).expect("a submission") {
            let entry = entry.expect("it is readable");
            fs::copy(entry.path(), submission.join(entry.file_name())).expect("it is copied");
        }
        fs::write(this.path().join("submission_metadata.json"), METADATA).expect("it is written");
        let output = Command::new(env!("CARGO_BIN_EXE_grade"))
            .args(["lab0", "--pack"])
            .arg(this.path().join("source/faultlab"))
            .args(options)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        this
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The packed grader.
    pub fn grader(&self, seeds: &str) -> Command {
        let root = self.path().join("source/faultlab");
        let mut command = Command::new(root.join("target/lab/grade"));
        command.args(["lab0", "--seeds", seeds, "--gradescope"]).arg(self.path());
        command.env("FAULTLAB_ROOT", root).current_dir("/").stdin(Stdio::null());
        command
    }

    /// Grades, and returns the results.
    pub fn run(&self) -> (Output, Value) {
        let output = self.grader("2").output().expect("it runs");
        let results = self.results().unwrap_or_else(|| panic!("no results: {}", said(&output)));
        (output, results)
    }

    /// The results so far.
    pub fn results(&self) -> Option<Value> {
        let text = fs::read_to_string(self.path().join("results/results.json")).ok()?;
        Some(serde_json::from_str(&text).expect("the file is complete"))
    }
}
