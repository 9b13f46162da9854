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

fn lines(output: &[u8]) -> Vec<String> {
    String::from_utf8(output.to_vec()).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn a_register_may_start_with_a_value() {
    let zero = file(
        "zero.edn",
        "[{:process 0 :type :invoke :f :read}\n {:process 0 :type :ok :f :read :value 0}]",
    );
    let output = run(&[&zero]);
    assert_eq!(output.status.code(), Some(1));
    let hint = "it is linearizable if registers start with 0: --initial 0";
    assert_eq!(lines(&output.stderr), [format!("{zero}: note: {hint}")]);
    let output = run(&[&zero, "--json"]);
    let document: serde_json::Value = serde_json::from_str(&text(&output)).expect("JSON");
    assert_eq!(document["files"][0]["notes"][0], hint);
    let output = run(&[&zero, "--initial", "0"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    // Another value explains nothing, and a store starts empty.
    assert_eq!(run(&[&zero, "--initial", "-1"]).status.code(), Some(1));
    assert_eq!(run(&[&zero, "--initial", "nil"]).status.code(), Some(2));
    let output = run(&["kv/c01-ok.txt", "--initial", "0"]);
    assert_eq!(output.status.code(), Some(2));
    let refused = "--initial is for registers; this is a history of a key-value store";
    assert_eq!(lines(&output.stdout), [format!("kv/c01-ok.txt: {refused}")]);
    // No value that a register starts with explains this one.
    let never = file(
        "never.edn",
        "{:process 0 :type :invoke :f :write :value 1} {:process 0 :type :ok :f :write :value 1}
         {:process 0 :type :invoke :f :read} {:process 0 :type :ok :f :read :value 7}",
    );
    let output = run(&[&never]);
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(1), true));
}

#[test]
fn a_failed_cas_is_read_as_its_file_means_it() {
    let edn = "{:process 0 :type :invoke :f :write :value 1} {:process 0 :type :ok :f :write :value 1}
        {:process 1 :type :invoke :f :cas :value [1 2]} {:process 1 :type :fail :f :cas :value [1 2]}
        {:process 0 :type :invoke :f :read} {:process 0 :type :ok :f :read :value 1}";
    let plain = file("failed.edn", edn);
    assert_eq!(run(&[&plain]).status.code(), Some(0));
    assert_eq!(run(&[&plain, "--failed-cas", "not-equal"]).status.code(), Some(1));
    let refused = file("refused.edn", &edn.replace(":fail", ":fail :error :connection-refused"));
    assert_eq!(run(&[&refused, "--failed-cas", "not-equal"]).status.code(), Some(0));
    let log: String =
        ["0|:invoke|:write|1", "0|:ok|:write|1", "1|:invoke|:cas|[1 2]", "1|:fail|:cas|[1 2]"]
            .map(|line| format!("INFO  jepsen.util - {}\n", line.replace('|', "\t")))
            .concat();
    let log = file("failed.log", &log);
    let output = run(&[&log]);
    assert_eq!(output.status.code(), Some(1));
    let hint = "it is linearizable if a failed cas only means that it did not happen: --failed-cas ignored";
    assert_eq!(lines(&output.stderr), [format!("{log}: note: {hint}")]);
    assert_eq!(run(&[&log, "--failed-cas", "ignored"]).status.code(), Some(0));
    let document: serde_json::Value =
        serde_json::from_str(&text(&run(&["--json", &log]))).expect("JSON");
    assert_eq!(document["files"][0]["failed_cas"], "not-equal");
}

#[test]
fn registers_with_keys_are_independent() {
    let of = |read: &str| {
        format!(
            "{{:process 0 :type :invoke :f :write :key \"x\" :value 1}}
            {{:process 0 :type :ok :f :write :key \"x\" :value 1}}
            {{:process 0 :type :invoke :f :read :key \"y\"}}
            {{:process 0 :type :ok :f :read :key \"y\" :value {read}}}"
        )
    };
    let (right, wrong) = (file("keys.edn", &of("nil")), file("mixed.edn", &of("1")));
    assert_eq!(run(&[&right]).status.code(), Some(0));
    let output = run(&[&wrong, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_str(&text(&output)).expect("JSON");
    assert_eq!(document["files"][0]["violation"]["key"], "y");
    assert_eq!(run(&[&right, "--no-partition"]).status.code(), Some(0));
    assert_eq!(run(&[&wrong, "--no-partition"]).status.code(), Some(1));
}

#[test]
fn lines_out_of_order_are_reported() {
    let late = file(
        "late.edn",
        "{:process 0 :type :invoke :f :read :time 9}\n{:process 0 :type :ok :f :read :value 3 :time 10}
         {:process 1 :type :invoke :f :write :value 3 :time 1}
         {:process 1 :type :ok :f :write :value 3 :time 2}",
    );
    let output = run(&[&late]);
    assert_eq!(output.status.code(), Some(0));
    let note =
        "1 line is out of order, the first of them line 3: events are ordered by their :time";
    assert_eq!(lines(&output.stderr), [format!("{late}: note: {note}")]);
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

#[test]
fn ascii_is_printed_where_it_is_asked_for() {
    let explained = run(&["kv/c01-bad.txt", "--explain"]);
    assert!(text(&explained).contains('├'), "{}", text(&explained));
    let ascii = run(&["kv/c01-bad.txt", "--explain", "--ascii"]);
    assert_eq!(ascii.status.code(), explained.status.code());
    assert!(text(&ascii).is_ascii(), "{}", text(&ascii));
    assert_eq!(text(&ascii).lines().count(), text(&explained).lines().count());
}
