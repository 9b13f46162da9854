//! Finds the event at fault in a run that went wrong: the *culprit*, and the events that lead to it.
//!
//! A violation says what it is about ([`Subject`]). For an operation with a wrong result, the search goes
//! back from its return: the event that brought the result, the message's sender, and the events that last
//! wrote the parts of the sender's state from which the result was read. Of these, a request that came
//! again or too late and still changed something is the most likely culprit. If it was executed because the server's
//! memory of it was gone, the culprit is the late request that overwrote that memory. This is a guess: it follows
//! the trace's messages, timers and states, and knows nothing of what commands mean.
//!
//! If a violation does not say what it is about, and a Byzantine network or node has lied in the run, the culprit is the first
//! event in which a node believed a lie: it got the message, and that changed something.

use std::collections::{BTreeMap, BTreeSet};

use super::causality::Causality;
use super::growth::Growth;
use super::repetition::{Repetition, in_first_round, repetitions};
use super::show::diff::{self, Change};
use super::show::excerpt::is_without_effect;
use super::{Ending, Engine, EventKind, Trace, TraceEvent};
use crate::Address;
use crate::property::{Subject, Violation};

/// How many events before the one in question are searched for late writes.
const WRITERS_MAX: usize = 2_000;

/// How many late writes are shown.
const LATE_WRITES_SHOWN: usize = 3;

/// What is known about how a run went wrong.
#[derive(Debug, Default)]
pub(super) struct Analysis {
    /// The event at fault.
    pub(super) culprit: Option<usize>,
    /// The events that explain it, the most important first.
    pub(super) shown: Vec<usize>,
    /// Those of them whose changes of a state explain it.
    pub(super) decisive: BTreeSet<usize>,
    /// How many events the run has until it went wrong.
    pub(super) end: usize,
    /// The events in which the run went wrong; only their causes matter.
    pub(super) ends: BTreeSet<usize>,
    /// The client of the operation in question.
    pub(super) client: Option<Address>,
    /// Where events repeat.
    pub(super) repetitions: Vec<Repetition>,
    /// What grows until the run ends.
    pub(super) growth: Option<Growth>,
}

impl Analysis {
    pub(super) fn new(trace: &Trace, causality: &Causality) -> Self {
        let mut repetitions = repetitions(&trace.events);
        let found = Self::without_repetitions(trace, causality);
        if is_about_a_result(trace) {
            // The numbers in which rounds differ may matter, so what explains the result is in no folded round.
            let explains: BTreeSet<usize> =
                found.shown.iter().chain(&found.ends).chain(&found.culprit).copied().collect();
            repetitions.iter_mut().for_each(|repetition| repetition.end_before(&explains));
            repetitions.retain(|repetition| repetition.times() > 1);
        }
        // If an event at fault comes again and again, the first one shows it as well.
        let culprit = found.culprit.map(|culprit| in_first_round(&repetitions, culprit));
        let (mut shown, mut decisive) = (found.shown, found.decisive);
        if culprit != found.culprit {
            shown.splice(0..0, culprit);
        }
        decisive.extend(culprit);
        let (end, growth) = (until_broken(trace), Growth::of(trace));
        Self { culprit, shown, decisive, end, repetitions, growth, ..found }
    }

    fn without_repetitions(trace: &Trace, causality: &Causality) -> Self {
        let events = &trace.events[..until_broken(trace)];
        let Some(last) = events.len().checked_sub(1) else { return Self::default() };
        let nothing = Self { ends: BTreeSet::from([last]), ..Self::default() };
        let failed = || {
            let failed = events.iter().rposition(|event| event.failure.is_some()).unwrap_or(last);
            Self {
                culprit: Some(failed),
                shown: vec![failed],
                ends: BTreeSet::from([failed]),
                ..Self::default()
            }
        };
        match &trace.ending {
            Some(Ending::Violated(violation)) => {
                let is_search = trace.header.engine == Engine::Search;
                Walk::new(events, causality).violated(violation, is_search).unwrap_or(nothing)
            }
            Some(Ending::Failed { .. }) => failed(),
            None if events[last].failure.is_some() => failed(),
            _ => nothing,
        }
    }
}

