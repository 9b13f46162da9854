//! Batch grading: turns a folder of untrusted submissions into points, feedback and tables.
//!
//! ```text
//!   submissions/ --intake--> files --executor--> outcomes --policy--> grades --output--> results/
//!                               \___________ store ___________/
//! ```

pub mod anonymous;
mod batch;
pub mod batch_results;
pub mod cli;
pub mod diff;
pub mod executor;
#[cfg(test)]
mod fixtures;
pub mod grade;
pub mod grading_record;
pub mod groups;
mod input_table;
pub mod intake;
pub mod judge;
pub mod open;
pub mod output;
pub mod platform;
pub mod policy;
mod progress;
mod similarity;
mod space;
pub mod spec;
pub mod store;
mod usage;
mod watch;
