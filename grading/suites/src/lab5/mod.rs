//! The suite of lab 5.

mod help;
mod part1;
mod part2;
mod part3;
mod part4;
mod properties;
mod setup;

use crate::Suite;

/// The suite of lab 5.
#[must_use]
pub fn suite() -> Suite {
    Suite::new("lab5", "Causal broadcast")
        .interface(lab5_api::interface())
        .explaining(help::KINDS)
        .part(part1::part())
        .part(part2::part())
        .part(part3::part())
        .part(part4::part())
}
