//! Helpers for the tests of whole batches.

#![allow(dead_code)]

pub mod autograder;
pub mod small_disk;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of submissions, in which results can be stored too.
pub struct Batch {
    folder: tempfile::TempDir,
}

impl Batch {
    /// Submissions of lab 0. The name determines the behaviour: `broken` does not compile, `cut` lacks a file, `todo` is
    /// unfinished, `wrong` gives wrong answers, `flips` depends on the clock, and `endless` hangs when an answer is late.
    /// All others are correct, each with its own name in a comment.
    pub fn of_lab0(names: &[&str]) -> Self {
        let batch = Self { folder: tempfile::tempdir().expect("a folder") };
        let source = root().join("labs/lab0-pingpong/src");
        for name in names {
            let folder = batch.submissions().join(name);
            fs::create_dir_all(&folder).expect("a folder");
            for entry in fs::read_dir(&source).expect("lab 0 is there") {
                let entry = entry.expect("lab 0 is readable");
                fs::copy(entry.path(), folder.join(entry.file_name())).expect("it is copied");
            }
            let change = |file: &str, from: &str, to: &str| {
                let path = folder.join(file);
                let text = fs::read_to_string(&path).expect("it is there");
                assert!(text.contains(from), "{file} has no `{from}`");
                fs::write(path, text.replace(from, to)).expect("it is written");
            };
            match *name {
                "broken" => change("client.rs", "use ", "usee "),
                "cut" => fs::remove_file(folder.join("client.rs")).expect("it is there"),
                "todo" => change(
                    "server.rs",
                    "Message::Ping(ping) => ctx.send(from, Message::Pong(Pong { text: ping.text })),",
                    "Message::Ping(_) => todo!(\"answer it\"),",
                ),
                "wrong" => change(
                    "server.rs",
                    "Pong { text: ping.text }",
                    "Pong { text: ping.text + \"!\" }",
                ),
                "endless" => change(
                    "client.rs",
                    "== Some(&ping) {",
                    "== Some(&ping) { while self.pong.is_none() { std::hint::spin_loop(); }",
                ),
                "flips" => change(
                    "server.rs",
                    "Pong { text: ping.text }",
                    "Pong { text: if std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() / 64 % 2 == 0 { ping.text } else { String::new() } }",
                ),
                _ => change("messages.rs", "\n}\n", &format!("\n}}\n// {name}\n")),
            }
        }
        batch
    }

    /// The folder of submissions.
    pub fn submissions(&self) -> PathBuf {
        self.folder.path().join("submissions")
    }

    /// A folder for results.
    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The grader on a batch of lab 0, with few seeds.
pub fn grader(batch: &Batch, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grade"));
    command
        .arg("lab0")
        .arg(batch.submissions())
        .arg("--out")
        .arg(out)
        .args(["--seeds", "2", "--jobs", "2"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Grades a batch and returns the exit code.
pub fn graded(batch: &Batch, out: &Path) -> Option<i32> {
    let output = grader(batch, out).output().expect("the grader runs");
    println!("{}", String::from_utf8_lossy(&output.stderr));
    output.status.code()
}

/// A grader's output on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The number of grading records. Each must be complete.
pub fn outcomes(out: &Path) -> usize {
    let whole = |path: PathBuf| {
        let Ok(text) = fs::read_to_string(path) else { return false };
        let outcome: Value = serde_json::from_str(&text).expect("a record is complete");
        outcome["schema"] == "faultlab-outcome/1"
    };
    let submissions = fs::read_dir(out.join(".work")).into_iter().flatten().flatten();
    submissions.filter(|one| whole(one.path().join("outcome.json"))).count()
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    found
}

/// The results for students and staff, without measurements in real time.
pub fn results(out: &Path) -> BTreeMap<String, String> {
    let mut results = BTreeMap::new();
    results.insert("summary.csv".to_owned(), read(&out.join("summary.csv")));
    results.insert("gradebook.csv".to_owned(), read(&out.join("gradebook.csv")));
    for entry in fs::read_dir(out).expect("there are results").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || !entry.path().is_dir() {
            continue;
        }
        for file in ["feedback.html", "feedback.md", "gradescope.json"] {
            results.insert(format!("{name}/{file}"), read(&entry.path().join(file)));
        }
        let mut result: Value =
            serde_json::from_str(&read(&entry.path().join("result.json"))).expect("it is JSON");
        if let Some(result) = result.as_object_mut() {
            result.remove("timing");
        }
        if let Some(grading) = result["grading"].as_object_mut() {
            grading.remove("timing");
        }
        results.insert(format!("{name}/result.json"), result.to_string());
    }
    results
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
