//! Models that recorded histories are checked against: registers and a key-value store.

mod key_value;
mod keyed;
mod register;

pub use key_value::{KeyValue, KeyValueCommand, KeyValueState};
pub use keyed::{Keyed, KeyedCommand};
pub use register::{Register, RegisterCommand, RegisterResult};
