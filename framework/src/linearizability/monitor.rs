//! The monitor: linearizability as a deterministic automaton over calls and answers.

use std::collections::BTreeSet;
use std::fmt::Debug;

use crate::Address;

use super::model::Model;
use super::table::{Interner, StepMemo};

/// Reads calls and answers one by one, and reports as soon as they stop being linearizable.
///
/// The automaton's state is the relevant part of the past: which commands are pending, and which
/// *configurations* are possible. A configuration is a state of the model together with the pending
/// commands that have already taken effect in it, and the results that they must have.
///
/// - **Lazy.** A command takes effect only when an answer requires it, so calls cost nothing.
/// - **Canonical.** A configuration is dropped if another one can still turn into it when pending
///   commands take effect. The rest is the unique smallest set that represents everything possible. So
///   two pasts that permit the same futures usually lead to the same state. If results reveal the order
///   of execution, as with appends to one key, there is one configuration, and it is a function of the
///   states of the service and the clients. Then a model checker that adds the monitor's state to its
///   own visits no more states than without it.
/// - **Memoised.** States and events are numbers, and each transition is computed once.
///
/// The numbers are valid only for the monitor that issued them.
///
/// ```
/// use faultlab::Address;
/// use faultlab::linearizability::Monitor;
/// use faultlab::linearizability::models::{Register, RegisterCommand, RegisterResult};
///
/// let mut monitor = Monitor::new(Register::new());
/// let (alice, bob) = (Address::new("alice"), Address::new("bob"));
/// let mut state = Monitor::<Register>::INITIAL;
/// let write = monitor.call(alice, RegisterCommand::Write(1));
/// let written = monitor.answer(alice, RegisterResult::Done);
/// let read = monitor.call(bob, RegisterCommand::Read);
/// let stale = monitor.answer(bob, RegisterResult::Value(None));
/// for event in [write, written, read] {
///     state = monitor.next(state, event)?;
/// }
/// let error = monitor.next(state, stale).expect_err("a stale read");
/// assert_eq!(
///     error.to_string(),
///     "not linearizable: bob's read returned nil, but it could only have returned 1"
/// );
/// # Ok::<(), faultlab::linearizability::MonitorError>(())
/// ```
pub struct Monitor<M: Model> {
    model: M,
    pub(super) clients: Interner<Address>,
    pub(super) commands: Interner<M::Command>,
    pub(super) results: Interner<M::Result>,
    events: Interner<Event>,
    pub(super) model_states: Interner<M::State>,
    steps: StepMemo,
    pub(super) states: Interner<State>,
    // (state, event) to the next state; `REFUSED` for an error, which is computed again each time.
    transitions: StepMemo,
    configurations_max: usize,
}

/// A state of a [`Monitor`], by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorState(
    /// The number, counted from zero in the order in which states are first reached.
    pub u32,
);

/// A call or an answer, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorEvent(
    /// The number, counted from zero in the order in which events are first seen.
    pub u32,
);

/// Why a [`Monitor`] rejects an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonitorError {
    /// No order of the operations explains this answer.
    #[error("not linearizable: {client}'s {command} returned {result}, but it could only have returned {}", expected.join(" or "))]
    NotLinearizable {
        /// The client.
        client: Address,
        /// Its command.
        command: String,
        /// The result.
        result: String,
        /// The possible results, sorted.
        expected: Vec<String>,
    },
    /// A client calls while its last call is pending.
    #[error(
        "{client} calls {command} while its last call is pending: a client has one operation at a time"
    )]
    CallUnderWay {
        /// The client.
        client: Address,
        /// The command.
        command: String,
    },
    /// A client got an answer without a pending call.
    #[error("{client} got the answer {result} without a pending call")]
    NoCall {
        /// The client.
        client: Address,
        /// The answer.
        result: String,
    },
    /// Undecided: there are more possible configurations than the monitor may consider.
    #[error("undecided: more than {0} possible configurations; use fewer clients")]
    TooMany(usize),
}

/// An event, as the numbers of the client and of its command or result.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Event {
    Call(u32, u32),
    Answer(u32, u32),
}

