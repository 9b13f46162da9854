//! Interned nodes, and what can happen to them.
//!
//! An interned node is one number for a node's state, its pending timers, its client driver's
//! results, and the messages in the network addressed to it. A global state is one such number per
//! node (plus one for a monitor): a row. An event's effect at its own node depends only on the
//! interned node, so it is computed once. The messages it sends change the receivers' interned
//! nodes; that is memoised too.

use std::sync::Arc;

use super::derived::{self, Derived, SINGLE};
use super::effects::Drafts;
use super::handlers::{Handlers, LocalEvent, NONE};
use super::intern::{Lists, Records};
use super::pairs::Pairs;
use super::settings::Switches;
use super::timers::{self, Pending};
use super::work::Work;

/// What makes up a site, by ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Site {
    /// The node's state. It says which node this is.
    pub(super) state: u32,
    /// The list of pending timers.
    pub(super) timers: u32,
    /// The worker: see [`Work`].
    pub(super) worker: u32,
    /// The list of messages for this node, in the order of their ids.
    pub(super) inbox: u32,
}

/// One event at a site that changes something, and what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct SiteStep {
    /// The node's site afterwards, or [`NONE`] when the handler failed.
    pub(super) site: u32,
    /// The list of what it sends to others, as pairs of a receiver and its messages; when the
    /// handler failed, the failure's index.
    pub(super) sends: u32,
    /// The list of calls and returns, for a monitor.
    pub(super) calls: u32,
}

impl SiteStep {
    /// The step of a handler that failed.
    pub(super) fn failing(failure: u32) -> Self {
        Self { site: NONE, sends: failure, calls: Lists::EMPTY }
    }
}

/// Where the steps and the messages of a site are.
#[derive(Clone, Copy)]
struct Span {
    /// The first step, or [`NONE`] when the steps have not been worked out.
    start: u32,
    len: u16,
    /// How many more events change nothing.
    quiet: u16,
    has_calls: bool,
    /// Whether the steps are being worked out.
    is_asked: bool,
    inbox_start: u32,
    inbox_len: u32,
}

/// All sites met so far.
pub(super) struct Sites<'s> {
    pub(super) handlers: Handlers<'s>,
    pub(super) work: Work,
    switches: Arc<Switches>,
    pub(super) with_calls: bool,
    sites: Records<Site>,
    spans: Vec<Span>,
    steps: Vec<SiteStep>,
    /// From a node and messages to the node after they have been sent to it.
    arrivals: Pairs,
    pub(super) derived: Derived,
    /// Buffers for the effects of sites that are worked out.
    pub(super) drafts: Vec<Drafts>,
    pub(super) scratch: Vec<SiteStep>,
}

