//! Linearizability: does a recorded history look as if every operation took effect at one instant
//! between its call and its return?

mod checker;
mod explain;
pub mod formats;
mod history;
mod html;
mod lanes;
mod model;
pub mod models;
mod monitor;
mod monitor_bytes;
mod prefix;
mod problem;
mod property;
mod reduce;
mod search;
mod sequential;
mod table;
mod verdict;

pub use checker::{Checker, Report, check};
pub use explain::{Explanation, Placed, Shown, explain};
pub use history::{History, HistoryError, Named, Operation, Recorder};
pub use html::page;
pub use model::{Model, Sequential};
pub use monitor::{Monitor, MonitorError, MonitorEvent, MonitorState};
pub use property::linearizable;
pub use verdict::{Cost, Limit, SequentialVerdict, Verdict, Violation};
