//! The suite of lab 1: a key-value store, at-least-once requests, exactly-once semantics.

mod count;
mod oracle;
mod part1;
mod part2;
mod part3;
mod searches;
mod setup;

use crate::Suite;

pub use oracle::{EXACTLY_ONCE, Specification, model};

/// The suite of lab 1.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("lab1", "A key-value store that loses nothing and does nothing twice")
        .part(part1::part())
        .part(part2::part().tests(searches::part2()))
        .part(part3::part().tests(searches::part3()))
        .counting(count::search)
}
