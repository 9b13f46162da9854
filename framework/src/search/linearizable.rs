//! Linearizability as a monitor, which checks every run of a search.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::linearizability::{self, Model, MonitorError};
use crate::property::{CheckError, Monitor, violated};
use crate::{Address, Value, codec};

/// Checks that the clients' results are linearizable with respect to a model: in every order of events,
/// they must be those of a single copy that executes each command at one instant between its call and
/// its return.
///
/// No single state shows this. The monitor's state contains exactly what is still relevant of the calls
/// and returns so far.
pub struct Linearizable<M: Model> {
    name: String,
    monitor: Mutex<linearizability::Monitor<M>>,
}

impl<M: Model> Linearizable<M> {
    /// The property that the clients' results are linearizable, with the lab's name for it.
    #[must_use]
    pub fn new(name: impl Into<String>, model: M) -> Self {
        Self { name: name.into(), monitor: Mutex::new(linearizability::Monitor::new(model)) }
    }
}

impl<M> Monitor for Linearizable<M>
where
    M: Model<Command: Value, Result: Value, State: Serialize + DeserializeOwned> + Send,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&self) -> Vec<u8> {
        self.lock().encode(linearizability::Monitor::<M>::INITIAL)
    }

    fn on_call(
        &self,
        state: &[u8],
        client: Address,
        command: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        let command = codec::decode(command).map_err(|error| unreadable("a command", &error))?;
        let mut monitor = self.lock();
        let event = monitor.call(client, command);
        after(&mut monitor, state, event)
    }

    fn on_return(
        &self,
        state: &[u8],
        client: Address,
        result: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        let result = codec::decode(result).map_err(|error| unreadable("a result", &error))?;
        let mut monitor = self.lock();
        let event = monitor.answer(client, result);
        after(&mut monitor, state, event)
    }
}

impl<M: Model> Linearizable<M> {
    fn lock(&self) -> std::sync::MutexGuard<'_, linearizability::Monitor<M>> {
        // A monitor only adds to its tables, so it is still consistent after a panic.
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decodes the state, applies an event, and encodes the new state.
fn after<M>(
    monitor: &mut linearizability::Monitor<M>,
    state: &[u8],
    event: linearizability::MonitorEvent,
) -> Result<Vec<u8>, CheckError>
where
    M: Model<Command: Value, Result: Value, State: Serialize + DeserializeOwned>,
{
    let state = monitor.decode(state).map_err(|error| unreadable("the monitor's state", &error))?;
    match monitor.next(state, event) {
        Ok(next) => Ok(monitor.encode(next)),
        Err(MonitorError::NotLinearizable { client, command, result, expected }) => {
            let expected = match expected.as_slice() {
                [] => format!("{client}'s {command} to be answered by some order of the commands"),
                results => format!("{client}'s {command} to return {}", results.join(" or ")),
            };
            Err(violated(expected, format!("it returned {result}")))
        }
        Err(error @ MonitorError::TooMany(_)) => Err(CheckError::Undecided(error.to_string())),
        Err(error) => Err(violated("one command of a client at a time", error.to_string())),
    }
}

fn unreadable(what: &str, error: &codec::CodecError) -> CheckError {
    violated(format!("{what} of the lab's types"), error.to_string())
}
