//! A simulated run as a script: the recorded behaviour of its network and timers, applied to a new run
//! of changed code.
//!
//! Steps are matched with steps: a delivery in the trace with the delivery of the matching message, a
//! client's n-th command with its n-th command. The messages and timers of a step are matched with
//! those of the saved step, by text, or else by kind. The others are matched with the same text in any
//! step, in case the code now sends them in another step. Matched messages and timers are lost,
//! duplicated and delayed as recorded: if they are sent at the same time, they arrive at the same time,
//! but they never take longer than the network allows. A message that was lost because its link was cut is lost only
//! if the link is cut now. All others are new and handled at random.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter;

use super::matching::{Candidate, Fit, best, kind_of};
use super::{Difference, Replay, ReplayStatus, is_same};
use crate::Address;
use crate::trace::{
    Ending, EventKind, Fate, Forger, Incarnation, MessageId, Provenance, TimerId, Trace, hex,
};

/// How long after the end of the saved run its pending events take place.
const AFTER_THE_END_NS: u64 = 1_000_000;

/// The most copies of a message that the network makes. Further copies in a modified file are
/// ignored.
const COPIES_MAX: usize = 2;

/// The time of an arrival, and the index of the saved event it corresponds to, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at_ns: u64,
    pub(crate) event: Option<usize>,
}

/// A message that was sent in the saved run.
#[derive(Debug)]
struct Sent {
    to: Address,
    text: String,
    at_ns: u64,
    /// How many copies the network made of it.
    copies: usize,
    /// Whether it was lost because its link was cut.
    was_cut: bool,
    /// The latencies of copies, in nanoseconds, and the events in which they were handled or lost.
    arrivals: Vec<(u64, usize)>,
    /// The remaining events in which it was handled, the next one last.
    deliveries: Vec<usize>,
    is_taken: bool,
    tampering: SavedTampering,
}

/// What the network did to a message of the saved run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SavedTampering {
    /// Its bytes as it arrived, if they had changed.
    pub(crate) bytes: Option<Vec<u8>>,
    /// The sender that it named, if that was not its own.
    pub(crate) claims: Option<Address>,
}

impl SavedTampering {
    fn of(provenance: &Provenance, from: Address) -> Self {
        let is_spoofed = provenance.forged_by == Some(Forger::Network);
        Self {
            bytes: provenance.encoding.as_deref().and_then(hex::read),
            claims: is_spoofed.then_some(from),
        }
    }
}

/// A message that was forged in the saved run.
#[derive(Clone, Debug)]
pub(crate) struct SavedInjection {
    pub(crate) event: usize,
    pub(crate) at_ns: u64,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) bytes: Vec<u8>,
    pub(crate) replays: Option<MessageId>,
    /// Its place among the sent messages.
    place: usize,
    is_taken: bool,
}

impl Sent {
    /// A message that arrives once, and of which nothing else is known yet.
    fn new(to: Address, text: String, at_ns: u64) -> Self {
        Self {
            to,
            text,
            at_ns,
            copies: 1,
            was_cut: false,
            arrivals: Vec::new(),
            deliveries: Vec::new(),
            is_taken: false,
            tampering: SavedTampering::default(),
        }
    }

    /// Records that a copy arrives in this event, unless all copies have arrived.
    fn arrives(&mut self, at_ns: u64, event: usize) -> bool {
        let is_left = self.arrivals.len() < COPIES_MAX;
        if is_left {
            self.arrivals.push((at_ns.saturating_sub(self.at_ns), event));
        }
        is_left
    }
}

/// A timer that was set in the saved run.
#[derive(Debug)]
struct Set {
    text: String,
    at_ns: u64,
    /// The time until it fired, in nanoseconds, and the event in which it fired, if it did.
    fired: Option<(u64, usize)>,
    is_taken: bool,
}

/// The effects of one step of the saved run: indices of its messages and timers.
#[derive(Debug, Default)]
struct Step {
    sent: Vec<usize>,
    set: Vec<usize>,
}

