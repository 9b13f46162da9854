//! Matching: which message or timer of the new run a saved one stands for. Both replays use it.
//!
//! A trace describes messages and timers as text. Two are the same if their texts are equal, or else if their texts
//! start with the same names, in case the code has changed what follows. Numbers mean nothing across runs. So among
//! several that fit, it decides how many alike came before ([`Occurrence`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::Address;
use crate::trace::show::variant;
use crate::trace::{EventKind, MessageId, SetTimer, TimerId, TraceEvent};

/// The kind of a message or timer, by the names at the start of its text: `Paxos(Vote` for
/// `Paxos(Vote { ballot: 3 })`.
pub(super) fn kind_of(text: &str) -> &str {
    let mut end = variant(text).len();
    while let Some(inner) = text[end..].strip_prefix('(')
        && inner.starts_with(|first: char| first.is_uppercase())
    {
        end += 1 + variant(inner).len();
    }
    &text[..end]
}

/// How well a candidate fits, apart from its text. The greatest is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Something else was matched with it.
    Taken,
    /// Nothing was matched with it yet.
    Free,
    /// Moreover, as many alike came before it as before the other.
    InPlace,
}

/// A message or timer that may be the one looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a, T> {
    pub(super) item: T,
    pub(super) text: &'a str,
    pub(super) fit: Fit,
}

/// The candidate for this text: one with the same text, or else of the same kind. Among several, the first of the
/// best [`Fit`].
pub(super) fn best<'c, 'a, T>(
    candidates: &'c [Candidate<'a, T>],
    text: &str,
) -> Option<&'c Candidate<'a, T>> {
    let alike = |is_alike: &dyn Fn(&str) -> bool| {
        let alike = candidates.iter().filter(|candidate| is_alike(candidate.text));
        // Of equal maxima, `max_by_key` returns the last.
        alike.rev().max_by_key(|candidate| candidate.fit)
    };
    alike(&|other| other == text).or_else(|| alike(&|other| kind_of(other) == kind_of(text)))
}

/// The endpoints and the kind of a message or timer. Those with equal ones are alike.
type Endpoints = (Address, Address, String);

/// Identifies a message or timer: its endpoints and kind, and how many alike came before it.
type Occurrence = (Endpoints, usize);

/// The occurrences of messages or timers in one run.
#[derive(Debug, Default)]
struct Occurrences {
    counts: BTreeMap<Endpoints, usize>,
    places: BTreeMap<(Address, u64), Occurrence>,
}

impl Occurrences {
    /// Takes in that a message or timer was sent or set. A known id keeps its occurrence.
    fn learn(&mut self, id: u64, endpoints: Endpoints) {
        let from = endpoints.0;
        if self.places.contains_key(&(from, id)) {
            return;
        }
        let count = self.counts.entry(endpoints.clone()).or_default();
        self.places.insert((from, id), (endpoints, *count));
        *count += 1;
    }

    fn of(&self, from: Address, id: u64) -> Option<&Occurrence> {
        self.places.get(&(from, id))
    }
}

/// The messages and timers of one run.
#[derive(Debug, Default)]
struct Known {
    messages: Occurrences,
    timers: Occurrences,
}

impl Known {
    fn learn(&mut self, event: &TraceEvent) {
        let Some(node) = event.what.node() else { return };
        for sent in &event.sent {
            self.messages.learn(sent.id, (node, sent.to, kind_of(&sent.message).to_owned()));
        }
        for timer in &event.timers {
            // Timers with different durations are not alike.
            let SetTimer { id, timer, min_ns, max_ns } = timer;
            let kind = format!("{} {min_ns} {max_ns}", kind_of(timer));
            self.timers.learn(*id, (node, node, kind));
        }
    }
}

/// A pending event that was matched with a saved one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// Its index among the pending events.
    pub(super) choice: usize,
    /// Whether its text differs from the saved one.
    pub(super) is_changed: bool,
}

/// Matches the saved events of a run that is followed event by event with the pending events of the new one.
#[derive(Debug, Default)]
pub(super) struct Matching {
    saved: Known,
    new: Known,
    /// The message of the new run that each message of the saved one was matched with.
    messages: BTreeMap<(Address, MessageId), MessageId>,
    /// The timers of the new run that were matched.
    fired: BTreeSet<(Address, TimerId)>,
}

impl Matching {
    pub(super) fn new(saved: &[TraceEvent]) -> Self {
        let mut matching = Self::default();
        saved.iter().for_each(|event| matching.saved.learn(event));
        matching
    }

    /// Takes in an event of the new run.
    pub(super) fn learn(&mut self, event: &TraceEvent) {
        self.new.learn(event);
    }

