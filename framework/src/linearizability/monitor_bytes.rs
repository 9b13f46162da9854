//! A monitor's state as canonical bytes that every monitor of the same model understands.

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
    /// What each client has asked and not been answered.
    calls: BTreeMap<Address, C>,
    /// The configurations, in the order of their encodings.
    configurations: Vec<PlainConfiguration<S, R>>,
}

/// A configuration by its contents: the model's state, and what each call under way that has taken
/// effect will have to answer, in the order of the clients.
#[derive(Serialize, Deserialize)]
struct PlainConfiguration<S, R> {
    model_state: S,
    results: Vec<Option<R>>,
}

impl<M> Monitor<M>
where
    M: Model<Command: Value, Result: Value, State: Serialize + DeserializeOwned>,
{
    /// The state's canonical encoding: the same for every monitor of this model, whatever it has met.
    ///
    /// # Panics
    /// When the state is of another monitor, or one of the model's values cannot be encoded.
    #[must_use]
    pub fn encode(&self, state: MonitorState) -> Vec<u8> {
        let State { calls, configurations } = self.states.value(state.0);
        let by_client = |place: usize| *self.clients.value(calls[place].0);
        let mut places: Vec<usize> = (0..calls.len()).collect();
        places.sort_by_key(|&place| by_client(place));
        let mut configurations: Vec<_> = configurations
            .iter()
            .map(|configuration| PlainConfiguration {
                model_state: self.model_states.value(configuration.model_state).clone(),
                results: places
                    .iter()
                    .map(|&place| configuration.results[place])
                    .map(|result| (result != PENDING).then(|| self.results.value(result).clone()))
                    .collect(),
            })
            .collect();
        configurations.sort_by_cached_key(|configuration| {
            codec::encode(configuration).expect("a model's values encode")
        });
        let calls = places
            .iter()
            .map(|&place| (by_client(place), self.commands.value(calls[place].1).clone()))
            .collect();
        codec::encode(&Contents { calls, configurations }).expect("a model's values encode")
    }

    /// The state that has this encoding.
    ///
    /// # Errors
    /// When the bytes are no encoding of a state of this model.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<MonitorState, CodecError> {
        let contents: Contents<M::Command, M::State, M::Result> = codec::decode(bytes)?;
        let mut calls: Vec<(u32, u32, usize)> = contents
            .calls
            .into_iter()
            .enumerate()
            .map(|(place, (client, command))| {
                (self.clients.intern(client), self.commands.intern(command), place)
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
                results: calls.iter().map(|&(_, _, place)| results[place]).collect(),
            });
        }
        let calls = calls.into_iter().map(|(client, command, _)| (client, command)).collect();
        Ok(MonitorState(self.states.intern(State { calls, configurations })))
    }
}
