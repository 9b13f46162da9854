//! The command line: one line per file, exit codes, JSON, pages, and errors with locations.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn histories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../framework/tests/data/histories")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_check-history"))
        .current_dir(histories())
        .args(arguments)
        .output()
        .expect("it runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// A temporary file for one test.
fn file(name: &str, content: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("a temporary file");
    path.to_str().expect("a name").to_owned()
}

#[test]
fn all_linearizable_exits_with_zero() {
    let output = run(&["register/register_02.log", "kv/c10-ok.txt", "kv/c01-ok.txt"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output),
        "register/register_02.log: linearizable\nkv/c10-ok.txt: linearizable\nkv/c01-ok.txt: linearizable\n"
    );
}

#[test]
fn a_violation_exits_with_one_and_each_file_has_one_line() {
    let output = run(&["register/register_02.log", "kv/c01-bad.txt"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output),
        "register/register_02.log: linearizable\nkv/c01-bad.txt: not linearizable: process0's get 6 returned \"\", but it could only have returned \"(0.11)\"; it is not sequentially consistent either\n"
    );
    let output =
        run(&["kv/c01-bad.txt", "--explain", "--no-partition", "--model", "kv", "--format", "edn"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("✗"));
}

#[test]
fn unreadable_files_exit_with_two_and_name_the_line() {
    let bad = file(
        "bad.txt",
        "{:process 0, :type :invoke, :f :get, :key \"k\"}\n{:process 0, :type :ok, :f :put, :key \"k\", :value \"\"}\n",
    );
    let output = run(&[&bad, "kv/c01-bad.txt"]);
    assert_eq!(output.status.code(), Some(2));
    let lines = text(&output);
    assert!(
        lines.starts_with(&format!(
            "{bad}: line 2: process0 is answered :put \"k\", but asked :get \"k\" in line 1\n"
        )),
        "{lines}"
    );
    // The other file is still checked.
    assert!(lines.contains("kv/c01-bad.txt: not linearizable"));

    let output = run(&["no-such-file"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).starts_with("no-such-file: cannot be read: "));
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["kv/c01-ok.txt", "--model", "queue"]).status.code(), Some(2));
    assert_eq!(run(&["kv/c01-ok.txt", "--timeout", "-1"]).status.code(), Some(2));
    assert_eq!(run(&["kv/c01-ok.txt", "kv/c10-ok.txt", "--html", "x"]).status.code(), Some(2));
}

#[test]
fn a_limit_exits_with_three() {
    let output = run(&["kv/c10-ok.txt", "--no-partition", "--timeout", "0"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(text(&output), "kv/c10-ok.txt: unknown: time limit reached\n");
    let output = run(&["kv/c10-bad.txt", "--no-partition", "--memory", "1"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(text(&output), "kv/c10-bad.txt: unknown: memory limit reached\n");
}

#[test]
fn json_output_is_one_document() {
    let output = run(&["--json", "kv/c01-bad.txt", "kv/c01-ok.txt", "no-such-file"]);
    assert_eq!(output.status.code(), Some(2));
    let document: serde_json::Value = serde_json::from_str(&text(&output)).expect("JSON");
    assert_eq!(document["version"], 1);
    let verdicts = [0, 1, 2].map(|at| document["files"][at]["verdict"].clone());
    assert_eq!(verdicts, ["not-linearizable", "linearizable", "unreadable"]);
    assert_eq!(document["files"][0]["violation"]["expected"][0], "\"(0.11)\"");
    assert_eq!(document["files"][0]["sequentially_consistent"], false);
    assert_eq!(document["files"][1]["order"].as_array().map(Vec::len), Some(60));
}

#[test]
fn a_page_is_written() {
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page.html");
    let output = run(&["kv/c10-bad.txt", "--html", page.to_str().expect("a name")]);
    assert_eq!(output.status.code(), Some(1));
    let html = std::fs::read_to_string(page).expect("a page");
    assert!(html.contains("Not linearizable"));
}

#[test]
fn a_trace_of_lab_1_is_checked_with_the_labs_model() {
    let header = r#"{"header":{"version":1,"engine":"simulate","lab":"lab1","test":"2.1","title":"t","seed":1,"fault_model":"unreliable-fail-stop","nodes":["client1","client2","server"]}}"#;
    let command = |client: &str, value: &str| {
        format!(
            r#"{{"event":{{"what":{{"command":{{"node":"{client}","command":"c","value":{value}}}}}}}}}"#
        )
    };
    let result = |client: &str, value: &str| {
        format!(
            r#"{{"event":{{"what":{{"return":{{"node":"{client}","result":"r","value":{value}}}}}}}}}"#
        )
    };
    let trace = |last: &str| {
        let lines = [
            header.to_owned(),
            command("client1", r#"{"Append":{"key":"k","value":"a"}}"#),
            result("client1", r#"{"Appended":"a"}"#),
            command("client2", r#"{"Get":{"key":"k"}}"#),
            result("client2", last),
        ];
        lines.join("\n") + "\n"
    };
    let right = file("right.jsonl", &trace(r#"{"Value":"a"}"#));
    assert_eq!(run(&[&right]).status.code(), Some(0));
    let stale = file("stale.jsonl", &trace(r#""KeyNotFound""#));
    let output = run(&[&stale, "--format", "trace"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output),
        format!(
            "{stale}: not linearizable: client2's Get {{ key: \"k\" }} returned KeyNotFound, but it could only have returned Value(\"a\"); it is sequentially consistent\n"
        )
    );
    let odd = file("odd.jsonl", &trace("7"));
    let output = run(&[&odd]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("event 4: not a result of this lab"), "{}", text(&output));
    let other = file("other.jsonl", &trace("7").replace("lab1", "lab9"));
    assert!(text(&run(&[&other])).contains("there is no model for `lab9`, only for lab1"));
    // The lab's suite says which model it has.
    assert_eq!(run(&[&right, "--model", "kv"]).status.code(), Some(0));
    let output = run(&[&right, "--model", "register"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output), format!("{right}: the model of lab1 is kv, not register\n"));
}
