//! Trace files: written traces are read back, and everything else is rejected with a clear message.

mod handmade;

use std::io::{self, BufReader, Read};

use faultlab::hosting::NodeFailure;
use faultlab::trace::file::{LINE_BYTES_MAX, Line, TraceFileError, read, write, write_line};
use faultlab::trace::show::{Options, diagram};
use faultlab::trace::{EventKind, SentMessage, Trace, TraceEvent, VERSION};
use proptest::prelude::*;

fn all() -> [Trace; 7] {
    [
        handmade::faults(),
        handmade::late_duplicate(),
        handmade::partition(),
        handmade::crash(),
        handmade::panic(),
        handmade::long(),
        handmade::crowd(),
    ]
}

fn written(trace: &Trace) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, trace).expect("writing to memory does not fail");
    bytes
}

fn rejected(bytes: &[u8]) -> String {
    read(bytes).expect_err("this is not a trace").to_string()
}

#[test]
fn a_written_trace_is_read_back() {
    for trace in all() {
        assert_eq!(read(&written(&trace)[..]).expect("a trace"), trace);
    }
}

#[test]
fn the_format_stays_as_it_is() {
    let text = String::from_utf8(written(&handmade::partition())).expect("text");
    insta::assert_snapshot!(text);
}

/// A file that a simulator wrote when the format had version 1. It must stay readable, however the
/// simulator and the format change.
#[test]
fn a_file_of_version_1_is_read() {
    let trace = read(&include_bytes!("saved/version-1.jsonl")[..]).expect("a trace");
    // Reading has converted it.
    assert_eq!((trace.header.version, trace.events.len()), (VERSION, 52));
    assert!(trace.events.iter().all(is_of_version_1));
    let options = Options { events_max: 20, ..Options::default() };
    insta::assert_snapshot!(diagram(&trace, &options));
}

/// Whether an event contains nothing that version 1 did not know.
fn is_of_version_1(event: &TraceEvent) -> bool {
    let plain = match &event.what {
        EventKind::Restart { .. } | EventKind::Inject { .. } | EventKind::Reconnect { .. } => false,
        EventKind::Deliver { provenance, .. } | EventKind::Lose { provenance, .. } => {
            provenance.is_plain()
        }
        EventKind::Start { incarnation, .. }
        | EventKind::Fire { incarnation, .. }
        | EventKind::Crash { incarnation, .. } => incarnation.is_first(),
        _ => true,
    };
    let sent = |sent: &SentMessage| sent.misbehaviour.is_none();
    plain
        && event.sent.iter().all(sent)
        && event.stored.is_empty()
        && event.interrupted_after.is_none()
}

/// A later program of this version may add members, which this one skips.
#[test]
fn unknown_members_are_skipped() {
    for trace in all() {
        let text = String::from_utf8(written(&trace)).expect("text");
        let mut extended = String::new();
        for line in text.lines() {
            let mut line: serde_json::Value = serde_json::from_str(line).expect("a document");
            extend(&mut line, false);
            extended += &format!("{line}\n");
        }
        assert!(extended.contains("tomorrow"));
        assert_eq!(read(extended.as_bytes()).expect("a trace"), trace);
    }
}

