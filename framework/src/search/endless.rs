//! Detects divergence: a node that reaches a new state each time the same event repeats.
//!
//! A message stays in the network and may be delivered any number of times; a timer that is set
//! again may fire any number of times. A node that counts its retransmissions, or stores every copy
//! that it receives, therefore has infinitely many states, and no search can exhaust them.
//! Breadth-first search would take long to notice: it makes one such step per level, together with
//! everything else that is possible. This module instead follows a single node in a straight line:
//! it delivers the same message again and again, or fires the oldest timer again and again. After
//! [`TIMES`] new states in a row, the search stops and reports it. That does not prove that the
//! space is infinite: a counter that wraps around after a million looks the same. So a small space
//! is exhausted before the first check ([`STATES`], [`WORK`]).
//!
//! All steps taken here are steps that the search itself would take from a state that it was about
//! to expand, so a report describes what really happens. Nothing is stored in the search's tables:
//! counts and paths are those of a search without the check.

use std::collections::HashSet;

use super::engine::Engine;
use super::handlers::{Cause, Handlers, LocalEvent, NONE};
use super::intern::Lists;
use super::report::Hint;
use super::sites::Site;
use super::timers::{self, Pending};
use super::work::Work;
use crate::Address;
use crate::worker::pure::{Answers, Batch, Request, legible};
use crate::worker::{EncodedEffect, Event, Payload};

/// How many times in a row a node must reach a new state to count as diverging.
const TIMES: usize = 1_000;

/// Or as often as it takes to have this many timers pending: to compare more of them takes long.
const TIMERS: usize = 200;

/// How many of the next rows are examined.
const ROWS: usize = 64;

/// Most nodes converge within this many repetitions; of the others, a few are followed further.
const TIMES_ALL: usize = 8;

/// How many that is.
const FOLLOWED: usize = 4;

/// Checks are due when a search has seen this many states, and whenever that has doubled.
const STATES: u64 = 1 << 14;

/// And when its [`work`] comes to this, and whenever that has doubled: a node that grows by itself has few states,
/// but large ones, or ever more that can happen in each, or ever more timers.
const WORK: u64 = 1 << 20;

/// How much a search has done besides finding states: events, the bytes of the nodes' states, and, because lists
/// of timers are put in order again and again, sixteen for each entry of a list.
pub(super) fn work(engine: &Engine<'_>, events: u64) -> u64 {
    let handlers = &engine.sites.handlers;
    events + handlers.states.bytes_len() as u64 + 16 * handlers.lists.entries() as u64
}

/// When the next look is due.
pub(super) struct Schedule {
    states: u64,
    work: u64,
}

