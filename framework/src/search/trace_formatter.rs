//! Formats the events of a run as trace events.
//!
//! The tables keep ids only. So for each event that was performed, the formatter calls its handlers again and
//! keeps what they print, log and send as text. Which handlers these are, and what the client driver did
//! between them, it takes from the tables.

use std::collections::{BTreeMap, VecDeque};

use super::client_drivers::CALL;
use super::handlers::{Handlers, NodeEvent};
use super::path::Action;
use super::settings::{link_is_cut, link_is_restored};
use super::shown::SHOWN;
use super::state_space::{Performed, StateSpace};
use crate::hosting::Event;
use crate::hosting::pure::{Answers, Batch, PureSteps, Request, StepFailure};
use crate::trace::builder::{Arriving, EventBuilder, Numbers, Texts};
use crate::trace::{EventKind, Fate, Incarnation, MessageId, TimerId, TraceEvent};
use crate::{Address, FaultModel, System};

/// Formats the events of one run, in their order.
pub(super) struct TraceFormatter<'s> {
    system: &'s System,
    steps: &'s dyn PureSteps,
    printed: Box<dyn FnMut() -> String + 's>,
    builder: EventBuilder,
    numbering: Numbering,
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
        let Numbering { messages, messages_sent, is_a_set, .. } = &mut *self.numbering;
        let equal = messages.entry((self.node.1, to, message.to_vec())).or_default();
        if let Some(&known) = equal.front().filter(|_| *is_a_set) {
            return Some((known, Fate::Open));
        }
        *messages_sent += 1;
        equal.push_back(*messages_sent);
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
            },
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
        let what = self.what(handlers, node, event);
        let mut events = vec![TraceEvent::new(None, what)];
        let mut state = match event {
            NodeEvent::Start => match self.steps.make(node) {
                Ok(state) => state,
                Err(failure) => {
                    events[0].failure = Some(failure.clone());
                    return (events, Some(StepFailure::Node(failure)));
                }
            },
            NodeEvent::Crash => return (events, None),
            NodeEvent::Deliver(_) | NodeEvent::Fire(_) | NodeEvent::Command(_) => {
                handlers.states.bytes(space.table.get(before).state).to_vec()
            }
        };
        self.note(handlers, node, event);
        let first = handlers.event(handlers.cause(event));
        if let Err(failure) = self.handle(node, &mut state, first, &mut events[0]) {
            return (events, Some(failure));
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
            Action::Crash { node } => EventKind::crash(*node),
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
                let sender = self.addresses().iter().position(|address| address == from)?;
                let id = self.message_id(*from, *to, message);
                let (from, sent_by) = ((sender, *from), Incarnation::FIRST);
                let lost = Arriving::plain(from, *to, (id, sent_by), message);
                EventBuilder::lose(&mut texts(self.steps), lost, "it was dropped")
            }
        };
        Some(TraceEvent::new(None, what))
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
            NodeEvent::Start | NodeEvent::Command(_) | NodeEvent::Crash => (2, 0),
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
            NodeEvent::Crash => EventKind::crash(node),
            NodeEvent::Deliver(message) => {
                let sender = handlers.ends(message).0;
                let from = self.address(sender);
                let bytes = handlers.messages.bytes(message);
                let id = self.message_id(from, node, bytes);
                let (from, sent_by) = ((sender, from), Incarnation::FIRST);
                let arriving = Arriving::plain(from, node, (id, sent_by), bytes);
                self.builder.deliver(&mut texts(self.steps), arriving)
            }
            NodeEvent::Fire(pending) => {
                let index = self.position_of(handlers, node_index, pending);
                let timer = handlers.timers.bytes(handlers.pending.get(pending).id);
                let id = index.map_or(0, |index| self.numbering.pending[node_index][index].id);
                let set_by = Incarnation::FIRST;
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
                if !self.numbering.is_a_set
                    && let Some(sent) = self.numbering.messages.get_mut(&(from, to, bytes.to_vec()))
                {
                    sent.pop_front();
                }
            }
            NodeEvent::Fire(pending) => {
                if let Some(index) = self.position_of(handlers, node, pending) {
                    self.numbering.pending[node].remove(index);
                }
            }
            NodeEvent::Start | NodeEvent::Command(_) | NodeEvent::Crash => {}
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
        self.builder.add_state(event, texts, node, Ok(step.state));
        let at = (node, self.system.nodes()[node].address());
        let (numbering, system) = (&mut self.numbering, self.system);
        let mut numbers = NumberingOf { numbering, node: at, system, has_failed: false };
        EventBuilder::add_effects(event, texts, node, step.output, &mut numbers);
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
