//! What a Byzantine network does to messages: it changes their bytes, puts another sender's name on them, sends earlier ones
//! again, and invents some. Here is what it must know for that, and which messages in flight are not what they seem.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;

use super::event_queue::InFlight;
use super::network::Tampering;
use super::nodes::Nodes;
use super::transport::Sending;
use crate::Address;
use crate::byzantine::Change;
use crate::random::mix;
use crate::trace::replay::SavedTampering;
use crate::trace::{Forger, MessageId};

/// How many messages of a link the network remembers, to send them again.
const REMEMBERED_MAX: usize = 32;

/// The tampered messages of a run, and what the network needs to tamper with more.
#[derive(Debug)]
pub(super) struct Tampered {
    /// What is not plain about the messages that were tampered with. A message in flight has the place of its own, from 1.
    messages: Vec<Unlike>,
    /// Whether messages are remembered.
    remembers: bool,
    /// The last messages that were sent on each link, the newest first.
    sent: BTreeMap<(Address, Address), VecDeque<Remembered>>,
    /// The messages that are forged with the present step.
    forged: Vec<Forged>,
    /// How many changes a test has made.
    told: u64,
}

/// A message that was sent: its number, and its bytes.
type Remembered = (MessageId, Vec<u8>);

/// What is not plain about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unlike {
    /// Its bytes when it was sent, if they have changed.
    pub(super) sent_as: Option<Vec<u8>>,
    /// Who put another name on it, if it is not its sender's.
    pub(super) forged_by: Option<Forger>,
}

/// A message that nobody sent, before it is given to the network.
#[derive(Clone, Debug)]
pub(super) struct Forged {
    /// The slot of the sender that it names.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) latency_ns: u64,
    pub(super) replays: Option<MessageId>,
    /// When following a saved run: the index of the event in which it was forged.
    pub(super) saved: Option<usize>,
}

impl Tampered {
    pub(super) fn new(remembers: bool) -> Self {
        Self { messages: Vec::new(), remembers, sent: BTreeMap::new(), forged: Vec::new(), told: 0 }
    }

    /// What is not plain about a message, if anything.
    pub(super) fn unlike(&self, message: InFlight) -> Option<&Unlike> {
        self.messages.get(message.tampered?.get() as usize - 1)
    }

    fn add(&mut self, unlike: Unlike) -> NonZeroU32 {
        self.messages.push(unlike);
        let count = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        NonZeroU32::new(count).unwrap_or(NonZeroU32::MAX)
    }

    /// The mark of a message that the network has invented.
    pub(super) fn forged_by_network(&mut self) -> NonZeroU32 {
        self.add(Unlike { forged_by: Some(Forger::Network), ..Unlike::default() })
    }

    /// The mark of a message that a Byzantine node sends in the name of another one.
    pub(super) fn forged_by_node(&mut self, node: Address) -> NonZeroU32 {
        self.add(Unlike { forged_by: Some(Forger::Node(node)), ..Unlike::default() })
    }

    /// The mark of another message that a Byzantine node sends because it misbehaves.
    pub(super) fn by_byzantine_node(&mut self) -> NonZeroU32 {
        self.add(Unlike::default())
    }

    /// Takes in that a message was sent.
    #[inline]
    pub(super) fn remember(&mut self, ends: (Address, Address), id: MessageId, bytes: &[u8]) {
        if self.remembers {
            let sent = self.sent.entry(ends).or_default();
            sent.truncate(REMEMBERED_MAX - 1);
            sent.push_front((id, bytes.to_vec()));
        }
    }

    /// How many earlier messages of a link are known.
    pub(super) fn known(&self, ends: (Address, Address)) -> u64 {
        self.sent.get(&ends).map_or(0, |sent| sent.len() as u64)
    }

    /// The message of a link that was sent so many messages ago, counted from 1.
    pub(super) fn earlier(&self, ends: (Address, Address), back: u64) -> Option<&Remembered> {
        let place = usize::try_from(back.checked_sub(1)?).ok()?;
        self.sent.get(&ends)?.get(place)
    }

