//! What a suite does to known submissions, and what that says about the suite.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use faultlab_suites::TestNumber;

use crate::Table;

/// The tests that each known submission loses, and what the table says.
#[derive(Clone, Debug, Default)]
pub struct SuiteFindings {
    /// The tests that were run.
    pub tests: BTreeSet<TestNumber>,
    /// What each correct solution loses: nothing, if the suite is fair.
    pub solutions: BTreeMap<String, BTreeSet<TestNumber>>,
    /// What each mutant loses.
    pub mutants: BTreeMap<String, BTreeSet<TestNumber>>,
    /// The lab's tables, if there are any.
    pub expected: Option<Table>,
    /// Whether all tests of the suite were run. Of some of them, a mutant need not lose one.
    pub has_all_tests: bool,
    /// Whether they were run on all mutants. Some of them say little about a test.
    pub has_all_mutants: bool,
}

impl SuiteFindings {
    /// Whether no solution loses a test, every mutant loses one, and the table says what was found.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.unfair().next().is_none()
            && (!self.has_all_tests || self.equivalent().next().is_none())
            && self.differing().is_empty()
    }

    /// The solutions that lose tests.
    fn unfair(&self) -> impl Iterator<Item = (&String, &BTreeSet<TestNumber>)> {
        self.solutions.iter().filter(|(_, lost)| !lost.is_empty())
    }

    /// The mutants that no test tells from a correct solution.
    fn equivalent(&self) -> impl Iterator<Item = &String> {
        self.mutants.iter().filter(|(_, lost)| lost.is_empty()).map(|(name, _)| name)
    }

    /// The tests that catch no mutant at all.
    fn idle(&self) -> Vec<TestNumber> {
        let caught = |test: &&TestNumber| self.mutants.values().any(|lost| lost.contains(test));
        self.tests.iter().filter(|test| !caught(test)).copied().collect()
    }

    /// The tests that catch mutants, but none that no other test catches.
    fn never_alone(&self) -> Vec<TestNumber> {
        let idle = self.idle();
        let alone = |test: &TestNumber| {
            self.mutants.values().any(|lost| lost.len() == 1 && lost.contains(test))
        };
        self.tests.iter().filter(|test| !idle.contains(test) && !alone(test)).copied().collect()
    }

    /// The mutants for which the table says something else: the name, and what it says of the tests that were run.
    fn differing(&self) -> Vec<(&String, Option<BTreeSet<TestNumber>>)> {
        let Some(table) = &self.expected else { return Vec::new() };
        let expected = |name: &String| {
            let lost = table.losses.get(name)?;
            Some(lost.intersection(&self.tests).copied().collect::<BTreeSet<_>>())
        };
        let mutants = self.mutants.iter();
        mutants
            .map(|(name, lost)| (name, lost, expected(name)))
            .filter(|(_, lost, expected)| expected.as_ref() != Some(*lost))
            .map(|(name, _, expected)| (name, expected))
            .collect()
    }

    /// Tests, separated by blanks, as in `table.tsv`.
    #[must_use]
    pub fn list<'t>(tests: impl IntoIterator<Item = &'t TestNumber>) -> String {
        tests.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for SuiteFindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mutants, tests) = (self.mutants.len(), self.tests.len());
        let caught = mutants - self.equivalent().count();
        writeln!(f, "{caught} of {mutants} mutants are caught by {tests} tests")?;
        for (name, lost) in self.unfair() {
            writeln!(f, "unfair: the correct solution {name} loses {}", Self::list(lost))?;
        }
        let equivalent: Vec<&str> = self.equivalent().map(String::as_str).collect();
        if self.has_all_tests && !equivalent.is_empty() {
            let why = "no test tells them from a correct solution; write one that does, or leave them out if they are \
                       correct";
            writeln!(f, "not caught: {}\n  {why}", equivalent.join(" "))?;
        }
        for (name, expected) in self.differing() {
            let lost = &self.mutants[name];
            let lost = if lost.is_empty() { "nothing".to_owned() } else { Self::list(lost) };
            match expected {
                Some(expected) => {
                    let expected = Self::list(&expected);
                    writeln!(f, "other than table.tsv: {name} loses {lost}, and not {expected}")?;
                }
                None => writeln!(f, "not in table.tsv: {name}, which loses {lost}")?,
            }
        }
        if self.has_all_mutants && mutants > 0 {
            let idle = self.idle();
            if !idle.is_empty() {
                writeln!(f, "tests that catch nothing: {}", Self::list(&idle))?;
            }
            let never_alone = self.never_alone();
            if !never_alone.is_empty() {
                let list = Self::list(&never_alone);
                let what = "write a mutant that only such a test catches, or say in stays.tsv why it stays";
                writeln!(f, "tests that catch nothing alone: {list}\n  {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> BTreeSet<TestNumber> {
        text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
    }

    fn submissions(lines: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<TestNumber>> {
        lines.iter().map(|(name, lost)| ((*name).to_owned(), numbers(lost))).collect()
    }

    #[test]
    fn what_is_missing_is_said() {
        let findings = SuiteFindings {
            tests: numbers("1.1 1.2 1.3 1.4"),
            solutions: submissions(&[("lab9", ""), ("odd", "1.3")]),
            mutants: submissions(&[
                ("both", "1.1 1.2"),
                ("first", "1.1"),
                ("none", ""),
                ("new", "1.2 1.3"),
            ]),
            expected: Some(Table {
                losses: submissions(&[("both", "1.1"), ("first", "1.1 2.1"), ("none", "")]),
                ..Table::default()
            }),
            has_all_tests: true,
            has_all_mutants: true,
        };
        assert_eq!(
            findings.to_string(),
            "3 of 4 mutants are caught by 4 tests\n\
             unfair: the correct solution odd loses 1.3\n\
             not caught: none\n  no test tells them from a correct solution; write one that does, or leave them out \
             if they are correct\n\
             other than table.tsv: both loses 1.1 1.2, and not 1.1\n\
             not in table.tsv: new, which loses 1.2 1.3\n\
             tests that catch nothing: 1.4\n\
             tests that catch nothing alone: 1.2 1.3\n  write a mutant that only such a test catches, or say in \
             stays.tsv why it stays\n"
        );
        assert!(!findings.is_well());
    }

    #[test]
    fn some_of_the_tests_need_not_catch_every_mutant() {
        let some = SuiteFindings {
            tests: numbers("1.1"),
            solutions: submissions(&[("lab9", "")]),
            mutants: submissions(&[("first", "1.1"), ("second", "")]),
            expected: Some(Table {
                losses: submissions(&[("first", "1.1"), ("second", "1.2")]),
                ..Table::default()
            }),
            has_all_tests: false,
            has_all_mutants: false,
        };
        assert!(some.is_well());
        assert_eq!(some.to_string(), "1 of 2 mutants are caught by 1 tests\n");
        assert!(!SuiteFindings { has_all_tests: true, ..some }.is_well());
    }
}
