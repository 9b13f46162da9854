//! Lab 0's kind of mistake, with its section of the book and hints.

use crate::help::{Help, KindOfMistake};

/// The chapter shows everything that a test of this lab can ask for in one section, so there is one kind.
pub(super) const KINDS: &[KindOfMistake] = &[KindOfMistake {
    fits: |failure| {
        ["every client gets all its results", "results are right", "no handler panics"]
            .into_iter()
            .any(|property| failure.breaks(property))
    },
    help: Help {
        page: "lab0",
        section: "Two things to notice in `client.rs`",
        hints: &[
            "Which message did the client send or get last, and what became of it? If a pong brought the wrong result, or \
             a panic: which ping does that pong answer?",
            "A message can be lost on its way to the server, and its answer on the way back. The client only sees that no \
             answer comes. A pong can also come late or twice, when the client waits for another one, or for nothing.",
            "A timer tells the client that it has waited long enough. Its handler sends the ping again and sets the timer \
             again, as long as the answer has not come. A pong that does not answer the ping for which the client waits \
             changes nothing.",
        ],
    },
}];
