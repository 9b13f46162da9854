//! The monitor: linearizability as a deterministic automaton over calls and answers.

use std::collections::BTreeSet;
use std::fmt::Debug;

use crate::Address;

use super::model::Model;
use super::table::{Interner, StepMemo};

/// Reads calls and answers one by one, and reports as soon as they stop being linearizable.
///
/// The automaton's state is what still matters of the past: which commands are pending, and which
/// *configurations* are possible. A configuration is a state of the model together with the pending
/// commands that have already taken effect in it, and the answers that they must give.
///
/// - **Lazy.** A command takes effect only when an answer requires it, so calls are free.
/// - **Canonical.** A configuration is dropped if another one can still become it when pending
///   commands take effect. What remains is the unique smallest set that represents everything
///   possible. So two pasts that permit the same futures usually give the same state. Where results
///   reveal the order of execution, as with appends to one key, there is one configuration, and it
///   is a function of what the service and the clients know anyway: a model checker that stores the
///   monitor's state with its own visits no more states than without it.
/// - **Memoised.** States, events and transitions are numbers; a transition is computed once.
///
/// These numbers are valid only for the monitor that issued them.
///
/// ```
/// use faultlab::Address;
/// use faultlab::linearizability::Monitor;
/// use faultlab::linearizability::models::{Register, RegisterCommand, RegisterResult};
///
/// let mut monitor = Monitor::new(Register);
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
    // (state, event) to the next state; `REFUSED` for an error, which is worked out again when asked.
    transitions: StepMemo,
    configurations_max: usize,
}

/// A state of a [`Monitor`], by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorState(
    /// The number: small, counted from zero in the order in which states are met.
    pub u32,
);

/// A call or an answer, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorEvent(
    /// The number: small, counted from zero in the order in which events are met.
    pub u32,
);

/// Why a [`Monitor`] does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonitorError {
    /// No order of the operations explains this answer.
    #[error("not linearizable: {client}'s {command} returned {result}, but it could only have returned {}", expected.join(" or "))]
    NotLinearizable {
        /// Who was answered.
        client: Address,
        /// The command that was answered.
        command: String,
        /// What the answer was.
        result: String,
        /// What the answer could have been, sorted.
        expected: Vec<String>,
    },
    /// A client asks while it waits.
    #[error(
        "{client} calls {command} while its last call is pending: a client has one operation at a time"
    )]
    CallUnderWay {
        /// The client.
        client: Address,
        /// What it asks.
        command: String,
    },
    /// A client is answered that has not asked.
    #[error("{client} got the answer {result} without a pending call")]
    NoCall {
        /// The client.
        client: Address,
        /// The answer.
        result: String,
    },
    /// More configurations are possible than the monitor may look at: undecided.
    #[error("undecided: more than {0} possible configurations; use fewer clients")]
    TooMany(usize),
}

/// What happened, in numbers: of the client, and of its command or result.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Event {
    Call(u32, u32),
    Answer(u32, u32),
}

/// A state of the automaton, in numbers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    // The commands under way, by client.
    pub(super) calls: Vec<(u32, u32)>,
    pub(super) configurations: BTreeSet<Configuration>,
}

/// A state of the model, and for each call under way the result that it will have to answer with,
/// or `PENDING` where it has not taken effect.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Configuration {
    pub(super) model_state: u32,
    pub(super) results: Vec<u32>,
}

pub(super) const PENDING: u32 = u32::MAX;
const REFUSED: u32 = u32::MAX;

/// The most configurations that a transition considers by default.
const CONFIGURATIONS_MAX: usize = 100_000;

impl<M: Model> Monitor<M> {
    /// The state before the first call.
    pub const INITIAL: MonitorState = MonitorState(0);

    /// A monitor against this model.
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

    /// Refuses a transition that needs to look at more configurations than this.
    #[must_use]
    pub fn configuration_limit(mut self, configurations: usize) -> Self {
        self.configurations_max = configurations;
        self
    }

    /// The event that a client asks.
    pub fn call(&mut self, client: Address, command: M::Command) -> MonitorEvent {
        let event = Event::Call(self.clients.intern(client), self.commands.intern(command));
        MonitorEvent(self.events.intern(event))
    }

    /// The event that a client is answered.
    pub fn answer(&mut self, client: Address, result: M::Result) -> MonitorEvent {
        let event = Event::Answer(self.clients.intern(client), self.results.intern(result));
        MonitorEvent(self.events.intern(event))
    }

    /// The state after an event.
    ///
    /// # Errors
    /// When the history up to here is not linearizable, the event is impossible, or the limit of
    /// configurations is reached. The same every time.
    ///
    /// # Panics
    /// When the state or the event is of another monitor.
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

    /// How many states have been met.
    #[must_use]
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// How many configurations a state consists of: the size of what it remembers.
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
            Err(place) => {
                next.calls.insert(place, (client, command));
                let opened = next.configurations.into_iter().map(|mut configuration| {
                    configuration.results.insert(place, PENDING);
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
        let Ok(place) = calls.binary_search_by_key(&client, |&(client, _)| client) else {
            return Err(MonitorError::NoCall {
                client: *self.clients.value(client),
                result: format!("{:?}", self.results.value(result)),
            });
        };
        // Everything that is possible by now, given effect in every order; of it, what answers so.
        let mut fitting = BTreeSet::new();
        let mut expected = BTreeSet::new();
        let mut seen: BTreeSet<Configuration> = configurations;
        let mut open: Vec<Configuration> = seen.iter().cloned().collect();
        while let Some(configuration) = open.pop() {
            if configuration.results[place] != PENDING {
                expected.insert(configuration.results[place]);
                if configuration.results[place] == result {
                    let mut fits = configuration;
                    fits.results.remove(place);
                    fitting.insert(fits);
                }
                // What takes effect after the answered command can as well do so later.
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
        let (_, command) = calls.remove(place);
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

    /// The configuration after a call under way takes effect, unless it has.
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

    /// Whether the one configuration becomes the other when calls under way take effect.
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
