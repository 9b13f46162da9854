//! Hidden tests and seeds: they count, and students do not see their contents.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Batch, grader, said};
use serde_json::Value;

/// A hidden test that `wrong` fails and the others pass.
const TESTS: &str = r#"
use std::time::Duration;

use faultlab::{Address, NodeSpec};
use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::Scenario;
use faultlab::workload::Workload;
use faultlab_suites::{Part, Test};
use lab0_api::{Ping, Pong};

pub fn parts() -> Vec<Part> {
    let test = Test::run("9.1", "A confidential title")
        .asserts("a confidential property holds")
        .points(7)
        .scenario(|_| {
            let server = Address::new("server1");
            let work = Workload::<Ping, Pong>::of([Ping { text: "a-secret-text".to_owned() }])
                .expecting([Pong { text: "a-secret-text".to_owned() }]);
            Scenario::new()
                .node(NodeSpec::node("server", server, &()))
                .node(NodeSpec::client("client", Address::new("client1"), &server, work))
                .until_done(Duration::from_secs(60))
                .check(clients_done())
                .check(results_ok())
        });
    vec![Part::new(9, "A confidential part").test(test)]
}
"#;

/// Texts of the hidden test and seed that students must not see.
const SECRETS: [&str; 5] = [
    "confidential",
    "a-secret-text",
    "8675309",
    "tests.rs",
    "every client gets all its results\nexpected \"a-",
];

fn hidden(batch: &Batch, tests: &str) -> std::path::PathBuf {
    let folder = batch.out("hidden");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("tests.rs"), tests).expect("it is written");
    fs::write(folder.join("seed"), "8675309\n").expect("it is written");
    folder
}

#[test]
fn hidden_tests_count_and_stay_hidden() {
    let batch = Batch::of_lab0(&["ada", "broken", "wrong"]);
    let folder = hidden(&batch, TESTS);
    let out = batch.out("results");
    let output = grader(&batch, &out).arg("--hidden").arg(&folder).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary = fs::read_to_string(out.join("summary.csv")).expect("it is there");
    assert!(summary.starts_with("student,name,status,part_1,part_9,"), "{summary}");
    assert!(summary.contains("\nada,,graded,10,7,17,17,17,"), "{summary}");
    assert!(summary.contains("\nwrong,,graded,0,0,0,17,0,"), "{summary}");

    for student in ["ada", "broken", "wrong"] {
        for file in ["feedback.html", "feedback.md", "gradescope.json", "junit.xml", "build.log"] {
            let text = fs::read_to_string(out.join(student).join(file)).expect("it is there");
            for secret in SECRETS {
                assert!(!text.contains(secret), "{student}/{file} shows {secret}: {text}");
            }
        }
        let result =
            fs::read_to_string(out.join(student).join("result.json")).expect("it is there");
        let result: Value = serde_json::from_str(&result).expect("it is JSON");
        let tests = result["tests"].to_string();
        assert!(!tests.contains("confidential") && !tests.contains("a-secret-text"), "{tests}");
    }
    let feedback = fs::read_to_string(out.join("wrong/feedback.md")).expect("it is there");
    assert!(!feedback.contains("\n\n\n"), "{feedback}");
    assert!(feedback.contains("## 9.1 a hidden test\n\n0 of 7 points"), "{feedback}");
    // Failures of public tests are still explained, and can be reproduced without the hidden seed.
    assert!(feedback.contains("./scripts/run-tests.sh lab0 -n 1.1 --only-seed "), "{feedback}");

    // The staff see everything.
    let index = fs::read_to_string(out.join("index.html")).expect("it is there");
    assert!(index.contains("A confidential title"));
    let opened = open(&out, &["wrong", "-n", "9.1"]);
    assert!(
        opened.contains("A confidential title") && opened.contains("a-secret-text"),
        "{opened}"
    );

    // With other hidden tests, the suite is a different one, so everything is graded again.
    let folder = hidden(&batch, &TESTS.replace("points(7)", "points(8)"));
    let output = grader(&batch, &out).arg("--hidden").arg(&folder).output().expect("it runs");
    assert!(said(&output).contains(", 3 to grade"), "{}", said(&output));
    let summary = fs::read_to_string(out.join("summary.csv")).expect("it is there");
    assert!(summary.contains("\nada,,graded,10,8,18,18,18,"), "{summary}");
}

