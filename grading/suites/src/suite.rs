//! Suites and their parts.

use std::collections::BTreeMap;

use faultlab::kinds::Interface;
use faultlab::search::Search;
use faultlab::simulate::Scenario;

use crate::help::{self, Failure, Help, IN_EVERY_LAB, KindOfMistake, OTHERWISE_IN_EVERY_LAB};
use crate::{HistoryModel, Points, Test, TestNumber};

/// All tests of a lab.
#[derive(Clone, Debug)]
pub struct Suite {
    lab: String,
    title: String,
    parts: Vec<Part>,
    count: Option<CountSearch>,
    history_model: Option<HistoryModel>,
    interface: Option<Interface>,
    mistakes: &'static [KindOfMistake],
}

/// Builds the search whose states are counted from its specification, which each lab defines. An error says what
/// a specification looks like.
pub type CountSearch = fn(spec: &str) -> Result<Search, String>;

impl Suite {
    /// A suite without parts yet, for a lab such as `lab1`.
    #[must_use]
    pub fn new(lab: &str, title: &str) -> Self {
        Self {
            lab: lab.to_owned(),
            title: title.to_owned(),
            parts: Vec::new(),
            count: None,
            history_model: None,
            interface: None,
            mistakes: &[],
        }
    }

    /// Sets what a submission provides. Tests are [checked](Suite::mistakes) against it.
    #[must_use]
    pub fn interface(mut self, interface: Interface) -> Self {
        self.interface = Some(interface);
        self
    }

    /// The scenario, to be run on nodes of the lab's kinds.
    pub(crate) fn fit(&self, scenario: Scenario) -> Scenario {
        match &self.interface {
            Some(interface) => scenario.interface(interface.clone()),
            None => scenario,
        }
    }

    /// What a submission provides, if the suite says.
    #[must_use]
    pub fn provided(&self) -> Option<&Interface> {
        self.interface.as_ref()
    }

    /// Adds a part.
    ///
    /// # Panics
    /// If there is already a part with that number, which is a bug in the suite.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        let taken = self.parts.iter().any(|other| other.number == part.number);
        assert!(!taken, "two parts of {} have the number {}", self.lab, part.number);
        self.parts.push(part);
        self
    }

    /// Adds the searches whose states can be counted, to compare model checkers and solutions.
    #[must_use]
    pub fn counting(mut self, count: CountSearch) -> Self {
        self.count = Some(count);
        self
    }

    /// The searches whose states can be counted, if the lab has any.
    #[must_use]
    pub fn count_search(&self) -> Option<CountSearch> {
        self.count
    }

    /// Sets how the lab's runs are checked for linearizability.
    #[must_use]
    pub fn checking_histories(mut self, model: HistoryModel) -> Self {
        self.history_model = Some(model);
        self
    }

    /// How the lab's runs are checked for linearizability, if they can be.
    #[must_use]
    pub fn history_model(&self) -> Option<&HistoryModel> {
        self.history_model.as_ref()
    }

    /// Sets the lab's own kinds of mistakes. The first that fits counts.
    #[must_use]
    pub fn explaining(mut self, mistakes: &'static [KindOfMistake]) -> Self {
        self.mistakes = mistakes;
        self
    }

    /// The help for a failing test: that for what no lab's code may do, or else that of the lab.
    #[must_use]
    pub fn help(&self, failure: &Failure<'_>) -> Option<Help> {
        let tables = [IN_EVERY_LAB, self.mistakes, OTHERWISE_IN_EVERY_LAB];
        tables.into_iter().find_map(|kinds| help::first_fitting(kinds, failure))
    }

    /// The help with this address within the book.
    #[must_use]
    pub fn help_at(&self, address: &str) -> Option<Help> {
        self.all_help().find(|help| help.address() == address).copied()
    }

    /// All help that there is for the lab.
    pub fn all_help(&self) -> impl Iterator<Item = &Help> {
        let tables = [IN_EVERY_LAB, self.mistakes, OTHERWISE_IN_EVERY_LAB];
        tables.into_iter().flatten().map(|kind| &kind.help)
    }

    /// The lab: `lab1`.
    #[must_use]
    pub fn lab(&self) -> &str {
        &self.lab
    }

    /// The lab's title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The same suite, in which these tests run with so many seeds each, however many the others run with.
    #[must_use]
    pub fn with_seeds(mut self, seeds: &BTreeMap<TestNumber, u64>) -> Self {
        for part in &mut self.parts {
            let tests = std::mem::take(&mut part.tests).into_iter();
            let changed = tests.map(|test| match seeds.get(&test.number()) {
                Some(&seeds) => test.with_seeds(seeds),
                None => test,
            });
            part.tests = changed.collect();
        }
        self
    }

    /// All tests, in order.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        self.parts.iter().flat_map(|part| &part.tests)
    }

    /// The test with this number.
    #[must_use]
    pub fn test(&self, number: TestNumber) -> Option<&Test> {
        self.tests().find(|test| test.number() == number)
    }

    /// The total points of all tests.
    #[must_use]
    pub fn points(&self) -> Points {
        self.parts.iter().map(Part::points).sum()
    }
}

