//! The state of links: cut, held, or about to drop messages or tamper with them; and the held messages.

use std::collections::{BTreeMap, VecDeque};

use super::event_queue::InFlight;
use crate::Address;
use crate::byzantine::Change;

/// A link that is cut, held, or about to drop messages or tamper with them.
#[derive(Clone, Debug, Default)]
struct Link {
    cut: bool,
    held: bool,
    drop_next: u32,
    /// What happens to its next messages, which are not lost.
    tamper_next: VecDeque<Tamper>,
    /// The messages that have arrived at a held link, in order.
    waiting: Vec<InFlight>,
}

/// What a test does to a message on a link.
#[derive(Clone, Debug)]
pub(super) enum Tamper {
    /// Its content changes.
    Corrupt(Change),
    /// It arrives in the name of this node.
    Spoof(Address),
}

/// The links, by sender and receiver. A normal link has no entry.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: BTreeMap<(Address, Address), Link>,
}

impl Links {
    /// Whether all links are normal: the usual case, and a cheap test.
    #[inline]
    pub(super) fn are_all_normal(&self) -> bool {
        self.links.is_empty()
    }

    pub(super) fn cut(&mut self, from: Address, to: Address) {
        if from != to {
            self.links.entry((from, to)).or_default().cut = true;
        }
    }

    pub(super) fn hold(&mut self, from: Address, to: Address) {
        self.links.entry((from, to)).or_default().held = true;
    }

    pub(super) fn drop_next(&mut self, from: Address, to: Address, count: u32) {
        self.links.entry((from, to)).or_default().drop_next += count;
    }

    pub(super) fn tamper_next(&mut self, from: Address, to: Address, tamper: Tamper) {
        self.links.entry((from, to)).or_default().tamper_next.push_back(tamper);
    }

    /// What [`Links::tamper_next`] does to the message that is being sent.
    #[inline]
    pub(super) fn takes_tamper(&mut self, from: Address, to: Address) -> Option<Tamper> {
        if self.are_all_normal() {
            return None;
        }
        self.links.get_mut(&(from, to))?.tamper_next.pop_front()
    }

    /// Drops no more messages than those of cut links, and tampers with none.
    pub(super) fn forget_faults(&mut self) {
        for link in self.links.values_mut() {
            link.drop_next = 0;
            link.tamper_next.clear();
        }
    }

    /// Restores a link, and returns the messages held at it.
    pub(super) fn repair(&mut self, from: Address, to: Address) -> Vec<InFlight> {
        self.links.remove(&(from, to)).map(|link| link.waiting).unwrap_or_default()
    }

    /// Restores all links, and returns the held messages, link by link.
    pub(super) fn heal(&mut self) -> Vec<InFlight> {
        std::mem::take(&mut self.links).into_values().flat_map(|link| link.waiting).collect()
    }

    #[inline]
    pub(super) fn is_cut(&self, from: Address, to: Address) -> bool {
        !self.are_all_normal() && self.links.get(&(from, to)).is_some_and(|link| link.cut)
    }

    #[inline]
    pub(super) fn is_held(&self, from: Address, to: Address) -> bool {
        !self.are_all_normal() && self.links.get(&(from, to)).is_some_and(|link| link.held)
    }

    /// Holds an arrived message until its link is repaired.
    pub(super) fn hold_message(&mut self, from: Address, to: Address, message: InFlight) {
        self.links.entry((from, to)).or_default().waiting.push(message);
    }

    /// Whether [`Links::drop_next`] drops the message that is being sent.
    #[inline]
    pub(super) fn takes_drop(&mut self, from: Address, to: Address) -> bool {
        if self.are_all_normal() {
            return false;
        }
        match self.links.get_mut(&(from, to)) {
            Some(link) if link.drop_next > 0 => {
                link.drop_next -= 1;
                true
            }
            _ => false,
        }
    }
}
