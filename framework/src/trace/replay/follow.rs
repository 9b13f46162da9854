//! Replays a run of a search: matches each saved event with one that can happen now.

use std::collections::{BTreeMap, BTreeSet};

use super::difference::describe;
use super::unsupported::unsupported;
use super::{Replay, ReplayStatus, is_same, kind_of};
use crate::Address;
use crate::trace::{Ending, EventKind, MessageId, SetTimer, TimerId, Trace, TraceEvent};

/// The most alternatives that a message lists.
const ALTERNATIVES_MAX: usize = 4;

/// A system in which a trace can be followed: one run whose events are chosen from outside.
pub trait Replayable {
    /// Starts the run, and returns the events: nodes started, and clients got their first commands.
    fn start(&mut self) -> Vec<TraceEvent>;

    /// The events that can happen now, in an order that depends only on the run so far. Events that the
    /// system performs by itself (a client driver takes a result and gives the next command) are not
    /// listed.
    fn enabled(&mut self) -> Vec<EventKind>;

    /// Performs the event with this index in the last list of [`enabled`](Self::enabled). Returns the
    /// event with its effects, followed by the events that the system then performed by itself.
    fn perform(&mut self, choice: usize) -> Vec<TraceEvent>;

    /// How the run has ended, if it has: with a violation, or the failure of a node.
    fn ending(&mut self) -> Option<Ending>;
}

/// Follows `saved` in `system` until the run fails, ends or no longer applies.
pub fn replay(saved: &Trace, system: &mut dyn Replayable) -> Replay {
    let mut follower = Follower::new(saved);
    let verdict = follower.follow(saved, system);
    let ending = match &verdict {
        ReplayStatus::Reproduced { ending, .. } => Some(ending.clone()),
        ReplayStatus::Fixed { .. } => Some(Ending::Held),
        ReplayStatus::NoLongerApplies { .. } | ReplayStatus::Unsupported { .. } => None,
    };
    let trace = Trace { header: saved.header.clone(), events: follower.events, ending };
    Replay { status: verdict, trace, changed: follower.changed, difference: None }
}

/// The endpoints and the type of a message or timer. Those with equal ones are alike.
type Endpoints = (Address, Address, String);

/// Identifies a message or timer: its endpoints and type, and how many alike came before it.
type Occurrence = (Endpoints, usize);

/// The occurrences of messages or timers in one run.
#[derive(Debug, Default)]
struct Occurrences {
    counts: BTreeMap<Endpoints, usize>,
    places: BTreeMap<(Address, u64), Occurrence>,
}

impl Occurrences {
    /// Records that a message or timer of this kind was sent or set. A known id keeps its
    /// occurrence.
    fn learn(&mut self, id: u64, kind: Endpoints) {
        let from = kind.0;
        if self.places.contains_key(&(from, id)) {
            return;
        }
        let count = self.counts.entry(kind.clone()).or_default();
        self.places.insert((from, id), (kind, *count));
        *count += 1;
    }

    fn learn_event(messages: &mut Self, timers: &mut Self, event: &TraceEvent) {
        let Some(node) = event.what.node() else { return };
        for sent in &event.sent {
            messages.learn(sent.id, (node, sent.to, kind_of(&sent.message).to_owned()));
        }
        for timer in &event.timers {
            // Timers with different durations are not alike.
            let SetTimer { id, timer, min_ns, max_ns } = timer;
            let kind = format!("{} {min_ns} {max_ns}", kind_of(timer));
            timers.learn(*id, (node, node, kind));
        }
    }

    fn of(&self, from: Address, id: u64) -> Option<&Occurrence> {
        self.places.get(&(from, id))
    }
}

/// Matches saved events with possible ones.
#[derive(Debug, Default)]
struct Follower {
    /// The saved run's messages and timers.
    saved: (Occurrences, Occurrences),
    /// The new run's messages and timers.
    new: (Occurrences, Occurrences),
    /// The message of the new run that each message of the saved one was matched with.
    messages: BTreeMap<(Address, MessageId), MessageId>,
    /// The timers of the new run that were matched.
    fired: BTreeSet<(Address, TimerId)>,
    events: Vec<TraceEvent>,
    changed: usize,
}

/// An enabled event, as a candidate for an event of the saved trace.
struct Candidate<'a> {
    choice: usize,
    from: Address,
    id: u64,
    text: &'a str,
}

impl Follower {
    fn new(saved: &Trace) -> Self {
        let mut follower = Self::default();
        for event in &saved.events {
            Occurrences::learn_event(&mut follower.saved.0, &mut follower.saved.1, event);
        }
        follower
    }

