//! Golden traces: a seed means the same run forever, in every build and on every machine.
//!
//! A change to one of these files changes what every seed of every course means. If that is
//! intended, run the test with `FAULTLAB_BLESS=1` and say so in the changelog.

mod common;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use common::{Fault, client, client_node, server, server_node, submission};
use faultlab::FaultModel;
use faultlab::hosting::LocalHost;
use faultlab::property::{clients_done, results_ok};
use faultlab::simulate::{Intervention, LinkConditions, Network, Options, Scenario, Simulation};
use faultlab::trace::{MemoryRecorder, Origin, file};

const SECOND: Duration = Duration::from_secs(1);

fn trace_text(scenario: Scenario, seed: u64) -> String {
    let submission = submission();
    let mut sink = MemoryRecorder::new();
    let origin = Origin { lab: "golden".into(), test: "1.1".into(), title: "a golden run".into() };
    let options = Options { recorder: Some(&mut sink), origin, ..Options::default() };
    Simulation::new(scenario, seed).run(&mut LocalHost::new(&submission), options);
    let mut text = Vec::new();
    file::write(&mut text, &sink.into_trace().expect("a recorded run has a trace")).unwrap();
    without_locations(&String::from_utf8(text).unwrap())
}

/// The text without the line and column of the panic in the test's server, which change whenever
/// something is added above it.
fn without_locations(text: &str) -> String {
    let file = "tests/common/mod.rs";
    let mut parts = text.split(file);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(file);
        out.push_str(
            part.trim_start_matches(|character: char| {
                character == ':' || character.is_ascii_digit()
            }),
        );
    }
    out
}

fn check(name: &str, scenario: Scenario, seed: u64) {
    let text = trace_text(scenario, seed);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("FAULTLAB_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(text.lines()).position(|(golden, now)| golden != now);
    assert!(
        golden == text,
        "{name} is not what it was, from line {} on",
        differs.map_or("the last".to_owned(), |line| (line + 1).to_string()),
    );
    let read_back = file::read(text.as_bytes()).unwrap();
    let mut again = Vec::new();
    file::write(&mut again, &read_back).unwrap();
    assert!(again == text.as_bytes(), "{name} does not survive being read and written");
}

fn base(fault: Fault) -> Scenario {
    Scenario::new()
        .node(server_node(fault))
        .node(client_node(1, 4))
        .network(Network::unreliable())
        .until_done(20 * SECOND)
        .check(clients_done())
        .check(results_ok())
}

#[test]
fn unreliable() {
    check("unreliable.jsonl", base(Fault::None), 11);
}

#[test]
fn violated() {
    check("violated.jsonl", base(Fault::ExecutesDuplicates), 12);
}

#[test]
fn panicked() {
    check("panicked.jsonl", base(Fault::PanicsAt(3)), 13);
}

#[test]
fn partitioned_and_crashed() {
    let scenario = base(Fault::PrintsAndLogs)
        .at(Duration::from_millis(20), Intervention::partition([&[client(1)], &[server()]]))
        .at(Duration::from_millis(300), Intervention::Heal)
        .when_answered(client(1), 3, Intervention::Crash(server()))
        .until(SECOND);
    check("partitioned_and_crashed.jsonl", scenario, 14);
}

#[test]
fn reliable_in_order() {
    check(
        "reliable_in_order.jsonl",
        base(Fault::None)
            .link_conditions(LinkConditions::unreliable().only_latency())
            .fault_model(FaultModel::RELIABLE_IN_ORDER_FAIL_STOP),
        15,
    );
}
