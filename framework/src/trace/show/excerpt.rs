//! Selects the events of a long trace to show.

use std::collections::{BTreeMap, BTreeSet};

use super::super::causality::Causality;
use super::super::{CopyKind, Ending, EventKind, Trace, TraceEvent};
use crate::Address;

/// The shown events of a trace, and those that could have influenced its end.
#[derive(Debug)]
pub(in crate::trace) struct Excerpt {
    /// The indices of the events shown.
    pub(in crate::trace) chosen: BTreeSet<usize>,
    /// For each event, whether it could have influenced how the run ended.
    pub(in crate::trace) past: Vec<bool>,
    /// The nodes of the shown events.
    pub(in crate::trace) nodes: BTreeSet<Address>,
}

impl Excerpt {
    /// Selects at most `events_max` events of a trace, plus a few small ones.
    ///
    /// Events that the violation names have priority: the command with a wrong result, and the events of
    /// the messages that contain it. Then come the latest events that could have influenced the end.
    pub(in crate::trace) fn new(trace: &Trace, causality: &Causality, events_max: usize) -> Self {
        let count = trace.events.len();
        let focus = Focus::new(trace);
        let past = relevant(trace, causality, &focus.ends);
        if count <= events_max {
            let nodes = trace.header.nodes.iter().copied().collect();
            return Self { chosen: (0..count).collect(), past, nodes };
        }
        let mut chosen: BTreeSet<usize> = focus.ends.iter().copied().chain(focus.call).collect();
        let quota = events_max - events_max / 6;
        let about = focus.about(trace, causality, &past);
        take(&mut chosen, about.iter().rev().copied(), quota * 3 / 4);
        // A node's event before it handled the command may explain what was wrong.
        let before = about.iter().rev().filter_map(|&index| {
            let is_client = trace.events[index].what.node() == focus.client;
            let effective = |index: &usize| past[*index] && !is_start(&trace.events[*index].what);
            causality.earlier(index).filter(|_| !is_client).filter(effective)
        });
        take(&mut chosen, before, quota * 3 / 4);
        let late: Vec<usize> = chosen.iter().copied().collect();
        let late = late.into_iter().rev().filter(|&index| {
            matches!(trace.events[index].what, EventKind::Deliver { copy: CopyKind::Duplicate, .. })
                || overtaken_by(trace, causality, index) > 0
        });
        take(&mut chosen, late.filter_map(|index| causality.origin(index)), quota);
        // With a command in focus, its client's events are enough; otherwise, show the latest events
        // of all nodes.
        let own = |&index: &usize| {
            let what = &trace.events[index].what;
            past[index] && (about.is_empty() || what.node() == focus.client || is_fault(what))
        };
        let places = if about.is_empty() { quota } else { quota / 2 };
        take(&mut chosen, (0..count).rev().filter(own), places);
        if about.is_empty() && focus.call.is_none() {
            take(&mut chosen, (0..count).rev(), quota);
        }
        let mut nodes = BTreeSet::new();
        for &index in &chosen {
            nodes.extend(ends_of(&trace.events[index].what));
        }
        let starts = (0..count).filter(|&index| {
            let what = &trace.events[index].what;
            is_start(what) && what.node().is_some_and(|node| nodes.contains(&node))
        });
        take(&mut chosen, starts, events_max);
        // A note that one small event is omitted takes as much space as the event.
        for index in 1..count.saturating_sub(1) {
            let event = &trace.events[index];
            let is_small = event.sent.is_empty()
                && event.timers.is_empty()
                && event.stored.is_empty()
                && event.state.is_none()
                && event.logged.is_empty()
                && event.printed.is_empty();
            let between = chosen.contains(&(index - 1)) && chosen.contains(&(index + 1));
            let known = ends_of(&event.what).all(|node| nodes.contains(&node));
            if between && is_small && known {
                chosen.insert(index);
            }
        }
        Self { chosen, past, nodes }
    }
}

/// Adds events until there are `quota` of them.
fn take(chosen: &mut BTreeSet<usize>, events: impl Iterator<Item = usize>, quota: usize) {
    for index in events {
        if chosen.len() >= quota {
            break;
        }
        chosen.insert(index);
    }
}

