//! Formats the events of a run as trace events.
//!
//! The tables keep ids only. So for each event that was performed, the formatter calls its handlers again and
//! keeps what they print, log and send as text. Which handlers these are, and what the client driver did
//! between them, it takes from the tables.

use std::collections::{BTreeMap, VecDeque};

use super::client_drivers::CALL;
use super::disk::DiskOutcome;
use super::handlers::{Handlers, NodeEvent};
use super::lives::Life;
use super::path::Action;
use super::settings::{link_is_cut, link_is_restored};
use super::shown::SHOWN;
use super::state_space::{Performed, StateSpace};
use crate::hosting::Event;
use crate::hosting::pure::{Answers, Batch, PureSteps, Request, StepFailure};
use crate::trace::builder::{Arriving, EventBuilder, Numbers, Texts};
use crate::trace::{
    EventKind, Fate, Incarnation, MessageId, StoredItem, TimerId, TraceEvent, WriteId,
};
use crate::{Address, FaultModel, System};

/// Formats the events of one run, in their order.
pub(super) struct TraceFormatter<'s> {
    system: &'s System,
    steps: &'s dyn PureSteps,
    printed: Box<dyn FnMut() -> String + 's>,
    builder: EventBuilder,
    numbering: Numbering,
    lives: Vec<Life>,
}

/// The numbers of a run's messages and timers.
struct Numbering {
    /// The messages in the network, by sender, receiver and encoding. There are several only if each arrives once.
    messages: BTreeMap<(Address, Address, Vec<u8>), VecDeque<MessageId>>,
    messages_sent: MessageId,
    /// Whether a delivered message stays in the network, and equal messages are one.
    is_a_set: bool,
    timers_set: TimerId,
    /// For each node: the pending timers, in the order in which they were set.
    pending: Vec<Vec<NumberedTimer>>,
    /// The incarnations that sent messages, except first ones.
    sent_by: BTreeMap<MessageId, Incarnation>,
    writes: WriteId,
    /// Whether writes are numbered, because nodes may come back and find them.
    counts_writes: bool,
}

/// A pending timer with its number in the trace.
struct NumberedTimer {
    id: TimerId,
    timer: Vec<u8>,
    min_ns: u64,
    max_ns: u64,
}

/// The numbers of what one node sends and sets.
struct NumberingOf<'n> {
    numbering: &'n mut Numbering,
    node: (usize, Address),
    incarnation: Incarnation,
    system: &'n System,
    /// Whether the step has sent to an unknown address. That is a failure, and nothing after it takes effect.
    has_failed: bool,
}

impl Numbers for NumberingOf<'_> {
    /// If the network is a set, an equal message keeps its number.
    fn sent(&mut self, to: Address, message: &[u8]) -> Option<(MessageId, Fate)> {
        self.has_failed |= self.system.nodes().iter().all(|spec| spec.address() != to);
        if self.has_failed {
            return None;
        }
        let Numbering { messages, messages_sent, is_a_set, sent_by, .. } = &mut *self.numbering;
        let equal = messages.entry((self.node.1, to, message.to_vec())).or_default();
        if let Some(&known) = equal.front().filter(|_| *is_a_set) {
            return Some((known, Fate::Open));
        }
        *messages_sent += 1;
        equal.push_back(*messages_sent);
        if !self.incarnation.is_first() {
            sent_by.insert(*messages_sent, self.incarnation);
        }
        Some((*messages_sent, Fate::Open))
    }

    fn set(&mut self, timer: &[u8], min_ns: u64, max_ns: u64) -> Option<TimerId> {
        if self.has_failed {
            return None;
        }
        self.numbering.timers_set += 1;
        let id = self.numbering.timers_set;
        let timer = NumberedTimer { id, timer: timer.to_vec(), min_ns, max_ns };
        self.numbering.pending[self.node.0].push(timer);
        Some(id)
    }

    fn wrote(&mut self) -> Option<WriteId> {
        if self.has_failed || !self.numbering.counts_writes {
            return None;
        }
        self.numbering.writes += 1;
        Some(self.numbering.writes)
    }
}

