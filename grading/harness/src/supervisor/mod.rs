//! The supervisor: worker processes, their jobs, and their failures.

mod pool;
mod process;

pub use pool::{Answers, Batch, Pool};
pub use process::{Timeouts, WorkerCommand, WorkerFailure};
