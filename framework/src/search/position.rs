//! A position in the state space: one state, and the restrictions that hold in it.
//!
//! A search never needs one, because its restrictions do not change. A run that is followed event by event, with
//! actions from outside, is a sequence of positions.

use std::sync::Arc;

use super::disk::DiskOutcome;
use super::handlers::NodeEvent;
use super::path::{Action, PathEvent};
use super::settings::Restrictions;
use super::state_space::{Performed, StateSpace};
use crate::Address;
use crate::hosting::pure::StepFailure;

/// A state, and the restrictions that hold in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    pub(super) row: Vec<u32>,
    pub(super) restrictions: Arc<Restrictions>,
}

/// What an event of a path did.
pub(super) struct Followed {
    /// The step of a node, unless the event was an action that calls no handler.
    pub(super) performed: Option<Performed>,
    /// The failure of the handler. The position is unchanged then.
    pub(super) failure: Option<StepFailure>,
}

impl Position {
    /// The first row of a state space.
    pub(super) fn first(space: &StateSpace<'_>) -> Self {
        Self { row: space.first.clone(), restrictions: Arc::clone(&space.restrictions) }
    }

    /// Performs an event of a path, even if the restrictions do not allow it. Returns `None` if it is not
    /// possible.
    pub(super) fn follow(
        &mut self,
        space: &mut StateSpace<'_>,
        event: &PathEvent,
    ) -> Option<Followed> {
        let handlers = &space.table.handlers;
        let action = match event {
            PathEvent::Outside(action) if !matches!(action, Action::Command { .. }) => action,
            PathEvent::Interrupted { event, after } => {
                return self.follow_crash(space, event, *after);
            }
            _ => {
                let anything = Restrictions::new(handlers.steps.nodes().len());
                let (node, event) = space.find(&anything, &self.row, event)?;
                return Some(self.perform(space, node, event));
            }
        };
        match action {
            Action::Start { node } => {
                let node =
                    handlers.node_at(*node).filter(|&node| self.restrictions.is_absent(node))?;
                Arc::make_mut(&mut self.restrictions).start(node);
                return Some(self.perform(space, node, NodeEvent::Start));
            }
            Action::Crash { node } => {
                let node = handlers.node_at(*node)?;
                self.go_down(space, node);
            }
            Action::Restart { node, outcome } => {
                let (node, event) = self.restart(space, *node, outcome)?;
                let followed = self.perform(space, node, event);
                if followed.failure.is_none() {
                    Arc::make_mut(&mut self.restrictions).comes_up(node);
                }
                return Some(followed);
            }
            Action::Cut { from, to } | Action::Restore { from, to } => {
                let (from, to) = (handlers.node_at(*from)?, handlers.node_at(*to)?);
                let on = matches!(action, Action::Restore { .. });
                Arc::make_mut(&mut self.restrictions).set_link(from, to, on);
            }
            Action::Drop { from, to, message } => {
                let ends = (*from, *to);
                let receiver = handlers.node_at(*to)?;
                // What arrives at a node that is down is lost in every model.
                let is_down =
                    self.restrictions.is_down(receiver) && handlers.durability.comes_back(receiver);
                if !handlers.fault_model.may_lose() && !is_down {
                    return None;
                }
                space.remove_message(&mut self.row, ends, message).then_some(())?;
            }
            Action::Command { .. } | Action::Stage { .. } => {}
        }
        Some(Followed { performed: None, failure: None })
    }

    /// The restart of a node that is down.
    fn restart(
        &self,
        space: &mut StateSpace<'_>,
        node: Address,
        outcome: &DiskOutcome,
    ) -> Option<(usize, NodeEvent)> {
        let node = space.table.handlers.node_at(node)?;
        let interned = space.table.get(self.row[node]);
        if !self.restrictions.is_down(node) || !space.table.handlers.comes_back(interned) {
            return None;
        }
        Some((node, NodeEvent::Restart(space.table.handlers.found(interned, outcome)?)))
    }

    /// Performs an event within which the node crashes.
    fn follow_crash(
        &mut self,
        space: &mut StateSpace<'_>,
        event: &PathEvent,
        after: u32,
    ) -> Option<Followed> {
        let (node, event) = match event {
            PathEvent::Outside(Action::Restart { node, outcome }) => {
                self.restart(space, *node, outcome)?
            }
            PathEvent::Outside(_) => return None,
            _ => {
                let anything = Restrictions::new(space.table.handlers.steps.nodes().len());
                space.find(&anything, &self.row, event)?
            }
        };
        if !space.table.handlers.comes_back(space.table.get(self.row[node])) {
            return None;
        }
        let event = event.interrupted_after(u16::try_from(after).unwrap_or(u16::MAX))?;
        let followed = self.perform(space, node, event);
        if followed.failure.is_none() {
            self.go_down(space, node);
        }
        Some(followed)
    }

    /// Takes in that a node crashes. That is a restriction here, and its timers are gone if it may come back.
    fn go_down(&mut self, space: &mut StateSpace<'_>, node: usize) {
        let interned = space.table.get(self.row[node]);
        if space.table.handlers.comes_back(interned) {
            self.row[node] = space.table.intern(interned.crashed(true).up());
        }
        Arc::make_mut(&mut self.restrictions).goes_down(node);
    }

    /// Performs an event at a node, which must be possible.
    pub(super) fn perform(
        &mut self,
        space: &mut StateSpace<'_>,
        node: usize,
        event: NodeEvent,
    ) -> Followed {
        let (performed, outcome) = space.perform(&mut self.row, node, event);
        Followed { performed: Some(performed), failure: outcome.err() }
    }
}
