//! The decisions of a run: which messages are lost, duplicated, delayed or tampered with, when timers fire, and when
//! Byzantine nodes misbehave.
//!
//! A run draws them from its seed. To leave something out of a run without changing the rest, a seed will not do: one
//! message less shifts every later draw. So the decisions can be kept as [deviations](Deviation) from what the network
//! does by default, each for the n-th message of its link, and a run can be made from a part of them.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::network::{Arrivals, Injected, LinkConditions, Replayed, Tampering};
use crate::Address;
use crate::random::Random;

/// A message, by its link and how many were sent on it before. This still means something if a run leaves out other
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NthMessage {
    /// The sender.
    pub from: Address,
    /// The receiver.
    pub to: Address,
    /// How many messages were sent on this link before, even if they were lost.
    pub before: u64,
}

/// A timer, by its node and how many it had set before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NthTimer {
    /// The node.
    pub node: Address,
    /// How many timers the node had set before.
    pub before: u64,
}

/// A Byzantine node's chance to misbehave: a message that its own code sends, or an event of a node that forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NthChance {
    /// The node.
    pub node: Address,
    /// How many chances the node had before.
    pub before: u64,
}

/// A decision that differs from the default one. By default, a message arrives once, after the shortest latency of its
/// link; a timer fires after a time that is drawn for this timer alone; and a Byzantine node behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deviation {
    /// The message is lost.
    Lost(NthMessage),
    /// A second copy of the message arrives after so many nanoseconds.
    Again(NthMessage, u64),
    /// The message takes so many nanoseconds.
    Delayed(NthMessage, u64),
    /// The timer fires after so many nanoseconds.
    Fires(NthTimer, u64),
    /// The message's bytes change, as this number says.
    Corrupted(NthMessage, u64),
    /// The message arrives in the name of this node.
    Spoofed(NthMessage, Address),
    /// With the message, an earlier one of the link arrives once more.
    Replayed(NthMessage, Replayed),
    /// With the message, a forged one arrives.
    Injected(NthMessage, Injected),
    /// The node misbehaves.
    Misbehaves(NthChance),
}

impl Deviation {
    /// The link of its message, and how many messages were sent on it before. `None` if it is about a timer or a chance to
    /// misbehave.
    #[must_use]
    pub fn place(&self) -> Option<NthMessage> {
        match *self {
            Self::Lost(message)
            | Self::Again(message, _)
            | Self::Delayed(message, _)
            | Self::Corrupted(message, _)
            | Self::Spoofed(message, _)
            | Self::Replayed(message, _)
            | Self::Injected(message, _) => Some(message),
            Self::Fires(..) | Self::Misbehaves(_) => None,
        }
    }

    /// The same for the message before which so many were sent on the link. A deviation
    /// of something else stays the same.
    #[must_use]
    pub fn moved(&self, before: u64) -> Self {
        let moved = |message: NthMessage| NthMessage { before, ..message };
        match *self {
            Self::Lost(message) => Self::Lost(moved(message)),
            Self::Again(message, ns) => Self::Again(moved(message), ns),
            Self::Delayed(message, ns) => Self::Delayed(moved(message), ns),
            Self::Corrupted(message, number) => Self::Corrupted(moved(message), number),
            Self::Spoofed(message, claims) => Self::Spoofed(moved(message), claims),
            Self::Replayed(message, replayed) => Self::Replayed(moved(message), replayed),
            Self::Injected(message, injected) => Self::Injected(moved(message), injected),
            Self::Fires(..) | Self::Misbehaves(_) => *self,
        }
    }
}

/// Deviations, at most one of each sort for a message or timer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Deviations {
    messages: BTreeMap<NthMessage, Decision>,
    timers: BTreeMap<NthTimer, u64>,
    chances: BTreeSet<NthChance>,
}

/// The deviations of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Decision {
    is_lost: bool,
    again_ns: Option<u64>,
    latency_ns: Option<u64>,
    tampering: Tampering,
}

