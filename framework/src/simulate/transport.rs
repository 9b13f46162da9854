//! What happens to a message between its sending and its handling: whether it is lost, how many copies of it
//! arrive, and when; and what becomes of a copy that arrives.

use super::decisions::{Decisions, NthMessage};
use super::event_queue::{InFlight, ScheduledEvent};
use super::links::Links;
use super::network::{Arrivals, Network};
use super::nodes::Nodes;
use super::schedule::{Schedule, Task};
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
}

/// A message that is sent, by the slots of its ends.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: &'a [u8],
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
        }
    }

    /// Gives a message to the network. Returns its number, and the network's decision.
    #[inline]
    pub(super) fn send(
        &mut self,
        sending: Sending<'_>,
        mut around: Around<'_>,
    ) -> (MessageId, Fate) {
        let ends = (around.nodes.address(sending.from), around.nodes.address(sending.to));
        let now_ns = around.schedule.now_ns;
        self.messages_ever += 1;
        let id = self.messages_ever;
        self.count(ends, sending.bytes.len() as u64, now_ns);
        let saved = around.script.as_mut().and_then(|script| script.sent(id, ends, now_ns));
        let fate = match saved {
            Some(arrivals) => self.send_as_saved(sending, id, ends, arrivals, &mut around),
            None => self.send_by_decision(sending, id, ends, &mut around),
        };
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
        let message = keep(sending, id, arrivals.len() as u8, around);
        for arrival in &arrivals {
            let arrives = ScheduledEvent::Arrival(message);
            around.schedule.plan(arrival.at_ns, arrival.event, arrives);
        }
        if arrivals.len() == 1 { Fate::Once } else { Fate::Twice }
    }

    /// What becomes of a copy that arrives now.
    #[inline]
    pub(super) fn arrives(&mut self, message: InFlight, nodes: &Nodes) -> Passage {
        let (from, to) = (nodes.address(message.from()), nodes.address(message.to()));
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
        let (from, to) = (nodes.address(message.from()), nodes.address(message.to()));
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

    pub(super) fn drop_next(&mut self, from: Address, to: Address, count: u32) {
        self.links.drop_next(from, to, count);
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
    InFlight::new(ends, (from.incarnation(), to.incarnation()), message, id)
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
