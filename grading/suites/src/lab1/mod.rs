//! The suite of lab 1: a key-value store, at-least-once requests, exactly-once semantics.

mod count;
mod help;
pub mod oracle;
mod part1;
mod part2;
mod part3;
mod searches;
pub mod setup;
mod slip;

use lab1_api::KvCommand;

use crate::{Suite, key_value};

/// The suite of lab 1.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("lab1", "A key-value store that loses nothing and does nothing twice")
        .interface(lab1_api::interface())
        .part(part1::part())
        .part(part2::part().tests(searches::part2()))
        .part(part3::part().tests(searches::part3()))
        .counting(count::search)
        .checking_histories(key_value::history_model::<KvCommand>())
        .explaining(help::KINDS)
}