impl Deviations {
    /// These deviations.
    fn new(deviations: &[Deviation]) -> Self {
        let mut all = Self::default();
        for deviation in deviations {
            match *deviation {
                Deviation::Lost(message) => all.message(message).is_lost = true,
                Deviation::Again(message, ns) => all.message(message).again_ns = Some(ns),
                Deviation::Delayed(message, ns) => all.message(message).latency_ns = Some(ns),
                Deviation::Fires(timer, ns) => {
                    all.timers.insert(timer, ns);
                }
                Deviation::Corrupted(message, number) => {
                    all.message(message).tampering.corrupted = Some(number);
                }
                Deviation::Spoofed(message, claims) => {
                    all.message(message).tampering.spoofed = Some(claims);
                }
                Deviation::Replayed(message, replayed) => {
                    all.message(message).tampering.replayed = Some(replayed);
                }
                Deviation::Injected(message, injected) => {
                    all.message(message).tampering.injected = Some(injected);
                }
                Deviation::Misbehaves(chance) => {
                    all.chances.insert(chance);
                }
            }
        }
        all
    }

    fn message(&mut self, message: NthMessage) -> &mut Decision {
        self.messages.entry(message).or_default()
    }
}

/// How a run makes its decisions.
#[derive(Debug)]
enum Mode {
    /// As its seed says. The deviations are kept.
    Keep(Vec<Deviation>),
    /// As the deviations say, and otherwise by default. Those that mattered are kept.
    Follow { deviations: Deviations, used: BTreeSet<Deviation> },
}

/// The decisions of a run that are kept or followed. An ordinary run has none: it draws and forgets.
#[derive(Debug)]
pub(super) struct Decisions {
    mode: Mode,
    seed: u64,
    /// How many messages were sent on each link. Used for lookups only; never iterated.
    sent: FxHashMap<(Address, Address), u64>,
    /// How many timers each node has set. Used for lookups only; never iterated.
    set: FxHashMap<Address, u64>,
}

impl Decisions {
    /// The decisions of a seed, to be kept.
    pub(super) fn keep(seed: u64) -> Self {
        Self::new(Mode::Keep(Vec::new()), seed)
    }

    /// The default decisions, but for these deviations.
    pub(super) fn follow(deviations: &[Deviation], seed: u64) -> Self {
        let deviations = Deviations::new(deviations);
        Self::new(Mode::Follow { deviations, used: BTreeSet::new() }, seed)
    }

    fn new(mode: Mode, seed: u64) -> Self {
        Self { mode, seed, sent: FxHashMap::default(), set: FxHashMap::default() }
    }

    /// Takes in that a message is sent, and returns which one of its link it is.
    pub(super) fn sent(&mut self, (from, to): (Address, Address)) -> NthMessage {
        let count = self.sent.entry((from, to)).or_default();
        *count += 1;
        NthMessage { from, to, before: *count - 1 }
    }

    /// Decides about a message on a link with these conditions. `draw` draws from the seed; `may_vary` says whether
    /// the message may be lost or duplicated.
    pub(super) fn message(
        &mut self,
        message: NthMessage,
        conditions: &LinkConditions,
        may_vary: bool,
        draw: impl FnOnce() -> Arrivals,
    ) -> Arrivals {
        let default = if may_vary && conditions.loses_everything() {
            Arrivals::None
        } else {
            Arrivals::One(conditions.latency.shortest_ns())
        };
        match &mut self.mode {
            Mode::Keep(kept) => {
                let drawn = draw();
                let mut delayed = |ns| {
                    if default != Arrivals::One(ns) {
                        kept.push(Deviation::Delayed(message, ns));
                    }
                };
                match drawn {
                    Arrivals::None if default == Arrivals::None => {}
                    Arrivals::None => kept.push(Deviation::Lost(message)),
                    Arrivals::One(ns) => delayed(ns),
                    Arrivals::Two(first_ns, second_ns) => {
                        delayed(first_ns);
                        kept.push(Deviation::Again(message, second_ns));
                    }
                }
                drawn
            }
            Mode::Follow { deviations, used } => {
                let decision = deviations.messages.get(&message).copied().unwrap_or_default();
                if may_vary && decision.is_lost {
                    used.insert(Deviation::Lost(message));
                    return Arrivals::None;
                }
                let latency_ns = match (decision.latency_ns, default) {
                    (Some(ns), _) => {
                        used.insert(Deviation::Delayed(message, ns));
                        ns
                    }
                    (None, Arrivals::One(ns)) => ns,
                    (None, _) => return default,
                };
                match decision.again_ns.filter(|_| may_vary) {
                    Some(again_ns) => {
                        used.insert(Deviation::Again(message, again_ns));
                        Arrivals::Two(latency_ns, again_ns)
                    }
                    None => Arrivals::One(latency_ns),
                }
            }
        }
    }

