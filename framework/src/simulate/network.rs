//! Link conditions: latency, loss and duplication, and what a Byzantine network does to messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::random::{Random, Rate};
use crate::{Address, FaultModel};

/// Latency of messages.
///
/// Most messages take a time drawn uniformly from a short range. Some are *slow*: they may take much
/// longer, so they arrive after messages that were sent long after them, when their receiver may have
/// moved on. Such late messages reveal protocols that only seem to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    min_ns: u64,
    max_ns: u64,
    slow: Rate,
    slowest_ns: u64,
}

impl Latency {
    /// Always this long.
    #[must_use]
    pub fn fixed(latency: Duration) -> Self {
        Self::between(latency, latency)
    }

    /// Uniformly from `min` to `max`.
    ///
    /// # Panics
    /// When `min > max`.
    #[must_use]
    pub fn between(min: Duration, max: Duration) -> Self {
        assert!(min <= max, "the shortest latency ({min:?}) is above the longest ({max:?})");
        Self { min_ns: ns(min), max_ns: ns(max), slow: Rate::NEVER, slowest_ns: ns(max) }
    }

    /// Lets this fraction of messages take up to `slowest`.
    ///
    /// # Panics
    /// When `slowest` is below the usual range.
    #[must_use]
    pub fn with_slow(self, slow: Rate, slowest: Duration) -> Self {
        assert!(ns(slowest) >= self.max_ns, "the slowest latency is below the usual ones");
        Self { slow, slowest_ns: ns(slowest), ..self }
    }

    /// The shortest latency, in nanoseconds.
    pub(super) fn shortest_ns(&self) -> u64 {
        self.min_ns
    }

    #[inline]
    fn draw(&self, random: &mut Random) -> u64 {
        if self.slow.draw(random) {
            self.draw_slow(random)
        } else {
            draw_between(random, self.min_ns, self.max_ns)
        }
    }

    fn draw_slow(&self, random: &mut Random) -> u64 {
        draw_between(random, self.min_ns, self.slowest_ns)
    }
}

/// A random number in the range. An empty choice draws nothing.
fn draw_between(random: &mut Random, min: u64, max: u64) -> u64 {
    if min == max { min } else { random.between(min, max) }
}

/// The conditions of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConditions {
    /// The fraction that is lost.
    pub drop: Rate,
    /// The fraction that arrives twice.
    pub duplicate: Rate,
    /// How long they take.
    pub latency: Latency,
    /// What a Byzantine network does to them.
    pub tampering: TamperingRates,
}

/// How often a Byzantine network tampers with the messages of a link. Each rate is a fraction of the messages that are
/// sent on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TamperingRates {
    /// Some bytes of the message change on its way. If it no longer decodes, it is lost.
    pub corrupt: Rate,
    /// The message arrives in the name of another node, which is neither its sender nor its receiver.
    pub spoof: Rate,
    /// A message that was sent on this link before arrives once more.
    pub replay: Rate,
    /// A message that nobody sent arrives as well: a changed copy of this one, in the name of any node but the receiver.
    pub inject: Rate,
}

impl TamperingRates {
    /// No message is tampered with.
    pub const NEVER: Self =
        Self { corrupt: Rate::NEVER, spoof: Rate::NEVER, replay: Rate::NEVER, inject: Rate::NEVER };

    #[inline]
    fn is_never(&self) -> bool {
        *self == Self::NEVER
    }
}

impl LinkConditions {
    /// Loses and duplicates nothing. Every message takes 1 to 10 ms, so messages still overtake each
    /// other.
    #[must_use]
    pub fn reliable() -> Self {
        let latency = Latency::between(Duration::from_millis(1), Duration::from_millis(10));
        Self {
            drop: Rate::NEVER,
            duplicate: Rate::NEVER,
            latency,
            tampering: TamperingRates::NEVER,
        }
    }

    /// Whether no message arrives.
    pub(super) fn loses_everything(&self) -> bool {
        self.drop.is_always()
    }

