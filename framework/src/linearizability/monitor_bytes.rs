//! The canonical encoding of a monitor's state, which is the same for all monitors of a model.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::Model;
use super::monitor::{Configuration, Monitor, MonitorState, PENDING, State};
use crate::codec::{self, CodecError};
use crate::{Address, Value};

/// A state by its contents: `C` commands, `S` states of the model, `R` results.
#[derive(Serialize, Deserialize)]
struct Contents<C, S, R> {
    /// The pending command of each client.
    calls: BTreeMap<Address, C>,
    /// The configurations, in the order of their encodings.
    configurations: Vec<PlainConfiguration<S, R>>,
}

/// A configuration by its contents: the model's state, and for each pending call that has taken effect
/// its result, in the order of the clients.
#[derive(Serialize, Deserialize)]
struct PlainConfiguration<S, R> {
    model_state: S,
    results: Vec<Option<R>>,
}

impl<M> Monitor<M>
where
    M: Model<Command: Value, Result: Value, State: Serialize + DeserializeOwned>,
{
    /// The state's canonical encoding, which is the same for every monitor of this model.
    ///
    /// # Panics
    /// If the state belongs to another monitor, or one of the model's values cannot be encoded.
    #[must_use]
    pub fn encode(&self, state: MonitorState) -> Vec<u8> {
        let State { calls, configurations } = self.states.value(state.0);
        let by_client = |index: usize| *self.clients.value(calls[index].0);
        let mut order: Vec<usize> = (0..calls.len()).collect();
        order.sort_by_key(|&index| by_client(index));
        let mut configurations: Vec<_> = configurations
            .iter()
            .map(|configuration| PlainConfiguration {
                model_state: self.model_states.value(configuration.model_state).clone(),
                results: order
                    .iter()
                    .map(|&index| configuration.results[index])
                    .map(|result| (result != PENDING).then(|| self.results.value(result).clone()))
                    .collect(),
            })
            .collect();
        configurations.sort_by_cached_key(|configuration| {
            codec::encode(configuration).expect("a model's values encode")
        });
        let calls = order
            .iter()
            .map(|&index| (by_client(index), self.commands.value(calls[index].1).clone()))
            .collect();
        codec::encode(&Contents { calls, configurations }).expect("a model's values encode")
    }

    /// The state with this encoding.
    ///
    /// # Errors
    /// If the bytes do not encode a state of this model.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<MonitorState, CodecError> {
        let contents: Contents<M::Command, M::State, M::Result> = codec::decode(bytes)?;
        let mut calls: Vec<(u32, u32, usize)> = contents
            .calls
            .into_iter()
            .enumerate()
            .map(|(index, (client, command))| {
                (self.clients.intern(client), self.commands.intern(command), index)
            })
            .collect();
        calls.sort_unstable();
        let mut configurations = std::collections::BTreeSet::new();
        for PlainConfiguration { model_state, results } in contents.configurations {
            if results.len() != calls.len() {
                return Err(CodecError::Invalid("state of this monitor"));
            }
            let results: Vec<u32> = results
                .into_iter()
                .map(|result| result.map_or(PENDING, |result| self.results.intern(result)))
                .collect();
            configurations.insert(Configuration {
                model_state: self.model_states.intern(model_state),
                results: calls.iter().map(|&(_, _, index)| results[index]).collect(),
            });
        }
        let calls = calls.into_iter().map(|(client, command, _)| (client, command)).collect();
        Ok(MonitorState(self.states.intern(State { calls, configurations })))
    }
}