    /// Decides what a Byzantine network does to a message. `draw` draws from the seed.
    pub(super) fn tampering(
        &mut self,
        message: NthMessage,
        draw: impl FnOnce() -> Tampering,
    ) -> Tampering {
        match &mut self.mode {
            Mode::Keep(kept) => {
                let drawn = draw();
                kept.extend(tamperings(message, drawn));
                drawn
            }
            Mode::Follow { deviations, used } => {
                let decision = deviations.messages.get(&message).copied().unwrap_or_default();
                used.extend(tamperings(message, decision.tampering));
                decision.tampering
            }
        }
    }

    /// Decides whether a Byzantine node takes a chance to misbehave.
    pub(super) fn misbehaves(&mut self, chance: NthChance) -> bool {
        match &mut self.mode {
            Mode::Keep(kept) => {
                kept.push(Deviation::Misbehaves(chance));
                true
            }
            Mode::Follow { deviations, used } => {
                let is_taken = deviations.chances.contains(&chance);
                if is_taken {
                    used.insert(Deviation::Misbehaves(chance));
                }
                is_taken
            }
        }
    }

    /// Decides how long the next timer of a node takes, from `min_ns` to `max_ns` nanoseconds. `draw` draws from the
    /// seed.
    pub(super) fn timer(
        &mut self,
        node: Address,
        (min_ns, max_ns): (u64, u64),
        draw: impl FnOnce() -> u64,
    ) -> u64 {
        let count = self.set.entry(node).or_default();
        let timer = NthTimer { node, before: *count };
        *count += 1;
        if min_ns == max_ns {
            return min_ns;
        }
        match &mut self.mode {
            Mode::Keep(kept) => {
                let ns = draw();
                kept.push(Deviation::Fires(timer, ns));
                ns
            }
            Mode::Follow { deviations, used } => match deviations.timers.get(&timer) {
                Some(&ns) => {
                    used.insert(Deviation::Fires(timer, ns));
                    ns.clamp(min_ns, max_ns)
                }
                None => {
                    let mut random = Random::for_timer(self.seed, node, timer.before);
                    random.between(min_ns, max_ns)
                }
            },
        }
    }

    /// The deviations that occurred: all of a run that was drawn, or those of the followed ones that mattered.
    pub(super) fn occurred(self) -> Vec<Deviation> {
        match self.mode {
            Mode::Keep(kept) => kept,
            Mode::Follow { used, .. } => used.into_iter().collect(),
        }
    }
}

/// The deviations for what a Byzantine network does to a message.
fn tamperings(message: NthMessage, tampering: Tampering) -> impl Iterator<Item = Deviation> {
    let Tampering { corrupted, spoofed, replayed, injected } = tampering;
    let corrupted = corrupted.map(|number| Deviation::Corrupted(message, number));
    let spoofed = spoofed.map(|claims| Deviation::Spoofed(message, claims));
    let replayed = replayed.map(|replayed| Deviation::Replayed(message, replayed));
    let injected = injected.map(|injected| Deviation::Injected(message, injected));
    [corrupted, spoofed, replayed, injected].into_iter().flatten()
}
