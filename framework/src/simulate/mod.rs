//! The simulator: one run, in virtual time, fixed by one seed.
//!
//! A [`Scenario`] says who takes part, what the network does, what happens to it and when, and what
//! must hold. A [`Simulation`] of it jumps from event to event, so thirty virtual seconds cost
//! milliseconds, and the same seed gives the same run, byte for byte, on every machine. [`check`] runs several
//! seeds, and notices when nodes do not do the same again.

mod check;
mod digest;
mod drive;
mod foresight;
mod limits;
mod links;
mod lockstep;
mod log;
mod network;
mod outcome;
mod participant;
mod per_sender;
mod pool;
mod queue;
mod replay;
mod scenario;
mod simulation;
mod validate;
mod view;

pub use check::{Irreproducible, check, run_twice};
pub use drive::{HandlerTime, HandlerTimes, Options, Origin};
pub use limits::Limits;
pub use lockstep::{Ended, Keep, lockstep};
pub use log::{RunLog, again, show};
pub use network::{Conditions, Latency, Network, Rate};
pub use outcome::{Outcome, RunFailure, Verdict};
pub use replay::replay;
pub use scenario::{Intervention, NodeSpec, Scenario};
pub use simulation::{Next, Simulation};
pub use validate::ScenarioError;
