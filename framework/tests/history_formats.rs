//! Files of recorded histories: errors name the line, and no text makes the reader panic.

use faultlab::linearizability::formats::{self, Format, ModelName, Recorded};
use proptest::prelude::*;

fn problem(text: &str) -> String {
    formats::parse(text, None, None).expect_err("not a history").to_string()
}

fn jepsen(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("INFO  jepsen.util - {}\n", line.replace('|', "\t"))).collect()
}

#[test]
fn errors_name_the_line_and_the_problem() {
    assert_eq!(problem(""), "line 1: the file is empty");
    assert_eq!(
        problem("hello\n"),
        "line 1: this is neither a line of a Jepsen log (`INFO  jepsen.util - ...`) nor an EDN map (`{:process ...}`); say which with --format"
    );
    let cases: [(&[&str], &str); 12] = [
        (
            &["0|:invoke|:read"],
            "line 1: there are 3 fields after `jepsen.util -`; an operation has four (process, type, function and value), with tabs between them",
        ),
        (
            &["x|:invoke|:read|nil"],
            "line 1: the process is `:x`; it should be a number from 0 to 999999999",
        ),
        (
            &["0|:begin|:read|nil"],
            "line 1: the type is `:begin`; it should be :invoke, :ok, :fail or :info",
        ),
        (
            &["0|:invoke|:sing|nil"],
            "line 1: `:sing` is an operation of no model here: the register has :read, :write and :cas, the key-value store :get, :put and :append",
        ),
        (
            &["0|:invoke|:read|nil", "0|:invoke|:write|3"],
            "line 2: process0 calls :write while its :read of line 1 has no answer yet: a process has one operation at a time, and never calls again after :info",
        ),
        (
            &["0|:invoke|:write|3", "0|:info|:write|:timed-out", "0|:invoke|:read|nil"],
            "line 3: process0 calls :read while its :write of line 1 ended in :info: a process has one operation at a time, and never calls again after :info",
        ),
        (
            &["0|:invoke|:read|nil", "1|:ok|:read|3"],
            "line 2: process1 is answered, but has no pending call",
        ),
        (
            &["0|:invoke|:read|nil", "0|:ok|:write|3"],
            "line 2: process0 is answered :write, but asked :read in line 1",
        ),
        (
            &["0|:invoke|:write|three"],
            "line 1: the value of :write is `:three`; it should be a number",
        ),
        (
            &["0|:invoke|:cas|[1 2 3]"],
            "line 1: the value of :cas is `[1 2 3]`; it should be two numbers, `[from to]`",
        ),
        (
            &["0|:invoke|:write|3", "0|:ok|:write|4"],
            "line 2: :write 4 answers another call: write 3",
        ),
        (&["0|:invoke|:read|[1"], "line 1: `]` is missing"),
    ];
    for (lines, expected) in cases {
        assert_eq!(problem(&jepsen(lines)), expected);
    }
    assert_eq!(
        problem("{:process 0, :type :invoke, :f :get, :value nil}"),
        "line 1: `:key` is missing: :get needs one; is this --model register?"
    );
    assert_eq!(problem("{:process 0, :type :invoke}"), "line 1: `:f` is missing");
    assert_eq!(problem("\n{:process 0} 7"), "line 2: `7` follows the value");
    let two = "{:process 0, :type :invoke, :f :get, :key \"a\"}\n{:process 0, :type :ok, :f :get, :key \"b\", :value \"\"}\n";
    assert_eq!(
        problem(two),
        "line 2: process0 is answered :get \"b\", but asked :get \"a\" in line 1"
    );
    let log = jepsen(&["0|:invoke|:read|nil"]);
    let error = formats::parse(&log, None, Some(ModelName::KeyValue)).expect_err("no key");
    assert_eq!(error.line, 1);
    let error = formats::parse(&log, Some(Format::Edn), None).expect_err("no map");
    assert_eq!(
        error.to_string(),
        "line 1: `jepsen.util` follows the value"
            .replace("`jepsen.util`", "`jepsen.util - 0\\t:invoke\\t:read\\tnil`")
    );
}

#[test]
fn failed_and_unknown_operations_are_distinguished() {
    let log = jepsen(&[
        "0|:invoke|:write|1",
        "1|:invoke|:write|2",
        "2|:invoke|:cas|[1 3]",
        "3|:invoke|:read|nil",
        "0|:fail|:write|1",
        "1|:info|:write|:timed-out",
        "2|:fail|:cas|[1 3]",
        "3|:info|:read|:timed-out",
    ]);
    let Ok(Recorded::Register(history)) = formats::parse(&log, None, None) else { panic!() };
    let shown: Vec<String> = history
        .operations()
        .iter()
        .map(|operation| {
            format!("{:?} {:?} {:?}", operation.command, operation.result, operation.returned)
        })
        .collect();
    // The failed write was never executed; the two unknown operations may have been.
    assert_eq!(
        shown,
        ["write 2 None None", "cas 1 to 3 Some(not equal) Some(6)", "read None None"]
    );
}

/// Correct files, which the tests damage.
fn correct() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories");
    ["register/register_00.log", "kv/c01-ok.txt"]
        .map(|file| std::fs::read_to_string(folder.join(file)).expect("a test file"))
        .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\x00-\\x7f]{0,200}|(INFO  jepsen.util - [0-9]{1,12}\t:[a-z]{1,6}\t:[a-z]{1,5}\t[\\[\\]0-9 a-z\"]{0,9}\n){1,5}|(\\{(:[a-z]{1,7} [\"0-9:a-z\\[\\{]{0,4},? ?){0,5}\\}\n){1,4}") {
        for format in [None, Some(Format::Jepsen), Some(Format::Edn)] {
            if let Err(error) = formats::parse(&text, format, None) {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count().max(1));
                prop_assert!(!error.problem.chars().any(char::is_control), "{}", error);
            }
        }
    }

    #[test]
    fn damaged_files_are_rejected_or_read(
        file in 0..2_usize,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = correct()[file].clone().into_bytes();
        for (at, byte) in cuts {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match byte % 3 {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => bytes.truncate(at.max(1)),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = formats::parse(&text, None, None) {
            prop_assert!(error.line <= text.lines().count().max(1));
        }
    }
}
