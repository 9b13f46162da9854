//! Builds submissions, runs their tests in worker processes, and reports what they came to.
//!
//! ```text
//!   cli          what was asked for
//!    |-- build       the submission and its shim, compiled against frozen libraries
//!    |-- session     every test with every seed, until each test has its report
//!    |     `-- supervisor ==socket== worker (the shim: engine and submission)
//!    `-- report      one document; terminal, JSON and JUnit are rendered from it
//! ```

pub mod build;
pub mod cli;
mod count;
mod replayed;
pub mod report;
pub mod session;
pub mod shim;
pub mod supervisor;
pub mod worker;
