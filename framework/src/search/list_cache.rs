//! Derived lists of timers, sent messages and inboxes, memoised by the ids of their inputs.
//!
//! The same few lists are combined again and again, so each combination is computed once. Lookups change
//! nothing, so threads can look lists up concurrently.

use super::durability::{Durability, EffectId};
use super::handlers::Handlers;
use super::intern::Lists;
use super::network;
use super::pairs::PairMap;
use super::timers;

/// Set in the id of a message list that is a single message.
pub(super) const SINGLE: u32 = 1 << 31;

/// The lists computed so far.
#[derive(Default)]
pub(super) struct ListCache {
    fired: PairMap,
    set: PairMap,
    joined: PairMap,
    inboxes: PairMap,
    delivered: PairMap,
    routes: PairMap,
    routed: Vec<RoutedMessages>,
    written: PairMap,
    begun: PairMap,
    sent_in: PairMap,
}

/// The key of a list that is derived from others.
#[derive(Clone, Copy, Debug)]
pub(super) enum ListKey {
    /// The pending timers after one of them fired: the first that equals this [`timers::Pending`]
    /// record.
    Fired(u32, u32),
    /// These timers, and those set after them.
    Set(u32, u32),
    /// These messages followed by those.
    Joined(u32, u32),
    /// This inbox with these messages added.
    Inbox(u32, u32),
    /// This inbox after this message of it was delivered.
    Delivered(u32, u32),
    /// The destinations of this node's messages: see [`RoutedMessages`].
    Route(u32, u32),
    /// This storage after these effects: see [`Durability`].
    Written(u32, u32),
    /// The first so many of these effects.
    Begun(u32, u32),
    /// The messages among these effects.
    SentIn(u32),
}

/// The messages of one list, by receiver.
#[derive(Clone, Copy)]
pub(super) struct RoutedMessages {
    /// The list of messages to the sender itself.
    pub(super) own: u32,
    /// The list of the other messages, as pairs of a receiver and its messages.
    pub(super) others: u32,
}

impl ListCache {
    /// The list for a key, if it has been computed. For a route, see [`Self::routed`].
    #[inline]
    pub(super) fn get(&self, key: ListKey) -> Result<u32, ListKey> {
        let known = match key {
            ListKey::Set(list, Lists::EMPTY)
            | ListKey::Joined(list, Lists::EMPTY)
            | ListKey::Joined(Lists::EMPTY, list)
            | ListKey::Inbox(list, Lists::EMPTY)
            | ListKey::Written(list, Lists::EMPTY)
            | ListKey::Begun(list @ Lists::EMPTY, _) => Some(list),
            ListKey::SentIn(Lists::EMPTY) => Some(Lists::EMPTY),
            ListKey::Fired(timers, fired) => self.fired.get(timers, fired),
            ListKey::Set(timers, more) => self.set.get(timers, more),
            ListKey::Joined(messages, more) => self.joined.get(messages, more),
            ListKey::Inbox(inbox, more) => self.inboxes.get(inbox, more),
            ListKey::Delivered(inbox, message) => self.delivered.get(inbox, message),
            ListKey::Route(node, messages) => self.routes.get(node, messages),
            ListKey::Written(storage, effects) => self.written.get(storage, effects),
            ListKey::Begun(effects, count) => self.begun.get(effects, count),
            ListKey::SentIn(effects) => self.sent_in.get(effects, 0),
        };
        known.ok_or(key)
    }

    /// A node's messages by receiver, if computed.
    #[inline]
    pub(super) fn routed(&self, node: usize, messages: u32) -> Result<RoutedMessages, ListKey> {
        if messages == Lists::EMPTY {
            return Ok(RoutedMessages { own: Lists::EMPTY, others: Lists::EMPTY });
        }
        self.get(ListKey::Route(node as u32, messages)).map(|known| self.routed[known as usize])
    }