    fn follow(&mut self, saved: &Trace, system: &mut dyn Replayable) -> ReplayStatus {
        if let Some((event, reason)) = unsupported(saved) {
            return ReplayStatus::Unsupported { event, reason };
        }
        let started = system.start();
        self.learn(started);
        if let Some(ending) = system.ending() {
            let same = is_same(saved.ending.as_ref(), &ending);
            return ReplayStatus::Reproduced { ending, event: None, same };
        }
        for (index, event) in saved.events.iter().enumerate() {
            let enabled = system.enabled();
            let choice = match self.choose(&event.what, &enabled) {
                Ok(Some(choice)) => choice,
                Ok(None) => continue,
                Err(reason) => return ReplayStatus::NoLongerApplies { event: index, reason },
            };
            let performed = system.perform(choice);
            self.learn(performed);
            if let Some(ending) = system.ending() {
                let same = is_same(saved.ending.as_ref(), &ending);
                return ReplayStatus::Reproduced { ending, event: Some(index), same };
            }
        }
        let events = saved.events.len();
        ReplayStatus::Fixed { happened: events, events }
    }

    fn learn(&mut self, events: Vec<TraceEvent>) {
        for event in &events {
            Occurrences::learn_event(&mut self.new.0, &mut self.new.1, event);
        }
        self.events.extend(events);
    }

    /// Finds the enabled event that matches the saved one; `None` if the saved one needs no event.
    fn choose(&mut self, what: &EventKind, enabled: &[EventKind]) -> Result<Option<usize>, String> {
        match what {
            EventKind::Start { .. } | EventKind::Return { .. } | EventKind::Check { .. } => {
                Ok(None)
            }
            EventKind::Deliver { node, from, id, message, .. } => {
                self.choose_delivery((*node, *from, *id), message, enabled).map(Some)
            }
            EventKind::Fire { node, id, timer, .. } => {
                self.choose_timer(*node, *id, timer, enabled).map(Some)
            }
            // Crashes, commands, losses and network changes are not listed if the system performs
            // them by itself. Nothing performs the last three by itself.
            EventKind::Command { node, command, .. } => {
                let at_node = |exact: bool| {
                    enabled.iter().position(|other| {
                        matches!(other, EventKind::Command { node: client, command: text, .. }
                            if client == node && (text == command || !exact))
                    })
                };
                Ok(at_node(true).or_else(|| at_node(false)))
            }
            EventKind::Lose { node, from, message, .. } => Ok(enabled.iter().position(|other| {
                matches!(other, EventKind::Lose { node: to, from: sender, message: text, .. }
                    if to == node && sender == from && text == message)
            })),
            EventKind::Crash { .. } | EventKind::Network { .. } => {
                Ok(enabled.iter().position(|other| other == what))
            }
            EventKind::Restart { .. } | EventKind::Inject { .. } | EventKind::Reconnect { .. } => {
                let place = enabled.iter().position(|other| other == what);
                place
                    .map(Some)
                    .ok_or_else(|| format!("{}, which cannot happen now", describe(what)))
            }
        }
    }

    fn choose_delivery(
        &mut self,
        (node, from, id): (Address, Address, MessageId),
        message: &str,
        enabled: &[EventKind],
    ) -> Result<usize, String> {
        let candidates: Vec<Candidate<'_>> = enabled
            .iter()
            .enumerate()
            .filter_map(|(choice, what)| match what {
                EventKind::Deliver { node: to, from: sender, id, message, .. }
                    if *to == node && *sender == from =>
                {
                    Some(Candidate { choice, from, id: *id, text: message })
                }
                _ => None,
            })
            .collect();
        let place = self.saved.0.of(from, id);
        let taken: BTreeSet<MessageId> = self.messages.values().copied().collect();
        let known = self.messages.get(&(from, id)).copied();
        let again = candidates.iter().find(|candidate| Some(candidate.id) == known);
        let is_taken = |candidate: &Candidate<'_>| taken.contains(&candidate.id);
        let found = again
            .or_else(|| best(&candidates, message, place, &self.new.0, &is_taken))
            .ok_or_else(|| {
                let others = candidates.iter().map(|candidate| candidate.text);
                let name = kind_of(message);
                match alternatives(others) {
                    None => format!("no message from {from} is in flight to {node}: {message}"),
                    Some(others) => format!(
                        "{node} should get {message}, but no `{name}` from {from} is in flight to \
                         it; there is {others}"
                    ),
                }
            })?;
        self.changed += usize::from(found.text != message);
        self.messages.insert((from, id), found.id);
        Ok(found.choice)
    }