impl Schedule {
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

/// A node on its own, with an event that repeats.
struct Track {
    member: usize,
    state: Vec<u8>,
    /// Its pending timers: encoding and bounds.
    timers: Vec<(Vec<u8>, Pending)>,
    /// The message that is delivered, with its sender; `None` when its oldest timer fires.
    message: Option<(Address, Vec<u8>)>,
    /// Whether a result ends it: then the client driver would give another command.
    is_waiting: bool,
    first: Vec<u8>,
    /// Used for membership tests only; never iterated.
    seen: HashSet<Vec<u8>>,
}

/// The first node, in the order of rows, nodes and events, that diverges. `rows` are the next rows
/// to expand, `stride` numbers each.
pub(super) fn look(engine: &Engine<'_>, rows: &[u32], stride: usize) -> Option<Hint> {
    let mut tracks = tracks(engine, rows, stride);
    let steps = engine.sites.handlers.steps;
    let (mut batch, mut answers) = (Batch::new(), Answers::new());
    for times in 0..TIMES {
        if times == TIMES_ALL {
            tracks.truncate(FOLLOWED);
        }
        batch.clear();
        for track in &tracks {
            batch.push(track.request());
        }
        if batch.is_empty() {
            return None;
        }
        steps.run(&batch, &mut answers);
        let mut index = 0;
        tracks.retain_mut(|track| {
            let goes_on = answers.get(index).is_ok_and(|step| {
                let gave_result = track.is_waiting && step.output.result().is_some();
                !gave_result
                    && track.follow(step.state, step.output.effects(), |span| {
                        step.output.get(span).to_vec()
                    })
            });
            index += 1;
            goes_on
        });
        if let Some(track) = tracks.iter().find(|track| track.timers.len() >= TIMERS) {
            return Some(track.hint(engine, times + 1));
        }
    }
    tracks.first().map(|track| track.hint(engine, TIMES))
}

/// The candidates: for some rows, each message for each node, and each node's oldest timer.
fn tracks(engine: &Engine<'_>, rows: &[u32], stride: usize) -> Vec<Track> {
    let count = rows.len() / stride;
    let apart = count.div_ceil(ROWS).max(1);
    let mut looked_at = HashSet::new();
    let mut tracks = Vec::new();
    let mut events = Vec::new();
    for row in rows.chunks_exact(stride).step_by(apart) {
        for &site in engine.nodes(&row[..engine.width]) {
            if !looked_at.insert(site) {
                continue;
            }
            engine.sites.events(site, &mut events);
            let site = engine.sites.get(site);
            let mut has_fired = false;
            for &event in &events {
                if is_known_to_rest(&engine.sites.handlers, site, event) {
                    continue;
                }
                // Timers are listed with the oldest first.
                if matches!(event, LocalEvent::Fire(_)) && std::mem::replace(&mut has_fired, true) {
                    continue;
                }
                tracks.push(Track::new(engine, site, event));
            }
        }
    }
    tracks
}

/// Whether the search's tables show that a message, delivered repeatedly, soon changes nothing
/// more. Usually they do, and no handler has to be called.
fn is_known_to_rest(handlers: &Handlers<'_>, site: Site, event: LocalEvent) -> bool {
    let mut state = site.state;
    for _ in 0..TIMES_ALL {
        let LocalEvent::Deliver(message) = event else { return false };
        match handlers.peek(state, Cause::Deliver(message)) {
            Some(handled) if handled.set == Lists::EMPTY => {
                let gave_result = Work::is_waiting(site.worker) && handled.result != NONE;
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

impl Track {
    fn new(engine: &Engine<'_>, site: Site, event: LocalEvent) -> Self {
        let handlers = &engine.sites.handlers;
        let message = match event {
            LocalEvent::Deliver(message) => Some((
                handlers.address(handlers.ends(message).0),
                handlers.messages.bytes(message).to_vec(),
            )),
            _ => None,
        };
        let timers = engine.sites.timers_of(site.timers).into_iter();
        let state = handlers.states.bytes(site.state).to_vec();
        Self {
            member: handlers.member_of(site.state),
            timers: timers.map(|it| (handlers.timers.bytes(it.id).to_vec(), it)).collect(),
            message,
            is_waiting: Work::is_waiting(site.worker),
            first: state.clone(),
            seen: HashSet::new(),
            state,
        }
    }

    fn request(&self) -> Request<'_> {
        let event = match (&self.message, self.timers.first()) {
            (Some((from, message)), _) => Event::Message { from: *from, message },
            (None, Some((timer, _))) => Event::Timer { timer },
            (None, None) => unreachable!("a track without timers has ended"),
        };
        Request { member: self.member, state: &self.state, event }
    }

    /// Takes in a step. Returns whether the node reached a new state and can continue.
    fn follow(
        &mut self,
        state: &[u8],
        effects: &[EncodedEffect],
        get: impl Fn(crate::worker::Span) -> Vec<u8>,
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

    /// State and timers as one value. Equivalent timer lists are equal.
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

    fn hint(&self, engine: &Engine<'_>, times: usize) -> Hint {
        let handlers = &engine.sites.handlers;
        let show =
            |what, bytes: &[u8]| legible(handlers.steps.show(self.member, what, bytes, false));
        Hint::Endless {
            node: handlers.address(self.member),
            message: self.message.as_ref().map(|(_, message)| show(Payload::Message, message)),
            times,
            first: show(Payload::State, &self.first),
            last: show(Payload::State, &self.state),
            timers: self.timers.len(),
        }
    }
}
