//! Linearizability: does a recorded history look as if every operation took effect at one instant
//! between its call and its return?

mod checker;
pub mod formats;
mod history;
mod model;
pub mod models;
mod monitor;
mod monitor_bytes;
mod prefix;
mod problem;
mod search;
mod sequential;
mod table;
mod verdict;

pub use checker::{Checker, Report, check};
pub use history::{History, HistoryError, Named, Operation, Recorder};
pub use model::{Model, Sequential};
pub use monitor::{Monitor, MonitorError, MonitorEvent, MonitorState};
pub use verdict::{Cost, Limit, SequentialVerdict, Verdict, Violation};
