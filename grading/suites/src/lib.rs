//! The test suites of the labs, and the types they are written with.
//!
//! A [`Suite`] consists of parts with tests. A [`Test`] says what it asserts, what it is worth, and
//! how a seed becomes a run:
//!
//! ```
//! use std::time::Duration;
//!
//! use faultlab::{Address, NodeSpec};
//! use faultlab::property::{clients_done, results_ok};
//! use faultlab::simulate::Scenario;
//! use faultlab::workload::Workload;
//! use faultlab_suites::{Part, Suite, Test};
//!
//! let suite = Suite::new("lab9", "Counting").part(
//!     Part::new(1, "One client").test(
//!         Test::run("1.1", "A client counts to three")
//!             .asserts("each command is answered, with the sum so far")
//!             .points(5)
//!             .scenario(|_seed| {
//!                 let (server, client) = (Address::new("server"), Address::new("client1"));
//!                 let work = Workload::<u64, u64>::of([1, 1, 1]).expecting([1, 2, 3]);
//!                 Scenario::new()
//!                     .node(NodeSpec::node("server", server, &()))
//!                     .node(NodeSpec::client("client", client, &server, work))
//!                     .until_done(Duration::from_secs(10))
//!                     .check(clients_done())
//!                     .check(results_ok())
//!             }),
//!     ),
//! );
//! assert_eq!(suite.tests().count(), 1);
//! ```
//!
//! A suite knows a lab only through the lab's API crate. The harness handles processes, terminals
//! and files.

mod checked_nodes;
mod credit;
pub mod help;
mod history_model;
pub mod key_value;
mod lanes;
mod load;
mod mistakes;
mod number;
mod points;
mod replay;
mod run;
mod run_progress;
mod run_search;
mod search_plan;
mod seeds;
mod suite;
mod test;

pub use credit::Credit;
pub use help::Help;
pub use history_model::{CheckLimits, CheckableHistory, HistoryModel, ModelledHistory};
pub use lanes::lanes;
pub use load::{LoadError, find, labs, load};
pub use mistakes::Mistake;
pub use number::{TestNumber, TestNumberError};
pub use points::Points;
pub use replay::{ReplayError, replay_saved};
pub use run::{Run, origin, run, run_on, scenario_of};
pub use run_search::{EndCondition, SearchSummary};
pub use search_plan::{RequiredResult, SearchPlan};
pub use seeds::{SEED, SEEDS, seed_of};
pub use suite::{CountSearch, Part, Suite};
pub use test::{Body, Kind, PlanFactory, ScenarioFactory, SeedContext, Test, TestBuilder};

/// Names the labs with a suite.
macro_rules! labs {
    ($($lab:ident)*) => {
        /// The labs with their suites, in the order of the course.
        const SUITES: &[(&str, fn() -> Suite)] = &[$((stringify!($lab), $lab::suite)),*];
    };
}

// The labs, in the order of the course. A new lab adds a line to both lists.
pub mod lab0;
pub mod lab1;
pub mod lab2;
pub mod lab5;

labs! {
    lab0
    lab1
    lab2
    lab5
}

/// The suites of all labs, in the order of the course. They are not checked; [`load`] checks one.
#[must_use]
pub fn all() -> Vec<Suite> {
    SUITES.iter().map(|(_, suite)| suite()).collect()
}
