//! Effects of events on an interned node.
//!
//! Nearly all parts of an event's effect have been computed before, for another interned node: the
//! handler's step, the timers and messages after it, and often the resulting node. So all threads
//! first look effects up, which changes nothing. Then one thread computes the misses, in a fixed
//! order, so that ids do not depend on the threads.

use super::client_drivers::{CALL, DriverMiss};
use super::durability::Durable;
use super::handlers::{Cause, Known, NodeEvent};
use super::intern::Lists;
use super::list_cache::ListKey;
use super::node_table::{InternedNode, NodeStep, NodeTable};
use super::shown::SHOWN;
use crate::parallel;

/// The most nodes whose effects are looked up before the misses are computed. This bounds the memory
/// of [`Lookups`].
const NODES_AT_ONCE: usize = 1 << 12;

/// How many nodes' effects a thread looks up at a time.
const SITES_PER_PART: usize = 1 << 7;

/// The first calls and returns of an event are computed in batches together with those of other
/// node states; each batch replays the event's lookups from the start. After this many, the event
/// is followed on its own.
const BATCHED_CALLS_MAX: usize = 16;

/// How far an event at a node state has been followed.
#[derive(Clone, Copy)]
struct Progress {
    /// The node state so far, without the messages sent.
    interned: InternedNode,
    /// The list of messages sent so far.
    sent: u32,
    /// The next input to handle, if there is one.
    next: Option<Cause>,
}

/// The effect of one event on an interned node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// It changes nothing at this node and sends nothing.
    NoOp,
    /// It changes something.
    Change(NodeStep),
    /// The handler must be called first.
    Unknown,
}

/// The first miss in looking up an effect.
#[derive(Clone, Copy, Debug)]
enum Miss {
    /// A handler's step in a state.
    Handler(u32, Cause),
    /// A list.
    List(ListKey),
    /// A miss of a client driver.
    Driver(usize, DriverMiss),
    /// What a node shows in this state.
    Shown(u32),
    /// The list of calls and returns.
    Calls,
    /// What outlives a crash of the node after the step.
    Durable(Durable),
    /// Only the interned node after the step; the rest of the step is known.
    Interned { interned: InternedNode, sends: u32, calls: u32 },
}

impl From<ListKey> for Miss {
    fn from(key: ListKey) -> Self {
        Self::List(key)
    }
}

/// The results of looking up the effects of some nodes.
#[derive(Default)]
pub(super) struct Lookups {
    /// For each node, the number of its events in `effects`, and whether these are all its events.
    nodes: Vec<(u32, bool)>,
    effects: Vec<(NodeEvent, Result<Effect, Miss>)>,
    events: Vec<NodeEvent>,
    known: Vec<Known>,
    calls: Vec<u32>,
}

/// Some nodes, and one thread's lookups for them.
struct Part<'p> {
    nodes: &'p [u32],
    lookups: Lookups,
}

impl Lookups {
    fn clear(&mut self) {
        self.nodes.clear();
        self.effects.clear();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.effects.capacity() * size_of::<(NodeEvent, Result<Effect, Miss>)>()
    }
}

