//! Diagrams of traces, as a student sees them.

mod handmade;

use faultlab::property::{Subject, Violation};
use faultlab::trace::culprit;
use faultlab::trace::show::{Options, diagram, legend, sentence};
use faultlab::trace::{CopyKind, Ending, Engine, EventKind, Header, Trace, TraceEvent};
use faultlab::{Address, Characters};
use proptest::prelude::*;

fn drawn(trace: &Trace, width: usize) -> String {
    diagram(trace, &Options { width, ..Options::default() })
}

#[test]
fn a_late_duplicate_is_executed() {
    insta::assert_snapshot!(drawn(&handmade::late_duplicate(), 80));
}

#[test]
fn a_wide_terminal_is_used() {
    insta::assert_snapshot!(drawn(&handmade::late_duplicate(), 120));
}

#[test]
fn a_partition_heals() {
    insta::assert_snapshot!(drawn(&handmade::partition(), 80));
}

#[test]
fn a_leader_crashes() {
    insta::assert_snapshot!(drawn(&handmade::crash(), 80));
}

#[test]
fn a_handler_panics() {
    insta::assert_snapshot!(drawn(&handmade::panic(), 80));
}

#[test]
fn a_long_run_is_shown_in_part() {
    let options = Options { events_max: 24, ..Options::default() };
    insta::assert_snapshot!(diagram(&handmade::long(), &options));
}

#[test]
fn the_excerpt_focuses_on_the_violation() {
    let options = Options { events_max: 16, ..Options::default() };
    insta::assert_snapshot!(diagram(&handmade::crowded(), &options));
}

#[test]
fn the_culprit_is_the_request_that_was_executed_again() {
    let trace = handmade::crowded();
    let number = culprit::culprit(&trace).expect("there is one");
    assert!(culprit::is_repeated(&trace, number) && !culprit::is_repeated(&trace, number - 1));
    let EventKind::Deliver { copy, .. } = trace.events[number - 1].what else {
        panic!("event {number} is no delivery")
    };
    assert_eq!(copy, CopyKind::Duplicate);
    // However little is shown, it is shown and named.
    for lines_max in [40, 20, 10, 1] {
        let shown = diagram(&trace, &Options { lines_max, ..Options::default() });
        assert!(shown.contains("here → #"), "{shown}");
        let in_one_line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(in_one_line.contains(&format!("Look at event {number}.")), "{shown}");
    }
}

