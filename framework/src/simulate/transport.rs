//! What happens to a message between its sending and its handling: whether it is lost, how many copies of it
//! arrive, and when; and what becomes of a copy that arrives. What a Byzantine network does besides is in `tampering.rs`.

use std::num::NonZeroU32;

use super::decisions::{Decisions, NthMessage};
use super::event_queue::{InFlight, ScheduledEvent};
use super::links::{Links, Tamper};
use super::network::{Arrivals, Network, Tampering};
use super::nodes::Nodes;
use super::schedule::{Schedule, Task};
use super::tampering::{Forged, Tampered};
use crate::property::Traffic;
use crate::random::{Random, Stream};
use crate::trace::replay::{Arrival, Script};
use crate::trace::{Fate, MessageId};
use crate::{Address, FaultModel};

/// The messages of a run.
pub(super) struct Transport {
    model: FaultModel,
    pub(super) network: Network,
    links: Links,
    random: Random,
    pub(super) traffic: Traffic,
    messages_ever: MessageId,
    pub(super) tampered: Tampered,
}

/// A message that is sent, by the slots of its ends.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: &'a [u8],
    /// If it is not what it seems: which of the run's tampered messages it is.
    pub(super) tampered: Option<NonZeroU32>,
}

/// The rest of the run, as far as messages need it.
pub(super) struct Around<'r> {
    pub(super) nodes: &'r mut Nodes,
    pub(super) schedule: &'r mut Schedule,
    /// When following a saved run: its network.
    pub(super) script: Option<&'r mut Script>,
    /// When decisions are kept or followed.
    pub(super) decisions: Option<&'r mut Decisions>,
}

/// What becomes of a copy that arrives.
pub(super) enum Passage {
    Handled,
    /// Its link is held.
    Held,
    /// It is lost, for this reason.
    Lost(&'static str),
}

impl Transport {
    pub(super) fn new(model: FaultModel, network: Network, seed: u64) -> Self {
        Self {
            model,
            network,
            links: Links::default(),
            random: Random::new(seed, Stream::Network),
            traffic: Traffic::default(),
            messages_ever: 0,
            tampered: Tampered::new(model.may_replay()),
        }
    }

    /// The number of the next message, which takes it.
    pub(super) fn next_id(&mut self) -> MessageId {
        self.messages_ever += 1;
        self.messages_ever
    }

    /// Gives a message to the network. Returns its number, and the network's decision.
    #[inline]
    pub(super) fn send(
        &mut self,
        sending: Sending<'_>,
        mut around: Around<'_>,
    ) -> (MessageId, Fate) {
        let ends = (around.nodes.identity(sending.from), around.nodes.identity(sending.to));
        let now_ns = around.schedule.now_ns;
        let id = self.next_id();
        self.count(ends, sending.bytes.len() as u64, now_ns);
        let saved = around.script.as_mut().and_then(|script| script.sent(id, ends, now_ns));
        let fate = match saved {
            Some(arrivals) => self.send_as_saved(sending, id, ends, arrivals, &mut around),
            None => self.send_by_decision(sending, id, ends, &mut around),
        };
        self.tampered.remember(ends, id, sending.bytes);
        (id, fate)
    }

    #[inline]
    fn count(&mut self, ends: (Address, Address), bytes: u64, now_ns: u64) {
        self.traffic.sent += 1;
        self.traffic.last_sent_ns = now_ns;
        if bytes > self.traffic.message_bytes_max {
            self.traffic.message_bytes_max = bytes;
            self.traffic.largest = Some(ends);
        }
    }

