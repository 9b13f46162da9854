//! Describes one event of a trace: what happened, and its immediate effects.

use std::collections::{BTreeMap, BTreeSet};

use super::super::causality::Causality;
use super::super::{CopyKind, EventKind, Fate, MessageId, Trace, TraceEvent};
use super::diagram::{DiagramEvent, EventMark, Note};
use super::diff;
use super::excerpt::{is_without_effect, overtaken_by};
use super::phrases::{duration, set_timer, state_changes, variant};
use super::text::{Role, Text, safe};
use crate::Address;

/// The most printed or logged lines of one event that are shown.
const LINES_MAX: usize = 8;

/// The most messages or timers of one event that are shown.
const EFFECTS_MAX: usize = 8;

/// Describes events in the context of the whole trace.
pub(super) struct EventFormatter<'a> {
    trace: &'a Trace,
    causality: &'a Causality,
    pub(super) nodes: Vec<Address>,
    pub(super) hidden: Vec<Address>,
    pub(super) lanes: BTreeMap<Address, usize>,
    /// For each message: the first event shown in which it arrives or is lost.
    arrivals: BTreeMap<MessageId, usize>,
}

impl<'a> EventFormatter<'a> {
    pub(super) fn new(
        trace: &'a Trace,
        causality: &'a Causality,
        chosen: &BTreeSet<usize>,
        shown: &BTreeSet<Address>,
    ) -> Self {
        let of_header = trace.header.nodes.iter().copied();
        let (mut nodes, hidden): (Vec<Address>, Vec<Address>) =
            of_header.partition(|node| shown.contains(node));
        let mut lanes: BTreeMap<Address, usize> =
            nodes.iter().enumerate().map(|(lane, &node)| (node, lane)).collect();
        let mut arrivals = BTreeMap::new();
        for &index in chosen {
            let what = &trace.events[index].what;
            let from = match what {
                EventKind::Deliver { from, id, .. } | EventKind::Lose { from, id, .. } => {
                    arrivals.entry(*id).or_insert(index);
                    Some(*from)
                }
                _ => None,
            };
            for node in what.node().into_iter().chain(from) {
                lanes.entry(node).or_insert_with(|| {
                    nodes.push(node);
                    nodes.len() - 1
                });
            }
        }
        Self { trace, causality, nodes, hidden, lanes, arrivals }
    }

    /// Which nodes are up before the first event: those that no event in the trace starts.
    pub(super) fn up_at_first(&self) -> Vec<bool> {
        let mut up = vec![true; self.nodes.len()];
        for event in &self.trace.events {
            if let EventKind::Start { node, .. } = event.what
                && let Some(&lane) = self.lanes.get(&node)
            {
                up[lane] = false;
            }
        }
        up
    }

    /// Describes event `index`. `before` is its node's state before it, and `next` is the following event
    /// if that is shown.
    pub(super) fn moment(
        &self,
        index: usize,
        before: Option<&str>,
        next: Option<usize>,
        up: Vec<bool>,
    ) -> DiagramEvent {
        let event = &self.trace.events[index];
        let (mark, mut head, odd) = self.head(index);
        if is_without_effect(&self.trace.events, index) {
            head = head.with(Role::Quiet, " (changes nothing)");
        }
        let (from, label) = match &event.what {
            EventKind::Deliver { from, message, .. } | EventKind::Lose { from, message, .. } => {
                (self.lanes.get(from).copied(), safe(variant(message)))
            }
            _ => (None, String::new()),
        };
        let mut notes = Vec::new();
        // Lines that a student prints explain the rest, so they come first.
        for (verb, lines) in [
            ("log", event.logged.iter().flat_map(|line| line.lines()).collect::<Vec<_>>()),
            ("print", event.printed.lines().collect()),
        ] {
            for line in lines.iter().take(LINES_MAX) {
                let text = Text::default().with(Role::Quiet, format!("{verb}: "));
                notes.push(Note::plain(text.with_untrusted(Role::Strong, line), 2));
            }
            if lines.len() > LINES_MAX {
                let more = format!("{verb}: … {} more lines", lines.len() - LINES_MAX);
                notes.push(Note::plain(Text::default().with(Role::Quiet, more), 1));
            }
        }
        if let (Some(before), Some(state)) = (before, &event.state) {
            state_changes(before, state, &mut notes);
        }
        self.sent(event, next, &mut notes);
        for timer in event.timers.iter().take(EFFECTS_MAX) {
            notes.push(Note::plain(set_timer(timer), 2));
        }
        more(event.timers.len(), "timers", &mut notes);
        if let Some(failure) = &event.failure {
            let text = Text::default().with_untrusted(Role::Bad, &failure.to_string());
            notes.push(Note::plain(text, 6));
        }
        DiagramEvent {
            number: index + 1,
            time_ns: event.time_ns,
            lane: event.what.node().and_then(|node| self.lanes.get(&node).copied()),
            mark: if event.failure.is_some() { EventMark::Failure } else { mark },
            arrow: from.map(|from| (from, label)),
            odd,
            head,
            notes,
            up,
            ends_lane: matches!(event.what, EventKind::Crash { .. }),
        }
    }

