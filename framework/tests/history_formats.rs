//! Files of recorded histories: errors name the line, and no text makes the reader panic.

use faultlab::linearizability::formats::{
    self, FailedCas, Format, FormatError, ModelName, Options, Parsed, Recorded,
};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Parsed, FormatError> {
    formats::parse(text, &Options::default())
}

fn problem(text: &str) -> String {
    parse(text).expect_err("not a history").to_string()
}

fn jepsen(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("INFO  jepsen.util - {}\n", line.replace('|', "\t"))).collect()
}

#[test]
fn errors_name_the_line_and_the_problem() {
    assert_eq!(problem(""), "line 1: the file is empty");
    assert_eq!(
        problem("hello\n"),
        "line 1: this is neither a line of a Jepsen log (`INFO  jepsen.util - ...`), nor columns (`0 :invoke :read nil`), nor EDN (`{:process ...}`); say which with --format"
    );
    let cases: [(&[&str], &str); 12] = [
        (
            &["0|:invoke|:read"],
            "line 1: there are 3 columns; an event has four (process, type, function and value), with tabs or spaces between them",
        ),
        (
            &["x|:invoke|:read|nil"],
            "line 1: the process is `x`; it should be a number from 0 to 999999999",
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
        (&["0|:invoke|:write|nil"], "line 1: the value of :write is `nil`; it should be a value"),
        (
            &["0|:invoke|:cas|[1 2 3]"],
            "line 1: the value of :cas is `[1 2 3]`; it should be two values, `[from to]`",
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
    assert_eq!(problem("\n{:process 0} 7"), "line 2: `:type` is missing");
    let two = "{:process 0, :type :invoke, :f :get, :key \"a\"}\n{:process 0, :type :ok, :f :get, :key \"b\", :value \"\"}\n";
    assert_eq!(
        problem(two),
        "line 2: process0 is answered :get \"b\", but asked :get \"a\" in line 1"
    );
    let log = jepsen(&["0|:invoke|:read|nil"]);
    let error =
        formats::parse(&log, &Options { model: Some(ModelName::KeyValue), ..Options::default() })
            .expect_err("no key");
    assert_eq!(error.line, 1);
    let error = formats::parse(&log, &Options { format: Some(Format::Edn), ..Options::default() })
        .expect_err("no map");
    assert_eq!(error.to_string(), "line 1: `INFO` is not a map: `{:process ...}`");
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
    // The failed write was never executed; the two unknown operations may have been.
    let not_equal = ["write 2 None None", "cas 1 to 3 Some(not equal) Some(6)", "read None None"];
    let ignored = ["write 2 None None", "read None None"];
    let parsed = parse(&log).expect("a history");
    assert_eq!(shown(&parsed), not_equal);
    assert_eq!(parsed.failed_cas, Some(FailedCas::NotEqual));
    let read_as = |failed_cas| Options { failed_cas: Some(failed_cas), ..Options::default() };
    let parsed = formats::parse(&log, &read_as(FailedCas::Ignored)).expect("a history");
    assert_eq!(shown(&parsed), ignored);

    // Elsewhere, a failure says nothing about the value.
    let columns = log.replace("INFO  jepsen.util - ", "");
    assert_eq!(shown(&parse(&columns).expect("a history")), ignored);
    let parsed = formats::parse(&columns, &read_as(FailedCas::NotEqual)).expect("a history");
    assert_eq!(shown(&parsed), not_equal);

    // An error says that the server was not reached, or the like.
    let with_error = log.replace(":fail\t:cas\t[1 3]", ":fail\t:cas\t[1 3]\t:connection-refused");
    let parsed = formats::parse(&with_error, &read_as(FailedCas::NotEqual)).expect("a history");
    assert_eq!(shown(&parsed), ignored);
    assert_eq!(parsed.failed_cas, None);
}

/// The operations of registers or stores, as text.
fn shown(parsed: &Parsed) -> Vec<String> {
    macro_rules! shown {
        ($history:expr) => {
            $history
                .operations()
                .iter()
                .map(|one| format!("{:?} {:?} {:?}", one.command, one.result, one.returned))
                .collect()
        };
    }
    match &parsed.history {
        Recorded::Register(history) => shown!(history),
        Recorded::Registers(history) => shown!(history),
        Recorded::KeyValue(history) => shown!(history),
    }
}

const MAPS: [&str; 4] = [
    "{:process 0, :type :invoke, :f :cas, :value [1 2]}",
    "{:process 1, :type :invoke, :f :read, :value nil}",
    "{:process 0, :type :info, :f :cas, :value [1 2], :error :timeout}",
    "{:process 1, :type :ok, :f :read, :value -1}",
];

#[test]
fn all_layouts_of_edn_are_the_same_history() {
    let lines = parse(&MAPS.join("\n")).expect("a history");
    assert_eq!(shown(&lines), ["cas 1 to 2 None None", "read Some(-1) Some(3)"]);
    let tagged = MAPS.map(|map| format!("#jepsen.history.Op{map}"));
    let nemesis = "{:process :nemesis, :type :info, :f :start, :value {\"n1\" #{\"n2\"}}}";
    for text in [
        MAPS.join(" "),
        MAPS.join("\r\n"),
        format!("\u{feff}{}", MAPS.join("\n")),
        format!("[{}]", MAPS.join("\n ")),
        format!("({})\n\n", MAPS.join("\n")),
        format!(
            "; A comment: [1 2\n\n#jepsen.history[\n{}\n; the end\n]",
            MAPS.join("\n; again\n")
        ),
        format!("[{}]", tagged.join(",")),
        MAPS.join("\n").replace(", ", ",\n  "),
        [nemesis, MAPS[0], MAPS[1], nemesis, MAPS[2], MAPS[3]].join("\n"),
        // An `:info` of a process that waits for nothing.
        [MAPS[0], MAPS[1], MAPS[2], MAPS[3], "{:process 9, :type :info, :f :read}"].join("\n"),
    ] {
        let parsed = parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!(parsed.notes, Vec::<String>::new(), "{text}");
        assert_eq!(shown(&parsed).len(), 2, "{text}");
        assert!(shown(&parsed)[0].starts_with("cas 1 to 2 None"), "{text}");
        assert!(shown(&parsed)[1].starts_with("read Some(-1)"), "{text}");
    }
    assert_eq!(problem("[{:process 0,\n :type :invoke}\n"), "line 1: `:f` is missing");
    assert_eq!(problem(&format!("[{}", MAPS.join("\n"))), "line 4: `]` is missing");
    assert_eq!(
        problem(&format!("[{}]\n{}", MAPS.join("\n"), MAPS[1])),
        "line 5: something follows the collection that holds the history"
    );
    assert_eq!(problem("[\n{:process 0 :type}]"), "line 2: a key of the map has no value");
}

#[test]
fn all_layouts_of_logs_are_the_same_history() {
    let columns = [
        "0|:invoke|:write|[1  2 \"a b\"]",
        "0|:info|:write|[1  2 \"a b\"]|:timed-out",
        "1|:invoke|:read|nil",
        "1|:ok|:read|7",
    ];
    let expected = ["write [1 2 \"a b\"] None None", "read Some(7) Some(3)"];
    let heads = [
        "",
        "INFO  jepsen.util - ",
        "INFO [2018-11-06 13:46:47,969] jepsen worker 0 - jepsen.util ",
        "2018-11-06 13:46:47,969{GMT}\tINFO\t[jepsen worker 0] jepsen.util: ",
    ];
    for head in heads {
        for separator in ["\t", "   "] {
            let line = |columns: &str| format!("{head}{}\n", columns.replace('|', separator));
            let text: String = columns.into_iter().map(line).collect();
            let parsed = parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
            assert_eq!(shown(&parsed), expected, "{text}");
            // The nemesis, with and without an error.
            let nemesis =
                line(":nemesis|:info|:start|{\"n1\" #{\"n2\"}}") + &line("nemesis|:info|:stop|nil");
            assert_eq!(shown(&parse(&(nemesis + &text)).expect("a history")).len(), 2);
            // No line that may be an event is passed over.
            for wrong in ["0|:invoke|:write|1|2", "0|:invoke|:write", "2|:invoke|:read|[1"] {
                let error = parse(&(text.clone() + &line(wrong))).expect_err(wrong);
                assert_eq!(error.line, 5, "{wrong}: {error}");
            }
        }
    }
    let log = format!("{}0\t:invoke\t:read\tnil\n", heads[3]);
    let other = "2018-11-06 13:46:47,969{GMT}\tINFO\t[jepsen node n1] jepsen.os.debian: n1 is up\n";
    let client = "2018-11-06 13:46:47,969{GMT}\tWARN\t[main] etcd.client: slow\n";
    assert_eq!(shown(&parse(&(other.to_owned() + client + &log)).expect("a history")).len(), 1);
    let odd = log.clone() + "2018-11-06 13:46:47,969{GMT}\tINFO\t[main] jepsen.util: Done.\n";
    assert_eq!(
        problem(&odd),
        "line 2: `Done.` is not an event; its columns are process, type, function and value"
    );
    assert_eq!(problem(&(log + "hello\n")), "line 2: `hello` is not a line of a Jepsen log");
}

#[test]
fn keys_are_never_dropped() {
    let with_key = |key: &str| MAPS.join("\n").replace("}", &format!(", :key {key}}}"));
    let parsed = parse(&with_key("\"x\"")).expect("a history");
    assert_eq!(shown(&parsed), ["cas 1 to 2 (key x) None None", "read (key x) Some(-1) Some(3)"]);
    let independent = "{:process 0, :type :invoke, :f :cas, :value [:x [1 2]]}
        {:process 1, :type :invoke, :f :read, :value #jepsen.independent.tuple [3 nil]}
        {:process 1, :type :ok, :f :read, :value [3 4]}
        {:process 2, :type :invoke, :f :write, :value [\"x\" 1]}
        {:process 0, :type :fail, :f :cas, :value nil}";
    let parsed = parse(independent).expect("a history");
    assert_eq!(shown(&parsed), ["read (key 3) Some(4) Some(2)", "write 1 (key x) None None"]);
    let store = "{:process 0, :type :invoke, :f :put, :value [\"k\" \"v\"]}
        {:process 0, :type :ok, :f :put, :value [\"k\" \"v\"]}";
    assert_eq!(parse(store).expect("a history").history.len(), 1);
    assert_eq!(
        problem(&format!("{}\n{}", MAPS[0], with_key("7").lines().nth(1).expect("a line"))),
        "line 2: the operation has a key, but that of line 1 has none: give all operations a key, or none"
    );
}

#[test]
fn numbers_and_times_order_events() {
    let timed = |times: [i64; 4], name: &str| -> String {
        let timed = MAPS.iter().zip(times);
        timed.map(|(map, time)| map.replace('}', &format!(", :{name} {time}}}\n"))).collect()
    };
    for name in ["time", "index"] {
        let parsed = parse(&timed([1, 2, 3, 3], name)).expect("a history");
        assert_eq!(parsed.notes, Vec::<String>::new());
        // The read was called before the compare-and-set.
        let parsed = parse(&timed([4, 2, 5, 3], name)).expect("a history");
        assert_eq!(shown(&parsed), ["read Some(-1) Some(1)", "cas 1 to 2 None None"]);
        let note = format!(
            "2 lines are out of order, the first of them line 2: events are ordered by their :{name}"
        );
        assert_eq!(parsed.notes, [note]);
    }
    // A time that is missing somewhere orders nothing.
    let partly = timed([4, 2, 5, 3], "time").replace(", :time 5", "");
    assert_eq!(shown(&parse(&partly).expect("a history"))[0], "cas 1 to 2 None None");
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
            if let Err(error) = formats::parse(&text, &Options { format, ..Options::default() }) {
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
        if let Err(error) = parse(&text) {
            prop_assert!(error.line <= text.lines().count().max(1));
        }
    }
}