    /// Plans the messages that are forged together with one that is being sent.
    pub(super) fn forge(
        &mut self,
        tampering: Tampering,
        sending: Sending<'_>,
        ends: (Address, Address),
        nodes: &Nodes,
    ) {
        let (from, to) = (sending.from, sending.to);
        if let Some(replayed) = tampering.replayed
            && let Some((id, bytes)) = self.earlier(ends, replayed.back).cloned()
        {
            let (latency_ns, replays) = (replayed.latency_ns, Some(id));
            self.forged.push(Forged { from, to, bytes, latency_ns, replays, saved: None });
        }
        if let Some(injected) = tampering.injected
            && let Some(from) = nodes.slot_of(injected.claims)
        {
            // In another sender's name, the message as it is may be a lie already.
            let changed = Change::nearby().apply(sending.bytes, injected.number);
            let bytes = changed.unwrap_or_else(|| sending.bytes.to_vec());
            let latency_ns = injected.latency_ns;
            self.forged.push(Forged { from, to, bytes, latency_ns, replays: None, saved: None });
        }
    }

    /// Takes the messages that are forged with the present step.
    pub(super) fn take_forged(&mut self) -> Vec<Forged> {
        std::mem::take(&mut self.forged)
    }

    /// Whether messages are forged with the present step.
    #[inline]
    pub(super) fn is_forging(&self) -> bool {
        !self.forged.is_empty()
    }

    /// The message as it arrives: with other bytes, or another sender. `bytes` is where the other bytes are kept.
    pub(super) fn change<'a>(
        &mut self,
        (sending, bytes): (Sending<'a>, &'a mut Vec<u8>),
        tampering: Tampering,
        nodes: &Nodes,
    ) -> Sending<'a> {
        let changed =
            tampering.corrupted.and_then(|number| Change::bytes().apply(sending.bytes, number));
        let claimed = tampering.spoofed.and_then(|claims| nodes.slot_of(claims));
        self.arriving((sending, bytes), changed, claimed)
    }

    /// The message as it arrives after a change that a test asked for.
    pub(super) fn corrupt<'a>(
        &mut self,
        (sending, bytes): (Sending<'a>, &'a mut Vec<u8>),
        (from, to): (Address, Address),
        change: &Change,
    ) -> Sending<'a> {
        self.told += 1;
        let link = from.as_str().bytes().chain(to.as_str().bytes());
        let number = link.fold(self.told, |number, byte| mix(number ^ u64::from(byte)));
        let changed = change.apply(sending.bytes, number);
        self.arriving((sending, bytes), changed, None)
    }

    /// The message as it arrived in a saved run.
    pub(super) fn as_saved<'a>(
        &mut self,
        (sending, bytes): (Sending<'a>, &'a mut Vec<u8>),
        saved: SavedTampering,
        nodes: &Nodes,
    ) -> Sending<'a> {
        let claimed = saved.claims.and_then(|claims| nodes.slot_of(claims));
        self.arriving((sending, bytes), saved.bytes, claimed)
    }

    fn arriving<'a>(
        &mut self,
        (sending, bytes): (Sending<'a>, &'a mut Vec<u8>),
        changed: Option<Vec<u8>>,
        claimed: Option<usize>,
    ) -> Sending<'a> {
        let claimed = claimed.filter(|slot| *slot != sending.from);
        if changed.is_none() && claimed.is_none() {
            return sending;
        }
        // A Byzantine node may have tampered with it before.
        let before = sending.tampered.and_then(|mark| self.messages.get(mark.get() as usize - 1));
        let forged_before = before.and_then(|unlike| unlike.forged_by);
        let unlike = Unlike {
            sent_as: changed.is_some().then(|| sending.bytes.to_vec()),
            forged_by: claimed.map(|_| Forger::Network).or(forged_before),
        };
        let tampered = Some(self.add(unlike));
        let from = claimed.unwrap_or(sending.from);
        let bytes: &'a [u8] = match changed {
            Some(changed) => {
                *bytes = changed;
                bytes
            }
            None => sending.bytes,
        };
        Sending { from, to: sending.to, bytes, tampered }
    }
}
