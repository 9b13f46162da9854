//! Interned nodes, and their steps.
//!
//! An interned node is one number for a node's state, its pending timers, its client driver's
//! results, and the messages in the network addressed to it. A global state is one such number per
//! node (plus one for a monitor): a row. An event's effect at its own node depends only on the
//! interned node, so it is computed once. The messages it sends change the receivers' interned
//! nodes; that is memoised too.

use std::sync::Arc;

use super::client_drivers::ClientDrivers;
use super::effects::Lookups;
use super::handlers::{Handlers, NONE, NodeEvent};
use super::intern::{Lists, Records};
use super::list_cache::{self, ListCache, SINGLE};
use super::network;
use super::pairs::PairMap;
use super::settings::Restrictions;
use super::timers::{self, Pending};

/// The parts of an interned node, by ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct InternedNode {
    /// The node's state, which identifies the node.
    pub(super) state: u32,
    /// The list of pending timers of the node's current incarnation. The timers of a node die with it.
    pub(super) timers: u32,
    /// The client driver's state: see [`ClientDrivers`].
    pub(super) driver: u32,
    /// The list of messages for this node: see [`network`].
    pub(super) inbox: u32,
    /// What outlives a crash of the node, as the id of a [`Durable`](super::durability::Durable), and whether it is down.
    /// It is the same for all running nodes, [`FIRST_INCARNATION`], if none of them may come back.
    pub(super) durable: u32,
}

/// The [`InternedNode::durable`] of a node that has not crashed before and has stored nothing.
pub(super) const FIRST_INCARNATION: u32 = 0;

/// The bit of [`InternedNode::durable`] of a node that the search has crashed. Such a node has no timers. If it never comes
/// back, it has no messages either, and gets none. Its state and its client driver stay as they were.
const DOWN: u32 = 1 << 31;

impl InternedNode {
    /// Whether the search has crashed this node.
    #[inline]
    pub(super) fn is_down(&self) -> bool {
        self.durable & DOWN != 0
    }

    /// This node after a crash. If it comes back, what was sent to it is still under way.
    pub(super) fn crashed(self, comes_back: bool) -> Self {
        let inbox = if comes_back { self.inbox } else { Lists::EMPTY };
        Self { timers: Lists::EMPTY, inbox, durable: self.durable | DOWN, ..self }
    }

    /// The same node, with the crash noted elsewhere.
    pub(super) fn up(self) -> Self {
        Self { durable: self.durable & !DOWN, ..self }
    }
}

/// The effect of an event that changes something at an interned node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeStep {
    /// The interned node afterwards, or [`NONE`] if the handler failed.
    pub(super) interned: u32,
    /// The list of messages to others, as pairs of a receiver and its messages, or the failure's index
    /// if the handler failed.
    pub(super) sends: u32,
    /// The list of calls and returns, for a monitor and for traces; up to the failure if the handler
    /// failed.
    pub(super) calls: u32,
}

impl NodeStep {
    /// The step of a handler that failed.
    pub(super) fn failing(failure: u32, calls: u32) -> Self {
        Self { interned: NONE, sends: failure, calls }
    }

    /// The failure's index, if the handler failed.
    pub(super) fn failure(&self) -> Option<u32> {
        (self.interned == NONE).then_some(self.sends)
    }
}

/// The positions of an interned node's steps and messages.
#[derive(Clone, Copy)]
struct Span {
    /// The first step, or [`NONE`] if the steps have not been computed.
    start: u32,
    len: u16,
    /// The number of other events, which change nothing.
    no_ops: u16,
    /// How many of the last steps are crashes of the node.
    crashes: u16,
    has_calls: bool,
    /// Whether the steps are being computed.
    in_progress: bool,
    inbox_start: u32,
    inbox_len: u32,
}

/// All interned nodes so far.
pub(super) struct NodeTable<'s> {
    pub(super) handlers: Handlers<'s>,
    pub(super) drivers: ClientDrivers,
    restrictions: Arc<Restrictions>,
    pub(super) with_calls: bool,
    /// By node: how often it had crashed in the first row; empty if it makes no difference.
    crashes_before: Vec<u32>,
    nodes: Records<InternedNode>,
    spans: Vec<Span>,
    steps: Vec<NodeStep>,
    /// From a node and messages to the node after these have been sent to it.
    arrivals: PairMap,
    pub(super) list_cache: ListCache,
    /// Buffers for computing the effects of nodes.
    pub(super) lookups: Vec<Lookups>,
    pub(super) scratch: Vec<NodeStep>,
}

