//! A Stateright actor model with the same states as in Faultlab.
//!
//! Stateright's state of a duplicating network includes the message that was delivered last, which makes
//! four states of one here. This model removes it, to Stateright's advantage. A pruned state has no
//! actions.

use std::sync::Arc;

use stateright::actor::{Actor, ActorModel, ActorModelAction, ActorModelState, Network};
use stateright::{Model, Property};

/// A predicate on states.
type Predicate<A> = fn(&ActorModelState<A>) -> bool;

/// The model.
pub struct Plain<A: Actor<Msg: Ord, Timer: Ord>> {
    model: Arc<ActorModel<A>>,
    is_pruned: Predicate<A>,
    holds: Predicate<A>,
}

impl<A: Actor<Msg: Ord, Timer: Ord>> Plain<A> {
    /// A model that is pruned where `is_pruned` holds, and in which `holds` must always hold.
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
