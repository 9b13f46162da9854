//! The sections of the book that failing tests of mutants name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use faultlab_suites::{Kind, TestNumber};

use crate::table::lines_if_there;
use crate::{Bench, KnownSubmission};

/// How many seeds each test is run with. The first one that fails decides what a report shows, so few are enough.
const SEEDS: u64 = 4;

/// The titles of the sections that explain each mutant: `sections.tsv` in the folder of the mutants. A line may name several,
/// separated by ` | `, since one bug may look like several mistakes.
///
/// # Errors
/// When the file is there and cannot be read, or a line has no tab.
pub fn expected(folder: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let titles = |text: String| text.split(" | ").map(|one| one.trim().to_owned()).collect();
    let lines = lines_if_there(&folder.join("sections.tsv"))?.into_iter();
    Ok(lines.map(|(name, text)| (name, titles(text))).collect())
}

/// The title of the section that each failing test of a mutant names, or `none`. Searches are left out: they take long.
///
/// # Errors
/// When the mutant does not compile, or a test cannot be run.
pub fn named(bench: &Bench, mutant: &KnownSubmission) -> Result<Vec<(TestNumber, String)>> {
    let tests = bench.tests().filter(|test| test.kind() != Kind::Search).collect();
    let reports = bench.run_as_shown(mutant, tests, SEEDS)?;
    let failing = reports.into_iter().filter(|report| report.property.is_some());
    let title = |address: &str| bench.suite().help_at(address).map(|help| help.section.to_owned());
    let named = failing.map(|report| {
        let section = report.book.as_deref().and_then(title);
        (report.number, section.unwrap_or_else(|| "none".to_owned()))
    });
    Ok(named.collect())
}