/// How many events a run has until it went wrong. In a search, a client gets its next command in the same step in which
/// it returns a result, so the step in which a wrong result comes has one event more.
fn until_broken(trace: &Trace) -> usize {
    let count = trace.events.len();
    let (Engine::Search, Some(Ending::Violated(violation))) = (trace.header.engine, &trace.ending)
    else {
        return count;
    };
    match trace.events.as_slice() {
        [.., returned, called] => match (&returned.what, &called.what) {
            (EventKind::Return { node, result, .. }, EventKind::Command { node: next, .. })
                if node == next && is_about(violation, *node, result) =>
            {
                count - 1
            }
            _ => count,
        },
        _ => count,
    }
}

/// Whether a violation is about a result that a client returned last.
fn is_about(violation: &Violation, client: Address, result: &str) -> bool {
    match violation.about.as_deref() {
        Some(Subject::Operation { client: of, .. }) => *of == client,
        Some(_) => false,
        None => violation.seen.contains(result),
    }
}

/// Whether a run went wrong because of one result, not because something went on for too long.
fn is_about_a_result(trace: &Trace) -> bool {
    match &trace.ending {
        Some(Ending::Violated(violation)) => {
            matches!(violation.about.as_deref(), Some(Subject::Operation { .. }) | None)
        }
        _ => false,
    }
}

/// The event at fault in a run that went wrong, by its number from 1, if it could be found.
#[must_use]
pub fn culprit(trace: &Trace) -> Option<usize> {
    let culprit = Analysis::new(trace, &Causality::new(&trace.events)).culprit;
    culprit.map(|index| index + 1)
}

/// Whether the event of a node was a request that its sender had sent for an operation that was handled
/// there before, or that had its result already.
#[must_use]
pub fn is_repeated(trace: &Trace, number: usize) -> bool {
    let causality = Causality::new(&trace.events);
    number.checked_sub(1).is_some_and(|index| Walk::new(&trace.events, &causality).is_stale(index))
}

/// A walk over the events of a run.
struct Walk<'a> {
    events: &'a [TraceEvent],
    causality: &'a Causality,
    /// For each event: the call of the operation that it is part of, if it is known.
    calls: Vec<Option<usize>>,
    /// For each call: its return.
    returns: BTreeMap<usize, usize>,
}