    /// The event itself, without its effects.
    fn head(&self, index: usize) -> (EventMark, Text, bool) {
        let event = &self.trace.events[index];
        let text = Text::default();
        match &event.what {
            EventKind::Start { node, kind } => {
                let text = text.with(Role::Strong, node.to_string()).with(Role::Quiet, " starts");
                let kind = if kind.is_empty() { String::new() } else { format!(" as {kind}") };
                let text = text.with_untrusted(Role::Quiet, &kind);
                let text = match &event.state {
                    Some(state) => text
                        .with(Role::Quiet, ": ")
                        .with_untrusted(Role::Quiet, &diff::one_line(state)),
                    None => text,
                };
                (EventMark::Start, text, false)
            }
            EventKind::Deliver { id, message, .. } => {
                let text = text
                    .with(Role::Quiet, self.number(*id, index))
                    .with_untrusted(Role::Message, message);
                match self.lateness(index) {
                    Some(lateness) => (
                        EventMark::Message,
                        text.with(Role::Warning, format!(" ({lateness})")),
                        true,
                    ),
                    None => (EventMark::Message, text, false),
                }
            }
            EventKind::Lose { id, message, reason, .. } => {
                let text = text
                    .with(Role::Quiet, self.number(*id, index))
                    .with_untrusted(Role::Message, message)
                    .with(Role::Warning, " lost: ");
                (EventMark::Lost, text.with_untrusted(Role::Warning, reason), false)
            }
            EventKind::Fire { timer, .. } => {
                let text = text.with(Role::Timer, "timer ").with_untrusted(Role::Timer, timer);
                let text = match self.causality.origin(index) {
                    Some(set) => text.with(Role::Quiet, format!(" (set in event {})", set + 1)),
                    None => text,
                };
                (EventMark::Timer, text, false)
            }
            EventKind::Command { command, .. } => {
                let text = text.with(Role::Quiet, "calls ");
                (EventMark::Call, text.with_untrusted(Role::Client, command), false)
            }
            EventKind::Return { result, .. } => {
                let text = text.with(Role::Quiet, "returns ");
                (EventMark::Return, text.with_untrusted(Role::Client, result), false)
            }
            EventKind::Crash { node } => {
                let text = text.with(Role::Strong, node.to_string());
                (EventMark::Crash, text.with(Role::Warning, " crashes, for good"), false)
            }
            EventKind::Network { change } => {
                let text = text.with(Role::Strong, "network: ");
                (EventMark::NetworkChange, text.with_untrusted(Role::Strong, change), false)
            }
            EventKind::Check { property } => {
                let text = text.with(Role::Quiet, "checked: ");
                (EventMark::Check, text.with_untrusted(Role::Quiet, property), false)
            }
        }
    }

    /// Describes what is unusual about a message's arrival.
    fn lateness(&self, index: usize) -> Option<String> {
        let EventKind::Deliver { node, from, copy, .. } = self.trace.events[index].what else {
            return None;
        };
        let origin = self.causality.origin(index);
        let since = origin.map(|origin| self.since(origin, index));
        let overtaken = overtaken_by(self.trace, self.causality, index);
        let client = origin.and_then(|origin| {
            self.trace.events[origin + 1..index].iter().find_map(|event| match event.what {
                EventKind::Return { node: client, .. } if client == node || client == from => {
                    Some(client)
                }
                _ => None,
            })
        });
        let late = overtaken > 0 || client.is_some();
        let name = match (copy, late) {
            (CopyKind::Duplicate, true) => "a late copy",
            (CopyKind::Duplicate, false) => "a copy",
            (CopyKind::Original, true) => "late",
            (CopyKind::Original, false) => return None,
        };
        let mut words = Vec::from_iter(since);
        if let Some(client) = client {
            words.push(format!("{client} has received a result since"));
        } else if overtaken > 0 {
            let messages = if overtaken == 1 { "message" } else { "messages" };
            words.push(format!("{overtaken} newer {messages} came first"));
        }
        Some(format!("{name}: {}", words.join("; ")).trim_end_matches(": ").to_owned())
    }

