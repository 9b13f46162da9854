//! Builds submissions, runs their tests in worker processes, and writes a report.
//!
//! ```text
//!   cli          command-line options
//!    |-- build       the submission and its shim, compiled against prebuilt libraries
//!    |-- session     every test with every seed, until each test has its report
//!    |     `-- supervisor ==socket== worker (the shim: engine and submission)
//!    `-- report      one document, rendered for the terminal, as JSON and as JUnit
//! ```

pub mod build;
pub mod cli;
mod count;
mod processor_time;
pub mod replayed;
pub mod report;
pub mod session;
pub mod shell;
pub mod shim;
pub mod supervisor;
pub mod worker;

pub use processor_time::CpuLimit;