#[test]
fn unusable_hidden_tests_are_reported_before_grading() {
    let batch = Batch::of_lab0(&["ada"]);
    let out = batch.out("results");
    let with = |tests: &str| {
        let folder = hidden(&batch, tests);
        let output = grader(&batch, &out).arg("--hidden").arg(folder).output().expect("it runs");
        assert_ne!(output.status.code(), Some(0));
        assert_eq!(common::outcomes(&out), 0);
        said(&output)
    };
    assert!(with("pub fn parts() -> u32 { 1 }").contains("the hidden tests do not compile"));
    let twice = with(&TESTS.replace("\"9.1\"", "\"1.9\"").replace("new(9", "new(1"));
    assert!(twice.contains("hidden part 1 has the number of a public part"), "{twice}");
    let folder = batch.out("nothing");
    let output = grader(&batch, &out).arg("--hidden").arg(&folder).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("is not a folder"), "{}", said(&output));
}

/// A hidden test that is made of what the public suite is made of.
const WITH_HELPERS: &str = r#"
use faultlab_suites::{Part, Test, lab0};

pub fn parts() -> Vec<Part> {
    let test = Test::run("9.1", "Four clients").asserts("pings come back").points(7);
    vec![Part::new(9, "More").test(test.scenario(|_| lab0::pings(4, 3)))]
}
"#;

#[test]
fn hidden_tests_use_the_suites_helpers_and_a_policy_may_name_them() {
    let batch = Batch::of_lab0(&["ada"]);
    let folder = hidden(&batch, WITH_HELPERS);
    let (out, policy) = (batch.out("results"), batch.out("policy.toml"));
    let with = |text: &str| {
        fs::write(&policy, text).expect("it is written");
        let mut grader = grader(&batch, &out);
        grader.arg("--hidden").arg(&folder).arg("--policy").arg(&policy).output().expect("it runs")
    };
    let unknown = with("[tests.\"9.2\"]\npoints = 3\n");
    assert_eq!(unknown.status.code(), Some(2), "{}", said(&unknown));
    assert!(said(&unknown).contains("policy.toml: lab0 has no test 9.2"), "{}", said(&unknown));
    assert_eq!(common::outcomes(&out), 0);

    let right = with("[tests.\"9.1\"]\nseeds = 5\n");
    assert_eq!(right.status.code(), Some(0), "{}", said(&right));
    let summary = fs::read_to_string(out.join("summary.csv")).expect("it is there");
    assert!(summary.contains("\nada,,graded,10,7,17,17,17,"), "{summary}");
    let numbered = |number: &str, seeds| (number.to_owned(), seeds);
    assert_eq!(seeds(&out), [numbered("1.1", 2), numbered("1.2", 2), numbered("9.1", 5)]);
}

/// How many seeds each test of the only submission was run with, as its grading record says.
fn seeds(out: &Path) -> Vec<(String, u64)> {
    let folders = fs::read_dir(out.join(".work")).expect("a folder").flatten();
    let text = folders.map(|one| one.path().join("outcome.json")).find(|file| file.is_file());
    let text = fs::read_to_string(text.expect("a record")).expect("it can be read");
    let record: Value = serde_json::from_str(&text).expect("it is JSON");
    let tests = record["report"]["tests"].as_array().expect("tests");
    let seeds = |test: &Value| {
        let number = test["number"].as_str().expect("a number").to_owned();
        (number, test["seeds_run"].as_u64().expect("a number of seeds"))
    };
    tests.iter().map(seeds).collect()
}

#[test]
fn a_mistake_in_a_hidden_test_is_found_before_grading() {
    let batch = Batch::of_lab0(&["ada"]);
    let folder = hidden(&batch, &TESTS.replace("\"client\"", "\"cleint\""));
    let out = batch.out("results");
    let output = grader(&batch, &out).arg("--hidden").arg(&folder).output().expect("it runs");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let says = "test 9.1: client1 is of the kind `cleint`, which the lab does not have";
    assert!(said(&output).contains(says), "{}", said(&output));
    assert_eq!(common::outcomes(&out), 0);
}

fn open(out: &Path, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_grade"))
        .args(["--open"])
        .args(words)
        .arg("--out")
        .arg(out)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
