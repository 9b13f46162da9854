//! Manual runs: a run whose events the caller picks, as the start of a search.

use super::Search;
use super::path::{Path, PathEvent};
use super::report::HandlerFailure;
use super::state::{PendingTimer, State};
use super::state_space::{Setup, StartError, StateSpace};
use crate::Address;
use crate::hosting::pure::PureSteps;

/// A run of a system whose events the caller picks, one by one.
///
/// Properties are not checked during the run.
pub struct ManualRun<'s> {
    space: StateSpace<'s>,
    row: Vec<u32>,
    path: Path,
}

impl Search {
    /// Begins a manual run from this search's start state.
    ///
    /// # Errors
    /// When a node fails as it starts.
    ///
    /// # Panics
    /// When `steps` are of other nodes.
    pub fn manual_run<'s>(
        &'s self,
        steps: &'s dyn PureSteps,
    ) -> Result<ManualRun<'s>, Box<HandlerFailure>> {
        let setup = Setup { monitor: None, properties: Vec::new(), ..self.setup(steps) };
        let space = match StateSpace::new(setup) {
            Ok(space) => space,
            Err(StartError::Failed(failed)) => return Err(failed),
            Err(error @ StartError::UnknownCalls(_)) => panic!("without a monitor: {error}"),
        };
        let path = self.start.as_ref().map(|state| state.path.clone()).unwrap_or_default();
        Ok(ManualRun { row: space.first.clone(), space, path })
    }
}

impl ManualRun<'_> {
    /// Delivers the first message from `from` to `node`, in sending order, that matches `chosen`
    /// and whose delivery changes something. Returns whether there was one.
    ///
    /// # Errors
    /// When the handler fails.
    pub fn deliver(
        &mut self,
        from: Address,
        node: Address,
        chosen: impl Fn(&[u8]) -> bool,
    ) -> Result<bool, Box<HandlerFailure>> {
        self.take(|event| match event {
            PathEvent::Deliver { node: to, from: by, message } => {
                *to == node && *by == from && chosen(message)
            }
            PathEvent::Fire { .. } => false,
        })
    }

    /// Fires the first timer of a node that may fire. Returns whether there was one.
    ///
    /// # Errors
    /// When the handler fails.
    pub fn fire(&mut self, node: Address) -> Result<bool, Box<HandlerFailure>> {
        self.take(|event| matches!(event, PathEvent::Fire { node: at, .. } if *at == node))
    }

    /// The current state, from which a search can [start](Search::start_from).
    #[must_use]
    pub fn state(&self) -> State {
        self.space.state_of(&self.row, self.path.clone())
    }

    /// Fires the first pending timer of a node that `chosen` matches, in the order in which the timers
    /// may fire. Returns whether one matched. If two timers of equal value are pending with different
    /// durations, `chosen` sees both.
    ///
    /// # Errors
    /// When the handler fails.
    pub fn fire_timer(
        &mut self,
        node: Address,
        chosen: impl Fn(&PendingTimer) -> bool,
    ) -> Result<bool, Box<HandlerFailure>> {
        self.take(|event| match event {
            PathEvent::Fire { node: at, timer, min_ns, max_ns } if *at == node => {
                chosen(&PendingTimer { timer: timer.clone(), min_ns: *min_ns, max_ns: *max_ns })
            }
            _ => false,
        })
    }

    fn take(
        &mut self,
        is_chosen: impl Fn(&PathEvent) -> bool,
    ) -> Result<bool, Box<HandlerFailure>> {
        for ordinal in 0..self.space.open(&self.row) {
            let (node_index, event) = self.space.event_of(&self.row, ordinal);
            let event = self.space.table.handlers.path_event(node_index, event);
            if !is_chosen(&event) {
                continue;
            }
            let mut next = self.row.clone();
            let taken = self.space.take(&mut next, ordinal);
            if taken.is_ok() && next == self.row {
                continue;
            }
            self.path.events.push(event);
            self.row = next;
            if let Err(failure) = taken {
                let handlers = &self.space.table.handlers;
                return Err(Box::new(HandlerFailure {
                    node: handlers.address(node_index),
                    failure: handlers.failures[failure as usize].clone(),
                    path: self.path.clone(),
                }));
            }
            return Ok(true);
        }
        Ok(false)
    }
}
