//! Effects of events on an interned node.
//!
//! Nearly everything an event does has been computed before, for another interned node: the
//! handler's step, the timers and messages after it, often the resulting node. So all threads first
//! look effects up, which changes nothing. One thread then computes the misses, in a fixed order,
//! so that ids do not depend on the threads.

use super::derived::Recipe;
use super::handlers::{Cause, Known, LocalEvent};
use super::intern::Lists;
use super::sites::{Site, SiteStep, Sites};
use super::work::WorkGap;
use crate::parallel;

/// The most nodes whose effects are looked up before the misses are computed: it bounds the memory
/// for [`Lookups`].
const SITES_AT_ONCE: usize = 1 << 12;

/// Sites whose effects one thread looks up before it takes others.
const SITES_PER_PART: usize = 1 << 7;

/// The first calls and returns of an event are computed in batches together with those of other
/// node states; each batch replays the event's lookups from the start. After this many, the event
/// is followed on its own.
const CALLS_IN_BATCHES: usize = 16;

/// How far an event at a node state has been followed.
#[derive(Clone, Copy)]
struct Progress {
    /// The node state so far, without the messages sent.
    site: Site,
    /// The list of messages sent so far.
    sent: u32,
    /// The next input to handle, if there is one.
    next: Option<Cause>,
}

/// What one event at a site leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// It changes nothing at this node and sends nothing.
    Quiet,
    /// It changes something.
    Step(SiteStep),
    /// The handler must be called first.
    Unknown,
}

/// The first miss when an effect was looked up.
#[derive(Clone, Copy, Debug)]
enum Gap {
    /// What a handler does in a state.
    Handler(u32, Cause),
    /// A list.
    List(Recipe),
    /// Something about a client driver.
    Work(usize, WorkGap),
    /// The list of calls and returns.
    Calls,
    /// Only the site afterwards: this one, with what else the step is.
    Site { site: Site, sends: u32, calls: u32 },
}

impl From<Recipe> for Gap {
    fn from(recipe: Recipe) -> Self {
        Self::List(recipe)
    }
}

/// The results of looking up the effects of some nodes.
#[derive(Default)]
pub(super) struct Drafts {
    /// For each site, how many events there are in `effects`, and whether those are all its events.
    sites: Vec<(u32, bool)>,
    effects: Vec<(LocalEvent, Result<Effect, Gap>)>,
    events: Vec<LocalEvent>,
    known: Vec<Known>,
    calls: Vec<u32>,
}

/// Some sites, and what one thread found out about them.
struct Part<'p> {
    sites: &'p [u32],
    drafts: Drafts,
}

impl Drafts {
    fn clear(&mut self) {
        self.sites.clear();
        self.effects.clear();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.effects.capacity() * size_of::<(LocalEvent, Result<Effect, Gap>)>()
    }
}