impl<'a> Walk<'a> {
    fn new(events: &'a [TraceEvent], causality: &'a Causality) -> Self {
        let mut current: BTreeMap<Address, usize> = BTreeMap::new();
        let mut calls: Vec<Option<usize>> = Vec::with_capacity(events.len());
        let mut returns = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            let node = event.what.node();
            let own = node.and_then(|node| current.get(&node).copied());
            calls.push(match &event.what {
                EventKind::Command { node, .. } => {
                    current.insert(*node, index);
                    Some(index)
                }
                EventKind::Return { .. } => {
                    returns.extend(own.map(|call| (call, index)));
                    own
                }
                // A client's timer, whenever it was set, can only repeat the present command.
                EventKind::Fire { .. } if own.is_some() => own,
                _ => causality.origin(index).and_then(|origin| calls[origin]),
            });
        }
        Self { events, causality, calls, returns }
    }

    fn violated(&self, violation: &Violation, is_search: bool) -> Option<Analysis> {
        match violation.about.as_deref() {
            Some(Subject::Operation { client, index }) => {
                self.call(*client, *index).map(|call| self.operation(call))
            }
            Some(Subject::Wait { client, index }) => {
                self.call(*client, *index).map(|call| self.wait(call))
            }
            Some(Subject::Node { node, holds }) => self.node(*node, holds.as_deref()).map(alone),
            Some(Subject::LastMessage) => self.last_sender().map(alone),
            Some(Subject::LargestMessage { from, to }) => self.largest(*from, *to).map(alone),
            Some(Subject::Messages) => self.busiest(|event| event.sent.len()).map(alone),
            Some(Subject::Timers) => self.busiest(|event| event.timers.len()).map(alone),
            // A search ends with the event that it is about.
            None if is_search => {
                let last = self.events.len() - 1;
                let is_return = matches!(self.events[last].what, EventKind::Return { .. });
                let call = self.calls[last].filter(|_| is_return);
                call.map(|call| self.operation(call))
            }
            None => self.believed_lie().map(alone),
        }
    }

    /// The first event in which a node got a message that was not what it seemed, or that a Byzantine node sent because it
    /// misbehaved, and which changed something.
    fn believed_lie(&self) -> Option<usize> {
        (0..self.events.len())
            .find(|&index| self.is_lie(index) && !is_without_effect(self.events, index))
    }

    /// Whether a lie is delivered in this event.
    fn is_lie(&self, index: usize) -> bool {
        let EventKind::Deliver { id, provenance, .. } = &self.events[index].what else {
            return false;
        };
        let sender = self.causality.origin(index).map(|origin| &self.events[origin]);
        let sent = sender.and_then(|event| event.sent.iter().find(|sent| sent.id == *id));
        provenance.sent_as.is_some()
            || provenance.forged_by.is_some()
            || sent.is_some_and(|sent| sent.misbehaviour.is_some())
    }

    /// The call of a client's operation, counted from 0.
    fn call(&self, client: Address, index: u64) -> Option<usize> {
        let calls = self.events.iter().enumerate().filter_map(|(at, event)| match event.what {
            EventKind::Command { node, .. } if node == client => Some(at),
            _ => None,
        });
        calls.into_iter().nth(usize::try_from(index).ok()?)
    }

    /// An operation with a wrong result, or with none.
    fn operation(&self, call: usize) -> Analysis {
        let Some(&returned) = self.returns.get(&call) else { return self.wait(call) };
        let client = self.events[call].what.node();
        let mut reasons = Reasons::default();
        let culprit = match self.causality.earlier(returned) {
            Some(brought) if brought > call => {
                reasons.others.push(brought);
                self.reply(call, returned, brought, &mut reasons)
            }
            // The result was there at once.
            _ => self.given_at_once(call, returned, &mut reasons),
        };
        let mut shown = vec![culprit];
        shown.extend(&reasons.decisive);
        shown.extend(self.with_causes(culprit));
        shown.push(returned);
        shown.extend(reasons.others);
        shown.push(call);
        shown.extend(self.of_operation(call).filter(|&index| index < returned).rev());
        let ends = BTreeSet::from([returned]);
        let decisive = BTreeSet::from_iter(reasons.decisive);
        Analysis { culprit: Some(culprit), shown, decisive, ends, client, ..Analysis::default() }
    }

    /// The culprit if a node that asks nobody gave a wrong result.
    fn given_at_once(&self, call: usize, returned: usize, reasons: &mut Reasons) -> usize {
        let Some(node) = self.events[call].what.node().filter(|&node| self.asks_nobody(node))
        else {
            return call;
        };
        reasons.decisive.push(call);
        let writes = self.writes(node, call);
        if self.is_given_again(node, call) {
            return self.forgotten(node, call, &writes).unwrap_or(call);
        }
        let EventKind::Return { result, .. } = &self.events[returned].what else { return call };
        let read = self.read_from(node, call, result);
        let late = writes.iter().rev().find(|write| {
            write.event < call
                && self.is_late_command(node, write)
                && write.changes.iter().any(|change| overlaps(change, &read))
        });
        let late = late.map(|write| write.event);
        late.or_else(|| self.remembered(node, call, call, &writes)).unwrap_or(call)
    }

    /// Whether a node changed its state at a command that was given to it before, or that took a number back.
    fn is_late_command(&self, node: Address, write: &Write) -> bool {
        matches!(self.events[write.event].what, EventKind::Command { .. })
            && (self.is_given_again(node, write.event) || write.changes.iter().any(goes_back))
    }

    /// Whether a node sends no message.
    fn asks_nobody(&self, node: Address) -> bool {
        let mut own = self.events.iter().filter(|event| event.what.node() == Some(node));
        own.all(|event| event.sent.is_empty())
    }

    /// The culprit if this event brought a client the wrong result of a call.
    fn reply(&self, call: usize, returned: usize, brought: usize, reasons: &mut Reasons) -> usize {
        let is_message = matches!(self.events[brought].what, EventKind::Deliver { .. });
        let sender = self.causality.origin(brought).filter(|_| is_message);
        let client = |call: usize| self.events[call].what.node();
        let served = match (sender, self.calls[brought]) {
            (Some(sender), Some(answered)) if answered == call => sender,
            // The reply was sent to the wrong client.
            (Some(sender), Some(answered)) if client(answered) != client(call) => {
                reasons.decisive.push(sender);
                return sender;
            }
            // The client took the reply to an earlier command, or made the result up.
            _ => return brought,
        };
        reasons.decisive.push(served);
        reasons.others.extend(self.causality.origin(served));
        let (Some(server), EventKind::Return { result, .. }) =
            (self.events[served].what.node(), &self.events[returned].what)
        else {
            return served;
        };
        let writes = self.writes(server, served);
        let read = self.read_from(server, served, result);
        let touches = |write: &Write| write.changes.iter().any(|change| overlaps(change, &read));
        let late: Vec<usize> = writes
            .iter()
            .rev()
            .filter(|write| touches(write) && self.is_stale(write.event))
            .map(|write| write.event)
            .take(LATE_WRITES_SHOWN)
            .collect();
        reasons.decisive.extend(&late);
        if let Some(&late) = late.first() {
            return self.forgotten(server, late, &writes).unwrap_or(late);
        }
        if let Some(remembered) = self.remembered(server, served, call, &writes) {
            return remembered;
        }
        let last_write = writes.iter().rev().find(|write| write.event < served && touches(write));
        reasons.decisive.extend(last_write.map(|write| write.event));
        // A part of the state that had been there before was removed.
        let own = writes.iter().find(|write| write.event == served);
        let added = own.iter().flat_map(|write| &write.changes).filter_map(|change| match change {
            Change::Added { path, .. } => Some(path),
            _ => None,
        });
        let added: Vec<&String> = added.collect();
        let removes = |change: &Change| matches!(change, Change::Removed { path, .. } if added.contains(&path));
        if let Some(removal) = writes.iter().rev().find(|write| write.changes.iter().any(removes)) {
            return removal.event;
        }
        self.missing_write(server, served, &read, last_write.map(|write| write.event))
            .unwrap_or(served)
    }

    /// If a node executed something again because it no longer remembered it: the late request of the same client that
    /// had overwritten what the node remembered of it. If that one had been forgotten as well, what overwrote it, and so
    /// on.
    fn forgotten(&self, node: Address, repeated: usize, writes: &[Write]) -> Option<usize> {
        let mut found = None;
        while let Some(earlier) = self.overwritten(node, found.unwrap_or(repeated), writes) {
            found = Some(earlier);
        }
        found
    }

    /// The last late request before a repeated one that overwrote what the first of its kind had written.
    fn overwritten(&self, node: Address, repeated: usize, writes: &[Write]) -> Option<usize> {
        let first = self.first_of_its_kind(node, repeated)?;
        let of_first = writes.iter().filter(|write| write.event == first);
        let remembered: Vec<String> = of_first
            .flat_map(|write| write.changes.iter().filter_map(Change::path))
            .map(str::to_owned)
            .collect();
        let client =
            |index: usize| self.calls[index].and_then(|call| self.events[call].what.node());
        let is_late = |write: &Write| {
            let index = write.event;
            first < index
                && index < repeated
                && client(index) == client(repeated)
                && self.first_of_its_kind(node, index).unwrap_or(index) != first
                && (self.is_stale(index) || self.is_late_command(node, write))
        };
        let overwrites =
            |write: &Write| write.changes.iter().any(|change| overlaps(change, &remembered));
        let late = writes.iter().rev().find(|write| is_late(write) && overwrites(write));
        late.map(|write| write.event)
    }

    /// The first request of the same operation that a node handled before this event; of a node that asks nobody, the
    /// first time at which it was given the same command.
    fn first_of_its_kind(&self, node: Address, index: usize) -> Option<usize> {
        match &self.events[index].what {
            EventKind::Deliver { from, .. } => {
                let call = self.calls[index]?;
                (call..index).find(|&earlier| {
                    self.calls[earlier] == Some(call) && self.is_request(earlier, node, *from)
                })
            }
            EventKind::Command { command, .. } => (0..index).find(|&earlier| {
                matches!(&self.events[earlier].what,
                    EventKind::Command { node: to, command: given, .. } if *to == node && given == command)
            }),
            _ => None,
        }
    }

    /// Whether this is a command that the node was given before.
    fn is_given_again(&self, node: Address, index: usize) -> bool {
        matches!(self.events[index].what, EventKind::Command { .. })
            && self.first_of_its_kind(node, index).is_some()
    }

    /// Whether a message from one node to another arrives in this event.
    fn is_request(&self, index: usize, node: Address, client: Address) -> bool {
        matches!(self.events[index].what,
            EventKind::Deliver { node: to, from, .. } if to == node && from == client)
    }

    /// If a new command changed nothing, and the node looks results up by command: the event that wrote the result
    /// which was there.
    fn remembered(
        &self,
        node: Address,
        served: usize,
        call: usize,
        writes: &[Write],
    ) -> Option<usize> {
        let EventKind::Command { command, .. } = &self.events[call].what else { return None };
        if self.is_stale(served) || writes.iter().any(|write| write.event == served) {
            return None;
        }
        let states = self.events[..served].iter().rev();
        let mut states = states.filter(|event| event.what.node() == Some(node));
        let leaves = diff::leaves(states.find_map(|event| event.state.as_deref())?);
        let by_command: Vec<String> = leaves
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| has_as_key(path, command))
            .collect();
        let writes_it = |write: &Write| {
            write.event < served && write.changes.iter().any(|change| overlaps(change, &by_command))
        };
        writes.iter().rev().find(|write| writes_it(write)).map(|write| write.event)
    }

    /// If a request read an old value: the write to the same key that had no effect.
    fn missing_write(
        &self,
        server: Address,
        served: usize,
        read: &[String],
        last_write: Option<usize>,
    ) -> Option<usize> {
        let request = |index: usize| match &self.events[index].what {
            EventKind::Deliver { node, message, .. } if *node == server => Some(message.as_str()),
            _ => None,
        };
        let strings = |message: &str| message.matches('"').count() / 2;
        let reads = request(served).map(strings)?;
        let key = read.iter().find_map(|path| Some(&path[path.find('"')?..=path.rfind('"')?]))?;
        (last_write? + 1..served).rev().find(|&index| {
            request(index).is_some_and(|message| message.contains(key) && strings(message) > reads)
                && !self.is_stale(index)
        })
    }

    /// An operation that was answered too late, or not at all.
    fn wait(&self, call: usize) -> Analysis {
        let client = self.events[call].what.node();
        let returned = self.returns.get(&call).copied();
        let end = returned.unwrap_or(self.events.len());
        let part: Vec<usize> = self.of_operation(call).filter(|&index| index < end).collect();
        let is_dead_end = |&&index: &&usize| {
            let event = &self.events[index];
            match &event.what {
                // A timer of an earlier operation no longer matters.
                EventKind::Fire { .. } => {
                    let set = self.causality.origin(index).and_then(|set| self.calls[set]);
                    event.sent.is_empty() && set.is_none_or(|set| set == call)
                }
                EventKind::Deliver { node, from, .. } if Some(*node) != client => {
                    !event.sent.iter().any(|sent| sent.to == *from)
                }
                EventKind::Deliver { .. } => is_without_effect(self.events, index),
                _ => false,
            }
        };
        // A copy of a request may rightly be ignored.
        let dead_ends = || part.iter().filter(is_dead_end).copied();
        let dead_end =
            dead_ends().find(|&index| !self.is_stale(index)).or_else(|| dead_ends().next());
        // A timer that an earlier operation set does not count as the client's own.
        let is_own = |index: &usize| {
            let set = self.causality.origin(*index).and_then(|set| self.calls[set]);
            self.events[*index].what.node() == client && set.is_none_or(|set| set == call)
        };
        let own = || std::iter::once(call).chain(part.iter().copied().filter(is_own));
        let delay = |index: &usize| {
            let timers = self.events[*index].timers.iter();
            timers.map(|timer| timer.max_ns).max().unwrap_or(0)
        };
        let idle = own().last().filter(|&last| self.events[last].timers.is_empty());
        let patient = own().max_by_key(delay);
        let culprit = match (returned, dead_end) {
            (None, Some(dead_end)) => dead_end,
            (None, None) => idle.or(patient).unwrap_or(call),
            (Some(_), _) => patient.unwrap_or(call),
        };
        let mut shown = self.with_causes(culprit);
        shown.push(call);
        shown.extend(returned);
        shown.extend(part.iter().take(3).chain(part.iter().rev().take(6)));
        let end = returned.or(part.last().copied()).unwrap_or(call).max(culprit);
        let ends = BTreeSet::from([end]);
        Analysis { culprit: Some(culprit), shown, ends, client, ..Analysis::default() }
    }

    /// An event, the one that sent its message or set its timer, and the call to which it belongs.
    fn with_causes(&self, index: usize) -> Vec<usize> {
        let origin = self.causality.origin(index);
        [Some(index), origin, self.calls[index]].into_iter().flatten().collect()
    }

    /// The events that are part of an operation, without its call and its return.
    fn of_operation(&self, call: usize) -> impl DoubleEndedIterator<Item = usize> {
        (call + 1..self.events.len()).filter(move |&index| {
            self.calls[index] == Some(call)
                && !matches!(self.events[index].what, EventKind::Return { .. })
        })
    }

    /// Whether a request is a repetition of one that the node had handled, or of an answered one.
    fn is_stale(&self, index: usize) -> bool {
        let Some(EventKind::Deliver { node, from, .. }) =
            self.events.get(index).map(|event| &event.what)
        else {
            return false;
        };
        let Some(call) = self.calls[index] else { return false };
        let is_request = self.events[call].what.node() == Some(*from);
        let is_answered = self.returns.get(&call).is_some_and(|&returned| returned < index);
        is_request
            && (is_answered
                || (call..index).any(|earlier| {
                    self.calls[earlier] == Some(call) && self.is_request(earlier, *node, *from)
                }))
    }

    /// The events up to this one that changed a node's state.
    fn writes(&self, node: Address, end: usize) -> Vec<Write> {
        let mut before: Option<&str> = None;
        let mut writes = Vec::new();
        let is_at = |event: &TraceEvent| event.what.node() == Some(node) && event.state.is_some();
        let count = self.events[..=end].iter().filter(|event| is_at(event)).count();
        let skipped = count.saturating_sub(WRITERS_MAX);
        let of_node = self.events[..=end].iter().enumerate().filter(|(_, event)| is_at(event));
        for (event, what) in of_node.skip(skipped) {
            let Some(state) = what.state.as_deref() else { continue };
            if let Some(before) = before.replace(state) {
                writes.push(Write { event, changes: diff::changes(before, state) });
            }
        }
        writes
    }

    /// The parts of a node's state before event `served` from which a result may have been read: those
    /// with the longest string that occurs in it.
    fn read_from(&self, node: Address, served: usize, result: &str) -> Vec<String> {
        let states = self.events[..served].iter().rev();
        let mut states = states.filter(|event| event.what.node() == Some(node));
        let Some(before) = states.find_map(|event| event.state.as_deref()) else {
            return Vec::new();
        };
        let found: Vec<(String, usize)> = diff::leaves(before)
            .into_iter()
            .filter_map(|(path, leaf)| {
                let string = leaf.strip_prefix('"')?.strip_suffix('"')?;
                (!string.is_empty() && result.contains(string)).then_some((path, string.len()))
            })
            .collect();
        let longest = found.iter().map(|(_, length)| *length).max();
        found
            .into_iter()
            .filter(|(_, length)| Some(*length) == longest)
            .map(|(path, _)| path)
            .collect()
    }

    /// The event in which a node last changed its state, or in which a text came to where the node's last
    /// state holds it.
    fn node(&self, node: Address, holds: Option<&str>) -> Option<usize> {
        let writes = self.writes(node, self.events.len() - 1);
        let paths: Vec<String> = holder(self.events, node, holds).into_iter().collect();
        let brings = |change: &Change| {
            let Some(text) = holds else { return true };
            let is_new = match change {
                Change::Changed { old, new, .. } => new.contains(text) && !old.contains(text),
                Change::Added { new, .. } => new.contains(text),
                Change::Removed { .. } | Change::TooLarge => false,
            };
            is_new && overlaps(change, &paths)
        };
        let found = writes.iter().rev().find(|write| write.changes.iter().any(brings));
        found.map(|write| write.event)
    }

    /// The event that last sent something of its own accord: a timer, before a message that was answered.
    fn last_sender(&self) -> Option<usize> {
        let last = self.latest(|event| !event.sent.is_empty())?;
        let is_timer = |index: &usize| matches!(self.events[*index].what, EventKind::Fire { .. });
        Some(self.causality.origin(last).filter(is_timer).unwrap_or(last))
    }

    fn latest(&self, is_it: impl Fn(&TraceEvent) -> bool) -> Option<usize> {
        self.events.iter().rposition(is_it)
    }

    /// The event that did the most of something; if each did it once, the last timer that did it.
    fn busiest(&self, count: impl Fn(&TraceEvent) -> usize) -> Option<usize> {
        let most = self.events.iter().map(&count).max()?;
        let is_timer = |event: &TraceEvent| matches!(event.what, EventKind::Fire { .. });
        match most {
            0 | 1 => self.latest(|event| is_timer(event) && count(event) == most),
            _ => self.latest(|event| count(event) == most),
        }
    }

    fn largest(&self, from: Address, to: Address) -> Option<usize> {
        let size = |event: &TraceEvent| {
            let sent = event.sent.iter().filter(|sent| sent.to == to);
            sent.map(|sent| sent.message.len()).max().unwrap_or(0)
        };
        let of_sender = self.events.iter().enumerate();
        let of_sender = of_sender.filter(|(_, event)| event.what.node() == Some(from));
        of_sender.max_by_key(|(_, event)| size(event)).map(|(index, _)| index)
    }
}