impl NodeTable<'_> {
    /// Computes the steps of nodes, each once.
    pub(super) fn open_all(&mut self, mut nodes: Vec<u32>) {
        while !nodes.is_empty() && !self.handlers.deadline.has_passed() {
            let mut later = Vec::new();
            for some in nodes.chunks(NODES_AT_ONCE) {
                self.open(some, &mut later);
            }
            self.handlers.run_wanted();
            nodes = later;
        }
    }

    /// Computes the steps of nodes. Nodes that need a handler call first are added to `later`.
    fn open(&mut self, nodes: &[u32], later: &mut Vec<u32>) {
        let mut spare = std::mem::take(&mut self.lookups);
        let mut parts: Vec<Part<'_>> = nodes
            .chunks(SITES_PER_PART)
            .map(|nodes| Part { nodes, lookups: spare.pop().unwrap_or_default() })
            .collect();
        parallel::for_each(&mut parts, |part| {
            part.lookups.clear();
            part.nodes.iter().for_each(|&interned| self.look_up_node(interned, &mut part.lookups));
        });
        for Part { nodes, lookups } in &parts {
            let mut effects = &lookups.effects[..];
            for (&interned, &(count, is_all)) in nodes.iter().zip(&lookups.nodes) {
                let own;
                (own, effects) = effects.split_at(count as usize);
                if !self.fill_misses(interned, own, is_all) {
                    later.push(interned);
                }
            }
        }
        spare.extend(parts.into_iter().map(|part| part.lookups));
        self.lookups = spare;
    }

    /// Looks up the effects of a node's events or, if some handlers have not been called, finds out which
    /// ones are missing.
    fn look_up_node(&self, id: u32, lookups: &mut Lookups) {
        let Lookups { nodes, effects, events, known, calls } = lookups;
        let before = effects.len();
        self.events(id, events);
        let state = self.get(id).state;
        known.clear();
        known.extend(events.iter().map(|&event| match event {
            NodeEvent::Lose(_) => Known::NoHandler,
            // Such a crash is listed only once its handler has been called.
            _ if event.is_crash() => Known::NoHandler,
            _ => {
                let state = self.handlers.handling(state, event);
                self.handlers.look_up(state, self.handlers.cause(event))
            }
        }));
        let is_all = !known.iter().any(|known| matches!(known, Known::Unknown));
        for (&event, &known) in events.iter().zip(&*known) {
            if is_all || matches!(known, Known::Unknown) {
                effects.push((event, self.look_up(id, event, known, calls)));
            }
        }
        nodes.push(((effects.len() - before) as u32, is_all));
    }

    /// Computes the misses among a node's effects. Returns whether that was possible without a
    /// handler call, so that the node's steps are now known.
    fn fill_misses(
        &mut self,
        id: u32,
        effects: &[(NodeEvent, Result<Effect, Miss>)],
        mut is_all: bool,
    ) -> bool {
        let mut steps = std::mem::take(&mut self.scratch);
        steps.clear();
        let (mut quiet, mut crashes) = (0, 0);
        for (event, effect) in effects {
            crashes += u16::from(event.is_crash());
            let effect = match *effect {
                Ok(effect) => effect,
                Err(Miss::Interned { interned, sends, calls }) => {
                    Effect::Change(NodeStep { interned: self.intern(interned), sends, calls })
                }
                Err(_) => self.effect(id, *event),
            };
            match effect {
                Effect::NoOp => quiet += 1,
                Effect::Change(step) => steps.push(step),
                Effect::Unknown => is_all = false,
            }
        }
        if is_all {
            self.note_steps(id, &steps, quiet, crashes);
        }
        self.scratch = steps;
        is_all
    }

    /// Computes the effect of an event on an interned node: of its handler, and then of the commands that
    /// the client answers within the event.
    pub(super) fn effect(&mut self, id: u32, event: NodeEvent) -> Effect {
        let mut calls = Vec::new();
        let mut progress = None;
        loop {
            let miss = match self.follow_event(id, event, None, &mut progress, &mut calls) {
                Ok(effect) => return effect,
                Err(miss) => miss,
            };
            match miss {
                Miss::Handler(state, cause) => {
                    self.handlers.want(state, cause);
                    // As long as there are few calls, take one command at a time, in a batch with
                    // other events.
                    if calls.len() < BATCHED_CALLS_MAX || self.handlers.deadline.is_over() {
                        return Effect::Unknown;
                    }
                    self.handlers.run_wanted();
                }
                Miss::List(key) => self.list_cache.compute(key, &mut self.handlers),
                Miss::Driver(node, miss) => self.drivers.fill(node, miss, &mut self.handlers),
                Miss::Shown(state) => self.handlers.ask(state),
                Miss::Calls => drop(self.handlers.lists.intern(&calls)),
                Miss::Durable(durable) => {
                    self.handlers.durability.durables.intern(durable);
                }
                Miss::Interned { interned, sends, calls } => {
                    return Effect::Change(NodeStep {
                        interned: self.intern(interned),
                        sends,
                        calls,
                    });
                }
            }
        }
    }

    /// Looks up the effect of an event on an interned node, as far as it is known. `known` is the
    /// handler's effect; `calls` is a buffer for the calls and returns.
    fn look_up(
        &self,
        id: u32,
        event: NodeEvent,
        known: Known,
        calls: &mut Vec<u32>,
    ) -> Result<Effect, Miss> {
        self.follow_event(id, event, Some(known), &mut None, calls)
    }

    /// Follows an event from the point of the last miss. `known` is the handler's effect, if that has been
    /// looked up. `calls` receives the client with its calls and returns, and must not be changed between
    /// two calls for the same event.
    fn follow_event(
        &self,
        id: u32,
        event: NodeEvent,
        mut known: Option<Known>,
        progress: &mut Option<Progress>,
        calls: &mut Vec<u32>,
    ) -> Result<Effect, Miss> {
        let before = self.get(id);
        let node = self.handlers.node_of(before.state);
        if event == NodeEvent::Crash {
            let after = before.crashed(self.handlers.durability.comes_back(node));
            return self.step_to(after, Lists::EMPTY, Lists::EMPTY);
        }
        if let NodeEvent::Lose(message) = event {
            let inbox = self.list_cache.get(ListKey::Delivered(before.inbox, message))?;
            return self.step_to(InternedNode { inbox, ..before }, Lists::EMPTY, Lists::EMPTY);
        }
        if let Some((event, after)) = event.interrupted() {
            return self.follow_crash(before, event, after);
        }
        let mut now = match *progress {
            Some(progress) => progress,
            None => {
                calls.clear();
                calls.push(node as u32);
                let mut interned = before;
                match event {
                    NodeEvent::Deliver(message) if !self.handlers.fault_model.may_duplicate() => {
                        let key = ListKey::Delivered(interned.inbox, message);
                        interned.inbox = self.list_cache.get(key)?;
                    }
                    NodeEvent::Fire(pending) => {
                        interned.timers =
                            self.list_cache.get(ListKey::Fired(interned.timers, pending))?;
                    }
                    NodeEvent::Restart(found) => interned = self.restarted(interned, found)?,
                    NodeEvent::Command(command) => {
                        interned.driver = self
                            .drivers
                            .give(interned.driver, command)
                            .map_err(|miss| Miss::Driver(node, miss))?;
                        calls.push(command << 1 | CALL);
                    }
                    _ => {}
                }
                Progress { interned, sent: Lists::EMPTY, next: Some(self.handlers.cause(event)) }
            }
        };
        while let Some(cause) = now.next {
            *progress = Some(now);
            let known =
                known.take().unwrap_or_else(|| self.handlers.look_up(now.interned.state, cause));
            let handled = match known {
                Known::Handled(handled) => handled,
                Known::Failed(failure) => {
                    let calls = self.calls_list(calls)?;
                    return Ok(Effect::Change(NodeStep::failing(failure, calls)));
                }
                Known::Unknown | Known::NoHandler => {
                    return Err(Miss::Handler(now.interned.state, cause));
                }
            };
            if self.handlers.durability.comes_back(node) {
                let effects = self.handlers.durability.effects(now.interned.state, cause);
                now.interned.durable = self.written(now.interned.durable, effects)?;
            }
            now.interned.state = handled.state;
            now.interned.timers =
                self.list_cache.get(ListKey::Set(now.interned.timers, handled.set))?;
            now.sent = self.list_cache.get(ListKey::Joined(now.sent, handled.sent))?;
            let given = calls.len();
            let next = self.drivers.advance(node, &mut now.interned.driver, handled.result, calls);
            let next = next.map_err(|miss| {
                calls.truncate(given);
                Miss::Driver(node, miss)
            })?;
            now.next = next.map(Cause::Command);
        }
        *progress = Some(now);
        if self.handlers.shown.asks(node)
            && (now.interned.state != before.state || event == NodeEvent::Start)
        {
            self.note_shown((before.state, now.interned.state), event, calls)?;
        }
        let calls_list = self.calls_list(calls)?;
        let Progress { mut interned, sent, .. } = now;
        let routed = self.list_cache.routed(node, sent)?;
        interned.inbox = self.list_cache.get(ListKey::Inbox(interned.inbox, routed.own))?;
        let sends = routed.others;
        if interned == before && sends == Lists::EMPTY && calls_list == Lists::EMPTY {
            return Ok(Effect::NoOp);
        }
        self.step_to(interned, sends, calls_list)
    }

    /// The step that leads to this node, if the node has an id.
    fn step_to(&self, interned: InternedNode, sends: u32, calls: u32) -> Result<Effect, Miss> {
        match self.find(interned) {
            Some(interned) => Ok(Effect::Change(NodeStep { interned, sends, calls })),
            None => Err(Miss::Interned { interned, sends, calls }),
        }
    }

    /// Follows an event within which the node crashes, after so many effects of the handler; all, if it has fewer. What
    /// the handler had done to the node's state is gone. The crashed node keeps what it last showed.
    fn follow_crash(
        &self,
        before: InternedNode,
        event: NodeEvent,
        after: u16,
    ) -> Result<Effect, Miss> {
        let node = self.handlers.node_of(before.state);
        let (state, cause) =
            (self.handlers.handling(before.state, event), self.handlers.cause(event));
        match self.handlers.look_up(state, cause) {
            Known::Handled(_) => {}
            Known::Failed(failure) => {
                return Ok(Effect::Change(NodeStep::failing(failure, Lists::EMPTY)));
            }
            Known::Unknown | Known::NoHandler => return Err(Miss::Handler(state, cause)),
        }
        let mut interned = before;
        match event {
            NodeEvent::Deliver(message) if !self.handlers.fault_model.may_duplicate() => {
                interned.inbox =
                    self.list_cache.get(ListKey::Delivered(interned.inbox, message))?;
            }
            NodeEvent::Restart(found) => interned = self.restarted(interned, found)?,
            _ => {}
        }
        let effects = self.handlers.durability.effects(state, cause);
        let begun = self.list_cache.get(ListKey::Begun(effects, after.into()))?;
        interned.durable = self.written(interned.durable, begun)?;
        let sent = self.list_cache.get(ListKey::SentIn(begun))?;
        let routed = self.list_cache.routed(node, sent)?;
        interned.inbox = self.list_cache.get(ListKey::Inbox(interned.inbox, routed.own))?;
        let crashed = InternedNode { state: before.state, ..interned }.crashed(true);
        self.step_to(crashed, routed.others, Lists::EMPTY)
    }

    /// A node that starts again with what it finds, before its handler.
    fn restarted(&self, before: InternedNode, found: u32) -> Result<InternedNode, Miss> {
        let durability = &self.handlers.durability;
        let restarts = self.handlers.durable(before).restarts + 1;
        let durable = Durable { restarts, storage: durability.found(found).storage };
        let state = self.handlers.handling(before.state, NodeEvent::Restart(found));
        let durable = durability.durables.find(durable).ok_or(Miss::Durable(durable))?;
        Ok(InternedNode { state, timers: Lists::EMPTY, durable, ..before })
    }

    /// What outlives a crash, after these effects of a running node.
    fn written(&self, durable: u32, effects: u32) -> Result<u32, Miss> {
        let before = self.handlers.durability.durables.get(durable);
        let storage = self.list_cache.get(ListKey::Written(before.storage, effects))?;
        let after = Durable { storage, ..before };
        self.handlers.durability.durables.find(after).ok_or(Miss::Durable(after))
    }

    /// Adds to the calls and returns of an event what the node shows after it, if that differs from before.
    fn note_shown(
        &self,
        (before, after): (u32, u32),
        event: NodeEvent,
        calls: &mut Vec<u32>,
    ) -> Result<(), Miss> {
        let shown = self.handlers.shown.of(after).ok_or(Miss::Shown(after))?;
        let is_first = event == NodeEvent::Start;
        if !is_first && self.handlers.shown.of(before).ok_or(Miss::Shown(before))? == shown {
            return Ok(());
        }
        // An event that is followed again, from its last miss, has it already.
        if calls.len() == 1 || calls.last().is_some_and(|entry| entry & SHOWN == 0) {
            calls.push(SHOWN | shown);
        }
        Ok(())
    }

    /// The list of these calls and returns, which follow their client.
    fn calls_list(&self, calls: &[u32]) -> Result<u32, Miss> {
        if self.with_calls && calls.len() > 1 {
            self.handlers.lists.find(calls).ok_or(Miss::Calls)
        } else {
            Ok(Lists::EMPTY)
        }
    }
}
