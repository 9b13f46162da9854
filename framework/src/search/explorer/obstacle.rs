//! Obstacles: why an event cannot happen in the current state.

use super::Explorer;
use crate::hosting::Payload;
use crate::hosting::pure::legible;
use crate::search::disk::DiskOutcome;
use crate::search::network;
use crate::search::path::{Action, PathEvent};
use crate::search::position::Position;
use crate::search::timers::Pending;
use crate::{Address, FaultModel};

/// Why an event or action is not possible in a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// The system has no such node.
    #[error("there is no node {0}")]
    NoNode(Address),
    /// The run has ended because this node failed.
    #[error("{0} has failed")]
    Failed(Address),
    /// This node has crashed.
    #[error("{0} has crashed")]
    Crashed(Address),
    /// This node has not started yet.
    #[error("{0} has not started")]
    NotStarted(Address),
    /// This node has started already.
    #[error("{0} has started already")]
    Started(Address),
    /// This node is running, so it cannot start again.
    #[error("{0} is running")]
    Running(Address),
    /// This node never comes back: it is a client, or the search crashed it for good.
    #[error("{0} does not come back after a crash")]
    NeverBack(Address),
    /// A search has no choice of that crash or restart, or has used up its bounds.
    #[error("the search does not choose that")]
    NotChosen,
    /// A crash cannot leave that of what the node has stored.
    #[error("a crash cannot leave {0}")]
    NotStored(String),
    /// The message is not in the network: it was not sent yet, or it was dropped.
    #[error("no such message is in the network")]
    NotSent,
    /// The link is cut, or the search blocks it.
    #[error("no message from {from} to {to} is delivered")]
    Cut {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// Another message of the sender was sent earlier, and the network keeps messages in order.
    #[error("the message {0} was sent earlier and arrives first")]
    EarlierMessage(String),
    /// The search's fault model does not allow this.
    #[error("the fault model ({0}) does not allow that")]
    NotInModel(FaultModel),
    /// The timer is not pending.
    #[error("no such timer is pending")]
    NotPending,
    /// The search has [stopped](crate::search::Search::stop_timers) the timers of this node.
    #[error("no timer of {0} fires")]
    TimersStopped(Address),
    /// This other timer was set earlier, and its longest duration is at most the shortest of this one. So it fires
    /// first.
    #[error("{0} was set earlier and fires first")]
    EarlierTimer(String),
    /// The node is not a client with a workload.
    #[error("{0} is not a client")]
    NotAClient(Address),
    /// The client does not have all results of its workload, or waits for the result of another command.
    #[error("{0} is not done with its commands")]
    NotDone(Address),
    /// The command does not decode.
    #[error("{0}")]
    Unreadable(String),
}

