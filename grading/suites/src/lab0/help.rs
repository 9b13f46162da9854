//! Lab 0's kinds of mistakes, each with its section of the book and hints.

use crate::help::{Help, KindOfMistake};

/// Where the chapter says what is easily overlooked.
const SECTION: &str = "Two things to notice in `client.rs`";

/// The kinds of mistakes, by property. The first that fits counts.
pub(super) const KINDS: &[KindOfMistake] = &[
    (
        "every client gets all its results",
        None,
        Help {
            page: "lab0",
            section: SECTION,
            hints: &[
                "Which message did the client send last, and what became of it?",
                "A message can be lost on its way to the server, and its answer on the way back. The client cannot tell \
                 which of them it was: it only sees that no answer comes.",
                "A timer tells the client that it has waited long enough. Its handler sends the ping again and sets the \
                 timer again, as long as the answer has not come.",
            ],
        },
    ),
    (
        "results are right",
        None,
        Help {
            page: "lab0",
            section: SECTION,
            hints: &[
                "Find the pong that brought the wrong result. Which ping does it answer?",
                "A pong may be late: the client has sent another ping in the meantime. A pong that does not answer the \
                 ping for which the client waits changes nothing.",
            ],
        },
    ),
    (
        "no handler panics",
        None,
        Help {
            page: "lab0",
            section: SECTION,
            hints: &[
                "The report names the line. Which assumption does it make, and about what: the client's own state, or a \
                 message?",
                "A pong can come twice, and it can come when the client waits for nothing. Such a pong changes nothing.",
            ],
        },
    ),
];
