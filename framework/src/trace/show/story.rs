//! What a trace says to a person, event by event, before it is drawn on a terminal or a page.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::causality::Causality;
use super::super::{Copy, Ending, Engine, Fate, MessageId, SetTimer, Trace, TraceEvent, What};
use super::diff::{self, Change};
use super::excerpt::{Excerpt, is_without_effect, overtaken_by};
use super::text::{Role, Text, columns, safe, shorten};
use crate::Address;

/// The most changes of one state that are told.
const CHANGES_MAX: usize = 8;

/// The most printed or logged lines of one event that are shown.
const LINES_MAX: usize = 8;

/// The most messages or timers of one event that are shown.
const EFFECTS_MAX: usize = 8;

/// Of two long texts that start alike, at most this much of their common start is shown.
const COMMON_CHARS_MAX: usize = 24;

/// A trace in words, as much of it as is shown.
#[derive(Debug)]
pub(in crate::trace) struct Story {
    /// What ran, in one line.
    pub(in crate::trace) heading: Text,
    /// The nodes, in the order of their columns.
    pub(in crate::trace) nodes: Vec<Address>,
    /// Whether events have times.
    pub(in crate::trace) timed: bool,
    /// What happened.
    pub(in crate::trace) scenes: Vec<Scene>,
    /// Which nodes have no column because nothing of them is shown, if there are any.
    pub(in crate::trace) hidden: Option<Text>,
    /// How it ended, in one sentence.
    pub(in crate::trace) ending: Text,
}

/// One event, or the place where some were left out.
#[derive(Debug)]
pub(in crate::trace) enum Scene {
    /// Events that are not shown.
    Gap {
        /// How many.
        events: usize,
        /// How many of them had no part in how the run ended.
        aside: usize,
        /// Which nodes are up at its end.
        up: Vec<bool>,
    },
    /// An event.
    Moment(Moment),
}

/// An event.
#[derive(Debug)]
pub(in crate::trace) struct Moment {
    /// Its number, from 1.
    pub(in crate::trace) number: usize,
    /// When.
    pub(in crate::trace) time_ns: Option<u64>,
    /// Its node's column.
    pub(in crate::trace) lane: Option<usize>,
    /// What kind of event it is.
    pub(in crate::trace) mark: Mark,
    /// For a message: the sender's column and the name of the message's kind.
    pub(in crate::trace) arrow: Option<(usize, String)>,
    /// Whether this message is a copy or late.
    pub(in crate::trace) odd: bool,
    /// What happened.
    pub(in crate::trace) head: Text,
    /// What followed at once.
    pub(in crate::trace) notes: Vec<Note>,
    /// Which nodes are up when it happens, the node itself included when it starts or crashes.
    pub(in crate::trace) up: Vec<bool>,
    /// Whether its node is down afterwards.
    pub(in crate::trace) ends_lane: bool,
}

/// Something that followed from an event at once.
#[derive(Debug)]
pub(in crate::trace) struct Note {
    /// The columns that a message leaves for.
    pub(in crate::trace) stubs: Vec<usize>,
    /// Whether that message never arrives.
    pub(in crate::trace) lost: bool,
    /// In words.
    pub(in crate::trace) text: Text,
    /// The most lines of it that are shown.
    pub(in crate::trace) lines_max: usize,
}

/// The kinds of events, as they are marked in a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trace) enum Mark {
    Start,
    Message,
    Lost,
    Timer,
    Call,
    Return,
    Crash,
    /// The network changed.
    World,
    /// A property was looked at.
    Check,
    /// The node failed in handling the event.
    Failure,
}

