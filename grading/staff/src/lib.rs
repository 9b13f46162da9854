//! Tests the suites themselves: solutions that are right lose nothing, however they are built, and
//! mutants, which are wrong in one named way, lose the tests that they should and no others.
//!
//! Never handed out. Run it optimised, as students run the suites:
//!
//! ```text
//! cargo test --profile lab --package faultlab-staff
//! ```

mod bench;
mod table;

pub use bench::{Bench, Subject, lost};
pub use table::Table;
