//! Detects divergence: a node that reaches a new state each time the same event repeats.
//!
//! A message stays in the network and may be delivered any number of times; a timer that is set
//! again may fire any number of times. A node that counts its retransmissions, or stores every copy
//! that it receives, therefore has infinitely many states, and no search can exhaust them.
//! Breadth-first search would take long to detect this: it takes one such step per level, together
//! with every other possible step. This module instead follows a single node: it delivers the same
//! message again and again, or fires the oldest timer again and again. After [`REPEATS`] new states in
//! a row, the search stops and reports it. That does not prove that the space is infinite: a counter
//! that wraps around after a million looks the same. So a small space is exhausted before the first
//! check ([`STATES`], [`WORK`]).
//!
//! All steps taken here are steps that the search itself would take from a state that it was about
//! to expand, so a report describes real behaviour. Nothing is stored in the search's tables, so counts
//! and paths are those of a search without the check.

use std::collections::HashSet;

use super::client_drivers::ClientDrivers;
use super::handlers::{Cause, Handlers, NONE, NodeEvent};
use super::intern::Lists;
use super::node_table::InternedNode;
use super::report::Hint;
use super::state_space::StateSpace;
use super::timers::{self, Pending};
use crate::Address;
use crate::hosting::pure::{Answers, Batch, Request, legible};
use crate::hosting::{EncodedEffect, Event, Payload};

/// How many times in a row a node must reach a new state to count as diverging.
const REPEATS: usize = 1_000;

/// A node with this many pending timers also counts as diverging, because comparing more timers takes long.
const TIMERS: usize = 200;

/// How many of the next rows are examined.
const ROWS: usize = 64;

/// Most nodes converge within this many repetitions. A few of the others are followed further.
const REPEATS_FIRST: usize = 8;

/// How many candidates are followed further.
const CANDIDATES_MAX: usize = 4;

/// A check is due when a search has seen this many states, and each time their number has doubled.
const STATES: u64 = 1 << 14;

/// A check is also due when its [`work`] reaches this, and each time it has doubled. A node that grows by itself
/// may have few states that are large, or have ever more possible events or timers.
const WORK: u64 = 1 << 20;

/// A measure of a search's work besides finding states: the number of events, plus the bytes of the nodes' states,
/// plus sixteen for each entry of a list of timers, because the lists are normalised repeatedly.
pub(super) fn work(space: &StateSpace<'_>, events: u64) -> u64 {
    let handlers = &space.table.handlers;
    events + handlers.states.bytes_len() as u64 + 16 * handlers.lists.entries() as u64
}

/// When the next check is due.
pub(super) struct CheckSchedule {
    states: u64,
    work: u64,
}

impl CheckSchedule {
    pub(super) fn new() -> Self {
        Self { states: STATES, work: WORK }
    }

    /// Returns whether a check is due after this many states and this much work.
    pub(super) fn is_due(&mut self, states: u64, work: u64) -> bool {
        let due = states >= self.states || work >= self.work;
        while states >= self.states {
            self.states *= 2;
        }
        while work >= self.work {
            self.work *= 2;
        }
        due
    }
}

/// A single node, with an event that repeats.
struct RepeatedEvent {
    node: usize,
    state: Vec<u8>,
    /// Its pending timers: encoding and bounds.
    timers: Vec<(Vec<u8>, Pending)>,
    /// The message that is delivered, with its sender; `None` when its oldest timer fires.
    message: Option<(Address, Vec<u8>)>,
    /// Whether a result ends the repetition, because the client driver would then give another command.
    is_waiting: bool,
    first: Vec<u8>,
    /// Used for membership tests only; never iterated.
    seen: HashSet<Vec<u8>>,
}

/// The first node, in the order of rows, nodes and events, that diverges. `rows` are the next rows
/// to expand, `stride` numbers each.
pub(super) fn find_divergence(space: &StateSpace<'_>, rows: &[u32], stride: usize) -> Option<Hint> {
    let mut candidates = candidates(space, rows, stride);
    let steps = space.table.handlers.steps;
    let (mut batch, mut answers) = (Batch::new(), Answers::new());
    for times in 0..REPEATS {
        if times == REPEATS_FIRST {
            candidates.truncate(CANDIDATES_MAX);
        }
        batch.clear();
        for candidate in &candidates {
            batch.push(candidate.request());
        }
        if batch.is_empty() {
            return None;
        }
        steps.run(&batch, &mut answers);
        let mut index = 0;
        candidates.retain_mut(|candidate| {
            let continues = answers.get(index).is_ok_and(|step| {
                let gave_result = candidate.is_waiting && step.output.result().is_some();
                !gave_result
                    && candidate.follow(step.state, step.output.effects(), |span| {
                        step.output.get(span).to_vec()
                    })
            });
            index += 1;
            continues
        });
        if let Some(candidate) =
            candidates.iter().find(|candidate| candidate.timers.len() >= TIMERS)
        {
            return Some(candidate.hint(space, times + 1));
        }
    }
    candidates.first().map(|candidate| candidate.hint(space, REPEATS))
}