impl Story {
    /// The story of a trace, at most `events_max` events of it.
    pub(in crate::trace) fn new(trace: &Trace, events_max: usize) -> Self {
        let causality = Causality::new(&trace.events);
        let Excerpt { chosen, past, nodes } = Excerpt::new(trace, &causality, events_max.max(6));
        let teller = Teller::new(trace, &causality, &chosen, &nodes);
        let mut scenes = Vec::new();
        let mut states: BTreeMap<Address, &str> = BTreeMap::new();
        let mut up = teller.up_at_first();
        let mut chosen = chosen.into_iter().peekable();
        let mut gap = (0, 0);
        for (index, event) in trace.events.iter().enumerate() {
            let lane = event.what.node().and_then(|node| teller.lanes.get(&node).copied());
            if let (What::Start { .. }, Some(lane)) = (&event.what, lane) {
                up[lane] = true;
            }
            if chosen.next_if_eq(&index).is_some() {
                if gap.0 > 0 {
                    scenes.push(Scene::Gap { events: gap.0, aside: gap.1, up: up.clone() });
                    gap = (0, 0);
                }
                let before = event.what.node().and_then(|node| states.get(&node).copied());
                let next = chosen.peek().copied().filter(|&next| next == index + 1);
                scenes.push(Scene::Moment(teller.moment(index, before, next, up.clone())));
            } else {
                gap = (gap.0 + 1, gap.1 + usize::from(!past[index]));
            }
            if let (Some(node), Some(state)) = (event.what.node(), &event.state) {
                states.insert(node, state);
            }
            if let (What::Crash { .. }, Some(lane)) = (&event.what, lane) {
                up[lane] = false;
            }
        }
        if gap.0 > 0 {
            scenes.push(Scene::Gap { events: gap.0, aside: gap.1, up });
        }
        Self {
            heading: heading(trace),
            hidden: hidden(&teller.hidden),
            nodes: teller.nodes,
            timed: trace.events.iter().any(|event| event.time_ns.is_some()),
            scenes,
            ending: ending(trace),
        }
    }
}

/// Tells events, knowing the whole trace.
struct Teller<'a> {
    trace: &'a Trace,
    causality: &'a Causality,
    nodes: Vec<Address>,
    hidden: Vec<Address>,
    lanes: BTreeMap<Address, usize>,
    /// For each message: the first event shown in which it arrives or is lost.
    arrivals: BTreeMap<MessageId, usize>,
}