impl<'s> Sites<'s> {
    pub(super) fn new(
        handlers: Handlers<'s>,
        work: Work,
        switches: Arc<Switches>,
        with_calls: bool,
    ) -> Self {
        Self {
            handlers,
            work,
            switches,
            with_calls,
            sites: Records::new(),
            spans: Vec::new(),
            steps: Vec::new(),
            arrivals: Pairs::new(),
            derived: Derived::default(),
            drafts: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The id of a site.
    pub(super) fn intern(&mut self, site: Site) -> u32 {
        let (id, new) = self.sites.intern(site);
        if new {
            let (start, len) = self.handlers.lists.place(site.inbox);
            self.spans.push(Span {
                start: NONE,
                len: 0,
                quiet: 0,
                has_calls: false,
                is_asked: false,
                inbox_start: u32::try_from(start).expect("fewer than 2^32 messages in lists"),
                inbox_len: len as u32,
            });
        }
        id
    }

    /// The id of a site that has been met.
    pub(super) fn find(&self, site: Site) -> Option<u32> {
        self.sites.find(site)
    }

    pub(super) fn get(&self, id: u32) -> Site {
        self.sites.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.sites.len()
    }

    /// Whether the steps of a site are known.
    #[inline]
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.spans[id as usize].start != NONE
    }

    /// The events at a site that change something, in order. Empty when it is not open.
    #[inline]
    pub(super) fn steps(&self, id: u32) -> &[SiteStep] {
        let span = self.spans[id as usize];
        let start = span.start as usize;
        self.steps.get(start..start + usize::from(span.len)).unwrap_or(&[])
    }

    /// The index of an open node's first step among all steps; the others follow.
    #[inline]
    pub(super) fn first_step(&self, id: u32) -> u32 {
        self.spans[id as usize].start
    }

    /// The step at this place among those of all sites.
    #[inline]
    pub(super) fn step_at(&self, place: u32) -> SiteStep {
        self.steps[place as usize]
    }

    /// How many events at an open site change nothing.
    #[inline]
    pub(super) fn quiet(&self, id: u32) -> u64 {
        u64::from(self.spans[id as usize].quiet)
    }

    /// Whether some event at an open site is a call or a return that a monitor sees.
    pub(super) fn has_calls(&self, id: u32) -> bool {
        self.spans[id as usize].has_calls
    }

    /// The pairs of a receiver and a list of messages behind [`SiteStep::sends`].
    #[inline]
    pub(super) fn sends(&self, list: u32) -> &[u32] {
        self.handlers.lists.get(list)
    }

    /// The node after these messages have been sent to it, if known.
    #[inline]
    pub(super) fn arrival(&self, site: u32, messages: u32) -> Option<u32> {
        // Mostly the messages have been sent before, and there they are.
        let span = self.spans[site as usize];
        let inbox = self.handlers.lists.at(span.inbox_start as usize, span.inbox_len as usize);
        let all_there = if messages & SINGLE != 0 {
            holds(inbox, messages & !SINGLE)
        } else {
            self.handlers.lists.get(messages).iter().all(|&message| holds(inbox, message))
        };
        if all_there { Some(site) } else { self.arrivals.get(site, messages) }
    }

    /// Computes the steps of `open` and the arrivals of `arrivals`.
    pub(super) fn resolve(&mut self, open: &[u32], arrivals: &[(u32, u32)]) {
        for &(site, messages) in arrivals {
            self.resolve_arrival(site, messages);
        }
        let is_first =
            |site: &u32| !std::mem::replace(&mut self.spans[*site as usize].is_asked, true);
        let open: Vec<u32> = open.iter().copied().filter(is_first).collect();
        self.open_all(open);
    }

    /// The site after these messages have been sent to it.
    pub(super) fn resolve_arrival(&mut self, site: u32, messages: u32) -> u32 {
        if let Some(known) = self.arrival(site, messages) {
            return known;
        }
        let mut key = self.get(site);
        let one = [messages & !SINGLE];
        let messages_list =
            if messages & SINGLE != 0 { self.handlers.lists.intern(&one) } else { messages };
        key.inbox = derived::union(&mut self.handlers.lists, key.inbox, messages_list);
        let after = self.intern(key);
        self.arrivals.insert(site, messages, after);
        after
    }

    /// The events possible in a node state, in the order in which searches try them.
    pub(super) fn events(&self, id: u32, events: &mut Vec<LocalEvent>) {
        events.clear();
        let site = self.get(id);
        let member = self.handlers.member_of(site.state);
        for &message in self.handlers.lists.get(site.inbox) {
            let (from, to) = self.handlers.ends(message);
            if self.switches.delivers(from, to) {
                events.push(LocalEvent::Deliver(message));
            }
        }
        if self.switches.fires(member) {
            let timers = self.timers_of(site.timers);
            for (index, &pending) in self.handlers.lists.get(site.timers).iter().enumerate() {
                if timers::may_fire(&timers, index) {
                    events.push(LocalEvent::Fire(pending));
                }
            }
        }
        if self.switches.is_selective() {
            events.retain(|&event| self.switches.allows(&self.handlers.path_event(member, event)));
        }
    }

    /// The pending timers of a list.
    pub(super) fn timers_of(&self, list: u32) -> Vec<Pending> {
        let ids = self.handlers.lists.get(list);
        ids.iter().map(|&id| self.handlers.pending.get(id)).collect()
    }

    /// Notes the steps of a site, and how many more events change nothing.
    pub(super) fn note_steps(&mut self, id: u32, steps: &[SiteStep], quiet: u16) {
        let start = u32::try_from(self.steps.len()).expect("fewer than 2^32 steps of sites");
        let len = u16::try_from(steps.len()).expect("fewer than 2^16 events at a node");
        self.steps.extend_from_slice(steps);
        let has_calls = steps.iter().any(|step| step.calls != Lists::EMPTY);
        self.spans[id as usize] = Span { start, len, quiet, has_calls, ..self.spans[id as usize] };
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.handlers.memory_bytes()
            + self.work.memory_bytes()
            + self.sites.memory_bytes()
            + self.spans.capacity() * size_of::<Span>()
            + self.steps.capacity() * size_of::<SiteStep>()
            + self.arrivals.memory_bytes()
            + self.derived.memory_bytes()
            + self.drafts.iter().map(Drafts::memory_bytes).sum::<usize>()
    }
}

/// Whether an inbox, which is in order, has this message.
#[inline]
fn holds(inbox: &[u32], message: u32) -> bool {
    if inbox.len() <= 16 { inbox.contains(&message) } else { inbox.binary_search(&message).is_ok() }
}
