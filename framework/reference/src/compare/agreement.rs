//! Whether what a search says is what the reference says.

use std::num::NonZeroUsize;

use faultlab::hosting::Submission;
use faultlab::search::{Limit, Report, Search, SearchResult};

use crate::automaton::Automaton;
use crate::claim::{Claims, Verdict};
use crate::explorer::{End, Exploration};
use crate::terms::{check_also_violated, check_path};
use crate::world::{GlobalOf, Plain, World};

/// What a comparison that found no difference has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The states of the reference.
    pub states: usize,
    /// Whether all reachable states were seen.
    pub exhausted: bool,
    /// Whether something was found: a goal, or a property that is broken.
    pub found: bool,
}

/// Where a search starts and what it looks for.
pub(super) struct Question<'q, N: Plain, A: Automaton> {
    pub(super) world: &'q World<N, A>,
    pub(super) start: &'q GlobalOf<N, A>,
    pub(super) claims: &'q Claims,
    /// How many events lead to the start.
    pub(super) before: usize,
}

impl<N: Plain, A: Automaton> Question<'_, N, A> {
    /// Searches in all ways that must not make a difference, and compares each with the reference.
    pub(super) fn compare(
        &self,
        exploration: &Exploration,
        submission: &Submission,
        search: impl Fn() -> Search,
    ) -> Result<Seen, String> {
        let search = || match exploration.depth_max {
            Some(depth) => search().depth_max(depth),
            // A search that is wrong may find no end.
            None => search().allow_divergence().states_max(4 * exploration.states as u64 + 1_000),
        };
        let two = NonZeroUsize::MIN.saturating_add(1);
        let ways: [(&str, Search); 5] = [
            ("as usual", search()),
            ("with all orders", search().all_orders()),
            ("exactly", search().exact()),
            ("exactly with all orders", search().exact().all_orders()),
            ("with two threads", search().threads(two)),
        ];
        let mut first: Option<Report> = None;
        for (way, search) in ways {
            let report = search.run(submission);
            let told = |difference| format!("searched {way}: {difference}");
            self.check(exploration, &report).map_err(told)?;
            let first = first.get_or_insert_with(|| report.clone());
            if first.result != report.result {
                let (one, other) = (&first.result, &report.result);
                return Err(told(format!("the outcome is {other:?}, and as usual it is {one:?}")));
            }
        }
        self.compare_cut_short(exploration, submission, search())?;
        Ok(Seen {
            states: exploration.states,
            exhausted: exploration.end == End::Exhausted,
            found: matches!(exploration.end, End::Found(..)),
        })
    }

    /// A search that may not see all states does not say that it has.
    fn compare_cut_short(
        &self,
        exploration: &Exploration,
        submission: &Submission,
        search: Search,
    ) -> Result<(), String> {
        let half = exploration.states as u64 / 2;
        if exploration.end != End::Exhausted || half == 0 {
            return Ok(());
        }
        let report = search.states_max(half).run(submission);
        let is_all = report.statistics.states == exploration.states as u64;
        match report.result {
            SearchResult::LimitReached(Limit::States(states)) if states == half => Ok(()),
            // Limits are looked at between rounds.
            SearchResult::Exhausted if is_all => Ok(()),
            outcome => Err(format!("with at most {half} states: {outcome:?}")),
        }
    }

    /// Compares a report with what the reference says.
    fn check(&self, exploration: &Exploration, report: &Report) -> Result<(), String> {
        let differs = |why: &str| {
            let Exploration { end, states, depth, transitions, .. } = exploration;
            let it = &report.statistics;
            Err(format!(
                "{why}\n  reference: {end:?}, {states} states, depth {depth}, {transitions} events\n  \
                 search:    {:?}, {} states, depth {}, {} events",
                report.result, it.states, it.depth, it.transitions
            ))
        };
        match (&exploration.end, &report.result) {
            (End::Exhausted, SearchResult::Exhausted) => {}
            (End::DepthLimit, SearchResult::LimitReached(Limit::Depth(depth)))
                if Some(*depth) == exploration.depth_max => {}
            // How a search goes on from there is its own business: it must not be exhausted.
            (End::CommandLimit(_), SearchResult::LimitReached(Limit::CommandsPerEvent { .. })) => {
                return Ok(());
            }
            (
                End::CommandLimit(depth),
                SearchResult::GoalFound(found) | SearchResult::Violated(found),
            ) if found.path().len() > self.before + depth => {
                return Ok(());
            }
            (
                End::Found(depth, verdicts),
                SearchResult::GoalFound(found) | SearchResult::Violated(found),
            ) => {
                let verdict = match &report.result {
                    SearchResult::GoalFound(found) => Verdict::Goal(found.property.clone()),
                    _ => Verdict::Violated(found.property.clone()),
                };
                if !verdicts.contains(&verdict) {
                    return differs("something else was found");
                }
                let Some(path) = found.path().events.get(self.before..) else {
                    return differs("the path lacks what led to the start");
                };
                if path.len() != *depth {
                    return differs("the path has another length");
                }
                let (world, start, claims) = (self.world, self.start, self.claims);
                let checked = check_path(world, start, claims, path, (&verdict, found))
                    .and_then(|last| check_also_violated(world, &last, claims, found));
                return checked.or_else(|wrong| differs(&wrong));
            }
            _ => return differs("another outcome"),
        }
        let statistics = &report.statistics;
        let counts = (exploration.states as u64, exploration.depth, exploration.transitions as u64);
        if counts != (statistics.states, statistics.depth, statistics.transitions) {
            return differs("other counts");
        }
        Ok(())
    }
}
