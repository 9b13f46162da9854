//! A packed grader in Gradescope's folder layout: it needs nothing from the workspace, and points
//! are on disk after every test.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use common::{Batch, said};
use serde_json::{Value, json};

const METADATA: &str = r#"{"id": 1, "created_at": "2026-11-21T12:00:00.000000+00:00", "users": [{"name": "Ada", "email": "ada@example.edu"}]}"#;

/// A folder with Gradescope's layout, with the submission of this name.
struct Autograder {
    folder: tempfile::TempDir,
}

impl Autograder {
    fn new(batch: &Batch, student: &str) -> Self {
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
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        this
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn grader(&self, seeds: &str) -> Command {
        let root = self.path().join("source/faultlab");
        let mut command = Command::new(root.join("target/lab/grade"));
        command.args(["lab0", "--seeds", seeds, "--gradescope"]).arg(self.path());
        command.env("FAULTLAB_ROOT", root).current_dir("/").stdin(Stdio::null());
        command
    }

    fn run(&self) -> (Output, Value) {
        let output = self.grader("2").output().expect("it runs");
        let results = self.results().unwrap_or_else(|| panic!("no results: {}", said(&output)));
        (output, results)
    }

    fn results(&self) -> Option<Value> {
        let text = fs::read_to_string(self.path().join("results/results.json")).ok()?;
        Some(serde_json::from_str(&text).expect("the file is complete"))
    }
}

#[test]
fn gradescope_gets_the_results_of_a_batch() {
    let batch = Batch::of_lab0(&["ada", "broken", "cut", "wrong"]);
    let out = batch.out("results");
    assert_eq!(common::graded(&batch, &out), Some(0));
    for (student, score, words) in [
        ("ada", 10, "10 of 10 points"),
        ("broken", 0, "0 points: it does not compile"),
        ("cut", 0, "0 points: the submission was rejected"),
        ("wrong", 0, "0 of 10 points"),
    ] {
        let autograder = Autograder::new(&batch, student);
        let (output, results) = autograder.run();
        assert!(output.status.success(), "{student}: {}", said(&output));
        assert_eq!(results["score"], json!(score), "{student}");
        assert!(results["output"].as_str().expect("a text").starts_with(words), "{results}");
        let batch =
            fs::read_to_string(out.join(student).join("gradescope.json")).expect("it is there");
        assert_eq!(
            results,
            serde_json::from_str::<Value>(&batch).expect("it is JSON"),
            "{student}"
        );
    }
}

#[test]
fn results_survive_a_platform_timeout() {
    // The second test hangs. It takes seconds to find out, so there is time to kill the grader.
    let batch = Batch::of_lab0(&["endless"]);
    let autograder = Autograder::new(&batch, "endless");
    let mut child = autograder.grader("2").spawn().expect("it starts");
    let first = loop {
        if let Some(results) = autograder.results() {
            break results;
        }
        let ended = child.try_wait().expect("it is ours");
        assert_eq!(ended, None, "it ended before there were results");
        thread::sleep(Duration::from_millis(5));
    };
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    let results = autograder.results().expect("it is still there");
    assert_eq!(results, first, "there is no result of the second test yet");
    assert_eq!(results["score"], json!(5), "{results}");
    let output = results["output"].as_str().expect("a text");
    assert!(output.contains("These are partial results."), "{output}");
}

#[test]
fn an_infra_error_is_not_a_zero() {
    let batch = Batch::of_lab0(&["ada"]);
    let autograder = Autograder::new(&batch, "ada");
    let launcher = autograder.path().join("source/faultlab/target/lab/grade-confine");
    fs::remove_file(launcher).expect("it is there");
    let (output, results) = autograder.run();
    assert!(!output.status.success());
    assert_eq!((results.get("score"), results.get("tests")), (None, None), "{results}");
    let text = results["output"].as_str().expect("a text");
    assert!(text.starts_with("no grade yet"), "{results}");
}