impl Explorer<'_> {
    /// Why an event or action is not possible now; `None` if it is possible.
    #[must_use]
    pub fn obstacle(&self, event: &PathEvent) -> Option<Obstacle> {
        if let Some(failed) = self.failure() {
            return Some(Obstacle::Failed(failed.node));
        }
        match event {
            PathEvent::Deliver { node, from, message } => self.no_delivery(*from, *node, message),
            PathEvent::Fire { node, timer, min_ns, max_ns } => {
                self.no_timer(*node, timer, (*min_ns, *max_ns))
            }
            PathEvent::Outside(action) => self.no_action(action),
            PathEvent::Interrupted { event, .. } => self.no_crash_within(event),
        }
    }

    fn no_crash_within(&self, event: &PathEvent) -> Option<Obstacle> {
        if !self.search.fault_model.may_restart() {
            return Some(Obstacle::NotInModel(self.search.fault_model));
        }
        let node = match event {
            PathEvent::Deliver { node, .. } | PathEvent::Fire { node, .. } => *node,
            PathEvent::Outside(Action::Restart { .. }) => return self.obstacle(event),
            // Only handlers of nodes that may come back are cut short.
            other => return other.node().map(Obstacle::NeverBack).or(Some(Obstacle::NotPending)),
        };
        match self.index(node) {
            Ok(index) if !self.comes_back(index) => Some(Obstacle::NeverBack(node)),
            _ => self.obstacle(event),
        }
    }

    fn comes_back(&self, index: usize) -> bool {
        self.space.table.handlers.durability.comes_back(index)
    }

    fn no_restart(&self, node: Address, outcome: &DiskOutcome) -> Option<Obstacle> {
        if !self.search.fault_model.may_restart() {
            return Some(Obstacle::NotInModel(self.search.fault_model));
        }
        let index = match self.index(node) {
            Ok(index) => index,
            Err(obstacle) => return Some(obstacle),
        };
        let Position { row, restrictions } = &self.place.position;
        if restrictions.is_absent(index) {
            return Some(Obstacle::NotStarted(node));
        }
        if !restrictions.is_crashed(index) {
            return Some(Obstacle::Running(node));
        }
        if !restrictions.is_down(index) || !self.comes_back(index) {
            return Some(Obstacle::NeverBack(node));
        }
        let handlers = &self.space.table.handlers;
        let storage =
            handlers.lists.get(handlers.durable(self.space.table.get(row[index])).storage);
        let storage = handlers.durability.storage(storage);
        let is_left = outcome.is_allowed(self.search.fault_model, &storage);
        (!is_left).then(|| Obstacle::NotStored(outcome.to_string()))
    }

    fn no_delivery(&self, from: Address, to: Address, message: &[u8]) -> Option<Obstacle> {
        let (sender, receiver) = match (self.index(from), self.index(to)) {
            (Ok(sender), Ok(receiver)) => (sender, receiver),
            (Err(obstacle), _) | (_, Err(obstacle)) => return Some(obstacle),
        };
        let restrictions = &self.place.position.restrictions;
        if !self.is_in_network(sender, receiver, message) {
            Some(Obstacle::NotSent)
        } else if restrictions.is_crashed(receiver) {
            Some(Obstacle::Crashed(to))
        } else if restrictions.is_absent(receiver) {
            Some(Obstacle::NotStarted(to))
        } else if !restrictions.delivers(sender, receiver) {
            Some(Obstacle::Cut { from, to })
        } else {
            self.earlier_message(sender, receiver, message)
        }
    }

    /// The obstacle that another message on the link comes first.
    fn earlier_message(&self, from: usize, to: usize, message: &[u8]) -> Option<Obstacle> {
        let handlers = &self.space.table.handlers;
        let row = &self.place.position.row;
        let inbox = handlers.lists.get(self.space.table.get(row[to]).inbox);
        let wanted = handlers.find_message(from, to, message);
        let mut next = network::deliverable(handlers, inbox);
        if next.any(|it| Some(it) == wanted) {
            return None;
        }
        let mut earlier = network::deliverable(handlers, inbox);
        let first = earlier.find(|&it| handlers.ends(it).0 == from)?;
        let text = self.steps.show(from, Payload::Message, handlers.messages.bytes(first), false);
        Some(Obstacle::EarlierMessage(legible(text)))
    }

    fn no_timer(&self, node: Address, timer: &[u8], (min, max): (u64, u64)) -> Option<Obstacle> {
        let index = match self.index(node) {
            Ok(index) => index,
            Err(obstacle) => return Some(obstacle),
        };
        let table = &self.space.table;
        let pending = table.timers_of(table.get(self.place.position.row[index]).timers);
        let is_it = |it: &Pending| {
            (table.handlers.timers.bytes(it.id), it.min_ns, it.max_ns) == (timer, min, max)
        };
        let Some(position) = pending.iter().position(is_it) else {
            return Some(Obstacle::NotPending);
        };
        let restrictions = &self.place.position.restrictions;
        if restrictions.is_crashed(index) {
            return Some(Obstacle::Crashed(node));
        }
        if !restrictions.fires(index) {
            return Some(Obstacle::TimersStopped(node));
        }
        let earlier = pending[..position].iter().find(|it| it.precedes(&pending[position]))?;
        let text = self.show(node, Payload::Timer, table.handlers.timers.bytes(earlier.id));
        Some(Obstacle::EarlierTimer(text))
    }

    fn no_action(&self, action: &Action) -> Option<Obstacle> {
        match action {
            Action::Command { client, command } => {
                let index = match self.index(*client) {
                    Ok(index) => index,
                    Err(obstacle) => return Some(obstacle),
                };
                let drivers = &self.space.table.drivers;
                let driver = self.space.table.get(self.place.position.row[index]).driver;
                if !drivers.is_client(index) {
                    Some(Obstacle::NotAClient(*client))
                } else if self.place.position.restrictions.is_crashed(index) {
                    Some(Obstacle::Crashed(*client))
                } else if self.place.position.restrictions.is_absent(index) {
                    Some(Obstacle::NotStarted(*client))
                } else if !drivers.is_idle(index, driver) {
                    Some(Obstacle::NotDone(*client))
                } else {
                    let shown = self.steps.show(index, Payload::Command, command, false);
                    shown.err().map(|failure| Obstacle::Unreadable(failure.to_string()))
                }
            }
            Action::Crash { .. } if !self.search.fault_model.may_crash() => {
                Some(Obstacle::NotInModel(self.search.fault_model))
            }
            Action::Restart { node, outcome } => self.no_restart(*node, outcome),
            // What arrives at a node that is down is lost in every model.
            Action::Drop { to, .. }
                if !self.search.fault_model.may_lose()
                    && !self.index(*to).is_ok_and(|to| {
                        self.comes_back(to) && self.place.position.restrictions.is_down(to)
                    }) =>
            {
                Some(Obstacle::NotInModel(self.search.fault_model))
            }
            Action::Start { node } => match self.index(*node) {
                Ok(index) if self.place.position.restrictions.is_crashed(index) => {
                    Some(Obstacle::Crashed(*node))
                }
                Ok(index) if !self.place.position.restrictions.is_absent(index) => {
                    Some(Obstacle::Started(*node))
                }
                found => found.err(),
            },
            Action::Stage { .. } => None,
            Action::Crash { node } => match self.index(*node) {
                Ok(index) if self.place.position.restrictions.is_crashed(index) => {
                    Some(Obstacle::Crashed(*node))
                }
                found => found.err(),
            },
            Action::Drop { from, to, message } => match (self.index(*from), self.index(*to)) {
                (Ok(from), Ok(to)) if !self.is_in_network(from, to, message) => {
                    Some(Obstacle::NotSent)
                }
                (Ok(from), Ok(to)) => self.earlier_message(from, to, message),
                (Err(obstacle), _) | (_, Err(obstacle)) => Some(obstacle),
            },
            Action::Cut { from, to } | Action::Restore { from, to } => {
                self.index(*from).and(self.index(*to)).err()
            }
        }
    }

    fn is_in_network(&self, from: usize, to: usize, message: &[u8]) -> bool {
        let table = &self.space.table;
        let inbox = table.handlers.lists.get(table.get(self.place.position.row[to]).inbox);
        table.handlers.find_message(from, to, message).is_some_and(|id| inbox.contains(&id))
    }

    fn index(&self, node: Address) -> Result<usize, Obstacle> {
        self.space.table.handlers.node_at(node).ok_or(Obstacle::NoNode(node))
    }
}
