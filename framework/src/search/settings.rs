//! Settings of a search: which events it may take, and how far it goes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::blocked;
use super::client_drivers::COMMANDS_PER_EVENT_MAX;
use super::path::{Action, Path, PathEvent};
use super::restart_bounds::RestartBounds;
use crate::Address;

/// The events that a search may take. Indices are those of the system's nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Restrictions {
    /// By sender and receiver: whether messages are delivered.
    links: Vec<Vec<bool>>,
    timers: Vec<bool>,
    crashed: Vec<bool>,
    /// The nodes that are crashed where the search starts, by what happened before. They come back if the search may
    /// restart them.
    down: Vec<bool>,
    /// The nodes that do not start with the others, and those of them that have not started yet.
    later: Vec<bool>,
    absent: Vec<bool>,
    /// The crashes that the search may choose.
    crashes: Vec<CrashBudget>,
    /// The crashes after which the search may start a node again.
    restarts: Vec<RestartBudget>,
    /// The only allowed events, if not all are allowed.
    only: Option<Arc<BTreeSet<PathEvent>>>,
}

impl Restrictions {
    /// No restrictions.
    pub(super) fn new(node_count: usize) -> Self {
        Self {
            links: vec![vec![true; node_count]; node_count],
            timers: vec![true; node_count],
            crashed: vec![false; node_count],
            down: vec![false; node_count],
            later: vec![false; node_count],
            absent: vec![false; node_count],
            crashes: Vec::new(),
            restarts: Vec::new(),
            only: None,
        }
    }

    pub(super) fn delivers(&self, from: usize, to: usize) -> bool {
        self.links[from][to] && !self.is_crashed(to) && !self.absent[to]
    }

    pub(super) fn fires(&self, node: usize) -> bool {
        self.timers[node] && !self.is_crashed(node)
    }

    pub(super) fn is_crashed(&self, node: usize) -> bool {
        self.crashed[node] || self.down[node]
    }

    /// No restrictions, at the beginning of a run: the nodes that start later have not started.
    pub(super) fn at_beginning(&self) -> Self {
        let (later, absent) = (self.later.clone(), self.later.clone());
        Self { later, absent, ..Self::new(self.crashed.len()) }
    }

    /// No restrictions, but the same nodes have not started. Nodes that are down start again, if they `may_come_back`; and
    /// those that this search may restart still crash within the same bounds.
    pub(super) fn lifted(&self, may_come_back: impl Fn(usize) -> bool) -> Self {
        let (later, absent) = (self.later.clone(), self.absent.clone());
        let down: Vec<bool> =
            (0..self.down.len()).map(|node| self.is_down(node) && may_come_back(node)).collect();
        let is_back = |&node: &usize| down[node] && !self.may_restart(node);
        let back = (0..down.len()).filter(is_back).collect();
        let mut restarts = self.restarts.clone();
        restarts.push(RestartBudget { nodes: back, bounds: RestartBounds::crashes(0) });
        restarts.retain(|budget| !budget.nodes.is_empty());
        Self { later, absent, down, restarts, ..Self::new(self.crashed.len()) }
    }

    /// The nodes that have not started.
    pub(super) fn absent(&self) -> impl Iterator<Item = usize> {
        (0..self.absent.len()).filter(|&node| self.absent[node])
    }

    /// Whether a node has not started yet.
    pub(super) fn is_absent(&self, node: usize) -> bool {
        self.absent[node]
    }

    /// Lets a node start later than the others.
    pub(super) fn start_later(&mut self, node: usize) {
        self.later[node] = true;
        self.absent[node] = true;
    }

    /// Notes that a node has started.
    pub(super) fn start(&mut self, node: usize) {
        self.absent[node] = false;
    }

    pub(super) fn set_link(&mut self, from: usize, to: usize, on: bool) {
        self.links[from][to] = on;
    }

    pub(super) fn set_sender(&mut self, from: usize, on: bool) {
        self.links[from].fill(on);
    }

    pub(super) fn set_receiver(&mut self, to: usize, on: bool) {
        self.links.iter_mut().for_each(|row| row[to] = on);
    }

    pub(super) fn set_timers(&mut self, node: usize, on: bool) {
        self.timers[node] = on;
    }

    /// Allows only these events, or all if `None`.
    pub(super) fn allow_only(&mut self, events: Option<Arc<BTreeSet<PathEvent>>>) {
        self.only = events;
    }

    /// Whether only some events are allowed.
    pub(super) fn is_selective(&self) -> bool {
        self.only.is_some()
    }