/// The part of the saved run that the new run has not reached yet.
#[derive(Debug)]
pub(crate) struct Script {
    saved: Trace,
    sent: Vec<Sent>,
    set: Vec<Set>,
    injections: Vec<SavedInjection>,
    /// The chances at which Byzantine nodes misbehaved.
    misbehaviours: BTreeSet<(Address, u64)>,
    steps: Vec<Step>,
    /// Messages by sender, receiver and text, in the order of sending.
    by_text: BTreeMap<(Address, Address, String), Vec<usize>>,
    starts: BTreeMap<Address, usize>,
    restarts: BTreeMap<(Address, Incarnation), usize>,
    commands: BTreeMap<Address, Vec<usize>>,
    interventions: BTreeSet<usize>,
    /// The saved messages and timers that the new run's are matched with.
    messages: BTreeMap<MessageId, usize>,
    timers: BTreeMap<TimerId, usize>,
    /// The saved step that matches the current step, if there is one.
    step: Option<usize>,
    /// The texts of the current step's messages and timers, in order.
    texts: VecDeque<String>,
    /// How many of the saved steps have happened again.
    happened: usize,
    end_ns: u64,
}

impl Script {
    /// The script of a saved run. What was still pending at its end takes place after the last event, and after
    /// `fixed_end_ns` if the run was to end at that time whatever happened.
    pub(crate) fn new(saved: &Trace, fixed_end_ns: Option<u64>) -> Self {
        let mut script = Self {
            saved: saved.clone(),
            sent: Vec::new(),
            set: Vec::new(),
            injections: Vec::new(),
            misbehaviours: BTreeSet::new(),
            steps: Vec::new(),
            by_text: BTreeMap::new(),
            starts: BTreeMap::new(),
            restarts: BTreeMap::new(),
            commands: BTreeMap::new(),
            interventions: BTreeSet::new(),
            messages: BTreeMap::new(),
            timers: BTreeMap::new(),
            step: None,
            texts: VecDeque::new(),
            happened: 0,
            end_ns: 0,
        };
        let mut sent: BTreeMap<MessageId, usize> = BTreeMap::new();
        let mut set: BTreeMap<TimerId, usize> = BTreeMap::new();
        for (index, event) in saved.events.iter().enumerate() {
            let at_ns = event.time_ns.unwrap_or(script.end_ns);
            script.end_ns = script.end_ns.max(at_ns);
            match &event.what {
                EventKind::Start { node, .. } => {
                    script.starts.insert(*node, index);
                }
                EventKind::Restart { node, incarnation, .. } => {
                    script.restarts.insert((*node, *incarnation), index);
                }
                EventKind::Command { node, .. } => {
                    script.commands.entry(*node).or_default().push(index);
                }
                EventKind::Deliver { id, from, provenance, .. } => {
                    if let Some(&place) = sent.get(id)
                        && script.sent[place].arrives(at_ns, index)
                    {
                        script.sent[place].deliveries.insert(0, index);
                        script.sent[place].tampering = SavedTampering::of(provenance, *from);
                    }
                }
                EventKind::Lose { id, from, provenance, .. } => {
                    if let Some(&place) = sent.get(id) {
                        script.sent[place].arrives(at_ns, index);
                        script.sent[place].tampering = SavedTampering::of(provenance, *from);
                    }
                }
                EventKind::Inject {
                    by: Forger::Network, id, from, to, replays, encoding, ..
                } => {
                    let place = script.sent.len();
                    sent.insert(*id, place);
                    script.injections.push(SavedInjection {
                        event: index,
                        at_ns,
                        from: *from,
                        to: *to,
                        bytes: hex::read(encoding).unwrap_or_default(),
                        replays: *replays,
                        place,
                        is_taken: false,
                    });
                    // Nobody sends it, so no message of the new run is matched with it.
                    script
                        .sent
                        .push(Sent { is_taken: true, ..Sent::new(*to, String::new(), at_ns) });
                }
                EventKind::Fire { id, .. } => {
                    if let Some(&place) = set.get(id) {
                        let timer = &mut script.set[place];
                        timer.fired = Some((at_ns.saturating_sub(timer.at_ns), index));
                    }
                }
                EventKind::Return { .. }
                | EventKind::Crash { .. }
                | EventKind::Inject { by: Forger::Node(_), .. }
                | EventKind::Reconnect { .. }
                | EventKind::Network { .. }
                | EventKind::Stage { .. }
                | EventKind::Check { .. } => {}
            }
            let mut step = Step::default();
            for message in &event.sent {
                let place = script.sent.len();
                step.sent.push(place);
                sent.insert(message.id, place);
                if let Some(from) = event.what.node() {
                    let key = (from, message.to, message.message.clone());
                    script.by_text.entry(key).or_default().push(place);
                }
                if let (Some(node), Some(misbehaviour)) = (event.what.node(), &message.misbehaviour)
                {
                    script.misbehaviours.insert((node, misbehaviour.chance));
                }
                script.sent.push(Sent {
                    copies: match message.fate {
                        Fate::Once | Fate::Open => 1,
                        Fate::Twice => 2,
                        Fate::Dropped | Fate::Cut | Fate::Withheld => 0,
                    },
                    was_cut: message.fate == Fate::Cut,
                    ..Sent::new(message.to, message.message.clone(), at_ns)
                });
            }
            for timer in &event.timers {
                step.set.push(script.set.len());
                set.insert(timer.id, script.set.len());
                let text = timer.timer.clone();
                script.set.push(Set { text, at_ns, fired: None, is_taken: false });
            }
            script.steps.push(step);
        }
        script.end_ns = script.end_ns.max(fixed_end_ns.unwrap_or(0));
        script
    }

