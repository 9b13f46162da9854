//! Batch grading: turns a folder of untrusted submissions into points, feedback and tables.
//!
//! ```text
//!   submissions/ --intake--> files --engine--> outcomes --policy--> grades --output--> results/
//!                               \___________ store ___________/
//! ```

pub mod anonymous;
mod batch;
pub mod book;
pub mod cli;
pub mod diff;
pub mod engine;
pub mod grade;
pub mod intake;
pub mod judge;
pub mod open;
pub mod outcome;
pub mod output;
pub mod platform;
pub mod policy;
mod progress;
#[cfg(test)]
mod samples;
pub mod spec;
pub mod store;
mod usage;
