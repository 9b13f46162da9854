//! Finds the event at fault in a run that went wrong: the *culprit*, and the events that lead to it.
//!
//! A violation says what it is about ([`Subject`]). For an operation with a wrong result, the search goes
//! back from its return: the event that brought the result, the message's sender, and the events that last
//! wrote the parts of the sender's state from which the result was read. Of these, a request that came
//! again or too late and still changed something is the most likely culprit. This is a guess: it follows
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
        let mut shown = found.shown;
        if culprit != found.culprit {
            shown.splice(0..0, culprit);
        }
        Self { culprit, shown, repetitions, growth: Growth::of(trace), ..found }
    }

    fn without_repetitions(trace: &Trace, causality: &Causality) -> Self {
        let events = &trace.events;
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
pub(super) struct Walk<'a> {
    events: &'a [TraceEvent],
    causality: &'a Causality,
    /// For each event: the call of the operation that it is part of, if it is known.
    pub(super) calls: Vec<Option<usize>>,
    /// For each call: its return.
    pub(super) returns: BTreeMap<usize, usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(events: &'a [TraceEvent], causality: &'a Causality) -> Self {
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
            None if is_search => self.last_returned().map(|call| self.operation(call)),
            None => self.believed_lie().map(alone),
        }
    }

    /// The call of the operation that a violation is about, if it is about one.
    pub(super) fn in_question(&self, violation: &Violation, is_search: bool) -> Option<usize> {
        match violation.about.as_deref() {
            Some(Subject::Operation { client, index } | Subject::Wait { client, index }) => {
                self.call(*client, *index)
            }
            None if is_search => self.last_returned(),
            _ => None,
        }
    }

    /// The call whose return is the last event. A search ends with the event that it is about.
    fn last_returned(&self) -> Option<usize> {
        let last = self.events.len().checked_sub(1)?;
        let is_return = matches!(self.events[last].what, EventKind::Return { .. });
        self.calls[last].filter(|_| is_return)
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
        let mut shown = vec![returned];
        let culprit = match self.causality.earlier(returned) {
            Some(brought) if brought > call => {
                shown.push(brought);
                self.reply(call, returned, brought, &mut shown)
            }
            // The result was there at once.
            _ => call,
        };
        let culprits = self.with_causes(culprit);
        shown.splice(0..0, culprits);
        shown.push(call);
        shown.extend(self.of_operation(call).filter(|&index| index < returned).rev());
        let ends = BTreeSet::from([returned]);
        Analysis { culprit: Some(culprit), shown, ends, client, ..Analysis::default() }
    }

    /// The culprit if this event brought a client the wrong result of a call.
    fn reply(&self, call: usize, returned: usize, brought: usize, shown: &mut Vec<usize>) -> usize {
        let is_message = matches!(self.events[brought].what, EventKind::Deliver { .. });
        let sender = self.causality.origin(brought).filter(|_| is_message);
        let client = |call: usize| self.events[call].what.node();
        let served = match (sender, self.calls[brought]) {
            (Some(sender), Some(answered)) if answered == call => sender,
            // The reply was sent to the wrong client.
            (Some(sender), Some(answered)) if client(answered) != client(call) => {
                shown.push(sender);
                return sender;
            }
            // The client took the reply to an earlier command, or made the result up.
            _ => return brought,
        };
        shown.push(served);
        shown.extend(self.causality.origin(served));
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
        shown.extend(&late);
        if let Some(&late) = late.first() {
            return late;
        }
        let last_write = writes.iter().rev().find(|write| write.event < served && touches(write));
        shown.extend(last_write.map(|write| write.event));
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
    pub(super) fn is_stale(&self, index: usize) -> bool {
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
                    self.calls[earlier] == Some(call)
                        && matches!(self.events[earlier].what,
                            EventKind::Deliver { node: to, from: sender, .. } if to == *node && sender == *from)
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

/// An event that changed a node's state.
struct Write {
    event: usize,
    changes: Vec<Change>,
}

/// Whether a change concerns one of these paths, something in it, or something around it.
fn overlaps(change: &Change, paths: &[String]) -> bool {
    let changed = match change {
        Change::Changed { path, .. }
        | Change::Added { path, .. }
        | Change::Removed { path, .. } => path,
        Change::TooLarge => return false,
    };
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
