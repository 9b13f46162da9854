//! Builds the events of a run for its trace, in their order. Every engine uses it, so that the same step looks the
//! same in every trace.
//!
//! An engine knows its nodes by index and everything else as bytes. The builder turns bytes into texts and data,
//! tells copies of a message apart, and keeps a state only if it has changed.

use std::collections::BTreeSet;

use super::hex;
use super::{
    CopyKind, EventKind, Fate, Forger, Incarnation, MessageId, Misbehaviour, Provenance,
    SentMessage, SetTimer, StorageOperation, StorageWrite, StoredItem, TimerId, TraceEvent,
    WriteId,
};
use crate::byzantine::Deed;
use crate::hosting::pure::legible;
use crate::hosting::{EncodedEffect, NodeFailure, Output, Payload};
use crate::{Address, NodeSpec};

/// Renders a message, timer or state that the node with an index encoded, on one line or pretty.
pub(crate) trait Texts:
    FnMut(usize, Payload, &[u8], bool) -> Result<String, NodeFailure>
{
}

impl<F: FnMut(usize, Payload, &[u8], bool) -> Result<String, NodeFailure>> Texts for F {}

/// The text of a message or timer of this node.
pub(crate) fn text(texts: &mut impl Texts, node: usize, what: Payload, bytes: &[u8]) -> String {
    legible(texts(node, what, bytes, false))
}

/// A message that arrives.
#[derive(Clone, Copy)]
pub(crate) struct Arriving<'a> {
    /// The sender, and its index.
    pub(crate) from: (usize, Address),
    /// The receiver.
    pub(crate) to: Address,
    pub(crate) id: MessageId,
    /// The incarnation of the sender that sent it.
    pub(crate) sent_by: Incarnation,
    pub(crate) bytes: &'a [u8],
    /// Its bytes when it was sent, if they have changed.
    pub(crate) sent_as: Option<&'a [u8]>,
    /// Who made it or put another name on it, if the sender that it names did not send it.
    pub(crate) forged_by: Option<Forger>,
}

impl<'a> Arriving<'a> {
    /// A message that arrives as it was sent.
    pub(crate) fn plain(
        from: (usize, Address),
        to: Address,
        (id, sent_by): (MessageId, Incarnation),
        bytes: &'a [u8],
    ) -> Self {
        Self { from, to, id, sent_by, bytes, sent_as: None, forged_by: None }
    }

    fn provenance(&self, texts: &mut impl Texts) -> Provenance {
        Provenance {
            incarnation: self.sent_by,
            sent_as: self.sent_as.map(|bytes| text(texts, self.from.0, Payload::Message, bytes)),
            encoding: self.sent_as.map(|_| hex::of(self.bytes)),
            forged_by: self.forged_by,
        }
    }
}

/// The numbers that an engine gives to what a step sent and set.
pub(crate) trait Numbers {
    /// The number of the step's next message, and what the network does with it. `None` if the network was not
    /// given it.
    fn sent(&mut self, to: Address, message: &[u8]) -> Option<(MessageId, Fate)>;

    /// The number of the step's next timer. `None` if it was not set.
    fn set(&mut self, timer: &[u8], min_ns: u64, max_ns: u64) -> Option<TimerId>;

    /// What a Byzantine behaviour did to the message that was last asked about, if anything.
    fn deed(&mut self) -> Option<&Deed> {
        None
    }

    /// The number of the step's next write to stable storage. `None` if it is not numbered, as in a search in which no
    /// node may restart.
    fn wrote(&mut self) -> Option<WriteId> {
        None
    }
}

/// Builds the events of one run.
#[derive(Debug, Default)]
pub(crate) struct EventBuilder {
    /// The messages of which a copy was delivered.
    delivered: BTreeSet<MessageId>,
    /// The last state of each node, by its index.
    states: Vec<Option<Vec<u8>>>,
}

impl EventBuilder {
    /// The start of a node.
    pub(crate) fn start(spec: &NodeSpec) -> EventKind {
        EventKind::start(spec.address(), spec.node.kind.clone())
    }

    /// The start of a node after a crash.
    pub(crate) fn restart(
        spec: &NodeSpec,
        incarnation: Incarnation,
        storage: Vec<StoredItem>,
    ) -> EventKind {
        let (node, kind) = (spec.address(), spec.node.kind.clone());
        EventKind::Restart { node, kind, incarnation, storage }
    }

    /// Forgets the state of the node with this index, which is gone.
    pub(crate) fn crashed(&mut self, node: usize) {
        if let Some(state) = self.states.get_mut(node) {
            *state = None;
        }
    }

    /// The delivery of a message, before it happens.
    pub(crate) fn deliver(&self, texts: &mut impl Texts, message: Arriving<'_>) -> EventKind {
        let provenance = message.provenance(texts);
        let Arriving { from: (sender, from), to, id, bytes, .. } = message;
        let again = self.delivered.contains(&id);
        EventKind::Deliver {
            node: to,
            from,
            id,
            message: text(texts, sender, Payload::Message, bytes),
            copy: if again { CopyKind::Duplicate } else { CopyKind::Original },
            provenance,
        }
    }

    /// Takes in that a copy of this message is delivered. Later copies are duplicates.
    pub(crate) fn delivered(&mut self, id: MessageId) {
        self.delivered.insert(id);
    }