/// Adds a member to every object that may have more of them.
fn extend(value: &mut serde_json::Value, may_grow: bool) {
    match value {
        serde_json::Value::Object(members) => {
            // These objects have one member, whose name says what they are.
            let alone = ["what", "by", "forged_by", "ending", "failure", "about"];
            for (name, member) in members.iter_mut().filter(|(name, _)| *name != "value") {
                extend(member, !alone.contains(&name.as_str()));
            }
            if may_grow {
                members.insert("tomorrow".to_owned(), serde_json::json!({"a": [1, {}]}));
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| extend(value, true)),
        _ => {}
    }
}

#[test]
fn line_endings_and_byte_order_marks_do_not_matter() {
    let trace = handmade::partition();
    let text = String::from_utf8(written(&trace)).expect("text");
    let windows = format!("\u{feff}{}\r\n\r\n", text.replace('\n', "\r\n"));
    assert_eq!(read(windows.as_bytes()).expect("a trace"), trace);
    assert_eq!(read(text.trim_end().as_bytes()).expect("a trace"), trace);
}

#[test]
fn a_file_that_is_cut_short_keeps_its_events() {
    let trace = handmade::panic();
    let bytes = written(&trace);
    let header = bytes.iter().position(|&byte| byte == b'\n').expect("a first line");
    for end in 0..bytes.len() {
        match read(&bytes[..end]) {
            Ok(part) => {
                assert!(end >= header);
                assert_eq!(part.events[..], trace.events[..part.events.len()]);
                let lines = bytes[..end].iter().filter(|&&byte| byte == b'\n').count();
                assert!(part.events.len() + 1 >= lines.min(trace.events.len() + 1));
            }
            Err(error) => assert!(end < header, "{error}"),
        }
    }
}

#[test]
fn a_journal_names_the_event_that_killed_the_run() {
    let trace = handmade::panic();
    let mut bytes = written(&Trace { ending: None, ..trace.clone() });
    let what = EventKind::crash(handmade::address("client1"));
    write_line(&mut bytes, &Line::Before(what.clone())).expect("writing to memory does not fail");
    let read = read(&bytes[..]).expect("a trace");
    let failure = NodeFailure::ProcessLost { how: "ended while handling this".to_owned() };
    let last = TraceEvent { failure: Some(failure), ..TraceEvent::new(None, what) };
    assert_eq!(read.events.len(), trace.events.len() + 1);
    assert_eq!(read.events.last(), Some(&last));
}

#[test]
fn errors_say_where_and_what_to_do() {
    let text = String::from_utf8(written(&handmade::panic())).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let header = lines[0];
    let join = |lines: &[&str]| format!("{}\n", lines.join("\n")).into_bytes();
    let messages = [
        rejected(b""),
        rejected(b"\n\r\n"),
        rejected(b"PK\x03\x04\xff\n"),
        rejected(&join(&["{\"seed\": 1}"])),
        rejected(&join(&[lines[1], header])),
        rejected(&join(&[header, header])),
        rejected(&join(&[header, "{\"event\": {\"what\": {\"dance\\u001b[31m\": {}}}}", lines[1]])),
        rejected(&join(&[header, &lines[1][..40], lines[2]])),
        rejected(&join(&[header, lines[lines.len() - 1], lines[1]])),
        rejected(&join(&[&header.replace("client1", "a name that is far too long")])),
        rejected(&join(&[&header.replace("\"version\":2", "\"version\":3")])),
        rejected(&join(&[&header.replace("\"version\":2", "\"version\":0")])),
        rejected(&join(&[header, &lines[1].replace("\"kind\"", "\"incarnation\":0,\"kind\"")])),
        rejected(b"{\"header\": {\"version\": 7, \"engines\": [\"warp\"]}}\n"),
        rejected(format!("{header}\n{}\n", "[".repeat(100_000)).as_bytes()),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn an_endless_line_is_rejected() {
    let endless = BufReader::new(io::repeat(b' ').take(LINE_BYTES_MAX as u64 * 2));
    let error = read(endless).expect_err("this is not a trace");
    assert!(matches!(error, TraceFileError::BadLine { line: 1, .. }), "{error}");
    assert!(error.to_string().contains("more than 67108864 bytes"), "{error}");
}

/// Reads bytes and shows the trace. Neither may panic.
fn read_and_show(bytes: &[u8]) {
    match read(bytes) {
        Ok(trace) => drop(diagram(&trace, &Options::default())),
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_and_show(&bytes);
    }

    #[test]
    fn any_lines_do_not_panic(lines in prop::collection::vec("[\\[\\]{}:,\"a-z0-9\\\\]{0,60}", 0..8)) {
        read_and_show(lines.join("\n").as_bytes());
    }

    #[test]
    fn changed_bytes_do_not_panic(
        which in 0..7_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = written(&all()[which]);
        for (place, byte, how) in changes {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        read_and_show(&bytes);
    }

    #[test]
    fn changed_lines_do_not_panic(
        which in 0..7_usize,
        moves in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8), 1..8),
    ) {
        let text = String::from_utf8(written(&all()[which])).expect("text");
        let mut lines: Vec<&str> = text.lines().collect();
        for (from, to, how) in moves {
            let (from, to) = (from.index(lines.len()), to.index(lines.len()));
            match how {
                // The header stays, so that most of these are valid traces.
                _ if from == 0 || to == 0 => {}
                0 => lines.swap(from, to),
                1 => lines.insert(to, lines[from]),
                _ => drop(lines.remove(from)),
            }
        }
        read_and_show(lines.join("\n").as_bytes());
    }
}