    /// Whether this single event is allowed.
    pub(super) fn allows(&self, event: &PathEvent) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(event))
    }

    /// The links on which no message is delivered, as sender and receiver.
    pub(super) fn blocked_links(&self) -> impl Iterator<Item = (usize, usize)> {
        self.links.iter().enumerate().flat_map(|(from, links)| {
            let blocked = links.iter().enumerate().filter(|&(_, &on)| !on);
            blocked.map(move |(to, _)| (from, to))
        })
    }

    /// Describes all restrictions that `before` lacks, except crashes.
    pub(super) fn describe(&self, before: &Self, addresses: &[Address]) -> Vec<String> {
        let mut words = blocked::describe(addresses, |from, to| {
            !self.links[from][to] && before.links[from][to]
        });
        for (node, _) in self.timers.iter().enumerate().filter(|&(_, &on)| !on) {
            words.push(format!("no timer of {} fires", addresses[node]));
        }
        words
    }

    /// Crashes a node for good.
    pub(super) fn crash(&mut self, node: usize) {
        self.crashed[node] = true;
    }

    /// Notes that a node crashes, and may come back.
    pub(super) fn goes_down(&mut self, node: usize) {
        self.down[node] = true;
    }

    /// Notes that a node has come back.
    pub(super) fn comes_up(&mut self, node: usize) {
        self.down[node] = false;
    }

    /// Whether a node has crashed and may come back.
    pub(super) fn is_down(&self, node: usize) -> bool {
        self.down[node] && !self.crashed[node]
    }

    /// Takes out the nodes that are down and that the search may restart, because their states say that. The others are
    /// crashed for good.
    pub(super) fn take_down(&mut self) -> Vec<usize> {
        let is_down = |&node: &usize| self.down[node] && self.may_restart(node);
        let down: Vec<usize> = (0..self.down.len()).filter(is_down).collect();
        down.iter().for_each(|&node| self.down[node] = false);
        down
    }

    /// Notes what happened to nodes on a path. `index` gives a node's index.
    pub(super) fn follow(&mut self, path: &Path, index: impl Fn(Address) -> usize) {
        let mut cut = BTreeSet::new();
        for event in &path.events {
            let (event, is_interrupted) = match event {
                PathEvent::Interrupted { event, .. } => (&**event, true),
                _ => (event, false),
            };
            match event {
                PathEvent::Outside(Action::Crash { node }) => self.goes_down(index(*node)),
                PathEvent::Outside(Action::Restart { node, .. }) => self.comes_up(index(*node)),
                PathEvent::Outside(Action::Start { node }) => self.start(index(*node)),
                PathEvent::Outside(Action::Cut { from, to }) => drop(cut.insert((*from, *to))),
                PathEvent::Outside(Action::Restore { from, to }) => {
                    cut.remove(&(*from, *to));
                }
                PathEvent::Outside(
                    Action::Command { .. } | Action::Drop { .. } | Action::Stage { .. },
                )
                | PathEvent::Deliver { .. }
                | PathEvent::Fire { .. }
                | PathEvent::Interrupted { .. } => {}
            }
            if is_interrupted && let Some(node) = event.node() {
                self.goes_down(index(node));
            }
        }
        for (from, to) in cut {
            self.set_link(index(from), index(to), false);
        }
    }

    /// Lets the search crash these nodes, at most `at_most` of them at any moment.
    pub(super) fn may_crash(&mut self, nodes: Vec<usize>, at_most: usize) {
        self.crashes.push(CrashBudget { nodes, at_most });
    }

    /// The crashes that the search may choose.
    pub(super) fn crashes(&self) -> &[CrashBudget] {
        &self.crashes
    }

    /// Lets the search crash these nodes and start them again, within these bounds.
    pub(super) fn add_restarts(&mut self, nodes: Vec<usize>, bounds: RestartBounds) {
        self.restarts.push(RestartBudget { nodes, bounds });
    }

    /// The crashes after which the search may start a node again.
    pub(super) fn restarts(&self) -> &[RestartBudget] {
        &self.restarts
    }

    /// Whether the search may start a node again after a crash.
    pub(super) fn may_restart(&self, node: usize) -> bool {
        !self.crashed[node] && self.restarts.iter().any(|budget| budget.nodes.contains(&node))
    }

    /// Whether the search may start any node again.
    #[inline]
    pub(super) fn may_restart_any(&self) -> bool {
        !self.restarts.is_empty()
    }

    /// Whether the search may choose to crash a node, if its budgets allow it.
    pub(super) fn is_mortal(&self, node: usize) -> bool {
        !self.is_crashed(node)
            && !self.absent[node]
            && (self.crashes.iter().any(|budget| budget.nodes.contains(&node))
                || self.may_restart(node))
    }

    /// Whether the budgets allow another crash of a node. `is_down` says which nodes the search has crashed, and
    /// `crashes` how often it has crashed one that may come back.
    pub(super) fn allows_crash(
        &self,
        node: usize,
        is_down: impl Fn(usize) -> bool,
        crashes: impl Fn(usize) -> u32,
    ) -> bool {
        // A node that crashes as it starts again is down before and after.
        let is_crashed =
            |&&other: &&usize| other != node && (self.is_crashed(other) || is_down(other));
        let down = |nodes: &[usize]| nodes.iter().filter(is_crashed).count();
        self.crashes
            .iter()
            .all(|budget| !budget.nodes.contains(&node) || down(&budget.nodes) < budget.at_most)
            && self.restarts.iter().all(|RestartBudget { nodes, bounds }| {
                !nodes.contains(&node)
                    || crashes(node) < bounds.each
                        && nodes.iter().map(|&node| crashes(node)).sum::<u32>() < bounds.in_all
                        && down(nodes) < bounds.down
            })
    }
}

/// Some nodes that a search may crash and start again, and how often.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RestartBudget {
    pub(super) nodes: Vec<usize>,
    pub(super) bounds: RestartBounds,
}

/// Some nodes, and how many of them may be crashed at any moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CrashBudget {
    pub(super) nodes: Vec<usize>,
    pub(super) at_most: usize,
}

/// Describes a link on which no message is delivered.
pub(super) fn link_is_cut(from: Address, to: Address) -> String {
    format!("no message from {from} to {to}")
}

/// Describes a link on which messages are delivered again.
pub(super) fn link_is_restored(from: Address, to: Address) -> String {
    format!("messages from {from} to {to} again")
}

/// The limits of a search. Without limits, it ends when the space is exhausted.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) depth: Option<usize>,
    pub(super) states: Option<u64>,
    pub(super) time: Option<Duration>,
    pub(super) memory_bytes: Option<usize>,
    /// Whether the search continues even if a node seems to diverge.
    pub(super) allow_divergence: bool,
    /// The most commands that a client gets in one event.
    pub(super) commands_per_event: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: None,
            states: None,
            time: None,
            memory_bytes: None,
            allow_divergence: false,
            commands_per_event: COMMANDS_PER_EVENT_MAX,
        }
    }
}