/// A state of the automaton, as numbers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    // The pending commands, by client.
    pub(super) calls: Vec<(u32, u32)>,
    pub(super) configurations: BTreeSet<Configuration>,
}

/// A state of the model, and for each pending call the result that it must have, or `PENDING` if it
/// has not taken effect.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Configuration {
    pub(super) model_state: u32,
    pub(super) results: Vec<u32>,
}

pub(super) const PENDING: u32 = u32::MAX;
const REFUSED: u32 = u32::MAX;

/// The default limit on the configurations that a transition considers.
const CONFIGURATIONS_MAX: usize = 100_000;

impl<M: Model> Monitor<M> {
    /// The state before the first call.
    pub const INITIAL: MonitorState = MonitorState(0);

    /// A monitor for this model.
    #[must_use]
    pub fn new(model: M) -> Self {
        let mut model_states = Interner::new();
        let initial =
            Configuration { model_state: model_states.intern(model.init()), results: vec![] };
        let mut states = Interner::new();
        states.intern(State { calls: Vec::new(), configurations: BTreeSet::from([initial]) });
        Self {
            model,
            clients: Interner::new(),
            commands: Interner::new(),
            results: Interner::new(),
            events: Interner::new(),
            model_states,
            steps: StepMemo::default(),
            states,
            transitions: StepMemo::default(),
            configurations_max: CONFIGURATIONS_MAX,
        }
    }

    /// Rejects a transition that would consider more configurations than this.
    #[must_use]
    pub fn configuration_limit(mut self, configurations: usize) -> Self {
        self.configurations_max = configurations;
        self
    }

    /// The event that a client calls a command.
    pub fn call(&mut self, client: Address, command: M::Command) -> MonitorEvent {
        let event = Event::Call(self.clients.intern(client), self.commands.intern(command));
        MonitorEvent(self.events.intern(event))
    }

    /// The event that a client gets a result.
    pub fn answer(&mut self, client: Address, result: M::Result) -> MonitorEvent {
        let event = Event::Answer(self.clients.intern(client), self.results.intern(result));
        MonitorEvent(self.events.intern(event))
    }

    /// The state after an event.
    ///
    /// # Errors
    /// If the history up to here is not linearizable, the event is impossible, or the limit on
    /// configurations is reached. The error is the same every time.
    ///
    /// # Panics
    /// If the state or the event belongs to another monitor.
    pub fn next(
        &mut self,
        state: MonitorState,
        event: MonitorEvent,
    ) -> Result<MonitorState, MonitorError> {
        match self.transitions.find(state.0, event.0) {
            Some((next, _)) if next != REFUSED => return Ok(MonitorState(next)),
            _ => {}
        }
        let next = match *self.events.value(event.0) {
            Event::Call(client, command) => self.after_call(state, client, command),
            Event::Answer(client, result) => self.after_answer(state, client, result),
        };
        let number = match next {
            Ok(next) => Ok(MonitorState(self.states.intern(next))),
            Err(error) => Err(error),
        };
        if self.transitions.find(state.0, event.0).is_none() {
            let next = number.as_ref().map_or(REFUSED, |next| next.0);
            self.transitions.insert(state.0, event.0, next, 0);
        }
        number
    }

    /// The number of states reached so far.
    #[must_use]
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// The number of configurations of a state.
    #[must_use]
    pub fn configurations(&self, state: MonitorState) -> usize {
        self.states.value(state.0).configurations.len()
    }

    fn after_call(
        &self,
        state: MonitorState,
        client: u32,
        command: u32,
    ) -> Result<State, MonitorError> {
        let mut next = self.states.value(state.0).clone();
        match next.calls.binary_search_by_key(&client, |&(client, _)| client) {
            Ok(_) => Err(MonitorError::CallUnderWay {
                client: *self.clients.value(client),
                command: format!("{:?}", self.commands.value(command)),
            }),
            Err(index) => {
                next.calls.insert(index, (client, command));
                let opened = next.configurations.into_iter().map(|mut configuration| {
                    configuration.results.insert(index, PENDING);
                    configuration
                });
                next.configurations = opened.collect();
                Ok(next)
            }
        }
    }

