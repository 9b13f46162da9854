//! Compares a search with the reference.

use std::num::NonZeroUsize;

use faultlab::hosting::Submission;
use faultlab::hosting::pure::StepFailure;
use faultlab::search::{Limit, Report, Search, SearchResult};

use crate::automaton::Automaton;
use crate::claim::{Claims, Verdict};
use crate::explorer::{End, Exploration};
use crate::terms::{check_also_violated, check_failing_path, check_path};
use crate::world::{GlobalOf, Plain, World};

/// Statistics of a comparison without a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The number of states of the reference.
    pub states: usize,
    /// Whether all reachable states were seen.
    pub exhausted: bool,
    /// Whether a goal or a violation was found.
    pub found: bool,
}

/// The start and the claims of a search.
pub(super) struct Question<'q, N: Plain, A: Automaton> {
    pub(super) world: &'q World<N, A>,
    pub(super) start: &'q GlobalOf<N, A>,
    pub(super) claims: &'q Claims,
    /// How many events lead to the start.
    pub(super) before: usize,
}

impl<N: Plain, A: Automaton> Question<'_, N, A> {
    /// Searches with all settings that must give the same result, and compares each with the reference.
    pub(super) fn compare(
        &self,
        exploration: &Exploration,
        submission: &Submission,
        search: impl Fn() -> Search,
    ) -> Result<Seen, String> {
        let search = || match exploration.depth_max {
            Some(depth) => search().depth_max(depth),
            // A wrong search might not end.
            None => search().allow_divergence().states_max(4 * exploration.states as u64 + 1_000),
        };
        let two = NonZeroUsize::MIN.saturating_add(1);
        let ways: [(&str, Search); 5] = [
            ("as usual", search()),
            ("with all orders", search().all_orders()),
            ("with exact states", search().exact()),
            ("with exact states and all orders", search().exact().all_orders()),
            ("with two threads", search().threads(two)),
        ];
        let mut first: Option<Report> = None;
        for (way, search) in ways {
            let report = search.run(submission);
            let at = |difference| format!("searched {way}: {difference}");
            self.check(exploration, &report).map_err(at)?;
            let first = first.get_or_insert_with(|| report.clone());
            if (&first.result, &first.never_held) != (&report.result, &report.never_held) {
                let [one, other] =
                    [first, &report].map(|report| (&report.result, &report.never_held));
                return Err(at(format!("the result is {other:?}, but as usual it is {one:?}")));
            }
        }
        self.compare_cut_short(exploration, submission, search())?;
        Ok(Seen {
            states: exploration.states,
            exhausted: exploration.end == End::Exhausted,
            found: matches!(exploration.end, End::Found(..)),
        })
    }

    /// Checks that a search with a limit does not claim to have seen all states.
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
            // Limits are checked between rounds.
            SearchResult::Exhausted if is_all => Ok(()),
            outcome => Err(format!("with at most {half} states: {outcome:?}")),
        }
    }

    /// Compares a report with the reference.
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
        if let Some(wrong) = never_held_differs(exploration, report) {
            return differs(&wrong);
        }
        match (&exploration.end, &report.result) {
            (End::Exhausted, SearchResult::Exhausted) => {}
            (End::DepthLimit, SearchResult::LimitReached(Limit::Depth(depth)))
                if Some(*depth) == exploration.depth_max => {}
            // How a search continues from there is not specified, except that it must not be exhausted.
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
                    return differs("the path lacks the events before the start");
                };
                if path.len() != *depth {
                    return differs("the path has a different length");
                }
                let (world, start, claims) = (self.world, self.start, self.claims);
                let checked = check_path(world, start, claims, path, (&verdict, found))
                    .and_then(|last| check_also_violated(world, &last, claims, found));
                return checked.or_else(|wrong| differs(&wrong));
            }
            (End::Found(depth, verdicts), SearchResult::Failed(failed)) => {
                let StepFailure::UnknownAddress(unknown) = &failed.failure else {
                    return differs("a different failure");
                };
                let verdict = Verdict::Failed { from: failed.node, to: unknown.to };
                if !verdicts.contains(&verdict) {
                    return differs("another node failed");
                }
                let Some(path) = failed.path.events.get(self.before..) else {
                    return differs("the path lacks the events before the start");
                };
                if path.len() != *depth {
                    return differs("the path has a different length");
                }
                let checked =
                    check_failing_path(self.world, self.start, self.claims, path, &verdict);
                return checked.or_else(|wrong| differs(&wrong));
            }
            _ => return differs("a different result"),
        }
        let statistics = &report.statistics;
        let counts = (exploration.states as u64, exploration.depth, exploration.transitions as u64);
        if counts != (statistics.states, statistics.depth, statistics.transitions) {
            return differs("different counts");
        }
        Ok(())
    }
}

/// Compares the claims that held in no state.
fn never_held_differs(exploration: &Exploration, report: &Report) -> Option<String> {
    let names = |is_wanted: &dyn Fn(Option<usize>) -> bool| -> Vec<String> {
        let all = exploration.held_first.iter();
        all.filter(|&&(_, depth)| is_wanted(depth)).map(|(name, _)| name.clone()).collect()
    };
    // A search that ends at a depth may have seen only some of the states there.
    let (at_least, at_most) = match exploration.end {
        End::Exhausted | End::DepthLimit => (names(&|depth| depth.is_none()), None),
        End::Found(end, _) => (
            names(&|depth| depth.is_none()),
            Some(names(&|depth| depth.is_none_or(|depth| depth >= end))),
        ),
        End::CommandLimit(_) => return None,
    };
    let at_most = at_most.unwrap_or_else(|| at_least.clone());
    let is_within = at_least.iter().all(|name| report.never_held.contains(name))
        && report.never_held.iter().all(|name| at_most.contains(name));
    (!is_within).then(|| {
        format!(
            "{:?} never held, but it should be {at_least:?}, or at most {at_most:?}",
            report.never_held
        )
    })
}
