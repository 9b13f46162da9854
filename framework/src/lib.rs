//! Faultlab: write a distributed system as plain state machines, then see how it breaks.

mod address;
mod application;
mod client;
pub mod codec;
mod context;
mod fault_model;
pub mod history;
pub mod linearizability;
mod node;
pub mod property;
pub mod random;
pub mod simulate;
pub mod trace;
pub mod worker;
pub mod workload;

pub use address::{ADDRESS_LENGTH_MAX, Address, AddressError};
pub use application::Application;
pub use client::Client;
pub use context::{Context, Delay, Effect};
pub use fault_model::FaultModel;
pub use node::{Node, Value};