    /// Computes the list for a key.
    pub(super) fn compute(&mut self, key: ListKey, handlers: &mut Handlers<'_>) {
        match key {
            ListKey::Fired(timers, fired) => {
                let after = without_timer(handlers, timers, fired);
                self.fired.insert(timers, fired, after);
            }
            ListKey::Set(timers, more) => {
                let mut ids = handlers.lists.get(timers).to_vec();
                ids.extend_from_slice(handlers.lists.get(more));
                let after = normalised(handlers, ids);
                self.set.insert(timers, more, after);
            }
            ListKey::Joined(messages, more) => {
                let mut all = handlers.lists.get(messages).to_vec();
                for &message in handlers.lists.get(more) {
                    network::send(handlers.fault_model, &mut all, message);
                }
                self.joined.insert(messages, more, handlers.lists.intern(&all));
            }
            ListKey::Inbox(inbox, more) => {
                let after = arrived(handlers, inbox, more);
                self.inboxes.insert(inbox, more, after);
            }
            ListKey::Delivered(inbox, message) => {
                let mut left = handlers.lists.get(inbox).to_vec();
                network::deliver(handlers.fault_model, &mut left, message);
                self.delivered.insert(inbox, message, handlers.lists.intern(&left));
            }
            ListKey::Route(node, messages) => {
                let routed = route(handlers, node as usize, messages);
                self.routes.insert(node, messages, self.routed.len() as u32);
                self.routed.push(routed);
            }
            ListKey::Written(storage, effects) => {
                let after = Durability::written(&mut handlers.lists, storage, effects);
                self.written.insert(storage, effects, after);
            }
            ListKey::Begun(effects, count) => {
                let list = handlers.lists.get(effects);
                let begun = list[..list.len().min(2 * count as usize)].to_vec();
                self.begun.insert(effects, count, handlers.lists.intern(&begun));
            }
            ListKey::SentIn(effects) => {
                let mut sent = Vec::new();
                for effect in EffectId::of(handlers.lists.get(effects)) {
                    if let EffectId::Send(message) = effect {
                        network::send(handlers.fault_model, &mut sent, message);
                    }
                }
                self.sent_in.insert(effects, 0, handlers.lists.intern(&sent));
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let mut all = vec![&self.fired, &self.set, &self.joined, &self.inboxes, &self.delivered];
        all.extend([&self.routes, &self.written, &self.begun, &self.sent_in]);
        all.into_iter().map(PairMap::memory_bytes).sum::<usize>()
            + self.routed.capacity() * size_of::<RoutedMessages>()
    }
}

/// The inbox with these messages added.
pub(super) fn arrived(handlers: &mut Handlers<'_>, inbox: u32, messages: u32) -> u32 {
    let mut all = handlers.lists.get(inbox).to_vec();
    network::arrive(handlers, &mut all, handlers.lists.get(messages));
    handlers.lists.intern(&all)
}

/// The list of these timers in normal form.
pub(super) fn normalised(handlers: &mut Handlers<'_>, mut ids: Vec<u32>) -> u32 {
    if ids.len() > 1 {
        let mut timers: Vec<_> = ids.iter().map(|&id| handlers.pending.get(id)).collect();
        timers::normalise(&mut timers);
        ids.clear();
        ids.extend(timers.iter().map(|&timer| handlers.pending.intern(timer).0));
    }
    handlers.lists.intern(&ids)
}

fn without_timer(handlers: &mut Handlers<'_>, list: u32, fired: u32) -> u32 {
    let mut ids = handlers.lists.get(list).to_vec();
    let position = ids.iter().position(|&id| id == fired).expect("only a pending timer fires");
    ids.remove(position);
    normalised(handlers, ids)
}

fn route(handlers: &mut Handlers<'_>, node: usize, sent: u32) -> RoutedMessages {
    let mut sent = handlers.lists.get(sent).to_vec();
    let receiver = |handlers: &Handlers<'_>, message: u32| handlers.ends(message).1;
    if handlers.fault_model.may_duplicate() {
        sent.sort_unstable_by_key(|&message| (receiver(handlers, message), message));
    } else {
        // Stable: the messages to one receiver stay in their order.
        sent.sort_by_key(|&message| receiver(handlers, message));
    }
    let mut own = Lists::EMPTY;
    let mut pairs = Vec::new();
    let same = |one: &u32, other: &u32| receiver(handlers, *one) == receiver(handlers, *other);
    let groups: Vec<&[u32]> = sent.chunk_by(same).collect();
    for messages in groups {
        let to = receiver(handlers, messages[0]);
        if to == node {
            own = handlers.lists.intern(messages);
        } else if let [message] = *messages {
            pairs.extend([to as u32, message | SINGLE]);
        } else {
            pairs.extend([to as u32, handlers.lists.intern(messages)]);
        }
    }
    RoutedMessages { own, others: handlers.lists.intern(&pairs) }
}
