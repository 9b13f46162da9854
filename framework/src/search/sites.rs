//! Sites: a node with all that is its own, as one number, and what can happen there.
//!
//! A site is a node's state, its pending timers, what its worker has got so far, and the messages in
//! the network that are for it. A global state is one site for each node (and one more number for a
//! monitor): a row. What an event does at its own node depends on the site alone, so it is worked
//! out once for each site; the messages that it sends change the receivers' sites, and that is
//! remembered too.

use std::sync::Arc;

use super::arrivals::Arrivals;
use super::handlers::{Cause, Handled, Handlers, Known, NONE};
use super::intern::{Lists, Records};
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

/// Where the steps and the messages of a site are.
#[derive(Clone, Copy)]
struct Span {
    /// The first step, or [`NONE`] when the steps have not been worked out.
    start: u32,
    len: u16,
    /// How many more events there are that change nothing.
    quiet: u16,
    has_calls: bool,
    inbox_start: u32,
    inbox_len: u32,
}

/// Set in what stands for messages when they are not a list but a single one.
const SINGLE: u32 = 1 << 31;

/// All sites met so far.
pub(super) struct Sites<'s> {
    pub(super) handlers: Handlers<'s>,
    pub(super) work: Work,
    switches: Arc<Switches>,
    with_calls: bool,
    sites: Records<Site>,
    spans: Vec<Span>,
    steps: Vec<SiteStep>,
    arrivals: Arrivals,
    scratch: Scratch,
}

/// Buffers that are empty between calls.
#[derive(Default)]
struct Scratch {
    causes: Vec<Cause>,
    steps: Vec<SiteStep>,
    list: Vec<u32>,
    timers: Vec<Pending>,
}