/// The nodes at which an event happens and from which its message comes.
fn ends_of(what: &EventKind) -> impl Iterator<Item = Address> {
    let from = match what {
        EventKind::Deliver { from, .. } | EventKind::Lose { from, .. } => Some(*from),
        _ => None,
    };
    what.node().into_iter().chain(from)
}

fn is_start(what: &EventKind) -> bool {
    matches!(what, EventKind::Start { .. })
}

/// Whether the event is a fault or its repair, which explains much of what follows.
fn is_fault(what: &EventKind) -> bool {
    matches!(
        what,
        EventKind::Network { .. }
            | EventKind::Crash { .. }
            | EventKind::Restart { .. }
            | EventKind::Reconnect { .. }
    )
}

/// The subject of a violation, as far as its text contains it.
struct Focus {
    /// The events in which the run went wrong.
    ends: BTreeSet<usize>,
    /// The client of the command in question.
    client: Option<Address>,
    /// The event in which the client got that command.
    call: Option<usize>,
    /// That command's text.
    command: String,
}

/// A command with a shorter text than this would match too many texts by chance.
const DISTINCTIVE_CHARS: usize = 6;

impl Focus {
    /// Searches the violation's text for nodes, and for a command or result of theirs.
    fn new(trace: &Trace) -> Self {
        let last = trace.events.len().checked_sub(1);
        let nothing = Self {
            ends: last.into_iter().collect(),
            client: None,
            call: None,
            command: String::new(),
        };
        let (words, seen) = match &trace.ending {
            Some(Ending::Violated(violation)) => {
                (format!("{} {}", violation.expected, violation.seen), violation.seen.as_str())
            }
            Some(Ending::Failed { reason }) => (reason.clone(), ""),
            _ => return nothing,
        };
        let named: BTreeSet<Address> = words
            .split(|character: char| {
                !character.is_ascii_alphanumeric() && !"-_./".contains(character)
            })
            .filter_map(|word| word.trim_end_matches('.').parse().ok())
            .collect();
        let mut best: Option<(u8, usize, Option<usize>)> = None;
        let mut calls: BTreeMap<Address, usize> = BTreeMap::new();
        let is_distinctive = |text: &str| text.chars().count() >= DISTINCTIVE_CHARS;
        for (index, event) in trace.events.iter().enumerate() {
            match &event.what {
                EventKind::Command { node, command, .. } if named.contains(node) => {
                    calls.insert(*node, index);
                    if is_distinctive(command) && words.contains(command) {
                        best = best.max(Some((2, index, None)));
                    }
                }
                EventKind::Return { node, result, .. } if seen.contains(result) => {
                    let Some(&call) = calls.get(node) else { continue };
                    let EventKind::Command { command, .. } = &trace.events[call].what else {
                        continue;
                    };
                    let named = is_distinctive(command) && words.contains(command);
                    let score = match (named, is_distinctive(result)) {
                        (true, true) => 4,
                        (true, false) => 3,
                        (false, true) => 1,
                        (false, false) => continue,
                    };
                    best = best.max(Some((score, call, Some(index))));
                }
                _ => {}
            }
        }
        let mut focus = nothing;
        // The violation may concern a query of an isolated node for a client; then it names only the
        // result.
        let is_named =
            |event: &TraceEvent| event.what.node().is_some_and(|node| named.contains(&node));
        if best.is_none() && !trace.events.iter().any(is_named) {
            best = result_in_text(trace, seen).map(|(call, returned)| (1, call, Some(returned)));
        }
        if let Some((_, call, returned)) = best {
            focus.call = Some(call);
            focus.client = trace.events[call].what.node();
            if let EventKind::Command { command, .. } = &trace.events[call].what {
                focus.command.clone_from(command);
            }
            if let Some(returned) = returned {
                // Later events were right, or are unrelated.
                focus.ends = BTreeSet::from([returned]);
                return focus;
            }
        }
        let mut found = BTreeSet::new();
        for (index, event) in trace.events.iter().enumerate().rev() {
            let lost = matches!(event.what, EventKind::Lose { .. });
            if let Some(node) = event.what.node().filter(|node| !lost && named.contains(node))
                && found.insert(node)
            {
                focus.ends.insert(index);
            }
        }
        focus
    }

