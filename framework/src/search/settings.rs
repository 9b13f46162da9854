//! Settings of a search: which events it may take, and how far it goes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::client_drivers::COMMANDS_PER_EVENT_MAX;
use super::path::PathEvent;
use crate::Address;

/// The events that a search may take. Indices are those of the system's nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Restrictions {
    /// By sender and receiver: whether messages are delivered.
    links: Vec<Vec<bool>>,
    timers: Vec<bool>,
    crashed: Vec<bool>,
    /// The nodes that do not start with the others, and those of them that have not started yet.
    later: Vec<bool>,
    absent: Vec<bool>,
    /// The crashes that the search may choose.
    crashes: Vec<CrashBudget>,
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
            later: vec![false; node_count],
            absent: vec![false; node_count],
            crashes: Vec::new(),
            only: None,
        }
    }

    pub(super) fn delivers(&self, from: usize, to: usize) -> bool {
        self.links[from][to] && !self.crashed[to] && !self.absent[to]
    }

    pub(super) fn fires(&self, node: usize) -> bool {
        self.timers[node] && !self.crashed[node]
    }

    pub(super) fn is_crashed(&self, node: usize) -> bool {
        self.crashed[node]
    }

    /// No restrictions, at the beginning of a run: the nodes that start later have not started.
    pub(super) fn at_beginning(&self) -> Self {
        let (later, absent) = (self.later.clone(), self.later.clone());
        Self { later, absent, ..Self::new(self.crashed.len()) }
    }

    /// No restrictions, but the same nodes have not started.
    pub(super) fn lifted(&self) -> Self {
        let (later, absent) = (self.later.clone(), self.absent.clone());
        Self { later, absent, ..Self::new(self.crashed.len()) }
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
        let mut words = Vec::new();
        for (from, to) in self.blocked_links().filter(|&(from, to)| before.links[from][to]) {
            words.push(link_is_cut(addresses[from], addresses[to]));
        }
        for (node, _) in self.timers.iter().enumerate().filter(|&(_, &on)| !on) {
            words.push(format!("no timer of {} fires", addresses[node]));
        }
        words
    }

    pub(super) fn crash(&mut self, node: usize) {
        self.crashed[node] = true;
    }

    /// Lets the search crash these nodes, at most `at_most` of them at any moment.
    pub(super) fn may_crash(&mut self, nodes: Vec<usize>, at_most: usize) {
        self.crashes.push(CrashBudget { nodes, at_most });
    }

    /// The crashes that the search may choose.
    pub(super) fn crashes(&self) -> &[CrashBudget] {
        &self.crashes
    }

    /// Whether the search may choose to crash a node, if its budgets allow it.
    pub(super) fn is_mortal(&self, node: usize) -> bool {
        !self.crashed[node]
            && !self.absent[node]
            && self.crashes.iter().any(|budget| budget.nodes.contains(&node))
    }

    /// Whether the budgets allow another crash of a node. `is_down` says which nodes the search has crashed.
    pub(super) fn allows_crash(&self, node: usize, is_down: impl Fn(usize) -> bool) -> bool {
        let is_crashed = |&&node: &&usize| self.crashed[node] || is_down(node);
        self.crashes.iter().all(|budget| {
            !budget.nodes.contains(&node)
                || budget.nodes.iter().filter(is_crashed).count() < budget.at_most
        })
    }
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
