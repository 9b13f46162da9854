//! Help with a failing test: where the book explains its kind of mistake, and hints that say more and more.

use crate::TestNumber;

/// What a failing test breaks.
#[derive(Clone, Copy, Debug)]
pub struct Broken<'a> {
    /// The test.
    pub test: TestNumber,
    /// The name of the property.
    pub property: &'a str,
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

/// A kind of mistake: the start of the names of the properties that it breaks, the part of the lab to which it is limited, and
/// the help.
pub type KindOfMistake = (&'static str, Option<u32>, Help);

/// The first kind of mistake in a table that fits.
#[must_use]
pub fn first_fitting(kinds: &[KindOfMistake], broken: Broken<'_>) -> Option<Help> {
    let fits = |&&(property, part, _): &&KindOfMistake| {
        broken.property.starts_with(property) && part.is_none_or(|part| part == broken.test.part)
    };
    kinds.iter().find(fits).map(|(_, _, help)| *help)
}

/// The kinds of mistakes that have nothing to do with a lab's algorithm.
pub const IN_EVERY_LAB: &[KindOfMistake] = &[
    (
        "every handler returns",
        None,
        Help {
            page: "faq",
            section: "May I use threads, sleep, or the clock?",
            hints: &[
                "Which loop in the handler that is named can go on forever? What would have to happen for it to end?",
                "A handler cannot wait for a message: none arrives before it returns. Keep what you are waiting for in \
                 the node's state, and return.",
            ],
        },
    ),
    (
        "no handler ends its process",
        None,
        Help {
            page: "tests",
            section: "When it is not your algorithm",
            hints: &[
                "Search your code for `exit`, `abort` and recursion without an end.",
                "A node that cannot go on keeps that in its state. It never ends the process, in which other nodes may run.",
            ],
        },
    ),
    (
        "messages go to nodes that exist",
        None,
        Help {
            page: "framework",
            section: "Messages",
            hints: &[
                "The report lists the nodes that there are. Where does the address that your code sent to come from?",
                "A reply goes to the address that `on_message` was given, and a request to the address with which the \
                 node was made.",
            ],
        },
    ),
    (
        "the same seed gives the same run",
        None,
        Help {
            page: "framework",
            section: "Why a node must be deterministic",
            hints: &[
                "What in your node could differ between two runs with the same messages? Look at the field that is named.",
                "Usual suspects: the order of a `HashMap`, the clock, a random number, a `static` or thread-local value.",
            ],
        },
    ),
    (
        "values survive their encoding",
        None,
        Help {
            page: "framework",
            section: "Marshalling",
            hints: &[
                "Which field does the value lose on its way through bytes and back?",
                "Look for `#[serde(skip)]` and for hand-written `Serialize`, `PartialEq` or `Hash`.",
            ],
        },
    ),
    (
        "limits are kept",
        None,
        Help {
            page: "tests",
            section: "When it is not your algorithm",
            hints: &[
                "What does the run do over and over? Follow one message or timer: what does it cause?",
                "A handler whose message or timer causes more than one new one makes their number grow without bound.",
            ],
        },
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn addresses_are_those_of_the_book() {
        let help = Help { page: "faq", section: "Why `BTreeMap`, and not a_b?", hints: &[] };
        assert_eq!(help.address(), "faq.html#why-btreemap-and-not-a_b");
    }

    #[test]
    fn the_first_kind_that_fits_is_taken() {
        let help = |section| Help { page: "a", section, hints: &[] };
        let kinds =
            [("one", Some(2), help("x")), ("one", None, help("y")), ("", Some(3), help("z"))];
        let found = |part, property| {
            let broken = Broken { test: TestNumber { part, place: 1 }, property };
            first_fitting(&kinds, broken).map(|help| help.section)
        };
        assert_eq!(found(2, "one thing"), Some("x"));
        assert_eq!(found(1, "one thing"), Some("y"));
        assert_eq!(found(3, "another"), Some("z"));
        assert_eq!(found(1, "another"), None);
    }

    #[test]
    fn each_kind_has_hints_that_differ_and_no_code() {
        for suite in crate::all() {
            for help in suite.all_help() {
                let distinct: BTreeSet<&&str> = help.hints.iter().collect();
                let (lab, section) = (suite.lab(), help.section);
                assert!(distinct.len() >= 2, "{lab}: {section}");
                assert_eq!(distinct.len(), help.hints.len(), "{lab}: {section}");
                for hint in help.hints {
                    assert!(!hint.contains(['{', '=']), "code in a hint: {hint}");
                }
            }
        }
    }
}