    /// Schedules a message's arrival as the seed decides, or the list of decisions.
    #[inline]
    fn send_by_decision(
        &mut self,
        sending: Sending<'_>,
        id: MessageId,
        (from, to): (Address, Address),
        around: &mut Around<'_>,
    ) -> Fate {
        let nth = around.decisions.as_mut().map(|decisions| decisions.sent((from, to)));
        let may_reorder = self.model.may_reorder();
        if sending.from == sending.to || !may_reorder {
            // A message to the node itself does not cross the network.
            let latency_ns = self.decide_latency((from, to), nth, around);
            if may_reorder {
                arrive(sending, id, &[latency_ns], around);
            } else {
                send_in_order(sending, id, latency_ns, around);
            }
            Fate::Once
        } else if self.links.is_cut(from, to) {
            Fate::Cut
        } else if self.links.takes_drop(from, to) {
            Fate::Dropped
        } else {
            let conditions = self.network.link_conditions(from, to);
            let mut draw = || Arrivals::draw(conditions, &mut self.random);
            let arrivals = match (&mut around.decisions, nth) {
                (Some(decisions), Some(nth)) => decisions.message(nth, conditions, true, draw),
                _ => draw(),
            };
            if self.model.may_corrupt() || self.model.may_forge() {
                return self.send_tampered((sending, id), (from, to), nth, arrivals, around);
            }
            arrive_if_sent(sending, id, arrivals, around)
        }
    }

    /// Schedules the arrivals of a message with which a Byzantine network may tamper.
    #[cold]
    fn send_tampered(
        &mut self,
        (sending, id): (Sending<'_>, MessageId),
        ends: (Address, Address),
        nth: Option<NthMessage>,
        arrivals: Arrivals,
        around: &mut Around<'_>,
    ) -> Fate {
        let mut bytes = Vec::new();
        let sending = self.tamper((sending, &mut bytes), ends, nth, around);
        arrive_if_sent(sending, id, arrivals, around)
    }

    /// Draws what a Byzantine network does to a message, or takes it from the list of decisions. Returns the message as it
    /// arrives.
    fn tamper<'a>(
        &mut self,
        (sending, bytes): (Sending<'a>, &'a mut Vec<u8>),
        ends: (Address, Address),
        nth: Option<NthMessage>,
        around: &mut Around<'_>,
    ) -> Sending<'a> {
        if let Some(tamper) = self.links.takes_tamper(ends.0, ends.1) {
            return self.tamper_as_told((sending, bytes), ends, tamper, around);
        }
        let conditions = self.network.link_conditions(ends.0, ends.1);
        let known = self.tampered.known(ends);
        let nodes = &around.nodes;
        let others = || nodes.identities().filter(|node| *node != ends.1).collect::<Vec<_>>();
        let mut draw = || Tampering::draw(conditions, &mut self.random, known, ends.0, others);
        let tampering = match (&mut around.decisions, nth) {
            (Some(decisions), Some(nth)) => decisions.tampering(nth, draw),
            _ => draw(),
        };
        if tampering == Tampering::default() {
            return sending;
        }
        self.tampered.forge(tampering, sending, ends, around.nodes);
        self.tampered.change((sending, bytes), tampering, around.nodes)
    }