    fn choose_timer(
        &mut self,
        node: Address,
        id: TimerId,
        timer: &str,
        enabled: &[EventKind],
    ) -> Result<usize, String> {
        let candidates: Vec<Candidate<'_>> = enabled
            .iter()
            .enumerate()
            .filter_map(|(choice, what)| match what {
                EventKind::Fire { node: other, id, timer, .. } if *other == node => {
                    Some(Candidate { choice, from: node, id: *id, text: timer })
                }
                _ => None,
            })
            .collect();
        let place = self.saved.1.of(node, id);
        let fired = |candidate: &Candidate<'_>| self.fired.contains(&(node, candidate.id));
        let found =
            best(&candidates, timer, place, &self.new.1, &fired).ok_or_else(
                || match alternatives(candidates.iter().map(|candidate| candidate.text)) {
                    None => format!("no timer of {node} can fire, so {timer} cannot"),
                    Some(others) => {
                        format!("{node}'s timer {timer} cannot fire now; what can is {others}")
                    }
                },
            )?;
        self.changed += usize::from(found.text != timer);
        self.fired.insert((node, found.id));
        Ok(found.choice)
    }
}

/// The candidate most similar to the saved text: one with the same text, or else the same kind. Among
/// several, the one with the same occurrence number, or else the first that is not matched yet, or else
/// the first.
fn best<'a, 'c>(
    candidates: &'a [Candidate<'c>],
    text: &str,
    place: Option<&Occurrence>,
    places: &Occurrences,
    is_taken: &dyn Fn(&Candidate<'c>) -> bool,
) -> Option<&'a Candidate<'c>> {
    let alike = |exact: bool| {
        let matching: Vec<&'a Candidate<'c>> = candidates
            .iter()
            .filter(|candidate| {
                candidate.text == text || !exact && kind_of(candidate.text) == kind_of(text)
            })
            .collect();
        let in_place = matching.iter().find(|candidate| {
            place.is_some()
                && places.of(candidate.from, candidate.id) == place
                && !is_taken(candidate)
        });
        let fresh = || matching.iter().find(|candidate| !is_taken(candidate));
        in_place.or_else(fresh).or_else(|| matching.first()).copied()
    };
    alike(true).or_else(|| alike(false))
}

