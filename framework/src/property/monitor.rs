//! Monitors: properties of runs, as deterministic automata over calls, returns, and what nodes show.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use super::{CheckError, violated};
use crate::{Address, Value, codec};

/// A property of runs that no single state shows, such as which call returned before another began, or that a value
/// never changes once it is chosen. One definition serves a search ([`Search::monitor`]) and runs
/// ([`Scenario::monitor`]).
///
/// A monitor is a deterministic automaton whose state is bytes. States that must be distinguished have
/// different bytes. Other states should have the same bytes, since every needless distinction enlarges
/// a search: the monitor's state is one more part of its global state. So runs that lead to different
/// states of the monitor lead to different global states.
///
/// An event is a call, a return, or a node that shows something else than before. In one step, calls and returns come
/// first.
///
/// [`Search::monitor`]: crate::search::Search::monitor
/// [`Scenario::monitor`]: crate::simulate::Scenario::monitor
pub trait Monitor: Send + Sync {
    /// The property's name, which completes the sentence "it must hold that ...".
    fn name(&self) -> &str;

    /// The state before the first event.
    fn start(&self) -> Vec<u8>;

    /// The state after a client got a command. By default, that changes nothing.
    ///
    /// # Errors
    /// When the property is violated.
    fn on_call(
        &self,
        state: &[u8],
        _client: Address,
        _command: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        Ok(state.to_vec())
    }

    /// The state after a client's result was taken. By default, that changes nothing.
    ///
    /// # Errors
    /// When the property is violated.
    fn on_return(
        &self,
        state: &[u8],
        _client: Address,
        _result: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        Ok(state.to_vec())
    }

    /// The encoded question that a node is asked when it has started, and whenever its state has changed; `None` for
    /// nodes that are asked nothing. It is always the same. By default, no node is asked.
    fn question(&self, _node: Address) -> Option<Vec<u8>> {
        None
    }

    /// The state after a node shows this answer to the question, and showed another one before, or none. A node that
    /// crashes goes on showing its last answer. By default, that changes nothing.
    ///
    /// # Errors
    /// When the property is violated.
    fn on_shown(
        &self,
        state: &[u8],
        _node: Address,
        _answer: &[u8],
    ) -> Result<Vec<u8>, CheckError> {
        Ok(state.to_vec())
    }
}

/// A monitor that folds what some nodes show into a value. `fold` gets the value, the node and what the node shows now,
/// each time a node shows something else. `question` and `A` are a query of the lab's API and its answer.
///
/// ```
/// use faultlab::Address;
/// use faultlab::property::{Monitor, violated, watching};
///
/// let servers = [Address::new("server1"), Address::new("server2")];
/// // Once a server has chosen a value, no server ever shows another one, not even after the first one has crashed.
/// let once_chosen = watching(
///     "once chosen, never another",
///     servers,
///     &(),
///     |chosen: &mut Option<String>, node, shown: Option<String>| match (&*chosen, shown) {
///         (Some(first), Some(other)) if *first != other => {
///             Err(violated(format!("{first}, as chosen before"), format!("{node} chose {other}")))
///         }
///         (None, shown) => Ok(*chosen = shown),
///         _ => Ok(()),
///     },
/// );
/// assert_eq!(once_chosen.name(), "once chosen, never another");
/// ```
///
/// # Panics
/// If the question or the value cannot be encoded.
#[must_use]
pub fn watching<S: Value + Default, A: Value>(
    name: impl Into<String>,
    nodes: impl IntoIterator<Item = Address>,
    question: &impl Value,
    fold: impl Fn(&mut S, Address, A) -> Result<(), CheckError> + Send + Sync + 'static,
) -> impl Monitor + 'static {
    Watching {
        name: name.into(),
        nodes: nodes.into_iter().collect(),
        question: codec::encode(question).expect("a question encodes"),
        fold,
        types: PhantomData::<fn(S, A)>,
    }
}

/// What [`watching`] returns.
struct Watching<S, A, F> {
    name: String,
    nodes: BTreeSet<Address>,
    question: Vec<u8>,
    fold: F,
    types: PhantomData<fn(S, A)>,
}

impl<S, A, F> Monitor for Watching<S, A, F>
where
    S: Value + Default,
    A: Value,
    F: Fn(&mut S, Address, A) -> Result<(), CheckError> + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&self) -> Vec<u8> {
        codec::encode(&S::default()).expect("a monitor's value encodes")
    }

    fn question(&self, node: Address) -> Option<Vec<u8>> {
        self.nodes.contains(&node).then(|| self.question.clone())
    }

    fn on_shown(&self, state: &[u8], node: Address, answer: &[u8]) -> Result<Vec<u8>, CheckError> {
        let mut value: S = codec::decode(state)
            .map_err(|error| violated("the monitor's own value", error.to_string()))?;
        let answer = codec::decode(answer)
            .map_err(|error| violated("an answer of the lab's type", error.to_string()))?;
        (self.fold)(&mut value, node, answer)?;
        Ok(codec::encode(&value).expect("a monitor's value encodes"))
    }
}
