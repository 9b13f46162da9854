//! An actor model of Stateright whose states are those that Faultlab counts.
//!
//! Stateright keeps the message that was delivered last in the state of a duplicating network, which
//! makes four states out of one here. It is taken out, to Stateright's advantage; and nothing happens
//! any more in a state that is pruned.

use std::sync::Arc;

use stateright::actor::{Actor, ActorModel, ActorModelAction, ActorModelState, Network};
use stateright::{Model, Property};

/// Decides something about a state.
type Predicate<A> = fn(&ActorModelState<A>) -> bool;

/// The model.
pub struct Plain<A: Actor<Msg: Ord, Timer: Ord>> {
    model: Arc<ActorModel<A>>,
    is_pruned: Predicate<A>,
    holds: Predicate<A>,
}

impl<A: Actor<Msg: Ord, Timer: Ord>> Plain<A> {
    /// A model that is pruned where `is_pruned` says so, and in which `holds` must hold.
    #[must_use]
    pub fn new(model: ActorModel<A>, is_pruned: Predicate<A>, holds: Predicate<A>) -> Self {
        Self { model: Arc::new(model), is_pruned, holds }
    }
}

impl<A> Model for Plain<A>
where
    A: Actor<Msg: Ord, Timer: Ord> + 'static,
    ActorModel<A>:
        Model<State = ActorModelState<A>, Action = ActorModelAction<A::Msg, A::Timer, A::Random>>,
{
    type State = ActorModelState<A>;
    type Action = ActorModelAction<A::Msg, A::Timer, A::Random>;

    fn init_states(&self) -> Vec<Self::State> {
        self.model.init_states()
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        if !(self.is_pruned)(state) {
            self.model.actions(state, actions);
        }
    }

    fn next_state(&self, state: &Self::State, action: Self::Action) -> Option<Self::State> {
        let mut next = self.model.next_state(state, action)?;
        if let Network::UnorderedDuplicating(_, last) = &mut next.network {
            *last = None;
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("holds", |model: &Self, state| (model.holds)(state))]
    }
}