    /// The saved event that corresponds to this intervention; each is used once.
    pub(crate) fn intervene(&mut self, at_ns: u64, what: &EventKind) -> Option<usize> {
        let is_it = |&index: &usize| {
            let event = &self.saved.events[index];
            event.time_ns == Some(at_ns) && event.what.is_same_fault(what)
        };
        let found = (0..self.saved.events.len())
            .filter(is_it)
            .find(|index| !self.interventions.contains(index))?;
        self.interventions.insert(found);
        Some(found)
    }

    /// Called when a node starts.
    pub(crate) fn start(&mut self, node: Address) {
        self.begin(self.starts.get(&node).copied());
    }

    /// Called when an incarnation of a node starts after a crash.
    pub(crate) fn restart(&mut self, node: Address, incarnation: Incarnation) {
        self.begin(self.restarts.get(&(node, incarnation)).copied());
    }

    /// If the node crashed within the saved step that matches the current one: after how many effects.
    pub(crate) fn interrupted_after(&self) -> Option<u32> {
        self.saved.events[self.step?].interrupted_after
    }

    /// Called when a client gets its command with this index.
    pub(crate) fn give(&mut self, client: Address, index: u64) {
        self.begin(self.command(client, index));
    }

    /// The saved event in which a client got its command with this index.
    pub(crate) fn command(&self, client: Address, index: u64) -> Option<usize> {
        self.commands.get(&client)?.get(usize::try_from(index).ok()?).copied()
    }

    /// Called when a copy of this message of the new run is handled.
    pub(crate) fn deliver(&mut self, id: MessageId) {
        let place = self.messages.get(&id).copied();
        let event = place.and_then(|place| self.sent[place].deliveries.pop());
        self.begin(event);
    }

    /// Called when this timer of the new run fires.
    pub(crate) fn fire(&mut self, id: TimerId) {
        let place = self.timers.get(&id);
        self.begin(place.and_then(|&place| Some(self.set[place].fired?.1)));
    }

    fn begin(&mut self, step: Option<usize>) {
        self.step = step;
        self.happened += usize::from(step.is_some());
        self.texts.clear();
    }

    /// Sets the texts of the current step's messages and timers, in order.
    pub(crate) fn does(&mut self, texts: impl Iterator<Item = String>) {
        self.texts.extend(texts);
    }