/// The part of a node's last state that holds a text, or the largest part if there is none to look for: a
/// path of field names, such as `store.values`, without keys and indices.
#[must_use]
pub fn field(trace: &Trace) -> Option<String> {
    let Some(Ending::Violated(violation)) = &trace.ending else { return None };
    let Some(Subject::Node { node, holds }) = violation.about.as_deref() else { return None };
    let path = holder(&trace.events, *node, holds.as_deref())?;
    Some(field_of(&path).to_owned()).filter(|field| !field.is_empty())
}

/// The path of the innermost value of a node's last state that holds a text; without one, of some value
/// in its largest field.
fn holder(events: &[TraceEvent], node: Address, holds: Option<&str>) -> Option<String> {
    let mut states = events.iter().rev().filter(|event| event.what.node() == Some(node));
    let leaves = diff::leaves(states.find_map(|event| event.state.as_deref())?);
    if let Some(text) = holds {
        return leaves.into_iter().find(|(_, leaf)| leaf.contains(text)).map(|(path, _)| path);
    }
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, leaf) in &leaves {
        *sizes.entry(field_of(path)).or_default() += leaf.len();
    }
    sizes.into_iter().max_by_key(|(_, size)| *size).map(|(field, _)| field.to_owned())
}

/// A path up to its first key or index.
fn field_of(path: &str) -> &str {
    let end = path.find(['[', '"', '(']).unwrap_or(path.len());
    path[..end].trim_end_matches('.')
}

