//! Models that recorded histories are checked against: a register and a key-value store.

mod key_value;
mod register;

pub use key_value::{KeyValue, KeyValueCommand, KeyValueState};
pub use register::{Register, RegisterCommand, RegisterResult};
