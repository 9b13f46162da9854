//! `--hint`: shows one hint after another for the first failing test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use faultlab_suites::{Help, Suite};

use crate::report::{Report, TestReport};

/// The next hint for the first test that fails and has hints, or hint `number` of it. The file `shown` keeps how many
/// hints were shown of each kind of mistake.
pub(super) fn next(suite: &Suite, report: &Report, number: Option<usize>, shown: &Path) -> String {
    let mut tests = report.tests.iter();
    let Some((test, help)) =
        tests.find_map(|test| Some((test, suite.help_at(test.book.as_deref()?)?)))
    else {
        return "no test fails for which there are hints".to_owned();
    };
    let mut counts = read(shown);
    let before = counts.get(&help.address()).copied().unwrap_or(0);
    let number = number.unwrap_or(before + 1).max(1);
    counts.insert(help.address(), number.min(help.hints.len()));
    // Without this file, the first hint is shown again.
    let _ = serde_json::to_vec(&counts).map(|bytes| fs::write(shown, bytes));
    describe(test, &help, number)
}

fn describe(test: &TestReport, help: &Help, number: usize) -> String {
    let count = help.hints.len();
    match help.hints.get(number - 1) {
        Some(hint) => {
            // The section's title is the diagnosis, so it comes last.
            let more = if number < count {
                "--hint once more shows the next one; the last one names a section of the book"
                    .to_owned()
            } else {
                format!("the book says more in the section \"{}\"", help.section)
            };
            format!("{number} of {count} for {}: {hint}\n({more})", test.number)
        }
        None => format!(
            "there are only {count} for {}; --hint 1 shows the first one again. The book says more in the section \"{}\"",
            test.number, help.section
        ),
    }
}

fn read(file: &Path) -> BTreeMap<String, usize> {
    let bytes = fs::read(file).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
