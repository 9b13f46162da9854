//! A packed grader in Gradescope's folder layout: it needs nothing from the workspace, and points
//! are on disk after every test.

mod common;

use std::fs;
use std::thread;
use std::time::Duration;

use common::autograder::Autograder;
use common::{Batch, said};
use serde_json::{Value, json};

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
