//! The supervisor: worker processes, what they are asked, and what becomes of them.

mod pool;
mod process;

pub use pool::{Answers, Batch, Pool};
pub use process::{Loss, Patience, WorkerCommand};