    /// The pending delivery that stands for the saved one. Otherwise, the texts of the messages in flight on its
    /// link.
    pub(super) fn delivery<'p>(
        &mut self,
        (from, to): (Address, Address),
        id: MessageId,
        message: &str,
        pending: &'p [EventKind],
    ) -> Result<Match, Vec<&'p str>> {
        let place = self.saved.messages.of(from, id);
        let taken: BTreeSet<MessageId> = self.messages.values().copied().collect();
        let on_link = pending.iter().enumerate().filter_map(|(choice, what)| match what {
            EventKind::Deliver { node, from: sender, id, message, .. }
                if *node == to && *sender == from =>
            {
                let is_taken = taken.contains(id);
                let fit = fit(is_taken, place, self.new.messages.of(from, *id));
                Some(Candidate { item: (choice, *id), text: message.as_str(), fit })
            }
            _ => None,
        });
        let candidates: Vec<_> = on_link.collect();
        // A further copy of a message is a further copy of the same message.
        let known = self.messages.get(&(from, id)).copied();
        let again = candidates.iter().find(|candidate| Some(candidate.item.1) == known);
        let Some(found) = again.or_else(|| best(&candidates, message)) else {
            return Err(candidates.iter().map(|candidate| candidate.text).collect());
        };
        let (choice, new_id) = found.item;
        self.messages.insert((from, id), new_id);
        Ok(Match { choice, is_changed: found.text != message })
    }

    /// The pending timer that stands for the saved one. Otherwise, the texts of the node's timers that can fire.
    pub(super) fn timer<'p>(
        &mut self,
        node: Address,
        id: TimerId,
        timer: &str,
        pending: &'p [EventKind],
    ) -> Result<Match, Vec<&'p str>> {
        let place = self.saved.timers.of(node, id);
        let of_node = pending.iter().enumerate().filter_map(|(choice, what)| match what {
            EventKind::Fire { node: other, id, timer, .. } if *other == node => {
                let is_taken = self.fired.contains(&(node, *id));
                let fit = fit(is_taken, place, self.new.timers.of(node, *id));
                Some(Candidate { item: (choice, *id), text: timer.as_str(), fit })
            }
            _ => None,
        });
        let candidates: Vec<_> = of_node.collect();
        let Some(found) = best(&candidates, timer) else {
            return Err(candidates.iter().map(|candidate| candidate.text).collect());
        };
        let (choice, new_id) = found.item;
        self.fired.insert((node, new_id));
        Ok(Match { choice, is_changed: found.text != timer })
    }
}

/// How well a candidate fits, by its occurrence in its run and that of the one looked for in the other run.
fn fit(is_taken: bool, saved: Option<&Occurrence>, new: Option<&Occurrence>) -> Fit {
    match is_taken {
        true => Fit::Taken,
        false if saved.is_some() && saved == new => Fit::InPlace,
        false => Fit::Free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_the_names_at_the_start() {
        assert_eq!(kind_of("Paxos(Vote { ballot: 3 })"), "Paxos(Vote");
        assert_eq!(kind_of("Reply(1, Ok)"), "Reply");
        assert_eq!(kind_of("Tick"), "Tick");
        assert_eq!(kind_of("(1, 2)"), "");
    }

    fn chosen(text: &str, candidates: &[(&'static str, Fit)]) -> Option<usize> {
        let candidates: Vec<_> = candidates
            .iter()
            .enumerate()
            .map(|(item, &(text, fit))| Candidate { item, text, fit })
            .collect();
        best(&candidates, text).map(|found| found.item)
    }

    #[test]
    fn an_equal_text_is_better_than_an_equal_kind() {
        assert_eq!(chosen("Add(2)", &[("Add(1)", Fit::InPlace), ("Add(2)", Fit::Taken)]), Some(1));
        assert_eq!(chosen("Add(3)", &[("Sub(3)", Fit::InPlace), ("Add(2)", Fit::Taken)]), Some(1));
        assert_eq!(chosen("Add(3)", &[("Sub(3)", Fit::InPlace)]), None);
    }

    #[test]
    fn among_equal_texts_the_first_of_the_best_fit_is_chosen() {
        let texts = [("Add(1)", Fit::Taken), ("Add(1)", Fit::Free), ("Add(1)", Fit::Free)];
        assert_eq!(chosen("Add(1)", &texts), Some(1));
        let texts = [("Add(1)", Fit::Free), ("Add(1)", Fit::InPlace)];
        assert_eq!(chosen("Add(1)", &texts), Some(1));
    }
}