    /// Loses one message in five and duplicates one in five. Most take 1 to 10 ms, one in seven up to
    /// half a second, and second copies are slow.
    #[must_use]
    pub fn unreliable() -> Self {
        let reliable = Self::reliable();
        Self {
            drop: Rate::percent(20),
            duplicate: Rate::percent(20),
            latency: reliable.latency.with_slow(Rate::percent(15), Duration::from_millis(500)),
            ..reliable
        }
    }

    /// The same, tampered with at these rates.
    #[must_use]
    pub fn with_tampering(self, tampering: TamperingRates) -> Self {
        Self { tampering, ..self }
    }
}

impl LinkConditions {
    /// The same latency without loss, duplication and tampering.
    #[must_use]
    pub fn only_latency(self) -> Self {
        let tampering = TamperingRates::NEVER;
        Self { drop: Rate::NEVER, duplicate: Rate::NEVER, tampering, ..self }
    }
}

/// The conditions of every link of a system.
///
/// The most specific setting applies: the link's, or else the sender's, the receiver's, or the
/// network's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    everywhere: LinkConditions,
    senders: BTreeMap<Address, LinkConditions>,
    receivers: BTreeMap<Address, LinkConditions>,
    links: BTreeMap<(Address, Address), LinkConditions>,
}

impl Network {
    /// A network with these conditions on every link.
    #[must_use]
    pub fn with(everywhere: LinkConditions) -> Self {
        Self {
            everywhere,
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            links: BTreeMap::new(),
        }
    }

    /// See [`LinkConditions::reliable`].
    #[must_use]
    pub fn reliable() -> Self {
        Self::with(LinkConditions::reliable())
    }

    /// See [`LinkConditions::unreliable`].
    #[must_use]
    pub fn unreliable() -> Self {
        Self::with(LinkConditions::unreliable())
    }

    /// Sets the conditions of all links from `sender`.
    #[must_use]
    pub fn sender(mut self, sender: Address, conditions: LinkConditions) -> Self {
        self.senders.insert(sender, conditions);
        self
    }

    /// Sets the conditions of all links to `receiver`.
    #[must_use]
    pub fn receiver(mut self, receiver: Address, conditions: LinkConditions) -> Self {
        self.receivers.insert(receiver, conditions);
        self
    }

    /// Sets the conditions of the link from `from` to `to`.
    #[must_use]
    pub fn link(mut self, from: Address, to: Address, conditions: LinkConditions) -> Self {
        self.links.insert((from, to), conditions);
        self
    }

    /// The network without the settings for these nodes.
    #[must_use]
    pub(super) fn without(mut self, nodes: &BTreeSet<Address>) -> Self {
        self.senders.retain(|sender, _| !nodes.contains(sender));
        self.receivers.retain(|receiver, _| !nodes.contains(receiver));
        self.links.retain(|(from, to), _| !nodes.contains(from) && !nodes.contains(to));
        self
    }

    /// The addresses that it has settings for.
    pub(super) fn names(&self) -> impl Iterator<Item = Address> {
        let links = self.links.keys().flat_map(|&(from, to)| [from, to]);
        self.senders.keys().chain(self.receivers.keys()).copied().chain(links)
    }

    /// All conditions that it has.
    fn all(&self) -> impl Iterator<Item = &LinkConditions> {
        let some = self.senders.values().chain(self.receivers.values()).chain(self.links.values());
        some.chain([&self.everywhere])
    }

    /// A lower bound on the latency of any message.
    pub(super) fn shortest_latency_ns(&self) -> u64 {
        self.all().map(|conditions| conditions.latency.min_ns).min().unwrap_or(0)
    }

