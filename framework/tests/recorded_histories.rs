//! Compares the checker's results on recorded histories with the known ones.

use std::path::Path;

use faultlab::linearizability::formats::{self, Recorded};
use faultlab::linearizability::models::{KeyValue, Register};
use faultlab::linearizability::{CheckResult, Checker, Report};

/// The recorded histories: the file, whether it is linearizable, and the history.
fn recorded() -> Vec<(String, bool, Recorded)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect("a test file");
    let verdicts = read("verdicts.tsv");
    let rows = verdicts.lines().skip(1).map(|row| row.split_once('\t').expect("two columns"));
    rows.map(|(file, linearizable)| {
        let history = formats::parse(&read(file), None, None).expect("a history");
        (file.to_owned(), linearizable == "yes", history)
    })
    .collect()
}

fn check(history: &Recorded, partition: bool) -> Report {
    match history {
        Recorded::Register(history) => Checker::new(&Register).partition(partition).check(history),
        Recorded::KeyValue(history) => Checker::new(&KeyValue).partition(partition).check(history),
    }
}

#[test]
fn verdicts_are_the_known_ones() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 64);
    for (file, linearizable, history) in recorded {
        let report = check(&history, true);
        assert!(!matches!(report.verdict, CheckResult::Unknown(_)), "{file}: {report:?}");
        assert_eq!(report.verdict.is_linearizable(), linearizable, "{file}");
    }
}
