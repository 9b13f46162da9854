//! The suite of lab 2: a view service, and a key-value store with a primary and a backup.

mod help;
pub mod oracle;
mod part1;
mod part2;
mod searches;
pub mod setup;

use lab1_api::KvCommand;

use crate::{Suite, key_value};

/// The suite of lab 2.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("lab2", "A key-value store that survives the crash of a server")
        .interface(lab2_api::interface())
        .part(part1::part().tests(searches::part1()))
        .part(part2::part().tests(searches::part2()))
        .checking_histories(key_value::history_model::<KvCommand>())
        .explaining(help::KINDS)
}