    /// What a test does to a message. Returns the message as it arrives.
    fn tamper_as_told<'a>(
        &mut self,
        (sending, bytes): (Sending<'a>, &'a mut Vec<u8>),
        ends: (Address, Address),
        tamper: Tamper,
        around: &mut Around<'_>,
    ) -> Sending<'a> {
        match tamper {
            Tamper::Corrupt(change) => self.tampered.corrupt((sending, bytes), ends, &change),
            Tamper::Spoof(claims) => {
                let spoofed = Tampering { spoofed: Some(claims), ..Tampering::default() };
                self.tampered.change((sending, bytes), spoofed, around.nodes)
            }
        }
    }

    /// Schedules the arrival of a message that nobody sent, and returns its number.
    pub(super) fn inject(&mut self, forged: Forged, around: &mut Around<'_>) -> MessageId {
        let id = self.next_id();
        let tampered = Some(self.tampered.forged_by_network());
        let sending = Sending { from: forged.from, to: forged.to, bytes: &forged.bytes, tampered };
        let now_ns = around.schedule.now_ns;
        let script = around.script.as_mut();
        match script.and_then(|script| script.arrivals_of_injected(id, forged.saved, now_ns)) {
            Some(arrivals) => plan(sending, id, &arrivals, around),
            None => arrive(sending, id, &[forged.latency_ns], around),
        }
        id
    }

    /// The latency of a message that arrives exactly once.
    #[inline]
    fn decide_latency(
        &mut self,
        (from, to): (Address, Address),
        nth: Option<NthMessage>,
        around: &mut Around<'_>,
    ) -> u64 {
        let conditions = self.network.link_conditions(from, to);
        let mut draw = || Arrivals::draw_reliable(conditions, &mut self.random);
        let (Some(decisions), Some(nth)) = (&mut around.decisions, nth) else { return draw() };
        match decisions.message(nth, conditions, false, || Arrivals::One(draw())) {
            Arrivals::One(latency_ns) | Arrivals::Two(latency_ns, _) => latency_ns,
            Arrivals::None => conditions.latency.shortest_ns(),
        }
    }

    /// Schedules a message's arrival as in a saved run, as far as the links allow it.
    fn send_as_saved(
        &mut self,
        sending: Sending<'_>,
        id: MessageId,
        (from, to): (Address, Address),
        mut arrivals: Vec<Arrival>,
        around: &mut Around<'_>,
    ) -> Fate {
        let is_to_itself = sending.from == sending.to;
        if is_to_itself || !self.model.may_reorder() {
            // A message that was lost then but cannot be lost now is treated as new.
            let Some(first) = arrivals.first_mut() else {
                return self.send_by_decision(sending, id, (from, to), around);
            };
            if !self.model.may_reorder() {
                let last_ns = around.nodes.get_mut(sending.to).last_arrival_ns(sending.from);
                *last_ns = first.at_ns.max(*last_ns);
                first.at_ns = *last_ns;
            }
            arrivals.truncate(1);
        } else if self.links.is_cut(from, to) {
            return Fate::Cut;
        } else if self.links.takes_drop(from, to) || arrivals.is_empty() {
            return Fate::Dropped;
        }
        let mut bytes = Vec::new();
        let sending = match self.links.takes_tamper(from, to) {
            Some(tamper) => self.tamper_as_told((sending, &mut bytes), (from, to), tamper, around),
            None => {
                let saved = around.script.as_ref().and_then(|script| script.tampering(id));
                match saved {
                    Some(saved) => {
                        self.tampered.as_saved((sending, &mut bytes), saved, around.nodes)
                    }
                    None => sending,
                }
            }
        };
        plan(sending, id, &arrivals, around);
        if arrivals.len() == 1 { Fate::Once } else { Fate::Twice }
    }

    /// The conditions of one link.
    pub(super) fn shortest_latency_ns(&self, from: Address, to: Address) -> u64 {
        self.network.link_conditions(from, to).latency.shortest_ns()
    }

    /// What becomes of a copy that arrives now.
    #[inline]
    pub(super) fn arrives(&mut self, message: InFlight, nodes: &Nodes) -> Passage {
        let (from, to) = (nodes.identity(message.from()), nodes.identity(message.to()));
        if nodes.get(message.to()).running().is_none() {
            return Passage::Lost("its receiver has crashed");
        }
        if self.links.are_all_normal() {
            return Passage::Handled;
        }
        let cut = self.links.is_cut(from, to);
        if self.links.is_held(from, to) || (cut && !self.model.may_lose()) {
            self.links.hold_message(from, to, message);
            return Passage::Held;
        }
        if cut { Passage::Lost("its link is cut") } else { Passage::Handled }
    }

    /// Whether a message would be handled if it arrived now.
    pub(super) fn would_pass(&self, message: InFlight, nodes: &Nodes) -> bool {
        let (from, to) = (nodes.identity(message.from()), nodes.identity(message.to()));
        nodes.get(message.to()).running().is_some()
            && !self.links.is_held(from, to)
            && !self.links.is_cut(from, to)
    }

    pub(super) fn cut(&mut self, from: Address, to: Address) {
        self.links.cut(from, to);
    }

    pub(super) fn hold(&mut self, from: Address, to: Address) {
        self.links.hold(from, to);
    }

    pub(super) fn tamper_next(&mut self, from: Address, to: Address, tamper: Tamper) {
        self.links.tamper_next(from, to, tamper);
    }

    pub(super) fn drop_next(&mut self, from: Address, to: Address, count: u32) {
        self.links.drop_next(from, to, count);
    }

    /// From now on, loses, duplicates and changes nothing, unless a link is cut.
    pub(super) fn calm(&mut self) {
        self.network = Network::reliable();
        self.links.forget_faults();
    }

    /// Restores a link. The messages held at it arrive at once.
    pub(super) fn repair(&mut self, from: Address, to: Address, schedule: &mut Schedule) {
        schedule.ready.extend(self.links.repair(from, to).into_iter().map(Task::Handle));
    }

    /// Restores all links. The messages held at them arrive at once, link by link.
    pub(super) fn heal(&mut self, schedule: &mut Schedule) {
        schedule.ready.extend(self.links.heal().into_iter().map(Task::Handle));
    }
}