impl<'s> NodeTable<'s> {
    pub(super) fn new(
        handlers: Handlers<'s>,
        work: ClientDrivers,
        restrictions: Arc<Restrictions>,
        with_calls: bool,
    ) -> Self {
        Self {
            handlers,
            drivers: work,
            restrictions,
            with_calls,
            crashes_before: Vec::new(),
            nodes: Records::new(),
            spans: Vec::new(),
            steps: Vec::new(),
            arrivals: PairMap::new(),
            list_cache: ListCache::default(),
            lookups: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The id of a node, which is added if it is new.
    pub(super) fn intern(&mut self, interned: InternedNode) -> u32 {
        let (id, new) = self.nodes.intern(interned);
        if new {
            let (start, len) = self.handlers.lists.position(interned.inbox);
            self.spans.push(Span {
                start: NONE,
                len: 0,
                no_ops: 0,
                crashes: 0,
                has_calls: false,
                in_progress: false,
                inbox_start: u32::try_from(start).expect("fewer than 2^32 messages in lists"),
                inbox_len: len as u32,
            });
            if interned.is_down() {
                self.handlers.find_all(interned);
            }
        }
        id
    }

    /// The id of a node, if it has one.
    pub(super) fn find(&self, interned: InternedNode) -> Option<u32> {
        self.nodes.find(interned)
    }

    pub(super) fn get(&self, id: u32) -> InternedNode {
        self.nodes.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the steps of a node are known.
    #[inline]
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.spans[id as usize].start != NONE
    }

    /// The steps of a node that change something, in order. Empty if they are not known.
    #[inline]
    pub(super) fn steps(&self, id: u32) -> &[NodeStep] {
        let span = self.spans[id as usize];
        let start = span.start as usize;
        self.steps.get(start..start + usize::from(span.len)).unwrap_or(&[])
    }

    /// The steps of a row's node that change something and are possible there, in order. Empty if they are not known.
    #[inline]
    pub(super) fn steps_in(&self, nodes: &[u32], node: usize) -> &[NodeStep] {
        let interned = nodes[node];
        let steps = self.steps(interned);
        let crashes = usize::from(self.spans[interned as usize].crashes);
        if crashes > 0 && !self.may_crash(nodes, node) {
            &steps[..steps.len() - crashes]
        } else {
            steps
        }
    }

    /// Whether the budgets of crashes allow that a node of a row crashes.
    pub(super) fn may_crash(&self, nodes: &[u32], node: usize) -> bool {
        self.restrictions.allows_crash(
            node,
            |other| self.get(nodes[other]).is_down(),
            |other| self.crashes(nodes[other]) - self.crashes_before.get(other).unwrap_or(&0),
        )
    }

    /// How often a node that may come back has crashed since it started.
    fn crashes(&self, id: u32) -> u32 {
        let interned = self.get(id);
        self.handlers.durable(interned).restarts + u32::from(interned.is_down())
    }

    /// Counts crashes from this row on.
    pub(super) fn count_crashes_from(&mut self, nodes: &[u32]) {
        self.crashes_before = nodes.iter().map(|&id| self.crashes(id)).collect();
    }

    /// The nodes whose crashes a step at a node may have made possible: those that a search may crash, if the node has
    /// come back.
    #[inline]
    pub(super) fn wakes(&self, before: u32, after: u32) -> bool {
        self.restrictions.may_restart_any()
            && self.get(before).is_down()
            && !self.get(after).is_down()
    }

    /// Whether a search may crash a node.
    pub(super) fn is_mortal(&self, node: usize) -> bool {
        self.restrictions.is_mortal(node)
    }

    /// The index of an open node's first step among all steps. The others follow it.
    #[inline]
    pub(super) fn first_step(&self, id: u32) -> u32 {
        self.spans[id as usize].start
    }

    /// The step at this index among all steps.
    #[inline]
    pub(super) fn step_at(&self, index: u32) -> NodeStep {
        self.steps[index as usize]
    }

    /// The number of events at an open node that change nothing.
    #[inline]
    pub(super) fn quiet(&self, id: u32) -> u64 {
        u64::from(self.spans[id as usize].no_ops)
    }

    /// Whether some step of an open node contains calls or returns.
    pub(super) fn has_calls(&self, id: u32) -> bool {
        self.spans[id as usize].has_calls
    }

    /// The pairs of a receiver and a list of messages of [`NodeStep::sends`].
    #[inline]
    pub(super) fn sends(&self, list: u32) -> &[u32] {
        self.handlers.lists.get(list)
    }

    /// The node after these messages have been sent to it, if known.
    #[inline]
    pub(super) fn arrival(&self, interned: u32, messages: u32) -> Option<u32> {
        if !self.handlers.fault_model.may_duplicate() {
            return self.arrivals.get(interned, messages);
        }
        // Usually, the inbox already contains the messages.
        let span = self.spans[interned as usize];
        let inbox = self.handlers.lists.at(span.inbox_start as usize, span.inbox_len as usize);
        let all_there = if messages & SINGLE != 0 {
            holds(inbox, messages & !SINGLE)
        } else {
            self.handlers.lists.get(messages).iter().all(|&message| holds(inbox, message))
        };
        if all_there { Some(interned) } else { self.arrivals.get(interned, messages) }
    }

    /// Computes the steps of the nodes `open`, and `arrivals`.
    pub(super) fn resolve(&mut self, open: &[u32], arrivals: &[(u32, u32)]) {
        for &(interned, messages) in arrivals {
            self.resolve_arrival(interned, messages);
        }
        let is_first = |interned: &u32| {
            !std::mem::replace(&mut self.spans[*interned as usize].in_progress, true)
        };
        let open: Vec<u32> = open.iter().copied().filter(is_first).collect();
        self.open_all(open);
    }

    /// Computes the node after these messages have been sent to it.
    pub(super) fn resolve_arrival(&mut self, interned: u32, messages: u32) -> u32 {
        if let Some(known) = self.arrival(interned, messages) {
            return known;
        }
        let mut key = self.get(interned);
        if key.is_down() && !self.handlers.comes_back(key) {
            self.arrivals.insert(interned, messages, interned);
            return interned;
        }
        let one = [messages & !SINGLE];
        let messages_list =
            if messages & SINGLE != 0 { self.handlers.lists.intern(&one) } else { messages };
        key.inbox = list_cache::arrived(&mut self.handlers, key.inbox, messages_list);
        let after = self.intern(key);
        self.arrivals.insert(interned, messages, after);
        after
    }

    /// The possible events at a node, in the order in which searches explore them.
    pub(super) fn events(&self, id: u32, events: &mut Vec<NodeEvent>) {
        self.events_under(&self.restrictions, id, events);
    }

    /// The possible events at a node under these restrictions.
    pub(super) fn events_under(
        &self,
        restrictions: &Restrictions,
        id: u32,
        events: &mut Vec<NodeEvent>,
    ) {
        events.clear();
        let interned = self.get(id);
        let node = self.handlers.node_of(interned.state);
        let inbox = self.handlers.lists.get(interned.inbox);
        let arriving = network::deliverable(&self.handlers, inbox)
            .filter(|&message| restrictions.delivers(self.handlers.ends(message).0, node));
        if interned.is_down() {
            let storage = self.handlers.durable(interned).storage;
            let found = self.handlers.durability.all_found(node, storage);
            events.extend(found.map(NodeEvent::Restart));
            let restarts = events.len();
            if !self.handlers.fault_model.may_lose() {
                events.extend(arriving.map(NodeEvent::Lose));
            }
            self.add_crash_points(interned.state, restarts, events);
            self.allow(restrictions, node, events);
            return;
        }
        events.extend(arriving.map(NodeEvent::Deliver));
        if restrictions.fires(node) {
            let timers = self.timers_of(interned.timers);
            for (index, &pending) in self.handlers.lists.get(interned.timers).iter().enumerate() {
                if timers::may_fire(&timers, index) {
                    events.push(NodeEvent::Fire(pending));
                }
            }
        }
        if restrictions.is_mortal(node) {
            if restrictions.may_restart(node) {
                self.add_crash_points(interned.state, events.len(), events);
            }
            events.push(NodeEvent::Crash);
        }
        self.allow(restrictions, node, events);
    }

    /// Adds the crashes within the handlers of the first so many of these events, as far as these handlers have been
    /// called.
    fn add_crash_points(&self, state: u32, count: usize, events: &mut Vec<NodeEvent>) {
        for index in 0..count {
            let event = events[index];
            let points = self.handlers.crash_points(state, event).unwrap_or(0..0);
            events.extend(points.filter_map(|after| event.interrupted_after(after)));
        }
    }

    /// Leaves the events that the restrictions allow.
    fn allow(&self, restrictions: &Restrictions, node: usize, events: &mut Vec<NodeEvent>) {
        if restrictions.is_selective() {
            events.retain(|&event| restrictions.allows(&self.handlers.path_event(node, event)));
        }
    }

    /// The pending timers of a list.
    pub(super) fn timers_of(&self, list: u32) -> Vec<Pending> {
        let ids = self.handlers.lists.get(list);
        ids.iter().map(|&id| self.handlers.pending.get(id)).collect()
    }

    /// Stores the steps of a node, and the number of other events, which change nothing.
    /// `crashes` is how many of the last ones are crashes of the node.
    pub(super) fn note_steps(&mut self, id: u32, steps: &[NodeStep], quiet: u16, crashes: u16) {
        let start = u32::try_from(self.steps.len()).expect("fewer than 2^32 steps of nodes");
        let len = u16::try_from(steps.len()).expect("fewer than 2^16 events at a node");
        self.steps.extend_from_slice(steps);
        let has_calls =
            steps.iter().any(|step| step.calls != Lists::EMPTY && step.failure().is_none());
        self.spans[id as usize] =
            Span { start, len, no_ops: quiet, crashes, has_calls, ..self.spans[id as usize] };
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.handlers.memory_bytes()
            + self.drivers.memory_bytes()
            + self.nodes.memory_bytes()
            + self.spans.capacity() * size_of::<Span>()
            + self.steps.capacity() * size_of::<NodeStep>()
            + self.arrivals.memory_bytes()
            + self.list_cache.memory_bytes()
            + self.lookups.iter().map(Lookups::memory_bytes).sum::<usize>()
    }
}

/// Whether a sorted inbox contains this message.
#[inline]
fn holds(inbox: &[u32], message: u32) -> bool {
    if inbox.len() <= 16 { inbox.contains(&message) } else { inbox.binary_search(&message).is_ok() }
}
