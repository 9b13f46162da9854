//! Derived lists: what timers, sent messages and inboxes become, keyed by the ids of their inputs.
//!
//! The same few lists are combined again and again, so each is computed once. Looking one up
//! changes nothing, so threads can do it concurrently.

use super::handlers::Handlers;
use super::intern::Lists;
use super::pairs::Pairs;
use super::timers;

/// Set in a message-list id that stands for a single message instead.
pub(super) const SINGLE: u32 = 1 << 31;

/// The lists worked out so far.
#[derive(Default)]
pub(super) struct Derived {
    fired: Pairs,
    set: Pairs,
    joined: Pairs,
    inboxes: Pairs,
    routes: Pairs,
    routed: Vec<Routed>,
}

/// A list that is made of others.
#[derive(Clone, Copy, Debug)]
pub(super) enum Recipe {
    /// The pending timers after one of them fired: the first that equals this [`timers::Pending`]
    /// record.
    Fired(u32, u32),
    /// These timers after those were set.
    Set(u32, u32),
    /// These messages followed by those, without duplicates.
    Joined(u32, u32),
    /// This inbox with these messages too.
    Inbox(u32, u32),
    /// The destinations of this node's messages: see [`RoutedMessages`].
    Route(u32, u32),
}

/// Where the messages of one list go.
#[derive(Clone, Copy)]
pub(super) struct Routed {
    /// The list of those to the sender itself.
    pub(super) own: u32,
    /// The list of the others, as pairs of a receiver and its messages.
    pub(super) others: u32,
}

impl Derived {
    /// The list for a key, if it has been computed. For a route, see [`Self::routed`].
    #[inline]
    pub(super) fn get(&self, recipe: Recipe) -> Result<u32, Recipe> {
        let known = match recipe {
            Recipe::Set(list, Lists::EMPTY)
            | Recipe::Joined(list, Lists::EMPTY)
            | Recipe::Joined(Lists::EMPTY, list)
            | Recipe::Inbox(list, Lists::EMPTY) => Some(list),
            Recipe::Fired(timers, fired) => self.fired.get(timers, fired),
            Recipe::Set(timers, more) => self.set.get(timers, more),
            Recipe::Joined(messages, more) => self.joined.get(messages, more),
            Recipe::Inbox(inbox, more) => self.inboxes.get(inbox, more),
            Recipe::Route(member, messages) => self.routes.get(member, messages),
        };
        known.ok_or(recipe)
    }

    /// Where a member's messages go, if it has been worked out.
    #[inline]
    pub(super) fn routed(&self, member: usize, messages: u32) -> Result<Routed, Recipe> {
        if messages == Lists::EMPTY {
            return Ok(Routed { own: Lists::EMPTY, others: Lists::EMPTY });
        }
        self.get(Recipe::Route(member as u32, messages)).map(|known| self.routed[known as usize])
    }

    /// Works out what a recipe gives.
    pub(super) fn work_out(&mut self, recipe: Recipe, handlers: &mut Handlers<'_>) {
        match recipe {
            Recipe::Fired(timers, fired) => {
                let after = without_timer(handlers, timers, fired);
                self.fired.insert(timers, fired, after);
            }
            Recipe::Set(timers, more) => {
                let mut ids = handlers.lists.get(timers).to_vec();
                ids.extend_from_slice(handlers.lists.get(more));
                let after = normalised(handlers, ids);
                self.set.insert(timers, more, after);
            }
            Recipe::Joined(messages, more) => {
                let mut all = handlers.lists.get(messages).to_vec();
                for &message in handlers.lists.get(more) {
                    if !all.contains(&message) {
                        all.push(message);
                    }
                }
                self.joined.insert(messages, more, handlers.lists.intern(&all));
            }
            Recipe::Inbox(inbox, more) => {
                let after = union(&mut handlers.lists, inbox, more);
                self.inboxes.insert(inbox, more, after);
            }
            Recipe::Route(member, messages) => {
                let routed = route(handlers, member as usize, messages);
                self.routes.insert(member, messages, self.routed.len() as u32);
                self.routed.push(routed);
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        [&self.fired, &self.set, &self.joined, &self.inboxes, &self.routes]
            .into_iter()
            .map(Pairs::memory_bytes)
            .sum::<usize>()
            + self.routed.capacity() * size_of::<Routed>()
    }
}

/// The union of two sets of messages, both in order.
pub(super) fn union(lists: &mut Lists, inbox: u32, messages: u32) -> u32 {
    let mut all = lists.get(inbox).to_vec();
    for &message in lists.get(messages) {
        if let Err(place) = all.binary_search(&message) {
            all.insert(place, message);
        }
    }
    lists.intern(&all)
}

/// The normal form of these timers, as a list.
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
    let place = ids.iter().position(|&id| id == fired).expect("only a pending timer fires");
    ids.remove(place);
    normalised(handlers, ids)
}

fn route(handlers: &mut Handlers<'_>, member: usize, sent: u32) -> Routed {
    let mut sent = handlers.lists.get(sent).to_vec();
    let receiver = |handlers: &Handlers<'_>, message: u32| handlers.ends(message).1;
    sent.sort_unstable_by_key(|&message| (receiver(handlers, message), message));
    let mut own = Lists::EMPTY;
    let mut pairs = Vec::new();
    let same = |one: &u32, other: &u32| receiver(handlers, *one) == receiver(handlers, *other);
    let groups: Vec<&[u32]> = sent.chunk_by(same).collect();
    for messages in groups {
        let to = receiver(handlers, messages[0]);
        if to == member {
            own = handlers.lists.intern(messages);
        } else if let [message] = *messages {
            pairs.extend([to as u32, message | SINGLE]);
        } else {
            pairs.extend([to as u32, handlers.lists.intern(messages)]);
        }
    }
    Routed { own, others: handlers.lists.intern(&pairs) }
}