/// Whether a path goes through a map whose key is a command, or a part of it with fields, such as
/// `last."Get { key: \"x\" }".result`.
fn has_as_key(path: &str, command: &str) -> bool {
    // A key may be a command's text.
    let path = path.replace("\\\"", "\"");
    let Some(end) = path.rfind(['}', ')']).map(|end| end + 1) else { return false };
    let inner = path[..end].match_indices(['.', '"']).map(|(at, _)| at + 1);
    std::iter::once(0).chain(inner).any(|start| {
        let key = &path[start..end];
        let name = super::show::variant(key);
        !name.is_empty() && name.len() < key.len() && command.contains(key)
    })
}

/// Whether a number became smaller, as a sequence number does if a late command is executed.
fn goes_back(change: &Change) -> bool {
    let Change::Changed { old, new, .. } = change else { return false };
    let number = |text: &str| text.parse::<u64>().ok();
    number(old).zip(number(new)).is_some_and(|(old, new)| new < old)
}

/// Why an event is taken for the culprit.
#[derive(Debug, Default)]
struct Reasons {
    /// The events whose changes of a state explain it, the most important first.
    decisive: Vec<usize>,
    /// Other events to show.
    others: Vec<usize>,
}

/// An event that changed a node's state.
struct Write {
    event: usize,
    changes: Vec<Change>,
}

