//! Loads a lab's suite. A mistake of its author is found here, before any submission is built.

use std::fmt;

use faultlab::hosting::{NodeFailure, catch};

use crate::{Mistake, SUITES, Suite};

/// Why a suite cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no suite for the lab.
    #[error("there is no suite for `{lab}`; there are suites for: {}", known.join(", "))]
    NoSuite {
        /// The lab.
        lab: String,
        /// The labs with a suite.
        known: Vec<&'static str>,
    },
    /// The suite has mistakes, so that it would take points from submissions for what is not their fault.
    #[error("{}", Listed(lab, mistakes))]
    Mistakes {
        /// The lab.
        lab: String,
        /// All that were found.
        mistakes: Vec<Mistake>,
    },
}

/// Mistakes as a list.
struct Listed<'a>(&'a str, &'a [Mistake]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(lab, mistakes) = self;
        let count = match mistakes.len() {
            1 => "a mistake".to_owned(),
            count => format!("{count} mistakes"),
        };
        write!(
            f,
            "the suite of {lab} has {count}. This is no submission's fault, and nothing was run:"
        )?;
        mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

/// The labs that have a suite, in the order of the course.
pub fn labs() -> impl Iterator<Item = &'static str> {
    SUITES.iter().map(|(lab, _)| *lab)
}

/// The suite of a lab, if there is one. It is not checked.
#[must_use]
pub fn find(lab: &str) -> Option<Suite> {
    SUITES.iter().find(|(known, _)| *known == lab).map(|(_, suite)| suite())
}

/// The suite of a lab, [checked](Suite::mistakes).
///
/// # Errors
/// When there is none, or it has mistakes.
pub fn load(lab: &str) -> Result<Suite, LoadError> {
    let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == lab) else {
        return Err(LoadError::NoSuite { lab: lab.to_owned(), known: labs().collect() });
    };
    checked(lab, *suite)
}

/// The suite of a lab that this function makes, checked.
fn checked(lab: &str, suite: impl FnOnce() -> Suite) -> Result<Suite, LoadError> {
    let mistakes = |mistakes| LoadError::Mistakes { lab: lab.to_owned(), mistakes };
    match catch(suite) {
        Ok(suite) => suite.check().map(|()| suite),
        // What the builders of suites, parts and tests refuse.
        Err(failure) => Err(mistakes(vec![Mistake { test: None, what: panicked(failure) }])),
    }
}

impl Suite {
    /// Checks the suite for mistakes of its author.
    ///
    /// # Errors
    /// When there are any.
    pub fn check(&self) -> Result<(), LoadError> {
        let mistakes = self.mistakes();
        match mistakes.is_empty() {
            true => Ok(()),
            false => Err(LoadError::Mistakes { lab: self.lab().to_owned(), mistakes }),
        }
    }
}

/// What a suite's code said as it panicked, and where.
pub(crate) fn panicked(failure: NodeFailure) -> String {
    match failure {
        NodeFailure::Panicked { message, location: Some(location) } => {
            format!("{message} ({location})")
        }
        NodeFailure::Panicked { message, location: None } => message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Part, Test};

    #[test]
    fn the_suites_of_all_labs_have_no_mistakes() {
        for lab in labs() {
            let suite = load(lab).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(suite.lab(), lab);
        }
        let error = load("lab99").expect_err("there is none").to_string();
        assert!(error.contains("`lab99`; there are suites for: lab0, lab1"), "{error}");
    }

    #[test]
    fn what_a_builder_refuses_is_a_mistake_of_the_suite() {
        let test = |number: &str| {
            let test = Test::run(number, "Something").asserts("something").points(1);
            test.scenario(|_| faultlab::simulate::Scenario::new())
        };
        let text = |suite: &dyn Fn() -> Suite| {
            checked("lab9", suite).expect_err("it has a mistake").to_string()
        };
        let twice = text(&|| {
            Suite::new("lab9", "Nine").part(Part::new(1, "One").tests([test("1.1"), test("1.1")]))
        });
        let said = "the suite of lab9 has a mistake. This is no submission's fault, and nothing was run:\n  \
                    two tests have the number 1.1 (";
        assert!(twice.starts_with(said), "{twice}");
        let other =
            text(&|| Suite::new("lab9", "Nine").part(Part::new(2, "Two").test(test("1.1"))));
        assert!(other.contains("test 1.1 is not of part 2"), "{other}");
        let unnumbered =
            text(&|| Suite::new("lab9", "Nine").part(Part::new(1, "One").test(test("first"))));
        assert!(unnumbered.contains("first"), "{unnumbered}");
    }
}