    /// Relevant events about the command: those that send, deliver or lose it, or bring an answer to
    /// it.
    fn about(&self, trace: &Trace, causality: &Causality, past: &[bool]) -> BTreeSet<usize> {
        let mut about = BTreeSet::new();
        if self.command.chars().count() < DISTINCTIVE_CHARS {
            return about;
        }
        for (index, event) in trace.events.iter().enumerate().filter(|&(index, _)| past[index]) {
            let carries = match &event.what {
                EventKind::Deliver { message, provenance, .. }
                | EventKind::Lose { message, provenance, .. } => {
                    let sent_as = provenance.sent_as.as_ref();
                    message.contains(&self.command)
                        || sent_as.is_some_and(|sent_as| sent_as.contains(&self.command))
                }
                EventKind::Inject { message, .. } => message.contains(&self.command),
                _ => false,
            };
            let sends = || event.sent.iter().any(|sent| sent.message.contains(&self.command));
            let answers = || {
                event.what.node() == self.client
                    && causality.origin(index).is_some_and(|origin| about.contains(&origin))
            };
            if carries || sends() || answers() {
                about.insert(index);
            }
        }
        about
    }
}

/// The last call whose result occurs in `seen`, and its return.
fn result_in_text(trace: &Trace, seen: &str) -> Option<(usize, usize)> {
    let mut calls: BTreeMap<Address, usize> = BTreeMap::new();
    let mut found = None;
    for (index, event) in trace.events.iter().enumerate() {
        match &event.what {
            EventKind::Command { node, .. } => {
                calls.insert(*node, index);
            }
            EventKind::Return { node, result, .. } => {
                let bare = result.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')'));
                let result = bare.unwrap_or(result);
                if result.chars().count() >= DISTINCTIVE_CHARS && seen.contains(result) {
                    found = calls.get(node).map(|&call| (call, index)).or(found);
                }
            }
            _ => {}
        }
    }
    found
}

/// For each event, whether it could have influenced one of `ends`.
fn relevant(trace: &Trace, causality: &Causality, ends: &BTreeSet<usize>) -> Vec<bool> {
    let mut past = causality.past(ends.iter().copied());
    let last = ends.last().copied().unwrap_or_default();
    for (index, event) in trace.events.iter().enumerate() {
        if is_fault(&event.what) {
            past[index] = index <= last;
        } else if !ends.contains(&index) && is_without_effect(&trace.events, index) {
            past[index] = false;
        }
    }
    past
}

/// Whether a node handled an event without any visible effect: its state is unchanged, and it sent
/// nothing.
pub(in crate::trace) fn is_without_effect(events: &[TraceEvent], index: usize) -> bool {
    let event = &events[index];
    let brought_a_result = events.get(index + 1).is_some_and(
        |next| matches!(next.what, EventKind::Return { node, .. } if Some(node) == event.what.node()),
    );
    matches!(event.what, EventKind::Deliver { .. } | EventKind::Fire { .. })
        && event.sent.is_empty()
        && event.timers.is_empty()
        && event.stored.is_empty()
        && event.interrupted_after.is_none()
        && event.state.is_none()
        && event.failure.is_none()
        && !brought_a_result
}

/// How many messages from the same sender to the same receiver overtook the message of event
/// `index`.
pub(in crate::trace) fn overtaken_by(trace: &Trace, causality: &Causality, index: usize) -> usize {
    let EventKind::Deliver { node, from, ref provenance, .. } = trace.events[index].what else {
        return 0;
    };
    if provenance.forged_by.is_some() {
        return 0;
    }
    let Some(origin) = causality.origin(index) else { return 0 };
    (origin + 1..index)
        .filter(|&other| {
            matches!(trace.events[other].what,
                EventKind::Deliver { node: to, from: sender, copy: CopyKind::Original, .. }
                    if to == node && sender == from)
                && causality.origin(other).is_some_and(|sent| sent > origin)
        })
        .count()
}