/// Whether a change concerns one of these paths, something in it, or something around it.
fn overlaps(change: &Change, paths: &[String]) -> bool {
    let Some(changed) = change.path() else { return false };
    let contains = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    paths.iter().any(|path| contains(path, changed) || contains(changed, path))
}

/// An event that explains itself.
fn alone(index: usize) -> Analysis {
    Analysis {
        culprit: Some(index),
        shown: vec![index],
        ends: BTreeSet::from([index]),
        ..Analysis::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_commands_are_known() {
        let path = r#"store.last."Get { key: \"x\" }".result"#;
        assert!(has_as_key(path, r#"Get { key: "x" }"#));
        assert!(!has_as_key(path, r#"Get { key: "y" }"#));
        let inner = r#"Numbered { client: client1, command: Get { key: "x" } }"#;
        assert!(has_as_key(path, inner));
        assert!(has_as_key(r#"last.Get("x").result"#, r#"Get("x")"#));
        assert!(!has_as_key(r#"store.values."x""#, r#"Get { key: "x" }"#));
        assert!(!has_as_key("last.(client1, 2).result", "Asked((client1, 2))"));
    }

    #[test]
    fn only_numbers_go_back() {
        let changed = |old: &str, new: &str| {
            let (path, old, new) = ("last".to_owned(), old.to_owned(), new.to_owned());
            goes_back(&Change::Changed { path, old, new })
        };
        assert!(changed("2", "1"));
        assert!(!changed("1", "2") && !changed("b", "a") && !changed("None", "1"));
    }
}
