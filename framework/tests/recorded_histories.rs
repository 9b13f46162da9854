//! The checker's verdicts on histories that others recorded, against the known ones.
//!
//! The histories are not in the repository (see `recorded::folder`). Where they are not found, the test says that it
//! is skipped, and passes. With `FAULTLAB_REQUIRE_HISTORIES` set, it fails.

mod recorded;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use faultlab::linearizability::formats::{self, Recorded};
use faultlab::linearizability::models::{KeyValue, Register};
use faultlab::linearizability::{CheckResult, Checker, Report};

fn check(history: &Recorded) -> Report {
    match history {
        Recorded::Register(history) => Checker::new(&Register).check(history),
        Recorded::KeyValue(history) => Checker::new(&KeyValue).check(history),
    }
}

#[test]
fn verdicts_are_the_known_ones() {
    let folder = match recorded::folder() {
        Ok(folder) => folder,
        Err(absent) => {
            let required = std::env::var_os("FAULTLAB_REQUIRE_HISTORIES").is_some();
            assert!(!required, "FAULTLAB_REQUIRE_HISTORIES is set, but {absent}");
            eprintln!("SKIPPED, for the recorded histories were not found: {absent}");
            return;
        }
    };
    verdicts_of(&folder.join("histories"));
    // The other folder has what public repositories have, as it is. Not every copy of the data has it.
    let public = folder.join("public");
    if public.join("verdicts.tsv").is_file() {
        verdicts_of(&public);
    } else {
        eprintln!("there is no verdicts.tsv in {}", public.display());
    }
}

/// Checks every file of the folder that a reader reads, and says which others there are.
fn verdicts_of(folder: &Path) {
    let mut checked = [0, 0];
    let mut refused: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for recorded::Row { file, linearizable, initial } in recorded::rows(folder) {
        let text = fs::read_to_string(folder.join(&file)).expect("a recorded history");
        if let Some(why) = recorded::why_refused(&text) {
            // A reader that learns to read it must have its verdict checked.
            assert!(formats::parse(&text, None, None).is_err(), "{file} is read, but not checked");
            refused.entry(why).or_default().push(file);
            continue;
        }
        let text = match initial.as_deref().map(str::parse::<i64>) {
            Some(Ok(value)) => written_first(value) + &text,
            _ => text,
        };
        let history = formats::parse(&text, None, None).unwrap_or_else(|error| {
            panic!("{file} is not read: {error}");
        });
        let report = check(&history);
        assert!(!matches!(report.verdict, CheckResult::Unknown(_)), "{file}: {report:?}");
        assert_eq!(report.verdict.is_linearizable(), linearizable, "{file}");
        checked[usize::from(linearizable)] += 1;
    }
    let [no, yes] = checked;
    eprintln!("{}: {yes} are linearizable and {no} are not, as is known", folder.display());
    for (why, files) in refused {
        eprintln!("not read, {why}: {}", files.join(", "));
    }
    assert!(yes > 0 && no > 0, "{}: nothing was checked", folder.display());
}

/// The register of the models starts as nil. One that starts with a value is one to which somebody wrote it first.
fn written_first(value: i64) -> String {
    const NOBODY: u32 = 999_999_999;
    ["invoke", "ok"]
        .map(|kind| format!("{{:process {NOBODY}, :type :{kind}, :f :write, :value {value}}}\n"))
        .concat()
}