/// Keeps a message of which this many copies will arrive.
#[inline]
fn keep(sending: Sending<'_>, id: MessageId, copies: u8, around: &mut Around<'_>) -> InFlight {
    let message = around.schedule.buffers.keep(sending.bytes, copies);
    let (from, to) = (around.nodes.get(sending.from), around.nodes.get(sending.to));
    let ends = (sending.from, sending.to);
    let mut message = InFlight::new(ends, (from.incarnation(), to.incarnation()), message, id);
    message.tampered = sending.tampered;
    message
}

/// Schedules the arrivals of a message's copies as in a saved run.
fn plan(sending: Sending<'_>, id: MessageId, arrivals: &[Arrival], around: &mut Around<'_>) {
    let message = keep(sending, id, arrivals.len() as u8, around);
    for arrival in arrivals {
        around.schedule.plan(arrival.at_ns, arrival.event, ScheduledEvent::Arrival(message));
    }
}

/// Schedules the arrivals that the network has decided on, and returns what becomes of the message.
#[inline]
fn arrive_if_sent(
    sending: Sending<'_>,
    id: MessageId,
    arrivals: Arrivals,
    around: &mut Around<'_>,
) -> Fate {
    match arrivals {
        Arrivals::None => Fate::Dropped,
        Arrivals::One(latency_ns) => {
            arrive(sending, id, &[latency_ns], around);
            Fate::Once
        }
        Arrivals::Two(first_ns, second_ns) => {
            arrive(sending, id, &[first_ns, second_ns], around);
            Fate::Twice
        }
    }
}

/// Schedules the arrivals of a message's copies.
#[inline]
fn arrive(sending: Sending<'_>, id: MessageId, latencies_ns: &[u64], around: &mut Around<'_>) {
    let message = keep(sending, id, latencies_ns.len() as u8, around);
    for &latency_ns in latencies_ns {
        let at_ns = around.schedule.after(latency_ns);
        around.schedule.queue.schedule(at_ns, ScheduledEvent::Arrival(message));
    }
}

/// Schedules a message after all earlier ones on the same link.
fn send_in_order(sending: Sending<'_>, id: MessageId, latency_ns: u64, around: &mut Around<'_>) {
    let earliest_ns = around.schedule.after(latency_ns);
    let last_ns = around.nodes.get_mut(sending.to).last_arrival_ns(sending.from);
    // Events at equal times keep the order in which they were scheduled.
    let at_ns = earliest_ns.max(*last_ns);
    *last_ns = at_ns;
    let message = keep(sending, id, 1, around);
    around.schedule.queue.schedule(at_ns, ScheduledEvent::Arrival(message));
}