impl<'a> Teller<'a> {
    fn new(
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
                What::Deliver { from, id, .. } | What::Lose { from, id, .. } => {
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

    /// Which nodes are up before the first event: those that no event starts.
    fn up_at_first(&self) -> Vec<bool> {
        let mut up = vec![true; self.nodes.len()];
        for event in &self.trace.events {
            if let What::Start { node, .. } = event.what
                && let Some(&lane) = self.lanes.get(&node)
            {
                up[lane] = false;
            }
        }
        up
    }

    /// Event `index`. `before` is its node's state until then, `next` the event right after it if
    /// that is shown.
    fn moment(
        &self,
        index: usize,
        before: Option<&str>,
        next: Option<usize>,
        up: Vec<bool>,
    ) -> Moment {
        let event = &self.trace.events[index];
        let (mark, mut head, odd) = self.head(index);
        if is_without_effect(&self.trace.events, index) {
            head = head.with(Role::Quiet, " (changes nothing)");
        }
        let (from, label) = match &event.what {
            What::Deliver { from, message, .. } | What::Lose { from, message, .. } => {
                (self.lanes.get(from).copied(), safe(variant(message)))
            }
            _ => (None, String::new()),
        };
        let mut notes = Vec::new();
        // The lines that a student prints explain what comes next, so they stand first.
        for (verb, lines) in [
            ("log", event.logged.iter().flat_map(|line| line.lines()).collect::<Vec<_>>()),
            ("print", event.printed.lines().collect()),
        ] {
            for line in lines.iter().take(LINES_MAX) {
                let text = Text::default().with(Role::Quiet, format!("{verb}: "));
                notes.push(Note::plain(text.with_foreign(Role::Strong, line), 2));
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
            let text = Text::default().with_foreign(Role::Bad, &failure.to_string());
            notes.push(Note::plain(text, 6));
        }
        Moment {
            number: index + 1,
            time_ns: event.time_ns,
            lane: event.what.node().and_then(|node| self.lanes.get(&node).copied()),
            mark: if event.failure.is_some() { Mark::Failure } else { mark },
            arrow: from.map(|from| (from, label)),
            odd,
            head,
            notes,
            up,
            ends_lane: matches!(event.what, What::Crash { .. }),
        }
    }

    /// The event itself, without what followed.
    fn head(&self, index: usize) -> (Mark, Text, bool) {
        let event = &self.trace.events[index];
        let text = Text::default();
        match &event.what {
            What::Start { node, kind } => {
                let text = text.with(Role::Strong, node.to_string()).with(Role::Quiet, " starts");
                let kind = if kind.is_empty() { String::new() } else { format!(" as {kind}") };
                let text = text.with_foreign(Role::Quiet, &kind);
                let text = match &event.state {
                    Some(state) => text
                        .with(Role::Quiet, ": ")
                        .with_foreign(Role::Quiet, &diff::one_line(state)),
                    None => text,
                };
                (Mark::Start, text, false)
            }
            What::Deliver { id, message, .. } => {
                let text = text
                    .with(Role::Quiet, self.number(*id, index))
                    .with_foreign(Role::Message, message);
                match self.lateness(index) {
                    Some(lateness) => {
                        (Mark::Message, text.with(Role::Warning, format!(" ({lateness})")), true)
                    }
                    None => (Mark::Message, text, false),
                }
            }
            What::Lose { id, message, reason, .. } => {
                let text = text
                    .with(Role::Quiet, self.number(*id, index))
                    .with_foreign(Role::Message, message)
                    .with(Role::Warning, " lost: ");
                (Mark::Lost, text.with_foreign(Role::Warning, reason), false)
            }
            What::Fire { timer, .. } => {
                let text = text.with(Role::Timer, "timer ").with_foreign(Role::Timer, timer);
                let text = match self.causality.origin(index) {
                    Some(set) => text.with(Role::Quiet, format!(" (set in event {})", set + 1)),
                    None => text,
                };
                (Mark::Timer, text, false)
            }
            What::Command { command, .. } => {
                let text = text.with(Role::Quiet, "calls ");
                (Mark::Call, text.with_foreign(Role::Client, command), false)
            }
            What::Return { result, .. } => {
                let text = text.with(Role::Quiet, "returns ");
                (Mark::Return, text.with_foreign(Role::Client, result), false)
            }
            What::Crash { node } => {
                let text = text.with(Role::Strong, node.to_string());
                (Mark::Crash, text.with(Role::Warning, " crashes, for good"), false)
            }
            What::Network { change } => {
                let text = text.with(Role::Strong, "network: ");
                (Mark::World, text.with_foreign(Role::Strong, change), false)
            }
            What::Check { property } => {
                let text = text.with(Role::Quiet, "checked: ");
                (Mark::Check, text.with_foreign(Role::Quiet, property), false)
            }
        }
    }

    /// What is unusual in the time at which a message arrives.
    fn lateness(&self, index: usize) -> Option<String> {
        let What::Deliver { node, from, copy, .. } = self.trace.events[index].what else {
            return None;
        };
        let origin = self.causality.origin(index);
        let since = origin.map(|origin| self.since(origin, index));
        let overtaken = overtaken_by(self.trace, self.causality, index);
        let client = origin.and_then(|origin| {
            self.trace.events[origin + 1..index].iter().find_map(|event| match event.what {
                What::Return { node: client, .. } if client == node || client == from => {
                    Some(client)
                }
                _ => None,
            })
        });
        let late = overtaken > 0 || client.is_some();
        let name = match (copy, late) {
            (Copy::Duplicate, true) => "a late copy",
            (Copy::Duplicate, false) => "a copy",
            (Copy::Original, true) => "late",
            (Copy::Original, false) => return None,
        };
        let mut words = Vec::from_iter(since);
        if let Some(client) = client {
            words.push(format!("{client} has had a result since"));
        } else if overtaken > 0 {
            let messages = if overtaken == 1 { "message" } else { "messages" };
            words.push(format!("{overtaken} newer {messages} came first"));
        }
        Some(format!("{name}: {}", words.join("; ")).trim_end_matches(": ").to_owned())
    }

    /// `#12 `, which ties an arrow to the line that says when it was sent; nothing where the arrow
    /// itself is that line.
    fn number(&self, id: MessageId, index: usize) -> String {
        let told = self.causality.origin(index).is_some_and(|origin| {
            origin + 1 != index || !told_by_arrow(&self.trace.events[origin], id)
        });
        if told { format!("#{id} ") } else { String::new() }
    }

    /// `sent 180ms ago in event 12`, or `sent in event 12` where there are no times.
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
            // A message that arrives in the very next line is shown there.
            let arrives_next = next.is_some() && self.arrivals.get(&first.id).copied() == next;
            if arrives_next && told_by_arrow(event, first.id) {
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
            // What a message says is told where it arrives, or here if that is not shown.
            let words = if arrives { variant(&first.message) } else { &first.message };
            let numbers = if lost { String::new() } else { format!("{} ", ids.join(" ")) };
            let mut text = Text::default()
                .with(Role::Quiet, format!("sends {numbers}"))
                .with_foreign(Role::Message, words)
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
        more(shown, "sendings", notes);
    }
}

/// Whether the arrow of message `id`, when it follows at once, says all there is to say of its
/// sending by `event`.
fn told_by_arrow(event: &TraceEvent, id: MessageId) -> bool {
    let Some(message) = event.sent.iter().find(|message| message.id == id) else { return false };
    let alike = event.sent.iter().filter(|other| other.message == message.message).count();
    alike == 1 && matches!(message.fate, Fate::Once | Fate::Open)
}

impl Note {
    fn plain(text: Text, lines_max: usize) -> Self {
        Self { stubs: Vec::new(), lost: false, text, lines_max }
    }
}

/// Says how many of `count` things are not shown.
fn more(count: usize, things: &str, notes: &mut Vec<Note>) {
    if count > EFFECTS_MAX {
        let text = format!("… and {} more {things}", count - EFFECTS_MAX);
        notes.push(Note::plain(Text::default().with(Role::Quiet, text), 1));
    }
}

fn set_timer(timer: &SetTimer) -> Text {
    let delay = if timer.min_ns == timer.max_ns {
        duration(timer.min_ns)
    } else {
        format!("{} to {}", duration(timer.min_ns), duration(timer.max_ns))
    };
    Text::default()
        .with(Role::Quiet, "sets timer ")
        .with_foreign(Role::Timer, &timer.timer)
        .with(Role::Quiet, format!(" in {delay}"))
}

/// What a node's new state has that the old one had not.
fn state_changes(before: &str, state: &str, notes: &mut Vec<Note>) {
    let changes = diff::changes(before, state);
    for change in changes.iter().take(CHANGES_MAX) {
        state_change(change, notes);
    }
    if changes.len() > CHANGES_MAX {
        let more = format!("… and {} more changes", changes.len() - CHANGES_MAX);
        notes.push(Note::plain(Text::default().with(Role::Quiet, more), 1));
    }
}

/// One change of a state: on one line if it is short, else what was and what is on lines of their
/// own.
fn state_change(change: &Change, notes: &mut Vec<Note>) {
    let place = |path: &str| match path {
        "" => "state".to_owned(),
        path => shorten(&safe(path), 60),
    };
    let signed = |sign: &str, role: Role, path: &str, value: &str| {
        let text = Text::default().with(role, format!("{sign} "));
        let text = if path.is_empty() { text } else { text.with(role, format!("{path}: ")) };
        Note::plain(text.with_foreign(role, value), 3)
    };
    match change {
        Change::Changed { path, old, new } => {
            let path = place(path);
            let (old, new) = &without_common_start(old, new);
            if columns(&path) + columns(old) + columns(new) <= 60 {
                let text = Text::default()
                    .with(Role::Plain, format!("~ {path}: "))
                    .with_foreign(Role::Removed, old)
                    .with(Role::Quiet, " → ")
                    .with_foreign(Role::Added, new);
                notes.push(Note::plain(text, 3));
            } else {
                notes.push(signed("-", Role::Removed, &path, old));
                notes.push(signed("+", Role::Added, &path, new));
            }
        }
        Change::Added { path, new } => {
            notes.push(signed("+", Role::Added, &safe(path), new));
        }
        Change::Removed { path, old } => {
            notes.push(signed("-", Role::Removed, &safe(path), old));
        }
        Change::TooLarge => {
            let text = "the state changed, and is too large to compare";
            notes.push(Note::plain(Text::default().with(Role::Quiet, text), 1));
        }
    }
}

/// Names the nodes that have no column.
fn hidden(nodes: &[Address]) -> Option<Text> {
    let names: Vec<String> = nodes.iter().take(8).map(Address::to_string).collect();
    let more = match nodes.len() {
        0 => return None,
        1..=8 => String::new(),
        count => format!(" and {} more", count - 8),
    };
    Some(Text::default().with(Role::Quiet, format!("Not shown: {}{more}.", names.join(", "))))
}

/// Two long texts without most of what both start with.
fn without_common_start(old: &str, new: &str) -> (String, String) {
    let common = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
    if common < COMMON_CHARS_MAX
        || old.chars().count().max(new.chars().count()) < 2 * COMMON_CHARS_MAX
    {
        return (old.to_owned(), new.to_owned());
    }
    let rest = |text: &str| {
        let kept: String = text.chars().skip(common - COMMON_CHARS_MAX / 2).collect();
        format!("…{kept}")
    };
    (rest(old), rest(new))
}

/// What ran.
fn heading(trace: &Trace) -> Text {
    let header = &trace.header;
    let mut text = Text::default();
    if !header.lab.is_empty() {
        text = text.with_foreign(Role::Quiet, &format!("{} ", header.lab));
    }
    if !header.test.is_empty() {
        text = text.with_foreign(Role::Strong, &format!("{} ", header.test));
    }
    if !header.title.is_empty() {
        text = text.with_foreign(Role::Strong, &format!("{}, ", header.title));
    }
    let engine = match header.engine {
        Engine::Simulate => format!("simulated with seed {}", header.seed),
        Engine::Search => "found by search".to_owned(),
        Engine::Deploy => "run in real time".to_owned(),
    };
    text.with(Role::Quiet, format!("{engine}; {}", header.fault_model))
}

/// How many events are not shown, and how many of them could not have had a part in the end.
pub(in crate::trace) fn gap(events: usize, aside: usize) -> Text {
    let noun = if events == 1 { "event" } else { "events" };
    let words = match aside {
        0 => format!("… {events} {noun} …"),
        _ if aside == events => format!("… {events} unrelated {noun} …"),
        _ => format!("… {events} {noun}, {aside} of them unrelated …"),
    };
    Text::default().with(Role::Quiet, words)
}

/// How a run ended, in one sentence.
pub(in crate::trace) fn ending(trace: &Trace) -> Text {
    let text = Text::default();
    let count = trace.events.len();
    match &trace.ending {
        None => {
            let text = text.with(Role::Bad, format!("The run was cut off after event {count}"));
            match trace.events.last().and_then(|event| event.failure.as_ref()) {
                Some(failure) => text
                    .with(Role::Plain, ": ")
                    .with_foreign(Role::Plain, &failure.to_string())
                    .with(Role::Plain, "."),
                None => text.with(Role::Plain, "."),
            }
        }
        Some(Ending::Held) => text.with(Role::Plain, "Every property held."),
        Some(Ending::GoalReached { goal }) => text
            .with(Role::Plain, "The goal \"")
            .with_foreign(Role::Strong, goal)
            .with(Role::Plain, "\" was reached."),
        Some(Ending::Violated(violation)) => text
            .with(Role::Bad, "Broken: ")
            .with_foreign(Role::Strong, &violation.property)
            .with(Role::Plain, ". Expected ")
            .with_foreign(Role::Added, &violation.expected)
            .with(Role::Plain, ", but ")
            .with_foreign(Role::Removed, &violation.seen)
            .with(Role::Plain, "."),
        Some(Ending::Failed { reason }) => text
            .with(Role::Bad, "Failed: ")
            .with_foreign(Role::Plain, reason)
            .with(Role::Plain, "."),
    }
}

/// The name that a `Debug` text starts with: `Request` of `Request { .. }`.
pub(in crate::trace) fn variant(text: &str) -> &str {
    let end = text
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// A duration in the unit in which it reads best, with three digits.
pub(in crate::trace) fn duration(ns: u64) -> String {
    let rounded = match ns {
        0..10_000 => ns,
        10_000..10_000_000 => ns / 1_000 * 1_000,
        10_000_000..10_000_000_000 => ns / 100_000 * 100_000,
        _ => ns / 10_000_000 * 10_000_000,
    };
    format!("{:?}", Duration::from_nanos(rounded))
}