impl<'s> TraceFormatter<'s> {
    pub(super) fn new(
        system: &'s System,
        fault_model: FaultModel,
        steps: &'s dyn PureSteps,
    ) -> Self {
        Self {
            system,
            steps,
            printed: Box::new(String::new),
            builder: EventBuilder::default(),
            numbering: Numbering {
                messages: BTreeMap::new(),
                messages_sent: 0,
                is_a_set: fault_model.may_duplicate(),
                timers_set: 0,
                pending: system.nodes().iter().map(|_| Vec::new()).collect(),
                sent_by: BTreeMap::new(),
                writes: 0,
                counts_writes: fault_model.may_restart(),
            },
            lives: system.nodes().iter().map(|_| Life::default()).collect(),
        }
    }

    /// Sets the function that returns the nodes' output since its last call.
    pub(super) fn set_printed(&mut self, printed: impl FnMut() -> String + 's) {
        self.printed = Box::new(printed);
    }

    /// The addresses of the nodes.
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.system.nodes().iter().map(crate::NodeSpec::address).collect()
    }

    fn address(&self, node: usize) -> Address {
        self.system.nodes()[node].address()
    }

    /// The events of a performed event: that of the node, and those of its client driver that belong to it. Also
    /// returns the failure of a handler, if one failed.
    pub(super) fn events(
        &mut self,
        space: &StateSpace<'_>,
        performed: &Performed,
    ) -> (Vec<TraceEvent>, Option<StepFailure>) {
        let Performed { node, before, event, calls } = *performed;
        let handlers = &space.table.handlers;
        let interrupted = event.interrupted();
        let event = interrupted.map_or(event, |(event, _)| event);
        let what = self.what(handlers, node, event);
        let mut events = vec![TraceEvent::new(None, what)];
        events[0].interrupted_after = interrupted.map(|(_, after)| after.into());
        let mut state = match event {
            NodeEvent::Start | NodeEvent::Restart(_) => match self.steps.make(node) {
                Ok(state) => state,
                Err(failure) => {
                    events[0].failure = Some(failure.clone());
                    return (events, Some(StepFailure::Node(failure)));
                }
            },
            NodeEvent::Lose(_)
            | NodeEvent::Crash
            | NodeEvent::CrashInDelivery { .. }
            | NodeEvent::CrashInFiring { .. }
            | NodeEvent::CrashInRestart { .. } => {
                self.note(handlers, node, event);
                return (events, None);
            }
            NodeEvent::Deliver(_) | NodeEvent::Fire(_) | NodeEvent::Command(_) => {
                handlers.states.bytes(space.table.get(before).state).to_vec()
            }
        };
        self.note(handlers, node, event);
        let first = handlers.event(handlers.cause(event));
        if let Err(failure) = self.handle(node, &mut state, first, &mut events[0]) {
            return (events, Some(failure));
        }
        if interrupted.is_some() {
            events.push(TraceEvent::new(None, self.crash(node)));
            self.note_crash(node);
            return (events, None);
        }
        let calls = handlers.lists.get(calls).iter().skip(1).copied();
        let mut calls = calls.filter(|entry| entry & SHOWN == 0);
        if matches!(event, NodeEvent::Command(_)) {
            // This is the event itself.
            calls.next();
        }
        for call in calls {
            let id = call >> 1;
            if call & 1 != CALL {
                let client = &self.system.nodes()[node];
                let what = EventBuilder::result(client, handlers.results.bytes(id));
                events.push(TraceEvent::new(None, what));
                continue;
            }
            let command = NodeEvent::Command(id);
            let mut event = TraceEvent::new(None, self.what(handlers, node, command));
            let given = handlers.event(handlers.cause(command));
            let handled = self.handle(node, &mut state, given, &mut event);
            events.push(event);
            if let Err(failure) = handled {
                return (events, Some(failure));
            }
        }
        (events, None)
    }

    /// The event of an action, without the effects of its handler if it calls one.
    pub(super) fn action(&self, action: &Action) -> Option<TraceEvent> {
        let what = match action {
            Action::Command { .. } => return None,
            Action::Crash { node } => self.crash(self.place(*node)?),
            Action::Restart { node, outcome } => self.restart(self.place(*node)?, outcome),
            Action::Start { node } => {
                let spec = self.system.nodes().iter().find(|spec| spec.address() == *node)?;
                EventBuilder::start(spec)
            }
            Action::Stage { title } => EventKind::Stage { title: title.clone() },
            Action::Cut { from, to } => EventKind::Network { change: link_is_cut(*from, *to) },
            Action::Restore { from, to } => {
                EventKind::Network { change: link_is_restored(*from, *to) }
            }
            Action::Drop { from, to, message } => {
                let sender = self.place(*from)?;
                self.lose((sender, *from), *to, message)
            }
        };
        Some(TraceEvent::new(None, what))
    }

    /// Records that an action was done.
    pub(super) fn note_action(&mut self, action: &Action) {
        match action {
            Action::Crash { node } => {
                if let Some(node) = self.place(*node) {
                    self.note_crash(node);
                }
            }
            Action::Drop { from, to, message } => self.note_gone(*from, *to, message),
            Action::Command { .. }
            | Action::Start { .. }
            | Action::Restart { .. }
            | Action::Stage { .. }
            | Action::Cut { .. }
            | Action::Restore { .. } => {}
        }
    }

    fn place(&self, node: Address) -> Option<usize> {
        self.system.nodes().iter().position(|spec| spec.address() == node)
    }

    fn crash(&self, node: usize) -> EventKind {
        let incarnation = self.lives[node].incarnation;
        EventKind::Crash { node: self.address(node), incarnation }
    }

    fn restart(&self, node: usize, outcome: &DiskOutcome) -> EventKind {
        let found = self.found(node, outcome);
        let incarnation = self.lives[node].incarnation.next();
        EventBuilder::restart(&self.system.nodes()[node], incarnation, found)
    }

    /// What a node finds and misses if it starts again now.
    pub(super) fn found(&self, node: usize, outcome: &DiskOutcome) -> Vec<StoredItem> {
        self.lives[node].found(&mut texts(self.steps), node, outcome)
    }

    fn lose(&self, from: (usize, Address), to: Address, message: &[u8]) -> EventKind {
        let id = self.message_id(from.1, to, message);
        let lost = Arriving::plain(from, to, (id, self.sent_by(id)), message);
        let is_down = self.place(to).is_some_and(|node| self.lives[node].is_down);
        let reason = if is_down && !self.numbering.is_a_set {
            "its receiver has crashed"
        } else {
            "it was dropped"
        };
        EventBuilder::lose(&mut texts(self.steps), lost, reason)
    }

    /// Records that a node crashes. Its timers die.
    fn note_crash(&mut self, node: usize) {
        self.builder.crashed(node);
        self.numbering.pending[node].clear();
        self.lives[node].is_down = true;
    }

    /// Records that a message has left the network, if it does so once.
    fn note_gone(&mut self, from: Address, to: Address, message: &[u8]) {
        if !self.numbering.is_a_set
            && let Some(sent) = self.numbering.messages.get_mut(&(from, to, message.to_vec()))
        {
            sent.pop_front();
        }
    }

    /// The incarnation that sent a message.
    fn sent_by(&self, id: MessageId) -> Incarnation {
        self.numbering.sent_by.get(&id).copied().unwrap_or_default()
    }

    /// The number by which a message or timer of a possible event is ordered: messages come before timers, and
    /// each in the order in which they were sent or set.
    pub(super) fn order(
        &self,
        handlers: &Handlers<'_>,
        node: usize,
        event: NodeEvent,
    ) -> (u8, u64) {
        match event {
            NodeEvent::Deliver(message) => {
                let from = self.address(handlers.ends(message).0);
                let bytes = handlers.messages.bytes(message);
                (0, self.message_id(from, self.address(node), bytes))
            }
            NodeEvent::Fire(pending) => {
                (1, self.position_of(handlers, node, pending).map_or(0, |index| index as u64))
            }
            _ => (2, 0),
        }
    }

    /// The trace's kind of an event, before it happens.
    pub(super) fn what(
        &self,
        handlers: &Handlers<'_>,
        node_index: usize,
        event: NodeEvent,
    ) -> EventKind {
        let node = self.address(node_index);
        match event {
            NodeEvent::Start => EventBuilder::start(&self.system.nodes()[node_index]),
            NodeEvent::Restart(found) => {
                self.restart(node_index, &handlers.durability.found(found).outcome)
            }
            NodeEvent::Lose(message) => {
                let sender = handlers.ends(message).0;
                let from = (sender, self.address(sender));
                self.lose(from, node, handlers.messages.bytes(message))
            }
            NodeEvent::Crash
            | NodeEvent::CrashInDelivery { .. }
            | NodeEvent::CrashInFiring { .. }
            | NodeEvent::CrashInRestart { .. } => self.crash(node_index),
            NodeEvent::Deliver(message) => {
                let sender = handlers.ends(message).0;
                let from = self.address(sender);
                let bytes = handlers.messages.bytes(message);
                let id = self.message_id(from, node, bytes);
                let (from, sent_by) = ((sender, from), self.sent_by(id));
                let arriving = Arriving::plain(from, node, (id, sent_by), bytes);
                self.builder.deliver(&mut texts(self.steps), arriving)
            }
            NodeEvent::Fire(pending) => {
                let index = self.position_of(handlers, node_index, pending);
                let timer = handlers.timers.bytes(handlers.pending.get(pending).id);
                let id = index.map_or(0, |index| self.numbering.pending[node_index][index].id);
                let set_by = self.lives[node_index].incarnation;
                EventBuilder::fire(&mut texts(self.steps), (node_index, node), id, set_by, timer)
            }
            NodeEvent::Command(command) => {
                let client = &self.system.nodes()[node_index];
                EventBuilder::command(client, handlers.commands.bytes(command))
            }
        }
    }

    /// Records that an event happens.
    fn note(&mut self, handlers: &Handlers<'_>, node: usize, event: NodeEvent) {
        match event {
            NodeEvent::Deliver(message) => {
                let from = self.address(handlers.ends(message).0);
                let bytes = handlers.messages.bytes(message);
                let to = self.address(node);
                let id = self.message_id(from, to, bytes);
                self.builder.delivered(id);
                self.note_gone(from, to, bytes);
            }
            NodeEvent::Lose(message) => {
                let from = self.address(handlers.ends(message).0);
                self.note_gone(from, self.address(node), handlers.messages.bytes(message));
            }
            NodeEvent::Restart(found) => {
                self.lives[node].restart(&handlers.durability.found(found).outcome);
            }
            NodeEvent::Crash
            | NodeEvent::CrashInDelivery { .. }
            | NodeEvent::CrashInFiring { .. }
            | NodeEvent::CrashInRestart { .. } => self.note_crash(node),
            NodeEvent::Fire(pending) => {
                if let Some(index) = self.position_of(handlers, node, pending) {
                    self.numbering.pending[node].remove(index);
                }
            }
            NodeEvent::Start | NodeEvent::Command(_) => {}
        }
    }

    /// Calls a handler, and adds its effects to the event. `state` becomes the state after it.
    fn handle(
        &mut self,
        node: usize,
        state: &mut Vec<u8>,
        request: Event<'_>,
        event: &mut TraceEvent,
    ) -> Result<(), StepFailure> {
        let (mut batch, mut answers) = (Batch::new(), Answers::new());
        batch.push(Request { node, state, event: request });
        drop((self.printed)());
        self.steps.run(&batch, &mut answers);
        event.printed = (self.printed)();
        let step = match answers.get(0) {
            Ok(step) => step,
            Err(failure) => {
                if let StepFailure::Node(failure) = failure {
                    event.failure = Some(failure.clone());
                }
                return Err(failure.clone());
            }
        };
        let texts = &mut texts(self.steps);
        if event.interrupted_after.is_none() {
            self.builder.add_state(event, texts, node, Ok(step.state));
        }
        let at = (node, self.system.nodes()[node].address());
        let (numbering, system) = (&mut self.numbering, self.system);
        let life = &mut self.lives[node];
        let incarnation = life.incarnation;
        let mut numbers =
            NumberingOf { numbering, node: at, incarnation, system, has_failed: false };
        EventBuilder::add_effects(event, texts, node, step.output, &mut numbers);
        life.write(event, step.output);
        *state = step.state.to_vec();
        Ok(())
    }

    /// The number of a message in the trace, or zero if it was not sent.
    fn message_id(&self, from: Address, to: Address, message: &[u8]) -> MessageId {
        let equal = self.numbering.messages.get(&(from, to, message.to_vec()));
        equal.and_then(|ids| ids.front()).copied().unwrap_or_default()
    }

    /// The index of a pending timer among those of its node. Of several equal ones, it is the one that was set
    /// first.
    fn position_of(&self, handlers: &Handlers<'_>, node: usize, pending: u32) -> Option<usize> {
        let pending = handlers.pending.get(pending);
        let timer = handlers.timers.bytes(pending.id);
        self.numbering.pending[node].iter().position(|it| {
            (it.timer.as_slice(), it.min_ns, it.max_ns) == (timer, pending.min_ns, pending.max_ns)
        })
    }
}

/// The texts of what the nodes encoded.
fn texts(steps: &dyn PureSteps) -> impl Texts {
    |node, what, bytes, pretty| steps.show(node, what, bytes, pretty)
}
