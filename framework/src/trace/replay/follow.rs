//! Replays a run of a search: matches each saved event with one that can happen now.

use super::difference::describe;
use super::matching::{Match, Matching, kind_of};
use super::unsupported::unsupported;
use super::{Replay, ReplayStatus, is_same};
use crate::trace::{Ending, Engine, EventKind, Trace, TraceEvent};

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

    /// Performs what the saved run has here, and what neither happens by itself now nor is listed: an action from
    /// outside. Returns its events; none if the saved event is not from outside.
    ///
    /// # Errors
    /// Says why that cannot happen.
    fn act(&mut self, saved: &TraceEvent) -> Result<Vec<TraceEvent>, String> {
        Err(format!("{}, which cannot happen here", describe(&saved.what)))
    }

    /// As [`perform`](Self::perform), but the node crashes within the handler, after so many of its effects. Returns the
    /// events, and the crash.
    ///
    /// # Errors
    /// Says why that cannot happen.
    fn interrupt(&mut self, choice: usize, _after: u32) -> Result<Vec<TraceEvent>, String> {
        let what = self.enabled().swap_remove(choice);
        Err(format!("{}, within which the node crashes, which cannot happen here", describe(&what)))
    }

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

/// A run that follows a saved one.
#[derive(Debug)]
struct Follower {
    matching: Matching,
    events: Vec<TraceEvent>,
    changed: usize,
}

impl Follower {
    fn new(saved: &Trace) -> Self {
        let matching = Matching::new(&saved.events);
        Self { matching, events: Vec::new(), changed: 0 }
    }

    fn follow(&mut self, saved: &Trace, system: &mut dyn Replayable) -> ReplayStatus {
        if let Some((event, reason)) = unsupported(saved, Engine::Search) {
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
            let performed = match self.choose(&event.what, &enabled) {
                Ok(Some(choice)) => match event.interrupted_after {
                    Some(after) => system.interrupt(choice, after),
                    None => Ok(system.perform(choice)),
                },
                Ok(None) if self.is_due(&saved.events[..=index], &event.what) => system.act(event),
                Ok(None) => continue,
                Err(reason) => Err(reason),
            };
            match performed {
                Ok(events) => self.learn(events),
                Err(reason) => return ReplayStatus::NoLongerApplies { event: index, reason },
            }
            if let Some(ending) = system.ending() {
                let same = is_same(saved.ending.as_ref(), &ending);
                return ReplayStatus::Reproduced { ending, event: Some(index), same };
            }
        }
        let events = saved.events.len();
        ReplayStatus::Fixed { happened: events, events }
    }

    fn learn(&mut self, events: Vec<TraceEvent>) {
        events.iter().for_each(|event| self.matching.learn(event));
        self.events.extend(events);
    }

    /// Whether something that may come from outside has happened less often in this run than in the saved one.
    fn is_due(&self, saved: &[TraceEvent], what: &EventKind) -> bool {
        let is_alike = |other: &&TraceEvent| match (&other.what, what) {
            (EventKind::Command { node, .. }, EventKind::Command { node: other, .. })
            | (EventKind::Crash { node, .. }, EventKind::Crash { node: other, .. })
            | (EventKind::Restart { node, .. }, EventKind::Restart { node: other, .. }) => {
                node == other
            }
            (EventKind::Network { .. }, EventKind::Network { .. })
            | (EventKind::Start { .. }, EventKind::Start { .. }) => other.what == *what,
            (EventKind::Lose { id, .. }, EventKind::Lose { id: other, .. }) => id == other,
            _ => false,
        };
        let count = |events: &[TraceEvent]| events.iter().filter(is_alike).count();
        count(&self.events) < count(saved)
    }

    /// Finds the enabled event that matches the saved one; `None` if the saved one needs no event.
    fn choose(&mut self, what: &EventKind, enabled: &[EventKind]) -> Result<Option<usize>, String> {
        match what {
            EventKind::Return { .. } | EventKind::Check { .. } => Ok(None),
            EventKind::Deliver { node, from, id, message, .. } => {
                let link = (*from, *node);
                let found = self.matching.delivery(link, *id, message, enabled);
                let found = found.map_err(|others| {
                    let name = kind_of(message);
                    match alternatives(&others) {
                        None => {
                            format!("no message from {from} is in flight to {node}: {message}")
                        }
                        Some(others) => format!(
                            "{node} should get {message}, but no `{name}` from {from} is in flight to \
                             it; there is {others}"
                        ),
                    }
                })?;
                Ok(Some(self.take(found)))
            }
            EventKind::Fire { node, id, timer, .. } => {
                let found = self.matching.timer(*node, *id, timer, enabled);
                let found = found.map_err(|others| match alternatives(&others) {
                    None => format!("no timer of {node} can fire, so {timer} cannot"),
                    Some(others) => {
                        format!("{node}'s timer {timer} cannot fire now; what can is {others}")
                    }
                })?;
                Ok(Some(self.take(found)))
            }
            // Starts, crashes, restarts, commands, losses and network changes are not listed if the system performs them by itself, or
            // if they are from outside.
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
            EventKind::Start { .. }
            | EventKind::Crash { .. }
            | EventKind::Restart { .. }
            | EventKind::Network { .. }
            | EventKind::Stage { .. } => {
                Ok(enabled.iter().position(|other| other.is_same_fault(what)))
            }
            EventKind::Inject { .. } | EventKind::Reconnect { .. } => {
                let place = enabled.iter().position(|other| other == what);
                place
                    .map(Some)
                    .ok_or_else(|| format!("{}, which cannot happen now", describe(what)))
            }
        }
    }

    /// Takes in a match, and returns the index of its event.
    fn take(&mut self, found: Match) -> usize {
        self.changed += usize::from(found.is_changed);
        found.choice
    }
}

/// A few texts, or `None` if there are none.
fn alternatives(texts: &[&str]) -> Option<String> {
    let mut words = texts[..texts.len().min(ALTERNATIVES_MAX)].join(", ");
    if texts.len() > ALTERNATIVES_MAX {
        words += &format!(" and {} more", texts.len() - ALTERNATIVES_MAX);
    }
    (!texts.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Violation;
    use crate::trace::{CopyKind, Engine, Fate, Header, Origin, SentMessage, SetTimer};
    use crate::{Address, FaultModel};

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
                    about: None,
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
        let nodes = vec![client(), server()];
        let model = FaultModel::default();
        let header = Header::new(Engine::Search, &Origin::default(), 0, model, nodes);
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
