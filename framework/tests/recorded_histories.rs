//! The checker's verdicts on histories that others recorded, against the known ones.
//!
//! The histories are not in the repository (see `recorded::folder`). Where they are not found, the test says that it
//! is skipped, and passes. With `FAULTLAB_REQUIRE_HISTORIES` set, it fails.

mod recorded;

use std::fs;
use std::path::Path;

use faultlab::linearizability::formats::{self, Options, Recorded, RegisterValue};
use faultlab::linearizability::models::{KeyValue, Keyed, Register};
use faultlab::linearizability::{CheckResult, Checker, Report};

/// Checks a history. Registers start with this value.
fn check(history: &Recorded, initial: Option<RegisterValue>) -> Report {
    let register = initial.map_or(Register::new(), Register::starting_with);
    match history {
        Recorded::Register(history) => Checker::new(&register).check(history),
        Recorded::Registers(history) => Checker::new(&Keyed { object: register }).check(history),
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

/// Checks every file of the folder.
fn verdicts_of(folder: &Path) {
    let mut checked = [0, 0];
    for recorded::Row { file, linearizable, initial } in recorded::rows(folder) {
        let text = fs::read_to_string(folder.join(&file)).expect("a recorded history");
        // The table says `nil` where a register starts without a value, and `empty` of stores.
        let initial = initial.as_deref().and_then(|initial| initial.parse::<i64>().ok());
        let parsed = formats::parse(&text, &Options::default()).unwrap_or_else(|error| {
            panic!("{file} is not read: {error}");
        });
        let report = check(&parsed.history, initial.map(RegisterValue::Integer));
        assert!(!matches!(report.verdict, CheckResult::Unknown(_)), "{file}: {report:?}");
        assert_eq!(report.verdict.is_linearizable(), linearizable, "{file}");
        checked[usize::from(linearizable)] += 1;
    }
    let [no, yes] = checked;
    eprintln!("{}: {yes} are linearizable and {no} are not, as is known", folder.display());
    assert!(yes > 0 && no > 0, "{}: nothing was checked", folder.display());
}
