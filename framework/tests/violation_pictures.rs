//! Violations, drawn in the terminal and on a page.

use faultlab::Address;
use faultlab::linearizability::formats::{self, Options, Recorded};
use faultlab::linearizability::models::{KeyValue, KeyValueCommand, Register};
use faultlab::linearizability::{CheckResult, Checker, History, Operation, explain, page};

fn generated(file: &str) -> Recorded {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories").join(file);
    let text = std::fs::read_to_string(path).expect("a test file");
    formats::parse(&text, &Options::default()).expect("a history").history
}

#[test]
fn a_stale_read_in_eighty_columns() {
    let Recorded::Register(history) = generated("register/register_15.log") else { panic!() };
    let CheckResult::NotLinearizable(violation) =
        Checker::new(&Register::new()).check(&history).verdict
    else {
        panic!("not found")
    };
    let explanation = explain(&Register::new(), &history, &violation);
    let text = explanation.to_text(80, false);
    assert!(text.lines().all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!(format!("{}\n{text}", explanation.sentence()));
    // Colours change nothing else.
    let colored = explanation.to_text(80, true);
    let mut plain = colored.clone();
    for escape in ["\x1b[31;1m", "\x1b[2m", "\x1b[0m"] {
        plain = plain.replace(escape, "");
    }
    assert_eq!(plain, text);
    assert!(colored.contains("\x1b[31;1m"));
}

#[test]
fn a_lost_append_between_many_keys() {
    let Recorded::KeyValue(history) = generated("kv/c10-bad.txt") else { panic!() };
    let CheckResult::NotLinearizable(violation) = Checker::new(&KeyValue).check(&history).verdict
    else {
        panic!("not found")
    };
    let explanation = explain(&KeyValue, &history, &violation);
    insta::assert_snapshot!(format!(
        "{}\n{}",
        explanation.sentence(),
        explanation.to_text(80, false)
    ));
}

/// A history of one put and then gets. With `wrong`, the last get sees a value that was never put.
fn long(operations: usize, text: &str, wrong: bool) -> History<KeyValueCommand, String> {
    let key = text.to_owned();
    let mut made = Vec::new();
    for index in 0..operations as u64 {
        let (command, result) = match index {
            0 => (KeyValueCommand::Put { key: key.clone(), value: key.clone() }, ""),
            _ => (KeyValueCommand::Get { key: key.clone() }, text),
        };
        made.push(Operation {
            client: Address::numbered("client", index as usize % 50),
            command,
            result: Some(result.to_owned()),
            called: index * 2,
            returned: Some(index * 2 + 1),
        });
    }
    let end = operations as u64 * 2;
    made.push(Operation {
        client: Address::new("reader"),
        command: KeyValueCommand::Get { key: key.clone() },
        result: Some(if wrong { format!("{text} wrong") } else { key }),
        called: end,
        returned: Some(end + 1),
    });
    History::new(made).expect("a history")
}

fn page_of(history: &History<KeyValueCommand, String>, title: &str) -> String {
    let verdict = Checker::new(&KeyValue).check(history).verdict;
    page(&KeyValue, history, &verdict, None, title)
}

#[test]
fn text_of_a_history_is_escaped() {
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&{{data}}";
    for wrong in [false, true] {
        let page = page_of(&long(3, evil, wrong), evil);
        assert_eq!(page.matches("<script").count(), 2, "the data and the program, nothing else");
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!page.contains("<img"));
        assert!(
            !page.contains("http://")
                || page.matches("http://").count()
                    == page.matches("http://www.w3.org/2000/svg").count()
        );
        assert!(!page.contains("https://"));
    }
}

#[test]
fn ten_thousand_operations_make_a_page_of_bounded_size() {
    for wrong in [false, true] {
        let page = page_of(&long(10_000, "k", wrong), "long");
        assert!(page.len() < 4 << 20, "{} bytes", page.len());
        assert!(page.contains("10001 operations."));
    }
    // Long texts are cut.
    let page = page_of(&long(500, &"long ".repeat(2000), true), "wide");
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

#[test]
fn a_very_long_history_is_shown_around_its_failure() {
    let page = page_of(&long(30_000, "k", true), "very long");
    assert!(page.contains("20000 of 30001 operations."));
    assert!(page.contains("k wrong"));
    assert!(page.len() < 8 << 20, "{} bytes", page.len());
}

/// If a client calls again at the instant of a return, or performs several operations at one instant, they
/// are drawn one after the other.
#[test]
fn operations_of_one_client_that_touch_do_not_cover_each_other() {
    let key = || "k".to_owned();
    let operation = |client, command, result: &str, called, returned| Operation {
        client: Address::numbered("client", client),
        command,
        result: Some(result.to_owned()),
        called,
        returned: Some(returned),
    };
    let append = |value: &str, called, returned| {
        let command = KeyValueCommand::Append { key: key(), value: value.to_owned() };
        operation(1, command, "", called, returned)
    };
    let history = History::in_client_order(vec![
        append("a", 0, 5),
        append("b", 5, 5),
        append("c", 5, 5),
        append("d", 5, 9),
        operation(2, KeyValueCommand::Get { key: key() }, "acd", 5, 13),
    ])
    .expect("a history");
    let CheckResult::NotLinearizable(violation) = Checker::new(&KeyValue).check(&history).verdict
    else {
        panic!("not found")
    };
    let text = explain(&KeyValue, &history, &violation).to_text(120, false);
    for value in ["a", "b", "c", "d"] {
        let label = format!("append k \"{value}\" → \"\"");
        assert!(text.contains(&label), "{label} is covered:\n{text}");
    }
    insta::assert_snapshot!(text);
}