    /// A fault that it has on some link and the model does not allow, in words.
    pub(super) fn fault_beyond(&self, model: FaultModel) -> Option<&'static str> {
        let loses = self.all().any(|conditions| conditions.drop > Rate::NEVER);
        let duplicates = self.all().any(|conditions| conditions.duplicate > Rate::NEVER);
        if loses && !model.may_lose() {
            return Some("the network loses messages");
        }
        if duplicates && !model.may_duplicate() {
            return Some("the network duplicates messages");
        }
        let tampers = |rate: fn(&TamperingRates) -> Rate| {
            self.all().any(|conditions| rate(&conditions.tampering) > Rate::NEVER)
        };
        if tampers(|it| it.corrupt) && !model.may_corrupt() {
            return Some("the network corrupts messages");
        }
        if tampers(|it| it.spoof) && !model.may_forge() {
            return Some("the network names other senders");
        }
        if tampers(|it| it.replay) && !model.may_replay() {
            return Some("the network sends earlier messages again");
        }
        (tampers(|it| it.inject) && !model.may_forge()).then_some("the network forges messages")
    }

    /// The conditions of one link.
    #[must_use]
    #[inline]
    pub fn link_conditions(&self, from: Address, to: Address) -> &LinkConditions {
        // Fast in the usual case without special settings.
        let link = (!self.links.is_empty()).then(|| self.links.get(&(from, to))).flatten();
        let sender = || (!self.senders.is_empty()).then(|| self.senders.get(&from)).flatten();
        let receiver = || (!self.receivers.is_empty()).then(|| self.receivers.get(&to)).flatten();
        link.or_else(sender).or_else(receiver).unwrap_or(&self.everywhere)
    }
}

/// When the copies of one message arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrivals {
    None,
    One(u64),
    Two(u64, u64),
}

impl Arrivals {
    /// Draws the arrivals of a message on an unreliable network: latencies in nanoseconds.
    #[inline]
    pub(super) fn draw(conditions: &LinkConditions, random: &mut Random) -> Self {
        if conditions.drop.draw(random) {
            return Self::None;
        }
        let first = conditions.latency.draw(random);
        if conditions.duplicate.draw(random) {
            Self::Two(first, conditions.latency.draw_slow(random))
        } else {
            Self::One(first)
        }
    }

    /// Draws only the latency, for a reliable network.
    pub(super) fn draw_reliable(conditions: &LinkConditions, random: &mut Random) -> u64 {
        conditions.latency.draw(random)
    }
}

/// What a Byzantine network does to one message, and when it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tampering {
    /// The number that says how its bytes change.
    pub(super) corrupted: Option<u64>,
    /// In whose name it arrives.
    pub(super) spoofed: Option<Address>,
    /// An earlier message of the link arrives once more.
    pub(super) replayed: Option<Replayed>,
    /// A forged message arrives.
    pub(super) injected: Option<Injected>,
}

/// An earlier message that arrives once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Replayed {
    /// How many messages of the link lie between, with itself.
    pub back: u64,
    /// It takes so many nanoseconds.
    pub latency_ns: u64,
}

/// A message that nobody sent: a changed copy of one that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Injected {
    /// The sender that it claims to have.
    pub claims: Address,
    /// The number that says how the bytes change.
    pub number: u64,
    /// It takes so many nanoseconds.
    pub latency_ns: u64,
}

impl Tampering {
    /// Draws what happens to a message on a link with these conditions, on which so many earlier messages are known.
    /// `others` are the nodes that are not its receiver.
    #[inline]
    pub(super) fn draw(
        conditions: &LinkConditions,
        random: &mut Random,
        known: u64,
        from: Address,
        others: impl FnOnce() -> Vec<Address>,
    ) -> Self {
        if conditions.tampering.is_never() {
            return Self::default();
        }
        Self::draw_some(conditions, random, known, from, &others())
    }

    fn draw_some(
        conditions: &LinkConditions,
        random: &mut Random,
        known: u64,
        from: Address,
        others: &[Address],
    ) -> Self {
        let TamperingRates { corrupt, spoof, replay, inject } = conditions.tampering;
        let corrupted = corrupt.draw(random).then(|| random.bits());
        let names: Vec<Address> = others.iter().copied().filter(|name| *name != from).collect();
        let spoofed = (spoof.draw(random) && !names.is_empty()).then(|| *random.pick(&names));
        let replayed = (replay.draw(random) && known > 0).then(|| Replayed {
            back: random.between(1, known),
            latency_ns: conditions.latency.draw(random),
        });
        let injected = (inject.draw(random) && !others.is_empty()).then(|| Injected {
            claims: *random.pick(others),
            number: random.bits(),
            latency_ns: conditions.latency.draw(random),
        });
        Self { corrupted, spoofed, replayed, injected }
    }
}

/// A duration in nanoseconds, at most five centuries.
pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
