//! Tests the suites: correct solutions lose no test, however they are designed, and mutants, each with
//! one named bug, lose exactly the expected tests.
//!
//! Students never get this crate. Run it optimised, as students run the suites:
//!
//! ```text
//! cargo test --profile lab --package faultlab-staff
//! ```

mod bench;
pub mod culprits;
mod findings;
pub mod sections;
mod selection;
mod table;

pub use bench::{Bench, FailingRun, KnownSubmission, lost};
pub use findings::SuiteFindings;
pub use selection::Selection;
pub use table::Table;
