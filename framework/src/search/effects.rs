//! Effects: what events do at a site.
//!
//! Nearly all that an event does has been worked out before, for another site: the handler's step, the
//! timers and messages afterwards, often the next site too. So it is first told by looking things up,
//! which changes nothing and goes on all threads at once. What was not found is then worked out by one
//! thread, in the order of the sites and their events, so that ids do not depend on the threads.

use super::derived::Recipe;
use super::handlers::{Cause, Known};
use super::intern::Lists;
use super::sites::{Site, SiteStep, Sites};
use super::work::WorkGap;
use crate::parallel;

/// The most sites whose effects are looked up before they are worked out: it bounds the memory that
/// [`Drafts`] take.
const SITES_AT_ONCE: usize = 1 << 12;

/// Sites whose effects one thread looks up before it takes others.
const SITES_PER_PART: usize = 1 << 7;

/// What one event at a site leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Effect {
    /// It changes nothing at all at this node and sends nothing.
    Quiet,
    /// It changes something.
    Step(SiteStep),
    /// The handler has to be asked first.
    Unknown,
}

/// The first thing that was not found when an effect was looked up.
#[derive(Clone, Copy, Debug)]
enum Gap {
    /// What a handler does in a state.
    Handler(u32, Cause),
    /// A list.
    List(Recipe),
    /// Something about a worker.
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

/// What was found out about some sites by looking things up.
#[derive(Default)]
pub(super) struct Drafts {
    /// For each site, how many events there are in `effects`, and whether those are all its events.
    sites: Vec<(u32, bool)>,
    effects: Vec<(Cause, Result<Effect, Gap>)>,
    causes: Vec<Cause>,
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
        self.effects.capacity() * size_of::<(Cause, Result<Effect, Gap>)>()
    }
}

impl Sites<'_> {
    /// Works out the steps of sites, none of them twice.
    pub(super) fn open_all(&mut self, mut sites: Vec<u32>) {
        while !sites.is_empty() {
            let mut later = Vec::new();
            for some in sites.chunks(SITES_AT_ONCE) {
                self.open(some, &mut later);
            }
            self.handlers.run_wanted();
            sites = later;
        }
    }

    /// Works out the steps of sites. Those for which a handler has to be asked first are added to
    /// `later`.
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

    /// Looks up what the events of a site do; or, if some handlers have not been asked, which ones.
    fn draft(&self, id: u32, drafts: &mut Drafts) {
        let Drafts { sites, effects, causes, known, calls } = drafts;
        let before = effects.len();
        self.causes(id, causes);
        let state = self.get(id).state;
        known.clear();
        known.extend(causes.iter().map(|&cause| self.handlers.look_up(state, cause)));
        let is_all = !known.iter().any(|known| matches!(known, Known::Unknown));
        for (&cause, &known) in causes.iter().zip(&*known) {
            if is_all || matches!(known, Known::Unknown) {
                effects.push((cause, self.look_up(id, cause, known, calls)));
            }
        }
        sites.push(((effects.len() - before) as u32, is_all));
    }

    /// Works out what was not found of these effects of a site. Whether that was possible without asking
    /// a handler first, and so the steps of the site are known now.
    fn settle(
        &mut self,
        id: u32,
        effects: &[(Cause, Result<Effect, Gap>)],
        mut is_all: bool,
    ) -> bool {
        let mut steps = std::mem::take(&mut self.scratch);
        steps.clear();
        let mut quiet = 0;
        for &(cause, ref effect) in effects {
            let effect = match *effect {
                Ok(effect) => effect,
                Err(Gap::Site { site, sends, calls }) => {
                    Effect::Step(SiteStep { site: self.intern(site), sends, calls })
                }
                Err(Gap::Handler(state, cause)) => {
                    self.handlers.want(state, cause);
                    Effect::Unknown
                }
                Err(_) => self.effect(id, cause),
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

    /// What an event does at a site: the handler, and whatever the worker does at once with a
    /// result.
    pub(super) fn effect(&mut self, id: u32, cause: Cause) -> Effect {
        let mut calls = Vec::new();
        loop {
            let known = self.handlers.look_up(self.get(id).state, cause);
            let gap = match self.look_up(id, cause, known, &mut calls) {
                Ok(effect) => return effect,
                Err(gap) => gap,
            };
            match gap {
                Gap::Handler(state, cause) => {
                    self.handlers.want(state, cause);
                    return Effect::Unknown;
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

    /// What an event does at a site, as far as it was worked out before. `known` is what its handler
    /// does there; `calls` is left with the calls and returns.
    fn look_up(
        &self,
        id: u32,
        cause: Cause,
        known: Known,
        calls: &mut Vec<u32>,
    ) -> Result<Effect, Gap> {
        let before = self.get(id);
        let member = self.handlers.member_of(before.state);
        let mut site = before;
        calls.clear();
        if let Cause::Fire(timer) = cause {
            site.timers = self.derived.get(Recipe::Fired(site.timers, timer))?;
        }
        let (mut known, mut cause) = (known, cause);
        let mut sent = Lists::EMPTY;
        loop {
            let handled = match known {
                Known::Handled(handled) => handled,
                Known::Failed(failure) => return Ok(Effect::Step(SiteStep::failing(failure))),
                Known::Unknown => return Err(Gap::Handler(site.state, cause)),
            };
            site.state = handled.state;
            site.timers = self.derived.get(Recipe::Set(site.timers, handled.set))?;
            sent = self.derived.get(Recipe::Joined(sent, handled.sent))?;
            let next = self
                .work
                .advance(member, &mut site.worker, handled.result, calls)
                .map_err(|gap| Gap::Work(member, gap))?;
            let Some(command) = next else { break };
            cause = Cause::Command(command);
            known = self.handlers.look_up(site.state, cause);
        }
        let calls_list = if self.with_calls && !calls.is_empty() {
            calls.insert(0, member as u32);
            self.handlers.lists.find(calls).ok_or(Gap::Calls)?
        } else {
            Lists::EMPTY
        };
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