    fn after_answer(
        &mut self,
        state: MonitorState,
        client: u32,
        result: u32,
    ) -> Result<State, MonitorError> {
        let State { mut calls, configurations } = self.states.value(state.0).clone();
        let Ok(index) = calls.binary_search_by_key(&client, |&(client, _)| client) else {
            return Err(MonitorError::NoCall {
                client: *self.clients.value(client),
                result: format!("{:?}", self.results.value(result)),
            });
        };
        // Explore all configurations in which pending calls have taken effect, in every order, and keep those
        // with this answer.
        let mut fitting = BTreeSet::new();
        let mut expected = BTreeSet::new();
        let mut seen: BTreeSet<Configuration> = configurations;
        let mut open: Vec<Configuration> = seen.iter().cloned().collect();
        while let Some(configuration) = open.pop() {
            if configuration.results[index] != PENDING {
                expected.insert(configuration.results[index]);
                if configuration.results[index] == result {
                    let mut fits = configuration;
                    fits.results.remove(index);
                    fitting.insert(fits);
                }
                // Calls that would take effect after the answered one can do so later.
                continue;
            }
            for call in 0..calls.len() {
                let Some(next) = self.give_effect(&configuration, &calls, call) else { continue };
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
            if seen.len() > self.configurations_max {
                return Err(MonitorError::TooMany(self.configurations_max));
            }
        }
        let (_, command) = calls.remove(index);
        if fitting.is_empty() {
            let show = |&result: &u32| format!("{:?}", self.results.value(result));
            let mut expected: Vec<String> = expected.iter().map(show).collect();
            expected.sort_unstable();
            return Err(MonitorError::NotLinearizable {
                client: *self.clients.value(client),
                command: format!("{:?}", self.commands.value(command)),
                result: show(&result),
                expected,
            });
        }
        let mut smallest = fitting.clone();
        smallest
            .retain(|later| !fitting.iter().any(|earlier| self.turns_into(earlier, later, &calls)));
        Ok(State { calls, configurations: smallest })
    }

    /// The configuration after a pending call takes effect, unless it already has.
    fn give_effect(
        &mut self,
        configuration: &Configuration,
        calls: &[(u32, u32)],
        call: usize,
    ) -> Option<Configuration> {
        if configuration.results[call] != PENDING {
            return None;
        }
        let (_, command) = calls[call];
        let (model_state, result) = self.step(configuration.model_state, command);
        let mut results = configuration.results.clone();
        results[call] = result;
        Some(Configuration { model_state, results })
    }

    /// Whether the one configuration can become the other when pending calls take effect.
    fn turns_into(
        &mut self,
        earlier: &Configuration,
        later: &Configuration,
        calls: &[(u32, u32)],
    ) -> bool {
        let pairs = || earlier.results.iter().zip(&later.results);
        if earlier == later
            || pairs().any(|(earlier, later)| earlier != later && *earlier != PENDING)
        {
            return false;
        }
        let mut open = vec![earlier.clone()];
        let mut seen = BTreeSet::new();
        while let Some(configuration) = open.pop() {
            if configuration == *later {
                return true;
            }
            for call in 0..calls.len() {
                if later.results[call] == PENDING {
                    continue;
                }
                let Some(next) = self.give_effect(&configuration, calls, call) else { continue };
                if next.results[call] == later.results[call] && seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        false
    }

    fn step(&mut self, state: u32, command: u32) -> (u32, u32) {
        if let Some(known) = self.steps.find(state, command) {
            return known;
        }
        let mut next = self.model_states.value(state).clone();
        let result = self.model.step(&mut next, self.commands.value(command));
        let (next, result) = (self.model_states.intern(next), self.results.intern(result));
        self.steps.insert(state, command, next, result);
        (next, result)
    }
}

impl<M: Model> Debug for Monitor<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("states", &self.states.len()).finish_non_exhaustive()
    }
}