/// A part of a lab, with its tests.
#[derive(Clone, Debug)]
pub struct Part {
    number: u32,
    title: String,
    tests: Vec<Test>,
}

impl Part {
    /// A part without tests yet.
    #[must_use]
    pub fn new(number: u32, title: &str) -> Self {
        Self { number, title: title.to_owned(), tests: Vec::new() }
    }

    /// Adds a test.
    ///
    /// # Panics
    /// If the test's number belongs to another part or is taken, which is a bug in the suite.
    #[must_use]
    pub fn test(mut self, test: Test) -> Self {
        let number = test.number();
        assert!(number.part == self.number, "test {number} is not of part {}", self.number);
        assert!(
            self.tests.iter().all(|other| other.number() != number),
            "two tests have the number {number}"
        );
        self.tests.push(test);
        self
    }

    /// Adds several tests.
    ///
    /// # Panics
    /// As [`Part::test`].
    #[must_use]
    pub fn tests(self, tests: impl IntoIterator<Item = Test>) -> Self {
        tests.into_iter().fold(self, Self::test)
    }

    /// The part's number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The part's title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The tests, in order.
    #[must_use]
    pub fn all_tests(&self) -> &[Test] {
        &self.tests
    }

    /// The total points of the part's tests.
    #[must_use]
    pub fn points(&self) -> Points {
        self.tests.iter().map(Test::points).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(number: &str, points: u32) -> Test {
        Test::unit(number, "Something")
            .asserts("something holds")
            .points(points)
            .scenario(|_| Scenario::new())
    }

    #[test]
    fn points_add_up() {
        let suite = Suite::new("lab9", "Nothing")
            .part(Part::new(1, "One").test(test("1.1", 2)).test(test("1.2", 3)))
            .part(Part::new(2, "Two").test(test("2.1", 5)));
        assert_eq!(suite.parts()[0].points(), Points::whole(5));
        assert_eq!(suite.points(), Points::whole(10));
        let number = TestNumber { part: 2, place: 1 };
        assert_eq!(suite.test(number).map(Test::number), Some(number));
        assert!(suite.test(TestNumber { part: 2, place: 2 }).is_none());
    }

    #[test]
    fn some_tests_have_seeds_of_their_own() {
        let run = |number| Test::run(number, "Run").asserts("it runs").points(1);
        let part = Part::new(1, "One").test(test("1.1", 2)).test(test("1.2", 2));
        let part = part.test(run("1.3").scenario(|_| Scenario::new()));
        let number = |text: &str| text.parse::<TestNumber>().expect("a number");
        let suite = Suite::new("lab9", "Nothing").part(part);
        let seeds = BTreeMap::from([(number("1.2"), 5), (number("1.3"), 50)]);
        let seeds: Vec<u64> = suite.with_seeds(&seeds).tests().map(|test| test.seeds(20)).collect();
        assert_eq!(seeds, [1, 5, 50]);
    }

    #[test]
    #[should_panic(expected = "two tests have the number 1.1")]
    fn numbers_are_unique() {
        let _ = Part::new(1, "One").test(test("1.1", 2)).test(test("1.1", 3));
    }
}
