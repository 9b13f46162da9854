//! Overrides: points given by hand, with a reason.

use std::path::Path;

use anyhow::{Context as _, bail};
use faultlab_suites::{Points, TestNumber};
use serde::{Deserialize, Serialize};

use crate::input_table::InputTable;

/// Points that a person gives for a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The student's folder name in the results.
    pub student: String,
    /// The test.
    pub test: TestNumber,
    /// The points, replacing those earned.
    pub points: Points,
    /// Why.
    pub reason: String,
    /// Its line in the file, counted from 1.
    #[serde(skip)]
    pub line: u64,
}

/// Reads `overrides.csv`: `student,test,points,reason`.
///
/// # Errors
/// When it is malformed, lacks a reason, or has two overrides for one test and student.
pub fn read(path: &Path) -> anyhow::Result<Vec<Override>> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &[u8]) -> anyhow::Result<Vec<Override>> {
    let table = InputTable::decode(text)?;
    let mut reader = table.reader();
    let mut all: Vec<Override> = Vec::new();
    let header = reader.headers()?.clone();
    for record in reader.records() {
        let record = record?;
        let line = table.line_of(&record);
        let mut one: Override = record.deserialize(Some(&header))?;
        one.line = line;
        let Override { student, test, reason, .. } = &one;
        if reason.is_empty() {
            bail!("line {line}: the override for {student}, test {test}, has no reason");
        }
        if all.iter().any(|other| other.student == *student && other.test == *test) {
            bail!("line {line}: two overrides for {student}, test {test}");
        }
        all.push(one);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_needs_a_reason() {
        let good = parse(b"student,test,points,reason\nada,2.3,4.5,\"our bug, see #12\"\n");
        let good = good.expect("it is well formed");
        assert_eq!(
            (good[0].points, good[0].test.to_string()),
            (Points::hundredths(450), "2.3".into())
        );
        for bad in
            ["ada,2.3,4.5,", "ada,2.3,-1,why", "ada,two,1,why", "ada,2.3,1,why\nada,2.3,2,why"]
        {
            assert!(parse(format!("student,test,points,reason\n{bad}\n").as_bytes()).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_or_rejected(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
            rows in "([a-c]{0,2},([0-9.]{0,4}|1\\.1),-?[0-9.e]{0,6},[a-z\"]{0,3}\n){0,4}",
        ) {
            let _ = parse(&bytes);
            if let Ok(all) = parse(format!("student,test,points,reason\n{rows}").as_bytes()) {
                proptest::prop_assert!(all.iter().all(|one| !one.reason.is_empty()));
            }
        }
    }
}
