//! The simulator: one run, in virtual time, fixed by one seed.
//!
//! A [`Scenario`] describes the nodes, the network, the interventions and their times, and the properties
//! that must hold. A [`Simulation`] of it jumps from event to event, so thirty virtual seconds take
//! milliseconds, and the same seed gives the same run, byte for byte, on every machine. [`check`] runs several
//! seeds, some of them twice, to detect nondeterministic nodes.

mod after_each_event;
mod buffer_pool;
mod check;
mod clients;
mod decisions;
mod digest;
mod disk;
mod drive;
mod effects;
mod event_queue;
mod idle;
mod interventions;
mod limits;
mod links;
mod lookahead;
mod misconduct;
mod monitored;
mod network;
mod nodes;
mod notes;
mod outcome;
mod per_sender;
mod progress;
mod quiet_phase;
mod reduced;
mod replay;
mod scenario;
mod schedule;
pub mod shrink;
mod simulated_node;
mod simulation;
mod tampering;
mod timers;
mod transport;
mod validate;
mod verdicts;
mod view;

pub use crate::random::Rate;
pub use after_each_event::Question;
pub use check::{Irreproducible, check, run_twice};
pub use decisions::{Deviation, NthChance, NthMessage, NthTimer};
pub use drive::{HandlerTime, HandlerTimes, Options};
pub use limits::Limits;
pub use lookahead::LookaheadStep;
pub use network::{Injected, Latency, LinkConditions, Network, Replayed, TamperingRates};
pub use outcome::{Outcome, RunFailure, Verdict};
pub use replay::{replay, replay_capturing};
pub use scenario::{Intervention, Invented, Scenario};
pub use simulation::{Next, Simulation};
pub use validate::ScenarioError;