fn in_one_line(text: &str) -> String {
    text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_culprit_is_the_late_request_that_overwrote_the_memory() {
    let trace = handmade::late_duplicate();
    assert_eq!(culprit::culprit(&trace), Some(11));
    // However little is shown, what it and the request after it did is.
    for lines_max in [40, 20, 10, 1] {
        let shown = diagram(&trace, &Options { lines_max, ..Options::default() });
        let shown = in_one_line(&shown);
        assert!(shown.contains("~ app.last.client1: 2 → 1"), "{shown}");
        assert!(shown.contains("~ app.data.\"x\": \"aba\" → \"abab\""), "{shown}");
        assert!(shown.contains("client1 has received a result since)"), "{shown}");
    }
}

#[test]
fn a_removed_value_is_never_shown_without_what_replaces_it() {
    let (old, new) = ("old ".repeat(12), "new ".repeat(12));
    let state = |values: [&str; 3]| {
        let [first, second, third] = values;
        format!(
            "Node {{\n    first: {first:?},\n    second: {second:?},\n    third: {third:?},\n}}"
        )
    };
    let mut trace = handmade::Builder::new(Engine::Search, "Values change", &["node"]);
    trace.start("node", "node", &state([&old; 3]));
    trace.call("node", "Change").state(&state([&new; 3])).log("one").log("two");
    let trace = trace.violated("nothing changes", "the old values", "there are new ones");
    for lines_max in 1..30 {
        let shown = diagram(&trace, &Options { lines_max, ..Options::default() });
        let words = shown.lines().map(|line| line.trim_start_matches([' ', '│']));
        let count = |sign: &str| words.clone().filter(|line| line.starts_with(sign)).count();
        assert_eq!(count("- "), count("+ "), "{shown}");
    }
}

#[test]
fn a_search_is_shown_until_the_property_breaks() {
    let search = |about: &str| {
        let mut trace = handmade::Builder::new(Engine::Search, "Two commands", &["client"]);
        trace.start("client", "client", "Client(0)");
        trace.call("client", "Ask(1)").state("Client(1)");
        trace.returns("client", "Answer(7)").call("client", "Ask(2)").state("Client(2)");
        trace.violated("answers are right", "Answer(1)", about)
    };
    let shown = drawn(&search("it returned Answer(7)"), 80);
    assert!(shown.contains("returns Answer(7)"), "{shown}");
    assert!(shown.contains("checked: answers are right"), "{shown}");
    assert!(!shown.contains("Ask(2)"), "{shown}");
    assert_eq!(culprit::culprit(&search("it returned Answer(7)")), Some(2));
    // What broke it may be the command that came last.
    assert!(drawn(&search("the client asked twice"), 80).contains("calls Ask(2)"));
}

#[test]
fn too_many_nodes_are_shown_as_a_list() {
    insta::assert_snapshot!(drawn(&handmade::crowd(), 80));
}

#[test]
fn a_crowd_fits_a_wide_terminal() {
    insta::assert_snapshot!(drawn(&handmade::crowd(), 140));
}

#[test]
fn ascii_is_enough() {
    let options = Options { characters: Characters::Ascii, ..Options::default() };
    let text = diagram(&handmade::partition(), &options);
    assert!(text.is_ascii());
    insta::assert_snapshot!(text);
}

#[test]
fn colours_are_only_colours() {
    let trace = handmade::late_duplicate();
    let coloured = diagram(&trace, &Options { colour: true, ..Options::default() });
    insta::assert_snapshot!(coloured.replace('\u{1b}', "^"));
    assert_eq!(without_colours(&coloured), drawn(&trace, 80));
}

#[test]
fn the_end_is_one_sentence() {
    assert_eq!(
        sentence(&handmade::crash()),
        "Broken: all or none decide. Expected node2 to have decided 7 like node1, but node2 has \
         decided nothing, and nobody is left who would tell it."
    );
}

#[test]
fn the_legend_names_every_sign() {
    assert_eq!(
        legend(Characters::Unicode),
        "○ starts  ◆ is given a command  ◇ returns a result  ● gets a message  ◔ timer fires  ✗ lost, \
         crashed or failed"
    );
    assert!(legend(Characters::Ascii).is_ascii());
    let signs = "○◆◇●◔✗";
    for trace in [handmade::late_duplicate(), handmade::crash(), handmade::panic()] {
        let drawn = drawn(&trace, 80);
        let shapes = drawn.chars().filter(|sign| ('\u{25a0}'..='\u{27ff}').contains(sign));
        let arrows = "▶◀▹◃";
        assert!(shapes.filter(|sign| !arrows.contains(*sign)).all(|sign| signs.contains(sign)));
    }
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_leaves_its_line(
        nodes in 1..14_usize,
        texts in prop::collection::vec(prop_oneof![
            any::<String>(),
            "[a-z \\x00-\\x1f\\u{202a}-\\u{202e}\\u{300}\\u{200b}漢字🦀]{0,300}",
        ], 1..12),
        width in 0..200_usize,
        is_ascii: bool,
    ) {
        let characters = if is_ascii { Characters::Ascii } else { Characters::Unicode };
        let trace = handmade::strange(nodes, &texts);
        let options = Options { width, characters, colour: false, ..Options::default() };
        let text = diagram(&trace, &options);
        for line in text.lines() {
            let used = unicode_width::UnicodeWidthStr::width(line);
            // In ASCII, each ellipsis of one column becomes three dots.
            let dots = if is_ascii { 2 * line.matches("...").count() + line.matches("->").count() } else { 0 };
            prop_assert!(!is_ascii || line.is_ascii(), "{line:?}");
            prop_assert!(used <= width.max(40) + dots, "{used} columns: {line:?}");
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(!line.contains(['\u{202e}', '\u{200b}']), "{line:?}");
        }
        let coloured = diagram(&trace, &Options { colour: true, ..options });
        prop_assert_eq!(without_colours(&coloured), text);
    }
}

/// Commands to one node are for several clients. The violation names one of these clients, and the wrong
/// result.
#[test]
fn an_excerpt_shows_the_operation_that_the_violation_is_about() {
    let node = Address::new("wrapper");
    let mut events = vec![TraceEvent::new(Some(0), EventKind::start(node, "node"))];
    for position in 1..=20 {
        let value = serde_json::Value::Null;
        let command = format!("Numbered {{ client: client1, number: {} }}", position / 2);
        let what = EventKind::Command { node, command, value: value.clone() };
        events.push(TraceEvent::new(Some(position), what));
        let result = format!("Some(Receipt {{ position: {position} }})");
        let what = EventKind::Return { node, result, value };
        events.push(TraceEvent::new(Some(position), what));
    }
    let violation = Violation {
        property: "every entry is written at most once".to_owned(),
        expected: "client1's command 2, asked for again, to give Receipt { position: 4 }"
            .to_owned(),
        seen: "it gave Receipt { position: 5 }".to_owned(),
        about: Some(Box::new(Subject::operation(node, 4))),
    };
    let header = handmade::late_duplicate().header;
    let header = Header { nodes: vec![node], ..header };
    let trace = Trace { header, events, ending: Some(Ending::Violated(violation)) };
    let shown = diagram(&trace, &Options { events_max: 8, ..Options::default() });
    assert!(shown.contains("returns Some(Receipt { position: 5 })"), "{shown}");
    assert!(shown.contains("returns Some(Receipt { position: 4 })"), "{shown}");
    assert!(!shown.contains("position: 6 })"), "{shown}");
}