    /// Takes the next text for this message. Returns when its copies arrive, or `None` if the message is
    /// new, or was sent over a cut link, so that the saved run does not say.
    pub(crate) fn sent(
        &mut self,
        id: MessageId,
        (from, to): (Address, Address),
        now_ns: u64,
    ) -> Option<Vec<Arrival>> {
        let text = self.texts.pop_front()?;
        let here = self.step.map_or(&[][..], |step| &self.steps[step].sent);
        let candidates: Vec<_> = here
            .iter()
            .map(|&place| (place, &self.sent[place]))
            .filter(|(_, sent)| !sent.is_taken && sent.to == to)
            .map(|(item, sent)| Candidate { item, text: &sent.text, fit: Fit::Free })
            .collect();
        let anywhere = || {
            let places = self.by_text.get(&(from, to, text.clone()))?;
            places.iter().copied().find(|&place| !self.sent[place].is_taken)
        };
        let place = best(&candidates, &text).map(|found| found.item).or_else(anywhere)?;
        self.messages.insert(id, place);
        self.sent[place].is_taken = true;
        if self.sent[place].was_cut {
            // The link may be whole by now: changed code may send the same message at another time.
            return None;
        }
        Some(self.arrivals(place, now_ns))
    }

    /// When the copies of a saved message arrive, if it is sent now.
    fn arrivals(&self, place: usize, now_ns: u64) -> Vec<Arrival> {
        let sent = &self.sent[place];
        let arrival =
            |(ns, event): (u64, Option<usize>)| Arrival { at_ns: now_ns.saturating_add(ns), event };
        let copies = sent.copies.max(sent.arrivals.len());
        let under_way_ns = self.end_ns.saturating_sub(sent.at_ns).saturating_add(AFTER_THE_END_NS);
        let known = sent.arrivals.iter().map(|&(ns, event)| (ns, Some(event)));
        known.chain(iter::repeat((under_way_ns, None))).take(copies).map(arrival).collect()
    }

    /// What the network did to the saved message with which this message of the new run is matched, if anything.
    pub(crate) fn tampering(&self, id: MessageId) -> Option<SavedTampering> {
        let tampering = &self.sent[*self.messages.get(&id)?].tampering;
        (*tampering != SavedTampering::default()).then(|| tampering.clone())
    }

    /// The forged messages: their indices, with their times and events.
    pub(crate) fn injections(&self) -> Vec<(usize, u64, usize)> {
        let all = self.injections.iter().enumerate();
        all.map(|(index, injection)| (index, injection.at_ns, injection.event)).collect()
    }

    /// The forged message with this index, unless it was taken before.
    pub(crate) fn take_injection(&mut self, index: usize) -> Option<SavedInjection> {
        let injection = self.injections.get_mut(index)?;
        let was_taken = std::mem::replace(&mut injection.is_taken, true);
        (!was_taken).then(|| injection.clone())
    }

    /// The event in which such a message was forged, if it was not taken before.
    pub(crate) fn take_injected(
        &mut self,
        from: Address,
        to: Address,
        bytes: &[u8],
    ) -> Option<usize> {
        let is_it = |injection: &&mut SavedInjection| {
            let ends = (injection.from, injection.to);
            !injection.is_taken && ends == (from, to) && injection.bytes == bytes
        };
        let injection = self.injections.iter_mut().find(is_it)?;
        injection.is_taken = true;
        Some(injection.event)
    }

    /// When the copies of a message arrive that was forged in this event of the saved run, and is forged now.
    pub(crate) fn arrivals_of_injected(
        &mut self,
        id: MessageId,
        event: Option<usize>,
        now_ns: u64,
    ) -> Option<Vec<Arrival>> {
        let event = event?;
        let place = self.injections.iter().find(|injection| injection.event == event)?.place;
        self.messages.insert(id, place);
        Some(self.arrivals(place, now_ns))
    }

    /// Whether a Byzantine node misbehaved at this chance.
    pub(crate) fn misbehaves(&self, node: Address, chance: u64) -> bool {
        self.misbehaviours.contains(&(node, chance))
    }

    /// Whether a node crashed right after the saved step that matches the current one.
    pub(crate) fn crashes_after_this(&self, node: Address) -> bool {
        let Some(step) = self.step else { return false };
        let after = &self.saved.events[step + 1..];
        let next = after.iter().find(|event| !matches!(event.what, EventKind::Return { .. }));
        next.is_some_and(|event| {
            event.time_ns == self.saved.events[step].time_ns
                && matches!(event.what, EventKind::Crash { node: crashed, .. } if crashed == node)
        })
    }