    /// `#12 `, which connects an arrow with the line on which the message was sent; empty if that is the
    /// previous line and the arrow shows everything.
    fn number(&self, id: MessageId, index: usize) -> String {
        let is_shown = self.causality.origin(index).is_some_and(|origin| {
            origin + 1 != index || !is_shown_by_arrow(&self.trace.events[origin], id)
        });
        if is_shown { format!("#{id} ") } else { String::new() }
    }

    /// `sent 180ms ago in event 12`, or `sent in event 12` if there are no times.
    fn since(&self, origin: usize, index: usize) -> String {
        let times = (self.trace.events[origin].time_ns, self.trace.events[index].time_ns);
        match times {
            (Some(then), Some(now)) => {
                let ago = duration(now.saturating_sub(then));
                format!("sent {ago} ago in event {}", origin + 1)
            }
            _ => format!("sent in event {}", origin + 1),
        }
    }

    /// The messages that a node sent. `next` is the event shown right after.
    fn sent(&self, event: &TraceEvent, next: Option<usize>, notes: &mut Vec<Note>) {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (at, message) in event.sent.iter().enumerate() {
            let alike = |group: &&mut Vec<usize>| {
                let other = &event.sent[group[0]];
                other.message == message.message
                    && other.fate == message.fate
                    && self.arrivals.contains_key(&other.id)
                        == self.arrivals.contains_key(&message.id)
            };
            match groups.iter_mut().find(alike) {
                Some(group) => group.push(at),
                None => groups.push(vec![at]),
            }
        }
        let mut shown = 0;
        for group in &groups {
            let messages: Vec<_> = group.iter().map(|&at| &event.sent[at]).collect();
            let first = messages[0];
            // A message that arrives on the next line is shown there.
            let arrives_next = next.is_some() && self.arrivals.get(&first.id).copied() == next;
            if arrives_next && is_shown_by_arrow(event, first.id) {
                continue;
            }
            shown += 1;
            if shown > EFFECTS_MAX {
                continue;
            }
            let ids: Vec<String> =
                messages.iter().take(8).map(|message| format!("#{}", message.id)).collect();
            let to: Vec<String> =
                messages.iter().take(8).map(|message| message.to.to_string()).collect();
            let others = match messages.len() {
                0..=8 => String::new(),
                count => format!(" and {} more", count - 8),
            };
            let lost = matches!(first.fate, Fate::Dropped | Fate::Cut);
            let arrives = self.arrivals.contains_key(&first.id);
            // A message's content is shown at its arrival, or here if the arrival is not shown.
            let words = if arrives { variant(&first.message) } else { &first.message };
            let numbers = if lost { String::new() } else { format!("{} ", ids.join(" ")) };
            let mut text = Text::default()
                .with(Role::Quiet, format!("sends {numbers}"))
                .with_untrusted(Role::Message, words)
                .with(Role::Quiet, format!(" to {}{others}", to.join(", ")));
            text = match first.fate {
                Fate::Once | Fate::Open => text,
                Fate::Twice => text.with(Role::Warning, " (will arrive twice)"),
                Fate::Dropped => text.with(Role::Warning, " (lost)"),
                Fate::Cut => text.with(Role::Warning, " (lost: the link is cut)"),
            };
            let lanes = messages.iter().filter_map(|message| self.lanes.get(&message.to).copied());
            notes.push(Note { stubs: lanes.collect(), lost, text, lines_max: 3 });
        }
        more(shown, "messages", notes);
    }
}

/// Whether the arrow of message `id`, if it is on the next line, shows everything about its sending in
/// `event`.
fn is_shown_by_arrow(event: &TraceEvent, id: MessageId) -> bool {
    let Some(message) = event.sent.iter().find(|message| message.id == id) else { return false };
    let alike = event.sent.iter().filter(|other| other.message == message.message).count();
    alike == 1 && matches!(message.fate, Fate::Once | Fate::Open)
}

/// Adds a note on how many of `count` things are not shown.
fn more(count: usize, things: &str, notes: &mut Vec<Note>) {
    if count > EFFECTS_MAX {
        let text = format!("… and {} more {things}", count - EFFECTS_MAX);
        notes.push(Note::plain(Text::default().with(Role::Quiet, text), 1));
    }
}