/// The candidates: for some rows, each message for each node, and each node's oldest timer.
fn candidates(space: &StateSpace<'_>, rows: &[u32], stride: usize) -> Vec<RepeatedEvent> {
    let count = rows.len() / stride;
    let distance = count.div_ceil(ROWS).max(1);
    let mut examined = HashSet::new();
    let mut candidates = Vec::new();
    let mut events = Vec::new();
    for row in rows.chunks_exact(stride).step_by(distance) {
        for &interned in space.nodes(&row[..space.width]) {
            if !examined.insert(interned) {
                continue;
            }
            space.table.events(interned, &mut events);
            let interned = space.table.get(interned);
            let mut has_fired = false;
            for &event in &events {
                let handlers = &space.table.handlers;
                let is_once =
                    matches!(event, NodeEvent::Deliver(_)) && !handlers.fault_model.may_duplicate();
                let repeats = matches!(event, NodeEvent::Deliver(_) | NodeEvent::Fire(_));
                if is_once || !repeats || is_known_to_converge(handlers, interned, event) {
                    continue;
                }
                // The oldest timer is the first in the list.
                if matches!(event, NodeEvent::Fire(_)) && std::mem::replace(&mut has_fired, true) {
                    continue;
                }
                candidates.push(RepeatedEvent::new(space, interned, event));
            }
        }
    }
    candidates
}

/// Whether the search's tables show that a message soon changes nothing when it is delivered
/// repeatedly. Usually they do, so that no handler must be called.
fn is_known_to_converge(handlers: &Handlers<'_>, interned: InternedNode, event: NodeEvent) -> bool {
    let mut state = interned.state;
    for _ in 0..REPEATS_FIRST {
        let NodeEvent::Deliver(message) = event else { return false };
        match handlers.peek(state, Cause::Deliver(message)) {
            Some(handled) if handled.set == Lists::EMPTY => {
                let gave_result =
                    ClientDrivers::is_waiting(interned.driver) && handled.result != NONE;
                if gave_result || handled.state == state {
                    return true;
                }
                state = handled.state;
            }
            _ => return false,
        }
    }
    false
}

impl RepeatedEvent {
    fn new(space: &StateSpace<'_>, interned: InternedNode, event: NodeEvent) -> Self {
        let handlers = &space.table.handlers;
        let message = match event {
            NodeEvent::Deliver(message) => Some((
                handlers.address(handlers.ends(message).0),
                handlers.messages.bytes(message).to_vec(),
            )),
            _ => None,
        };
        let timers = space.table.timers_of(interned.timers).into_iter();
        let state = handlers.states.bytes(interned.state).to_vec();
        Self {
            node: handlers.node_of(interned.state),
            timers: timers.map(|it| (handlers.timers.bytes(it.id).to_vec(), it)).collect(),
            message,
            is_waiting: ClientDrivers::is_waiting(interned.driver),
            first: state.clone(),
            seen: HashSet::new(),
            state,
        }
    }

    fn request(&self) -> Request<'_> {
        let event = match (&self.message, self.timers.first()) {
            (Some((from, message)), _) => Event::Message { from: *from, message },
            (None, Some((timer, _))) => Event::Timer { timer },
            (None, None) => unreachable!("a repetition without timers has ended"),
        };
        Request { node: self.node, state: &self.state, event }
    }

    /// Takes in a step. Returns whether the node reached a new state and can continue.
    fn follow(
        &mut self,
        state: &[u8],
        effects: &[EncodedEffect],
        get: impl Fn(crate::hosting::Span) -> Vec<u8>,
    ) -> bool {
        if self.seen.is_empty() {
            let start = self.identity();
            self.seen.insert(start);
        }
        if self.message.is_none() {
            self.timers.remove(0);
        }
        state.clone_into(&mut self.state);
        for effect in effects {
            if let EncodedEffect::SetTimer { timer, min_ns, max_ns } = *effect {
                self.timers.push((get(timer), Pending { id: 0, min_ns, max_ns }));
            }
        }
        let now = self.identity();
        self.seen.insert(now) && (self.message.is_some() || !self.timers.is_empty())
    }

    /// State and timers as one value, in which equivalent timer lists are equal.
    fn identity(&self) -> Vec<u8> {
        let mut texts: Vec<&[u8]> = self.timers.iter().map(|(timer, _)| timer.as_slice()).collect();
        texts.sort_unstable();
        texts.dedup();
        let number = |timer: &[u8]| texts.binary_search(&timer).unwrap_or_default() as u32;
        let mut pending: Vec<Pending> =
            self.timers.iter().map(|(timer, it)| Pending { id: number(timer), ..*it }).collect();
        timers::normalise(&mut pending);
        let mut identity = (self.state.len() as u64).to_le_bytes().to_vec();
        identity.extend_from_slice(&self.state);
        for it in pending {
            identity.extend_from_slice(texts[it.id as usize]);
            identity.extend_from_slice(&it.min_ns.to_le_bytes());
            identity.extend_from_slice(&it.max_ns.to_le_bytes());
        }
        identity
    }

    fn hint(&self, space: &StateSpace<'_>, times: usize) -> Hint {
        let handlers = &space.table.handlers;
        let show = |what, bytes: &[u8]| legible(handlers.steps.show(self.node, what, bytes, false));
        Hint::Diverges {
            node: handlers.address(self.node),
            message: self.message.as_ref().map(|(_, message)| show(Payload::Message, message)),
            times,
            first: show(Payload::State, &self.first),
            last: show(Payload::State, &self.state),
            timers: self.timers.len(),
        }
    }
}