impl Sites<'_> {
    /// Computes the steps of nodes, each once.
    pub(super) fn open_all(&mut self, mut sites: Vec<u32>) {
        while !sites.is_empty() && !self.handlers.deadline.has_passed() {
            let mut later = Vec::new();
            for some in sites.chunks(SITES_AT_ONCE) {
                self.open(some, &mut later);
            }
            self.handlers.run_wanted();
            sites = later;
        }
    }

    /// Computes the steps of nodes. Those that need a handler call first are added to `later`.
    fn open(&mut self, sites: &[u32], later: &mut Vec<u32>) {
        let mut spare = std::mem::take(&mut self.drafts);
        let mut parts: Vec<Part<'_>> = sites
            .chunks(SITES_PER_PART)
            .map(|sites| Part { sites, drafts: spare.pop().unwrap_or_default() })
            .collect();
        parallel::for_each(&mut parts, |part| {
            part.drafts.clear();
            part.sites.iter().for_each(|&site| self.draft(site, &mut part.drafts));
        });
        for Part { sites, drafts } in &parts {
            let mut effects = &drafts.effects[..];
            for (&site, &(count, is_all)) in sites.iter().zip(&drafts.sites) {
                let own;
                (own, effects) = effects.split_at(count as usize);
                if !self.settle(site, own, is_all) {
                    later.push(site);
                }
            }
        }
        spare.extend(parts.into_iter().map(|part| part.drafts));
        self.drafts = spare;
    }

    /// Looks up what the events of a node do or, if some handlers have not been called, which ones
    /// are missing.
    fn draft(&self, id: u32, drafts: &mut Drafts) {
        let Drafts { sites, effects, events, known, calls } = drafts;
        let before = effects.len();
        self.events(id, events);
        let state = self.get(id).state;
        known.clear();
        known.extend(events.iter().map(|&event| {
            let cause = self.handlers.cause(event);
            self.handlers.look_up(state, cause)
        }));
        let is_all = !known.iter().any(|known| matches!(known, Known::Unknown));
        for (&event, &known) in events.iter().zip(&*known) {
            if is_all || matches!(known, Known::Unknown) {
                effects.push((event, self.look_up(id, event, known, calls)));
            }
        }
        sites.push(((effects.len() - before) as u32, is_all));
    }

    /// Computes the misses among a node's effects. Returns whether that was possible without a
    /// handler call, so that the node's steps are now known.
    fn settle(
        &mut self,
        id: u32,
        effects: &[(LocalEvent, Result<Effect, Gap>)],
        mut is_all: bool,
    ) -> bool {
        let mut steps = std::mem::take(&mut self.scratch);
        steps.clear();
        let mut quiet = 0;
        for (event, effect) in effects {
            let effect = match *effect {
                Ok(effect) => effect,
                Err(Gap::Site { site, sends, calls }) => {
                    Effect::Step(SiteStep { site: self.intern(site), sends, calls })
                }
                Err(_) => self.effect(id, *event),
            };
            match effect {
                Effect::Quiet => quiet += 1,
                Effect::Step(step) => steps.push(step),
                Effect::Unknown => is_all = false,
            }
        }
        if is_all {
            self.note_steps(id, &steps, quiet);
        }
        self.scratch = steps;
        is_all
    }

    /// Computes what an event does to a node state: its handler, then the commands that the client
    /// answers before the event ends.
    pub(super) fn effect(&mut self, id: u32, event: LocalEvent) -> Effect {
        let mut calls = Vec::new();
        let mut progress = None;
        loop {
            let gap = match self.go_on(id, event, None, &mut progress, &mut calls) {
                Ok(effect) => return effect,
                Err(gap) => gap,
            };
            match gap {
                Gap::Handler(state, cause) => {
                    self.handlers.want(state, cause);
                    // As long as there are few, take one command at a time, in a batch with other
                    // events.
                    if calls.len() < CALLS_IN_BATCHES || self.handlers.deadline.is_over() {
                        return Effect::Unknown;
                    }
                    self.handlers.run_wanted();
                }
                Gap::List(recipe) => self.derived.work_out(recipe, &mut self.handlers),
                Gap::Work(member, gap) => self.work.fill(member, gap, &mut self.handlers),
                Gap::Calls => drop(self.handlers.lists.intern(&calls)),
                Gap::Site { site, sends, calls } => {
                    return Effect::Step(SiteStep { site: self.intern(site), sends, calls });
                }
            }
        }
    }

    /// Looks up what an event does to a node state, as far as it is already known. `known` is the
    /// effect of its handler; `calls` is a buffer for the calls and returns.
    fn look_up(
        &self,
        id: u32,
        event: LocalEvent,
        known: Known,
        calls: &mut Vec<u32>,
    ) -> Result<Effect, Gap> {
        self.go_on(id, event, Some(known), &mut None, calls)
    }

    /// Follows an event from where the last lookup missed. `known` is the effect of its handler, if
    /// that has been looked up. `calls` receives the client with its calls and returns; between two
    /// steps of the event they stay as they are.
    fn go_on(
        &self,
        id: u32,
        event: LocalEvent,
        mut known: Option<Known>,
        progress: &mut Option<Progress>,
        calls: &mut Vec<u32>,
    ) -> Result<Effect, Gap> {
        let before = self.get(id);
        let member = self.handlers.member_of(before.state);
        let mut now = match *progress {
            Some(progress) => progress,
            None => {
                calls.clear();
                calls.push(member as u32);
                let mut site = before;
                if let LocalEvent::Fire(pending) = event {
                    site.timers = self.derived.get(Recipe::Fired(site.timers, pending))?;
                }
                Progress { site, sent: Lists::EMPTY, next: Some(self.handlers.cause(event)) }
            }
        };
        while let Some(cause) = now.next {
            *progress = Some(now);
            let known =
                known.take().unwrap_or_else(|| self.handlers.look_up(now.site.state, cause));
            let handled = match known {
                Known::Handled(handled) => handled,
                Known::Failed(failure) => return Ok(Effect::Step(SiteStep::failing(failure))),
                Known::Unknown => return Err(Gap::Handler(now.site.state, cause)),
            };
            now.site.state = handled.state;
            now.site.timers = self.derived.get(Recipe::Set(now.site.timers, handled.set))?;
            now.sent = self.derived.get(Recipe::Joined(now.sent, handled.sent))?;
            let given = calls.len();
            let next = self.work.advance(member, &mut now.site.worker, handled.result, calls);
            let next = next.map_err(|gap| {
                calls.truncate(given);
                Gap::Work(member, gap)
            })?;
            now.next = next.map(Cause::Command);
        }
        *progress = Some(now);
        let calls_list = if self.with_calls && calls.len() > 1 {
            self.handlers.lists.find(calls).ok_or(Gap::Calls)?
        } else {
            Lists::EMPTY
        };
        let Progress { mut site, sent, .. } = now;
        let routed = self.derived.routed(member, sent)?;
        site.inbox = self.derived.get(Recipe::Inbox(site.inbox, routed.own))?;
        let sends = routed.others;
        if site == before && sends == Lists::EMPTY && calls_list == Lists::EMPTY {
            return Ok(Effect::Quiet);
        }
        match self.find(site) {
            Some(site) => Ok(Effect::Step(SiteStep { site, sends, calls: calls_list })),
            None => Err(Gap::Site { site, sends, calls: calls_list }),
        }
    }
}
