//! The reference's monitor: a deterministic automaton over the clients' calls and returns.

use std::fmt::Debug;

use faultlab::Address;

/// A call or a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The client.
    pub client: Address,
    /// The call or return.
    pub what: Saying,
}

/// A command or result of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Saying {
    /// The client was given this command.
    Call(u64),
    /// The client's result was taken.
    Return(u64),
}

/// An automaton.
pub trait Automaton {
    /// Its state, which is part of the global state.
    type State: Clone + Debug + Ord;

    /// The state before the first call.
    fn start(&self) -> Self::State;

    /// The state after a call or a return; `None` if the automaton rejects it.
    fn after(&self, state: &Self::State, entry: Entry) -> Option<Self::State>;
}

impl<A: Automaton> Automaton for &A {
    type State = A::State;

    fn start(&self) -> Self::State {
        A::start(self)
    }

    fn after(&self, state: &Self::State, entry: Entry) -> Option<Self::State> {
        A::after(self, state, entry)
    }
}

/// No automaton accepts every run.
impl<A: Automaton> Automaton for Option<A> {
    type State = Option<A::State>;

    fn start(&self) -> Self::State {
        self.as_ref().map(A::start)
    }

    fn after(&self, state: &Self::State, entry: Entry) -> Option<Self::State> {
        match (self, state) {
            (Some(automaton), Some(state)) => automaton.after(state, entry).map(Some),
            _ => Some(None),
        }
    }
}