/// A few texts, or `None` if there are none.
fn alternatives<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let texts: Vec<&str> = texts.collect();
    let mut words = texts[..texts.len().min(ALTERNATIVES_MAX)].join(", ");
    if texts.len() > ALTERNATIVES_MAX {
        words += &format!(" and {} more", texts.len() - ALTERNATIVES_MAX);
    }
    (!texts.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultModel;
    use crate::property::Violation;
    use crate::trace::{CopyKind, Engine, Fate, Header, SentMessage, VERSION};

    /// A counter, to which a client sends two requests, and a timer for retries. A wrong counter counts a
    /// request twice.
    #[derive(Default)]
    struct Counting {
        counts_twice: bool,
        request: &'static str,
        with_field: bool,
        seen: Vec<u64>,
        count: u32,
        network: Vec<SentMessage>,
        timer_set: bool,
    }

    impl Counting {
        fn new(counts_twice: bool, request: &'static str) -> Self {
            Self { counts_twice, request, ..Self::default() }
        }

        fn ask(&mut self, event: &mut TraceEvent) {
            for number in 1..=2 {
                let field = if self.with_field { ", urgent: true" } else { "" };
                let message = format!("{} {{ number: {number}{field} }}", self.request);
                let sent = SentMessage::new(number, server(), message, Fate::Open);
                event.sent.push(sent.clone());
                if !self.network.contains(&sent) {
                    self.network.push(sent);
                }
            }
        }
    }

    fn client() -> Address {
        Address::new("client1")
    }

    fn server() -> Address {
        Address::new("server1")
    }

    impl Replayable for Counting {
        fn start(&mut self) -> Vec<TraceEvent> {
            let what = EventKind::start(client(), "client");
            let mut event = TraceEvent::new(None, what);
            self.ask(&mut event);
            let timer = SetTimer { id: 1, timer: "Retry".to_owned(), min_ns: 1, max_ns: 1 };
            event.timers.push(timer);
            self.timer_set = true;
            vec![event]
        }

        fn enabled(&mut self) -> Vec<EventKind> {
            let deliveries = self.network.iter().map(|sent| {
                let ends = (client(), sent.to);
                EventKind::deliver(ends, sent.id, sent.message.clone(), CopyKind::Original)
            });
            let timer = self.timer_set.then(|| EventKind::fire(client(), 1, "Retry".to_owned()));
            deliveries.chain(timer).collect()
        }

        fn perform(&mut self, choice: usize) -> Vec<TraceEvent> {
            let what = self.enabled()[choice].clone();
            let mut event = TraceEvent::new(None, what.clone());
            match what {
                EventKind::Deliver { id, .. } => {
                    if self.counts_twice || !self.seen.contains(&id) {
                        self.count += 1;
                        self.seen.push(id);
                    }
                }
                _ => {
                    self.timer_set = false;
                    self.ask(&mut event);
                }
            }
            vec![event]
        }

        fn ending(&mut self) -> Option<Ending> {
            (self.count > 2).then(|| {
                Ending::Violated(Violation {
                    property: "each request counts once".to_owned(),
                    expected: "a count of 2".to_owned(),
                    seen: format!("it is {}", self.count),
                })
            })
        }
    }

    /// A run of a wrong counter: both requests, then one of them again.
    fn saved() -> Trace {
        let mut system = Counting::new(true, "Count");
        let mut events = system.start();
        for choice in [0, 2, 1, 0] {
            events.extend(system.perform(choice));
        }
        let header = Header {
            version: VERSION,
            engine: Engine::Search,
            lab: String::new(),
            test: String::new(),
            title: String::new(),
            seed: 0,
            fault_model: FaultModel::default().into(),
            nodes: vec![client(), server()],
        };
        Trace { header, events, ending: system.ending() }
    }

    #[test]
    fn a_wrong_node_is_reproduced() {
        let saved = saved();
        let replay = replay(&saved, &mut Counting::new(true, "Count"));
        assert!(
            matches!(replay.status, ReplayStatus::Reproduced { event: Some(4), same: true, .. }),
            "{}",
            replay.status
        );
        assert_eq!(replay.trace, saved);
        assert_eq!(replay.changed, 0);
    }

    #[test]
    fn a_repaired_node_is_fixed() {
        let replay = replay(&saved(), &mut Counting::new(false, "Count"));
        assert_eq!(replay.status, ReplayStatus::Fixed { happened: 5, events: 5 });
        assert_eq!(
            replay.status.to_string(),
            "fixed: all 5 events happened again, and nothing broke"
        );
    }

    #[test]
    fn a_new_field_does_not_matter() {
        let mut system = Counting { with_field: true, ..Counting::new(true, "Count") };
        let replay = replay(&saved(), &mut system);
        assert!(matches!(replay.status, ReplayStatus::Reproduced { same: true, .. }));
        assert_eq!(replay.changed, 3);
        // The third delivery is a copy of the first request, matched by its occurrence.
        let delivered: Vec<u64> = replay
            .trace
            .events
            .iter()
            .filter_map(|event| match event.what {
                EventKind::Deliver { id, .. } => Some(id),
                _ => None,
            })
            .collect();
        assert_eq!(delivered, [1, 2, 1]);
    }

    #[test]
    fn a_renamed_message_no_longer_applies() {
        let replay = replay(&saved(), &mut Counting::new(true, "Add"));
        assert_eq!(
            replay.status.to_string(),
            "no longer applies at event 2: server1 should get Count { number: 1 }, but no `Count` \
             from client1 is in flight to it; there is Add { number: 1 }, Add { number: 2 }"
        );
        assert_eq!(replay.trace.events.len(), 1);
    }

    #[test]
    fn a_timer_that_is_not_set_no_longer_applies() {
        let mut saved = saved();
        saved.events[2].what = EventKind::fire(server(), 9, "Tick".to_owned());
        let replay = replay(&saved, &mut Counting::new(true, "Count"));
        assert_eq!(
            replay.status.to_string(),
            "no longer applies at event 3: no timer of server1 can fire, so Tick cannot"
        );
    }

    #[test]
    fn another_failure_is_distinguished() {
        let mut saved = saved();
        saved.ending = Some(Ending::Failed { reason: "server1 panicked".to_owned() });
        let replay = replay(&saved, &mut Counting::new(true, "Count"));
        assert!(matches!(replay.status, ReplayStatus::Reproduced { same: false, .. }));
        assert!(replay.status.to_string().starts_with("reproduced, but it breaks in another way"));
    }
}
