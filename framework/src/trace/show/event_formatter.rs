//! Describes one event of a trace: what happened, and its immediate effects.

use std::collections::{BTreeMap, BTreeSet};

use super::super::causality::Causality;
use super::super::compare::interrupted;
use super::super::{
    CopyKind, EventKind, Fate, Forger, Incarnation, MessageId, Provenance, SentMessage, Trace,
    TraceEvent,
};
use super::diagram::{DiagramEvent, EventMark, Note, Topic};
use super::diff;
use super::excerpt::{is_without_effect, overtaken_by};
use super::phrases::{checked, duration, found, set_timer, state_changes, variant, write};
use super::text::{Role, Text, safe};
use crate::{Address, FaultModel};

/// The most lines of one event itself that are shown.
const HEAD_LINES_MAX: usize = 4;

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
    /// For each node that restarts: the events in which it does, and the incarnations that begin.
    restarts: BTreeMap<Address, Vec<(usize, Incarnation)>>,
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
        let mut restarts: BTreeMap<Address, Vec<(usize, Incarnation)>> = BTreeMap::new();
        for (index, event) in trace.events.iter().enumerate() {
            if let EventKind::Restart { node, incarnation, .. } = event.what {
                restarts.entry(node).or_default().push((index, incarnation));
            }
        }
        Self { trace, causality, nodes, hidden, lanes, arrivals, restarts }
    }

    /// The incarnation of a node at event `index`.
    fn incarnation(&self, node: Address, index: usize) -> Incarnation {
        let restarts = self.restarts.get(&node).map_or(&[][..], Vec::as_slice);
        let before = restarts.iter().rev().find(|(restart, _)| *restart <= index);
        before.map_or(Incarnation::FIRST, |(_, incarnation)| *incarnation)
    }

    /// Which nodes are up before the first event: those that no event in the trace starts.
    pub(super) fn up_at_first(&self) -> Vec<bool> {
        let mut up = vec![true; self.nodes.len()];
        for event in &self.trace.events {
            // In a part of a run, the first event of a node may be its restart.
            if let EventKind::Start { node, .. } | EventKind::Restart { node, .. } = event.what
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
            head = head.with_remark(Role::Quiet, " (changes nothing)");
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
        if let EventKind::Restart { storage, .. } = &event.what {
            let items = storage.iter().take(EFFECTS_MAX);
            notes.extend(items.map(|item| Note::plain(found(item), 2)));
            more(storage.len(), "records and entries", &mut notes);
        }
        // Writes that precede all messages come before them.
        let (first, later): (Vec<_>, Vec<_>) =
            event.stored.iter().take(EFFECTS_MAX).partition(|stored| stored.sent_before == 0);
        notes.extend(first.into_iter().map(|stored| Note::plain(write(stored, &event.sent), 2)));
        self.sent(event, next, &mut notes);
        notes.extend(later.into_iter().map(|stored| Note::plain(write(stored, &event.sent), 2)));
        more(event.stored.len(), "writes", &mut notes);
        for timer in event.timers.iter().take(EFFECTS_MAX) {
            notes.push(Note::plain(set_timer(timer), 2));
        }
        more(event.timers.len(), "timers", &mut notes);
        if let Some(effects) = event.interrupted_after {
            let text = Text::default().with(Role::Warning, interrupted(effects));
            notes.push(Note::plain(text, 2));
        }
        if let Some(failure) = &event.failure {
            let text = Text::default().with_untrusted(Role::Bad, &failure.to_string());
            notes.push(Note { topic: Topic::Failure, ..Note::plain(text, 6) });
        }
        DiagramEvent {
            number: index + 1,
            time_ns: event.time_ns,
            lane: event.what.node().and_then(|node| self.lanes.get(&node).copied()),
            mark: if event.failure.is_some() { EventMark::Failure } else { mark },
            arrow: from.map(|from| (from, label)),
            odd,
            head,
            lines_max: HEAD_LINES_MAX,
            is_culprit: false,
            is_decisive: false,
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
            EventKind::Start { node, kind, .. } => {
                let text = text.with(Role::Strong, node.to_string()).with(Role::Quiet, " starts");
                (EventMark::Start, started(text, kind, event), false)
            }
            EventKind::Restart { node, kind, incarnation, .. } => {
                let words = format!(" restarts, incarnation {incarnation},");
                let text = text.with(Role::Strong, node.to_string()).with(Role::Warning, words);
                (EventMark::Restart, started(text, kind, event), false)
            }
            EventKind::Deliver { node, from, id, message, provenance, .. } => {
                let text = text
                    .with(Role::Quiet, self.number(*id, index))
                    .with_untrusted(Role::Message, message);
                let mut unusual = self.provenance((*from, *node), provenance, index);
                unusual.extend(self.lateness(index));
                let odd = !unusual.is_empty();
                (EventMark::Message, with_warnings(text, &unusual), odd)
            }
            EventKind::Lose { node, from, id, message, reason, provenance } => {
                let text = text
                    .with(Role::Quiet, self.number(*id, index))
                    .with_untrusted(Role::Message, message);
                let unusual = self.provenance((*from, *node), provenance, index);
                let text = with_warnings(text, &unusual).with_remark(Role::Warning, " lost: ");
                (EventMark::Lost, text.with_untrusted(Role::Warning, reason), false)
            }
            EventKind::Fire { node, timer, incarnation, .. } => {
                let text = text.with(Role::Timer, "timer ").with_untrusted(Role::Timer, timer);
                let text = match self.causality.origin(index) {
                    Some(set) => {
                        text.with_remark(Role::Quiet, format!(" (set in event {})", set + 1))
                    }
                    None => text,
                };
                let died = *incarnation != self.incarnation(*node, index);
                let text = if died {
                    let words = format!(" (of incarnation {incarnation}, which has ended)");
                    text.with_remark(Role::Warning, words)
                } else {
                    text
                };
                (EventMark::Timer, text, died)
            }
            EventKind::Inject { by, id, from, to, message, replays, .. } => {
                let text = match by {
                    Forger::Network => text.with(Role::Strong, "network:"),
                    Forger::Node(node) => text.with(Role::Strong, node.to_string()),
                };
                let verb = if replays.is_some() { "repeats" } else { "forges" };
                let text = text
                    .with(Role::Warning, format!(" {verb} #{id} "))
                    .with_untrusted(Role::Message, message)
                    .with_remark(Role::Warning, format!(" from {from} to {to}"));
                let text = match (replays, self.causality.origin(index)) {
                    (Some(_), Some(sent)) => {
                        text.with(Role::Quiet, format!(" (sent in event {})", sent + 1))
                    }
                    (Some(sent), None) => text.with(Role::Quiet, format!(" (sent as #{sent})")),
                    (None, _) => text,
                };
                let mark = match by {
                    Forger::Network => EventMark::NetworkChange,
                    Forger::Node(_) => EventMark::Injection,
                };
                (mark, text, false)
            }
            EventKind::Reconnect { node, peer } => {
                let text = text.with(Role::Strong, node.to_string());
                let words = format!(" is connected to {peer} again");
                (EventMark::Reconnection, text.with(Role::Quiet, words), false)
            }
            EventKind::Command { command, .. } => {
                let text = text.with(Role::Quiet, "calls ");
                (EventMark::Call, text.with_untrusted(Role::Client, command), false)
            }
            EventKind::Return { result, .. } => {
                let text = text.with(Role::Quiet, "returns ");
                (EventMark::Return, text.with_untrusted(Role::Client, result), false)
            }
            EventKind::Crash { node, incarnation } => {
                let text = text.with(Role::Strong, node.to_string());
                let model = self.trace.header.known_fault_model();
                // A Byzantine node may come back, whatever it has forgotten.
                let stays =
                    |model: FaultModel| !model.may_restart() && model.may_be_byzantine() == 0;
                let words = if model.is_some_and(stays) {
                    " crashes, for good".to_owned()
                } else if incarnation.is_first() {
                    " crashes".to_owned()
                } else {
                    format!(" crashes, incarnation {incarnation}")
                };
                (EventMark::Crash, text.with(Role::Warning, words), false)
            }
            EventKind::Network { change } => {
                let text = text.with(Role::Strong, "network: ");
                (EventMark::NetworkChange, text.with_untrusted(Role::Strong, change), false)
            }
            EventKind::Stage { title } => {
                let text = text.with(Role::Strong, "stage: ");
                (EventMark::Stage, text.with_untrusted(Role::Strong, title), false)
            }
            EventKind::Check { property } => (EventMark::Check, checked(property), false),
        }
    }

    /// Describes what is not plain about where a message comes from, and between which incarnations it
    /// went.
    fn provenance(
        &self,
        (from, to): (Address, Address),
        provenance: &Provenance,
        index: usize,
    ) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(forger) = provenance.forged_by {
            words.push(format!("forged by {forger}: {from} did not send it"));
        }
        if let Some(sent_as) = &provenance.sent_as {
            words.push(format!("corrupted: sent as {}", safe(sent_as)));
        }
        let is_forged = provenance.forged_by.is_some();
        if !is_forged && provenance.incarnation != self.incarnation(from, index) {
            let incarnation = provenance.incarnation;
            words.push(format!("sent by {from}'s incarnation {incarnation}, before its restart"));
        }
        let receiver = self.causality.origin(index).map(|origin| self.incarnation(to, origin));
        let is_handled = matches!(self.trace.events[index].what, EventKind::Deliver { .. });
        let has_restarted = receiver.is_some_and(|then| then != self.incarnation(to, index));
        if is_handled && from != to && has_restarted {
            words.push(format!("sent before {to} restarted"));
        }
        words
    }

    /// Describes what is unusual about a message's arrival.
    fn lateness(&self, index: usize) -> Option<String> {
        let EventKind::Deliver { node, from, copy, ref provenance, .. } =
            self.trace.events[index].what
        else {
            return None;
        };
        let is_forged = provenance.forged_by.is_some();
        let origin = self.causality.origin(index);
        let since = origin.map(|origin| self.since(origin, index));
        let overtaken = overtaken_by(self.trace, self.causality, index);
        let client = origin.filter(|_| !is_forged).and_then(|origin| {
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
        let injected = matches!(self.trace.events[origin].what, EventKind::Inject { .. });
        let verb = if injected { "injected" } else { "sent" };
        match times {
            (Some(then), Some(now)) => {
                let ago = duration(now.saturating_sub(then));
                format!("{verb} {ago} ago in event {}", origin + 1)
            }
            _ => format!("{verb} in event {}", origin + 1),
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
                    && other.misbehaviour == message.misbehaviour
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
            let lost = matches!(first.fate, Fate::Dropped | Fate::Cut | Fate::Withheld);
            let arrives = self.arrivals.contains_key(&first.id);
            // A message's content is shown at its arrival, or here if the arrival is not shown.
            let words = if arrives { variant(&first.message) } else { &first.message };
            let numbers = if lost { String::new() } else { format!("{} ", ids.join(" ")) };
            let verb = if first.fate == Fate::Withheld { "withholds" } else { "sends" };
            let mut text = Text::default()
                .with(Role::Quiet, format!("{verb} {numbers}"))
                .with_untrusted(Role::Message, words)
                .with_remark(Role::Quiet, format!(" to {}{others}", to.join(", ")));
            text = match first.fate {
                Fate::Once | Fate::Open | Fate::Withheld => text,
                Fate::Twice => text.with(Role::Warning, " (will arrive twice)"),
                Fate::Dropped => text.with(Role::Warning, " (lost)"),
                Fate::Cut => text.with(Role::Warning, " (lost: the link is cut)"),
            };
            text = misbehaviour(text, first);
            let lanes = messages.iter().filter_map(|message| self.lanes.get(&message.to).copied());
            notes.push(Note { stubs: lanes.collect(), lost, ..Note::plain(text, 3) });
        }
        more(shown, "messages", notes);
    }
}

/// Whether the arrow of message `id`, if it is on the next line, shows everything about its sending in
/// `event`.
fn is_shown_by_arrow(event: &TraceEvent, id: MessageId) -> bool {
    let Some(message) = event.sent.iter().find(|message| message.id == id) else { return false };
    let alike = event.sent.iter().filter(|other| other.message == message.message).count();
    let is_plain = message.misbehaviour.is_none();
    alike == 1 && is_plain && matches!(message.fate, Fate::Once | Fate::Open)
}

/// Adds what a node starts as.
fn started(text: Text, kind: &str, event: &TraceEvent) -> Text {
    let kind = if kind.is_empty() { String::new() } else { format!(" as {kind}") };
    let text = text.with_untrusted(Role::Quiet, &kind);
    match &event.state {
        Some(state) => {
            text.with(Role::Quiet, ": ").with_untrusted(Role::Quiet, &diff::one_line(state))
        }
        None => text,
    }
}

/// Adds what is unusual, in brackets.
fn with_warnings(text: Text, unusual: &[String]) -> Text {
    if unusual.is_empty() {
        return text;
    }
    text.with_remark(Role::Warning, format!(" ({})", unusual.join("; ")))
}

/// Adds what a Byzantine behaviour did to a message.
fn misbehaviour(text: Text, sent: &SentMessage) -> Text {
    let Some(misbehaviour) = &sent.misbehaviour else { return text };
    let text = text
        .with(Role::Warning, " (Byzantine, ")
        .with_untrusted(Role::Warning, &misbehaviour.behaviour);
    let text = match misbehaviour.claims {
        Some(claims) => text.with(Role::Warning, format!("; as if from {claims}")),
        None => text,
    };
    let text = match &misbehaviour.instead_of {
        Some(own) => text.with(Role::Warning, "; instead of ").with_untrusted(Role::Warning, own),
        None => text,
    };
    text.with(Role::Warning, ")")
}

/// Adds a note on how many of `count` things are not shown.
fn more(count: usize, things: &str, notes: &mut Vec<Note>) {
    if count > EFFECTS_MAX {
        let text = format!("… and {} more {things}", count - EFFECTS_MAX);
        notes.push(Note::plain(Text::default().with(Role::Quiet, text), 1));
    }
}