    /// Takes the next text for this timer, which must fire between these times. Returns when it fires, or
    /// `None` if the timer is new.
    pub(crate) fn set(
        &mut self,
        id: TimerId,
        now_ns: u64,
        (earliest_ns, latest_ns): (u64, u64),
    ) -> Option<Arrival> {
        let text = self.texts.pop_front()?;
        let here = &self.steps[self.step?].set;
        let candidates: Vec<_> = here
            .iter()
            .map(|&place| (place, &self.set[place]))
            .filter(|(_, set)| !set.is_taken)
            .map(|(item, set)| Candidate { item, text: &set.text, fit: Fit::Free })
            .collect();
        let place = best(&candidates, &text)?.item;
        self.timers.insert(id, place);
        let set = &mut self.set[place];
        set.is_taken = true;
        let until_the_end_ns = self.end_ns.saturating_sub(set.at_ns);
        let (ns, event) = match set.fired {
            Some((ns, event)) => (ns, Some(event)),
            None => (until_the_end_ns.saturating_add(AFTER_THE_END_NS), None),
        };
        let at_ns = now_ns.saturating_add(ns);
        // The timer's duration may have changed.
        Some(Arrival { at_ns: at_ns.clamp(earliest_ns, latest_ns), event })
    }

    /// The result of the replay.
    pub(crate) fn replay(self, now: Trace) -> Replay {
        let trace = Trace { header: self.saved.header.clone(), ..now };
        let difference = Difference::between(&self.saved, &trace);
        let verdict = match &trace.ending {
            Some(ending @ (Ending::Violated(_) | Ending::Failed { .. })) => {
                ReplayStatus::Reproduced {
                    ending: ending.clone(),
                    event: trace.events.len().checked_sub(1).filter(|_| difference.is_none()),
                    same: is_same(self.saved.ending.as_ref(), ending),
                }
            }
            _ => match gone(&self.saved, &trace) {
                Some((event, reason)) => ReplayStatus::NoLongerApplies { event, reason },
                None => ReplayStatus::Fixed {
                    happened: self.happened,
                    events: self.saved.events.iter().filter(|event| is_step(&event.what)).count(),
                },
            },
        };
        Replay { status: verdict, trace, changed: 0, difference }
    }
}

/// Whether the event is a step of a node.
fn is_step(what: &EventKind) -> bool {
    matches!(
        what,
        EventKind::Start { .. }
            | EventKind::Restart { .. }
            | EventKind::Deliver { .. }
            | EventKind::Fire { .. }
            | EventKind::Command { .. }
    )
}

/// Finds the first message of a kind that is no longer sent, if most deliveries were of such kinds.
fn gone(saved: &Trace, now: &Trace) -> Option<(usize, String)> {
    let sent: BTreeSet<(Address, Address, &str)> = now
        .events
        .iter()
        .filter_map(|event| Some((event.what.node()?, event)))
        .flat_map(|(node, event)| {
            event.sent.iter().map(move |sent| (node, sent.to, kind_of(&sent.message)))
        })
        .collect();
    let mut delivered = 0;
    let mut gone = Vec::new();
    for (index, event) in saved.events.iter().enumerate() {
        let EventKind::Deliver { node, from, message, provenance, .. } = &event.what else {
            continue;
        };
        if provenance.forged_by.is_some() || provenance.sent_as.is_some() {
            // It was not sent in the first place.
            continue;
        }
        delivered += 1;
        if !sent.contains(&(*from, *node, kind_of(message))) {
            gone.push((index, *from, *node, kind_of(message)));
        }
    }
    let &(index, from, to, kind) = gone.first().filter(|_| 2 * gone.len() > delivered)?;
    let reason = format!(
        "no `{kind}` from {from} to {to} is sent any more; of {delivered} deliveries, {} are of messages that \
         are not sent",
        gone.len()
    );
    Some((index, reason))
}
