//! Help with a failing test: where the book explains its kind of mistake, and hints that say more and more.

use std::collections::BTreeSet;

use faultlab::trace::{Clue, Trace};

use crate::TestNumber;

/// What is known about a failing test.
#[derive(Clone, Debug)]
pub struct Failure<'a> {
    /// The test.
    pub test: TestNumber,
    /// The name of the property that is broken.
    pub property: &'a str,
    /// The run that is shown, if one is.
    pub run: Option<&'a Trace>,
    clues: BTreeSet<Clue>,
}

impl<'a> Failure<'a> {
    /// The failure of a test that breaks a property, in the run that is shown.
    #[must_use]
    pub fn new(test: TestNumber, property: &'a str, run: Option<&'a Trace>) -> Self {
        Self { test, property, run, clues: run.map(Clue::all_in).unwrap_or_default() }
    }

    /// Whether the name of the broken property starts like this.
    #[must_use]
    pub fn breaks(&self, start: &str) -> bool {
        self.property.starts_with(start)
    }

    /// Whether the run that is shown has all of these clues.
    #[must_use]
    pub fn shows(&self, clues: &[Clue]) -> bool {
        clues.iter().all(|clue| self.clues.contains(clue))
    }
}

/// Help with a kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Help {
    /// The page of the book: `lab1-mistakes`.
    pub page: &'static str,
    /// The heading of the section there.
    pub section: &'static str,
    /// Hints. Each says more than the one before, but none contains code of a solution.
    pub hints: &'static [&'static str],
}

impl Help {
    /// The section's address within the book: `lab1-mistakes.html#timers-multiply`.
    #[must_use]
    pub fn address(&self) -> String {
        let anchor: String = self
            .section
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                _ => c.is_alphanumeric().then(|| c.to_ascii_lowercase()),
            })
            .collect();
        format!("{}.html#{anchor}", self.page)
    }
}

/// A kind of mistake.
#[derive(Clone, Copy, Debug)]
pub struct KindOfMistake {
    /// Whether it explains a failure.
    pub fits: fn(&Failure<'_>) -> bool,
    /// The help with it. Kinds that share a section share their help.
    pub help: Help,
}

/// The first kind of mistake in a table that fits.
#[must_use]
pub fn first_fitting(kinds: &[KindOfMistake], failure: &Failure<'_>) -> Option<Help> {
    kinds.iter().find(|kind| (kind.fits)(failure)).map(|kind| kind.help)
}

/// The kinds of mistakes that have nothing to do with a lab's algorithm. They come before the lab's own.
pub const IN_EVERY_LAB: &[KindOfMistake] = &[
    KindOfMistake {
        fits: |failure| failure.breaks("every handler returns"),
        help: Help {
            page: "faq",
            section: "May I use threads, sleep, or the clock?",
            hints: &[
                "Which loop in the handler that is named can go on forever? What would have to happen for it to end?",
                "A handler cannot wait for a message: none arrives before it returns. Keep what you are waiting for in \
                 the node's state, and return.",
            ],
        },
    },
    KindOfMistake {
        fits: |failure| failure.breaks("no handler ends its process"),
        help: NOT_THE_ALGORITHM,
    },
    KindOfMistake {
        fits: |failure| failure.breaks("messages go to nodes that exist"),
        help: Help {
            page: "framework",
            section: "Messages",
            hints: &[
                "The report lists the nodes that there are. Where does the address that your code sent to come from?",
                "A reply goes to the address that `on_message` was given, and a request to the address with which the \
                 node was made.",
            ],
        },
    },
    KindOfMistake {
        fits: |failure| failure.breaks("the same seed gives the same run"),
        help: Help {
            page: "framework",
            section: "Why a node must be deterministic",
            hints: &[
                "What in your node could differ between two runs with the same messages? Look at the field that is named.",
                "Usual suspects: the order of a `HashMap`, the clock, a random number, a `static` or thread-local value.",
            ],
        },
    },
    KindOfMistake {
        fits: |failure| failure.breaks("values survive their encoding"),
        help: MARSHALLING,
    },
];

/// Help with what is never right, whatever the algorithm.
const NOT_THE_ALGORITHM: Help = Help {
    page: "tests",
    section: "When it is not your algorithm",
    hints: &[
        "Does a node end its process: `exit`, `abort`, recursion without an end? Or does the run do something over and \
         over? Follow one message or timer: what does it cause?",
        "A node that cannot go on keeps that in its state. It never ends the process, in which other nodes may run. And a \
         handler whose message or timer causes more than one new one makes their number grow without bound.",
    ],
};

/// Help with values that become bytes.
pub const MARSHALLING: Help = Help {
    page: "framework",
    section: "Marshalling",
    hints: &[
        "Which field does the value lose on its way through bytes and back? Or which field of a message grows from \
         command to command?",
        "Where a value changes, look for `#[serde(skip)]` and for hand-written `Serialize`, `PartialEq` or `Hash`. Where a \
         message grows: a request needs one command, and a reply one result. The receiver remembers the rest.",
    ],
};

/// What explains a failure if no kind of the lab does.
pub const OTHERWISE_IN_EVERY_LAB: &[KindOfMistake] =
    &[KindOfMistake { fits: |failure| failure.breaks("limits are kept"), help: NOT_THE_ALGORITHM }];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn addresses_are_those_of_the_book() {
        let help = Help { page: "faq", section: "Why `BTreeMap`, and not a_b?", hints: &[] };
        assert_eq!(help.address(), "faq.html#why-btreemap-and-not-a_b");
    }

    #[test]
    fn the_first_kind_that_fits_is_taken() {
        let help = |section| Help { page: "a", section, hints: &[] };
        let kinds = [
            KindOfMistake { fits: |it| it.breaks("one") && it.test.part == 2, help: help("x") },
            KindOfMistake { fits: |it| it.breaks("one"), help: help("y") },
            KindOfMistake { fits: |it| it.test.part == 3, help: help("z") },
        ];
        let found = |part, property| {
            let failure = Failure::new(TestNumber { part, place: 1 }, property, None);
            first_fitting(&kinds, &failure).map(|help| help.section)
        };
        assert_eq!(found(2, "one thing"), Some("x"));
        assert_eq!(found(1, "one thing"), Some("y"));
        assert_eq!(found(3, "another"), Some("z"));
        assert_eq!(found(1, "another"), None);
    }

    #[test]
    fn without_a_run_nothing_is_shown() {
        let failure = Failure::new(TestNumber { part: 1, place: 1 }, "it holds", None);
        assert!(failure.shows(&[]) && !failure.shows(&[Clue::AtClient]));
    }

    #[test]
    fn each_section_has_hints_that_differ_and_no_code() {
        for suite in crate::all() {
            let mut sections = BTreeMap::new();
            for help in suite.all_help() {
                let distinct: BTreeSet<&&str> = help.hints.iter().collect();
                let (lab, section) = (suite.lab(), help.section);
                assert!(distinct.len() >= 2, "{lab}: {section}");
                assert_eq!(distinct.len(), help.hints.len(), "{lab}: {section}");
                for hint in help.hints {
                    assert!(!hint.contains(['{', '=']), "code in a hint: {hint}");
                }
                let known = sections.entry(help.address()).or_insert(help);
                assert_eq!(*known, help, "{lab}: two helps for {section}");
            }
        }
    }
}