    /// The loss of a message.
    pub(crate) fn lose(texts: &mut impl Texts, message: Arriving<'_>, reason: &str) -> EventKind {
        let provenance = message.provenance(texts);
        let Arriving { from: (sender, from), to, id, bytes, .. } = message;
        EventKind::Lose {
            node: to,
            from,
            id,
            message: text(texts, sender, Payload::Message, bytes),
            reason: reason.to_owned(),
            provenance,
        }
    }

    /// A message is given to the network, in the name of the node with this index, that nobody has sent.
    pub(crate) fn inject(
        texts: &mut impl Texts,
        (sender, (from, to)): (usize, (Address, Address)),
        (id, replays): (MessageId, Option<MessageId>),
        bytes: &[u8],
    ) -> EventKind {
        let message = text(texts, sender, Payload::Message, bytes);
        let encoding = hex::of(bytes);
        EventKind::Inject { by: Forger::Network, id, from, to, message, replays, encoding }
    }

    /// The firing of a timer that this incarnation of the node with this index set.
    pub(crate) fn fire(
        texts: &mut impl Texts,
        (index, node): (usize, Address),
        id: TimerId,
        incarnation: Incarnation,
        timer: &[u8],
    ) -> EventKind {
        let timer = text(texts, index, Payload::Timer, timer);
        EventKind::Fire { node, id, timer, incarnation }
    }

    /// A client is given a command.
    pub(crate) fn command(client: &NodeSpec, command: &[u8]) -> EventKind {
        let shown = client.workload.as_ref().map(|workload| workload.show_command(command));
        let (command, value) =
            shown.map_or_else(Default::default, |shown| (shown.text, shown.value));
        EventKind::Command { node: client.address(), command, value }
    }

    /// A client driver takes a result.
    pub(crate) fn result(client: &NodeSpec, result: &[u8]) -> EventKind {
        let shown = client.workload.as_ref().map(|workload| workload.show_result(result));
        let (result, value) =
            shown.map_or_else(Default::default, |shown| (shown.text, shown.value));
        EventKind::Return { node: client.address(), result, value }
    }

    /// Adds what the node with this index did, in order, until it crashed if it did.
    pub(crate) fn add_effects(
        event: &mut TraceEvent,
        texts: &mut impl Texts,
        node: usize,
        output: &Output,
        numbers: &mut dyn Numbers,
    ) {
        let effects = match event.interrupted_after {
            Some(after) => output.effects_before_crash(after as usize),
            None => output.effects(),
        };
        for effect in effects {
            match *effect {
                EncodedEffect::Send { to, message } => {
                    let bytes = output.get(message);
                    let Some((id, fate)) = numbers.sent(to, bytes) else { continue };
                    let message = text(texts, node, Payload::Message, bytes);
                    let misbehaviour = numbers.deed().map(|deed| {
                        let Deed { behaviour, chance, claims, instead_of, .. } = deed;
                        let own = instead_of.as_ref();
                        Misbehaviour {
                            behaviour: (*behaviour).to_owned(),
                            chance: *chance,
                            instead_of: own.map(|own| text(texts, node, Payload::Message, own)),
                            claims: *claims,
                        }
                    });
                    event.sent.push(SentMessage { id, to, message, fate, misbehaviour });
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    let bytes = output.get(timer);
                    let Some(id) = numbers.set(bytes, min_ns, max_ns) else { continue };
                    let timer = text(texts, node, Payload::Timer, bytes);
                    event.timers.push(SetTimer { id, timer, min_ns, max_ns });
                }
                EncodedEffect::Log { line } => event.logged.push(output.text(line)),
                EncodedEffect::Save { record } => {
                    let (operation, what) = (StorageOperation::Save, Payload::Record);
                    let value = Some((what, output.get(record)));
                    add_write(event, texts, node, operation, value, numbers);
                }
                EncodedEffect::Append { entry } => {
                    let (operation, what) = (StorageOperation::Append, Payload::Entry);
                    let value = Some((what, output.get(entry)));
                    add_write(event, texts, node, operation, value, numbers);
                }
                EncodedEffect::Sync => {
                    add_write(event, texts, node, StorageOperation::Sync, None, numbers);
                }
            }
        }
    }

    /// Adds the state of the node with this index, if it differs from the last one.
    pub(crate) fn add_state(
        &mut self,
        event: &mut TraceEvent,
        texts: &mut impl Texts,
        node: usize,
        state: Result<&[u8], NodeFailure>,
    ) {
        let state = match state {
            Ok(state) => state,
            Err(failure) => {
                event.state = Some(legible(Err(failure)));
                return;
            }
        };
        if self.states.len() <= node {
            self.states.resize(node + 1, None);
        }
        if self.states[node].as_deref() != Some(state) {
            event.state = Some(legible(texts(node, Payload::State, state, true)));
            self.states[node] = Some(state.to_vec());
        }
    }
}

/// Adds a write of the node with this index to stable storage.
fn add_write(
    event: &mut TraceEvent,
    texts: &mut impl Texts,
    node: usize,
    operation: StorageOperation,
    value: Option<(Payload, &[u8])>,
    numbers: &mut dyn Numbers,
) {
    let Some(id) = numbers.wrote() else { return };
    event.stored.push(StorageWrite {
        id,
        operation,
        key: String::new(),
        value: value.map_or_else(String::new, |(what, bytes)| text(texts, node, what, bytes)),
        bytes: value.map_or(0, |(_, bytes)| bytes.len() as u64),
        sent_before: event.sent.len() as u64,
    });
}
