//! Linearizability: could every operation of a recorded history have taken effect at one instant
//! between its call and its return?
//!
//! - A [`History`] is the operations of clients, with their results and times. A [`Recorder`] builds
//!   one; [`formats`] reads those that other tools recorded.
//! - A [`Model`] defines correct behaviour: any [`Application`](crate::Application), wrapped as
//!   [`Sequential`], or one of [`models`].
//! - [`check`], or a [`Checker`] with limits, returns a [`CheckResult`]. [`explain`] reduces a violation
//!   to a few operations, and [`page`] shows it in a browser.
//! - A [`Monitor`] checks online, one call or answer at a time. Searches use it.
//! - [`linearizable`] is the property for run tests.
//!
//! ```
//! use faultlab::Address;
//! use faultlab::linearizability::models::{Register, RegisterCommand, RegisterResult};
//! use faultlab::linearizability::{Checker, Recorder, CheckResult, explain};
//!
//! // Alice's write returns. After that, Bob reads and does not see the value.
//! let (alice, bob) = (Address::new("alice"), Address::new("bob"));
//! let mut recorder = Recorder::new();
//! recorder.call(alice, RegisterCommand::Write(1))?;
//! recorder.answer(alice, RegisterResult::Done)?;
//! recorder.call(bob, RegisterCommand::Read)?;
//! recorder.answer(bob, RegisterResult::Value(None))?;
//! let history = recorder.finish();
//!
//! let report = Checker::new(&Register::new()).check(&history);
//! let CheckResult::NotLinearizable(violation) = report.verdict else { panic!("a stale read") };
//! let explanation = explain(&Register::new(), &history, &violation);
//! assert_eq!(explanation.sentence(), "bob's read returned nil, but it could only have returned 1");
//! assert_eq!(format!("\n{}", explanation.to_text(60, false)), "
//!   All 2 operations:
//!
//!   alice  ├1 write 1 → ok──┤
//!   bob                       ╞✗2 read → nil══╡
//!
//!   An order that explains all other results:
//!          client  command  result  state after
//!                                   nil
//!     1    alice   write 1  ok      1
//!     ✗ 2  bob     read     nil     here it returns 1
//! ");
//! # Ok::<(), faultlab::linearizability::HistoryError>(())
//! ```

mod check_result;
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
mod traced;

pub use check_result::{CheckResult, Cost, Limit, SequentialCheckResult, Violation};
pub use checker::{Checker, Report, check};
pub use explain::{Explanation, Placed, ShownOperation, explain};
pub use history::{History, HistoryError, Named, Operation, Recorder};
pub use html::page;
pub use model::{Model, Sequential};
pub use monitor::{Monitor, MonitorError, MonitorEvent, MonitorState};
pub use property::linearizable;
pub use traced::history_of;