/// What one event at a site leads to.
pub(super) enum Effect {
    /// It changes nothing at all at this node and sends nothing.
    Quiet,
    /// It changes something.
    Step(SiteStep),
    /// The handler has to be asked first.
    Unknown,
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
            arrivals: Arrivals::new(),
            scratch: Scratch::default(),
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
                inbox_start: u32::try_from(start).expect("fewer than 2^32 messages in lists"),
                inbox_len: len as u32,
            });
        }
        id
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

    /// Where the first of an open site's steps is among those of all sites; the others follow.
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

    /// The site after these messages have been sent to it, if that is known.
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

    /// Works out the steps of `open` and the arrivals of `arrivals`.
    pub(super) fn resolve(&mut self, open: &[u32], arrivals: &[(u32, u32)]) {
        for &(site, messages) in arrivals {
            self.resolve_arrival(site, messages);
        }
        let mut waiting: Vec<u32> = open.to_vec();
        loop {
            waiting.retain(|&site| !self.open(site));
            if waiting.is_empty() {
                break;
            }
            self.handlers.run_wanted();
        }
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
        key.inbox = self.union(key.inbox, messages_list);
        let after = self.intern(key);
        self.arrivals.insert(site, messages, after);
        after
    }

    /// The causes that are possible at a site, in the order in which searches try them.
    pub(super) fn causes(&self, id: u32, causes: &mut Vec<Cause>) {
        causes.clear();
        let site = self.get(id);
        let member = self.handlers.member_of(site.state);
        for &message in self.handlers.lists.get(site.inbox) {
            let (from, to) = self.handlers.ends(message);
            if self.switches.delivers(from, to) {
                causes.push(Cause::Deliver(message));
            }
        }
        if self.switches.fires(member) {
            let timers = self.timers_of(site.timers);
            for index in 0..timers.len() {
                if timers::may_fire(&timers, index) {
                    causes.push(Cause::Fire(timers[index].id));
                }
            }
        }
        if self.switches.is_selective() {
            causes.retain(|&cause| self.switches.allows(&self.handlers.path_event(member, cause)));
        }
    }

    /// The pending timers of a list.
    pub(super) fn timers_of(&self, list: u32) -> Vec<Pending> {
        let ids = self.handlers.lists.get(list);
        ids.iter().map(|&id| self.handlers.pending.get(id)).collect()
    }

    /// Works out the steps of a site; whether that was possible without asking a handler first.
    fn open(&mut self, id: u32) -> bool {
        if self.is_open(id) {
            return true;
        }
        let mut causes = std::mem::take(&mut self.scratch.causes);
        let mut steps = std::mem::take(&mut self.scratch.steps);
        self.causes(id, &mut causes);
        let (mut known, mut quiet) = (true, 0);
        for &cause in &causes {
            match self.effect(id, cause) {
                Effect::Quiet => quiet += 1,
                Effect::Step(step) => steps.push(step),
                Effect::Unknown => known = false,
            }
        }
        if known {
            let start = u32::try_from(self.steps.len()).expect("fewer than 2^32 steps of sites");
            let len = u16::try_from(steps.len()).expect("fewer than 2^16 events at a node");
            self.steps.extend_from_slice(&steps);
            let has_calls = steps.iter().any(|step| step.calls != Lists::EMPTY);
            self.spans[id as usize] =
                Span { start, len, quiet, has_calls, ..self.spans[id as usize] };
        }
        causes.clear();
        steps.clear();
        self.scratch.causes = causes;
        self.scratch.steps = steps;
        known
    }

    /// What an event does at a site: the handler, and whatever the worker does at once with a
    /// result.
    pub(super) fn effect(&mut self, id: u32, cause: Cause) -> Effect {
        let before = self.get(id);
        let member = self.handlers.member_of(before.state);
        let mut handled = match self.handlers.get(before.state, cause) {
            Known::Handled(handled) => handled,
            Known::Failed(failure) => return Effect::Step(failing(failure)),
            Known::Wanted => return Effect::Unknown,
        };
        let mut site = before;
        let mut calls = std::mem::take(&mut self.scratch.list);
        calls.clear();
        if let Cause::Fire(timer) = cause {
            site.timers = self.without_timer(site.timers, timer);
        }
        let mut sent = Lists::EMPTY;
        let outcome = loop {
            site.state = handled.state;
            site.timers = self.with_timers(site.timers, handled);
            sent =
                if sent == Lists::EMPTY { handled.sent } else { self.joined(sent, handled.sent) };
            let next = self.work.advance(
                member,
                &mut site.worker,
                handled.result,
                &mut self.handlers,
                &mut calls,
            );
            let Some(command) = next else { break None };
            match self.handlers.get(site.state, Cause::Command(command)) {
                Known::Handled(next) => handled = next,
                Known::Failed(failure) => break Some(Effect::Step(failing(failure))),
                Known::Wanted => break Some(Effect::Unknown),
            }
        };
        let calls_list = match (&outcome, self.with_calls && !calls.is_empty()) {
            (None, true) => {
                calls.insert(0, member as u32);
                self.handlers.lists.intern(&calls)
            }
            _ => Lists::EMPTY,
        };
        self.scratch.list = calls;
        if let Some(outcome) = outcome {
            return outcome;
        }
        let sends = self.route(member, &mut site, sent);
        if site == before && sends == Lists::EMPTY && calls_list == Lists::EMPTY {
            return Effect::Quiet;
        }
        Effect::Step(SiteStep { site: self.intern(site), sends, calls: calls_list })
    }

    /// Puts sent messages where they belong: those to the node itself into its site, the others into
    /// a list of pairs of a receiver and its messages.
    fn route(&mut self, member: usize, site: &mut Site, sent: u32) -> u32 {
        if sent == Lists::EMPTY {
            return Lists::EMPTY;
        }
        let sent: Vec<u32> = self.handlers.lists.get(sent).to_vec();
        let mut pairs = Vec::new();
        let members = self.handlers.steps.roster().len();
        let mut messages = Vec::new();
        for receiver in 0..members {
            messages.clear();
            messages
                .extend(sent.iter().filter(|&&message| self.handlers.ends(message).1 == receiver));
            if messages.is_empty() {
                continue;
            }
            messages.sort_unstable();
            if receiver == member {
                let list = self.handlers.lists.intern(&messages);
                site.inbox = self.union(site.inbox, list);
            } else if let [message] = messages[..] {
                pairs.extend([receiver as u32, message | SINGLE]);
            } else {
                pairs.extend([receiver as u32, self.handlers.lists.intern(&messages)]);
            }
        }
        self.handlers.lists.intern(&pairs)
    }

    /// The union of two sets of messages, both in order.
    fn union(&mut self, inbox: u32, messages: u32) -> u32 {
        let lists = &mut self.handlers.lists;
        let mut all = lists.get(inbox).to_vec();
        for &message in lists.get(messages) {
            if let Err(place) = all.binary_search(&message) {
                all.insert(place, message);
            }
        }
        lists.intern(&all)
    }

    /// One list after the other, without repetitions.
    fn joined(&mut self, first: u32, second: u32) -> u32 {
        let lists = &mut self.handlers.lists;
        let mut all = lists.get(first).to_vec();
        for &message in lists.get(second) {
            if !all.contains(&message) {
                all.push(message);
            }
        }
        lists.intern(&all)
    }

    fn without_timer(&mut self, list: u32, timer: u32) -> u32 {
        let mut ids = self.handlers.lists.get(list).to_vec();
        let timers = self.timers_of(list);
        let fired = (0..timers.len())
            .find(|&index| timers[index].id == timer && timers::may_fire(&timers, index))
            .expect("only a timer that may fire does");
        ids.remove(fired);
        self.normalised(ids)
    }

    fn with_timers(&mut self, list: u32, handled: Handled) -> u32 {
        if handled.set == Lists::EMPTY {
            return list;
        }
        let mut ids = self.handlers.lists.get(list).to_vec();
        ids.extend_from_slice(self.handlers.lists.get(handled.set));
        self.normalised(ids)
    }

    /// The list that stands for this one.
    pub(super) fn normalised(&mut self, mut ids: Vec<u32>) -> u32 {
        if ids.len() > 1 {
            let timers = &mut self.scratch.timers;
            timers.clear();
            timers.extend(ids.iter().map(|&id| self.handlers.pending.get(id)));
            timers::normalise(timers);
            ids.clear();
            ids.extend(timers.iter().map(|&timer| self.handlers.pending.intern(timer).0));
        }
        self.handlers.lists.intern(&ids)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.handlers.memory_bytes()
            + self.work.memory_bytes()
            + self.sites.memory_bytes()
            + self.spans.capacity() * size_of::<Span>()
            + self.steps.capacity() * size_of::<SiteStep>()
            + self.arrivals.memory_bytes()
    }
}

/// Whether an inbox, which is in order, has this message.
#[inline]
fn holds(inbox: &[u32], message: u32) -> bool {
    if inbox.len() <= 16 { inbox.contains(&message) } else { inbox.binary_search(&message).is_ok() }
}

/// The step of a handler that failed.
fn failing(failure: u32) -> SiteStep {
    SiteStep { site: NONE, sends: failure, calls: Lists::EMPTY }
}
