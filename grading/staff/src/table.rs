//! The tables about a lab's mutants: the tests that each must lose, and the reasons to keep tests that
//! are never the only one to catch a mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use faultlab_suites::TestNumber;

/// The two tables of a lab's mutants.
///
/// `table.tsv` has a line per mutant: its name, a tab, and the tests that it loses, separated by
/// spaces. `stays.tsv` has a line per test that is never the only one to catch a mutant: its
/// number, a tab, and why it is kept. It need not be there as long as there are [few](Table::has_enough_mutants)
/// mutants. Lines that start with `#` are comments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The tests that each mutant must lose.
    pub losses: BTreeMap<String, BTreeSet<TestNumber>>,
    /// Why a test is kept although others catch everything it catches.
    pub redundant: BTreeMap<TestNumber, String>,
}

impl Table {
    /// The tables in a folder.
    ///
    /// # Errors
    /// When `table.tsv` cannot be read, a line has no tab, a test number is malformed, or a name occurs twice.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut table = Self::default();
        for (name, numbers) in lines(&folder.join("table.tsv"))? {
            let numbers = numbers.split_whitespace().map(str::parse);
            let numbers = numbers.collect::<Result<_, _>>().with_context(|| name.clone())?;
            if table.losses.insert(name.clone(), numbers).is_some() {
                bail!("{name} occurs twice in table.tsv");
            }
        }
        for (number, reason) in lines_if_there(&folder.join("stays.tsv"))? {
            if table.redundant.insert(number.parse()?, reason).is_some() {
                bail!("{number} occurs twice in stays.tsv");
            }
        }
        Ok(table)
    }

    /// Whether there are enough mutants for a suite of so many tests that a test without one of its own means something: at
    /// least as many as tests. With fewer, most tests have none.
    #[must_use]
    pub fn has_enough_mutants(&self, tests: usize) -> bool {
        self.losses.len() >= tests
    }

    /// The mutants that lose this test only.
    pub fn caught_only_by(&self, number: TestNumber) -> impl Iterator<Item = &str> {
        self.losses
            .iter()
            .filter(move |(_, lost)| lost.len() == 1 && lost.contains(&number))
            .map(|(name, _)| name.as_str())
    }
}

/// The lines of a table that need not be there.
pub(crate) fn lines_if_there(file: &Path) -> Result<Vec<(String, String)>> {
    if file.exists() { lines(file) } else { Ok(Vec::new()) }
}

/// The lines of a table, split at their first tab.
pub(crate) fn lines(file: &Path) -> Result<Vec<(String, String)>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (first, rest) =
                line.split_once('\t').with_context(|| format!("no tab in `{line}`"))?;
            Ok((first.to_owned(), rest.to_owned()))
        })
        .collect()
}
