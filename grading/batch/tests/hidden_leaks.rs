//! Nothing that a student can read depends on what hidden tests do, whatever the submission tries.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::autograder::Autograder;
use common::{Batch, grader, said};

/// Hidden tests of each kind. They send texts that no public test sends.
const TESTS: &str = r#"
use std::time::Duration;

use faultlab::{Address, System};
use faultlab::property::{clients_done, results_ok};
use faultlab::search::Search;
use faultlab::simulate::Scenario;
use faultlab::workload::Workload;
use faultlab_suites::{Part, SearchPlan, Test};
use lab0_api::{Ping, Pong};

fn system() -> System {
    let server = Address::new("server1");
    let texts = || (0..3).map(|index| format!("SECRET-{index}"));
    let work = Workload::<Ping, Pong>::of(texts().map(|text| Ping { text }))
        .expecting(texts().map(|text| Pong { text }));
    let client = Address::new("client1");
    System::new().node("server", server, &()).client("client", client, &server, work)
}

fn scenario() -> Scenario {
    Scenario::new()
        .system(system())
        .until_done(Duration::from_secs(60))
        .check(clients_done())
        .check(results_ok())
}

pub fn parts() -> Vec<Part> {
    let unit = Test::unit("9.1", "TITLE").asserts("TITLE").points(1).scenario(|_| scenario());
    let run = Test::run("9.2", "TITLE").asserts("TITLE").points(1)CREDIT.scenario(|_| scenario());
    let search = Test::search("9.3", "TITLE")
        .asserts("TITLE")
        .points(1)
        .searches(|_| SearchPlan::new().bounded("TITLE", Search::new(system()).invariant(results_ok()).states_max(STATES)));
    vec![Part::new(9, "TITLE").test(unit).test(run).test(search)]
}
"#;

/// Two sets of hidden tests that earn and cost the same and differ in everything else.
fn hidden(batch: &Batch, name: &str) -> PathBuf {
    let (title, secret, states, credit) = match name {
        "ruby" => ("Rubies are red", "ruby", "50", ""),
        _ => (
            "An emerald, which is green, is a much longer title",
            "emerald-is-longer",
            "5_000",
            ".unreliable()",
        ),
    };
    let text = TESTS
        .replace("TITLE", title)
        .replace("SECRET", secret)
        .replace("STATES", states)
        .replace("CREDIT", credit);
    let folder = batch.out(name);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("tests.rs"), text).expect("it is written");
    folder
}

/// A server that remembers all that it is sent in the process, and tells it in every way that it has: in
/// answers, log lines, its state's text, on standard output, and, when it panics, in the panic. In hidden
/// tests it fails in a way that depends on the test: it panics, or does not return.
const SPY: &str = r#"
        static SEEN: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
        let Message::Ping(ping) = message else { return };
        let mut seen = SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !seen.contains(&ping.text) {
            seen.push(ping.text.clone());
        }
        let is_hidden = |text: &String| !text.starts_with("client");
        let told: Vec<String> = seen.iter().filter(|text| is_hidden(text)).cloned().collect();
        if ping.text.starts_with("emerald") {
            loop {
                std::hint::spin_loop();
            }
        }
        if ping.text.starts_with("ruby") {
            panic!("a ruby");
        }
        ctx.log(format!("{told:?}"));
        println!("{told:?}");
        if !told.is_empty() || ping.text.ends_with("-7") {
            panic!("{told:?}");
        }
        ctx.send(from, Message::Pong(Pong { text: ping.text + &told.concat() }));
    }
}
"#;

/// A batch with a spy and an honest student.
fn batch() -> Batch {
    let batch = Batch::of_lab0(&["ada", "spy"]);
    let server = batch.submissions().join("spy/server.rs");
    let text = fs::read_to_string(&server).expect("it is there");
    let (before, rest) = text.split_once("        match message {").expect("it has a match");
    let (_, after) = rest.split_once("    }\n}\n").expect("it ends");
    fs::write(server, format!("{before}{SPY}{after}")).expect("it is written");
    batch
}

/// What students read of a batch.
fn readable(out: &Path) -> BTreeMap<String, String> {
    let names = ["feedback.html", "feedback.md", "gradescope.json", "junit.xml", "build.log"];
    let files =
        ["ada", "spy"].iter().flat_map(|student| names.map(|name| format!("{student}/{name}")));
    let read = |file: String| {
        let text = fs::read_to_string(out.join(&file)).expect("it is there");
        (file, text)
    };
    files.map(read).collect()
}

#[test]
fn what_students_read_of_a_batch_does_not_depend_on_hidden_tests() {
    let batch = batch();
    let [ruby, emerald] = ["ruby", "emerald"].map(|name| {
        let out = batch.out(&format!("results-{name}"));
        let folder = hidden(&batch, name);
        let output = grader(&batch, &out).arg("--hidden").arg(folder).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        readable(&out)
    });
    assert!(ruby["ada/feedback.md"].contains("13 of 13 points"), "{}", ruby["ada/feedback.md"]);
    assert!(ruby["spy/feedback.md"].contains("## 9.2 a hidden test\n\n0 of 1 points.\n"));
    // The spy did tell what it knew: nothing.
    assert!(ruby["spy/feedback.md"].contains("panicked: []"), "{}", ruby["spy/feedback.md"]);
    for (file, text) in &ruby {
        assert!(!text.contains("ruby") && !text.contains("Rubies"), "{file}: {text}");
        assert_eq!(*text, emerald[file], "{file}");
    }
}

#[test]
fn what_students_read_on_gradescope_does_not_depend_on_hidden_tests() {
    let batch = batch();
    for student in ["ada", "spy"] {
        let [ruby, emerald] = ["ruby", "emerald"].map(|name| {
            let folder = hidden(&batch, name);
            let options = ["--hidden".as_ref(), folder.as_os_str()];
            let autograder = Autograder::with(&batch, student, &options);
            let (output, results) = autograder.run();
            assert!(output.status.success(), "{}", said(&output));
            results.to_string()
        });
        assert!(ruby.contains("a hidden test"), "{ruby}");
        assert!(!ruby.contains("ruby") && !ruby.contains("Rubies"), "{ruby}");
        assert_eq!(ruby, emerald, "{student}");
    }
}
