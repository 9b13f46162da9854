//! Builds a test's report.

use faultlab::trace::Trace;
use faultlab_suites::{Points, SearchSummary};

use super::{ShrinkEnd, TestPlanner, determinism};
use crate::report::{Shrinking, ShrunkRun, Status, TestReport, excerpt};
use crate::session::{Finding, Reproduce};

impl TestPlanner<'_> {
    /// The infrastructure error, if there was one.
    pub(in crate::session) fn infra_error(&self) -> Option<&str> {
        let of_runs = self.runs.known().filter_map(|(_, run)| run.finding.as_ref());
        let mut all = of_runs.chain(self.determinism.finding());
        all.find(|finding| finding.is_infra_error).map(|finding| finding.reason.as_str())
    }

    /// The report, once complete, with the command that reproduces what it shows.
    pub(in crate::session) fn report(&self, reproduce: Reproduce<'_>) -> Option<TestReport> {
        if !self.is_finished() {
            return None;
        }
        let seeds = self.runs.seeds();
        let run = self.runs_done();
        let mut passed = self.runs.known().filter(|(_, run)| run.finding.is_none()).count() as u64;
        let shown = self.runs.shown();
        let failing = self.runs.known().filter(|(_, run)| run.finding.is_some());
        let mut failing: Vec<u64> = failing.map(|(index, _)| seeds[index]).collect();
        let mut finding = shown.and_then(|index| self.runs.get(index)?.finding.clone());
        let mut shown_seed = shown.map(|index| seeds[index]);
        let mut trace = self.trace.as_ref().filter(|trace| Some(trace.index) == shown);
        let nondeterminism = self.determinism.finding();
        if let Some(nondeterminism) = nondeterminism {
            // Results of nondeterministic runs do not count.
            passed = 0;
            seeds.clone_into(&mut failing);
            shown_seed = determinism::checked(&self.runs.ends()).map(|(index, _)| seeds[index]);
            finding = Some(nondeterminism.clone());
            trace = self.trace.as_ref();
        }
        if let Some(out_of_time) = &self.cut_short {
            let is_passed =
                |index: &usize| self.runs.get(*index).is_some_and(|run| run.finding.is_none());
            failing = (0..seeds.len()).filter(|i| !is_passed(i)).map(|i| seeds[i]).collect();
            (shown_seed, trace) = (None, None);
            finding = Some(out_of_time.clone());
        }
        let planned = seeds.len() as u64;
        if let Some(finding) = &mut finding
            && nondeterminism.is_none()
            && run < planned
        {
            let more = planned - run;
            let runs = if more == 1 { "run was" } else { "runs were" };
            let reason = &mut finding.reason;
            reason.push_str(&format!("; {more} more {runs} skipped, and count as failed"));
        }
        let earned = self.test.credit().earned(self.test.points(), passed, planned);
        let status = match &finding {
            None => Status::Passed,
            Some(_) if earned > Points::ZERO => Status::Partial,
            Some(finding) => finding.status,
        };
        let run_again = shown_seed.filter(|_| nondeterminism.is_none());
        Some(TestReport {
            number: self.test.number(),
            title: self.test.title().to_owned(),
            asserts: self.test.asserts().to_owned(),
            kind: self.test.kind(),
            unreliable: self.test.is_unreliable(),
            credit: self.test.credit(),
            status,
            points_earned: earned,
            points_possible: self.test.points(),
            seeds_planned: planned,
            seeds_run: run,
            seeds_passed: passed,
            failing_seeds: failing,
            property: finding.as_ref().and_then(|finding| finding.property.clone()),
            book: None,
            also_broken: finding.as_ref().map(|one| one.also_broken.clone()).unwrap_or_default(),
            reason: finding.map(|finding| finding.reason),
            shown_seed,
            excerpt: trace
                .filter(|_| status != Status::NotImplemented)
                .map(|trace| excerpt(&trace.trace)),
            shrinking: shown.and_then(|index| self.shrinking(index)),
            searches: self.searches(shown),
            reproduce: reproduce(self.test.number(), run_again),
        })
    }

    /// The run that the report shows, if it shows one.
    pub(in crate::session) fn shown_run(&self) -> Option<&Trace> {
        if self.cut_short.is_some() {
            return None;
        }
        if self.determinism.finding().is_some() {
            return self.trace.as_ref().map(|trace| &trace.trace);
        }
        let shown = self.runs.shown()?;
        match &self.shrunk {
            Some((index, ShrinkEnd::Shrunk(_, trace))) if *index == shown => Some(trace),
            _ => self.trace.as_ref().filter(|trace| trace.index == shown).map(|it| &it.trace),
        }
    }

    /// What came of shrinking the run of the seed at this index.
    fn shrinking(&self, index: usize) -> Option<Shrinking> {
        let (_, end) = self.shrunk.as_ref().filter(|(shrunk, _)| *shrunk == index)?;
        Some(match end {
            ShrinkEnd::NotShrunk(why) => Shrinking::NotShrunk(why.clone()),
            ShrinkEnd::Shrunk(run, trace) => {
                let finding = Finding::of_outcome(&run.outcome)?;
                Shrinking::Shrunk(ShrunkRun {
                    events: trace.events.len() as u64,
                    original_events: run.original_events,
                    reason: finding.reason,
                    also_broken: finding.also_broken,
                    excerpt: excerpt(trace),
                    steps: run.steps,
                    is_cut_short: run.is_cut_short,
                })
            }
        })
    }

    /// Statistics of the searches of the shown seed, or else of the first.
    fn searches(&self, shown: Option<usize>) -> Vec<SearchSummary> {
        let run = self.runs.get(shown.unwrap_or(0));
        run.map(|run| run.searches.clone()).unwrap_or_default()
    }
}
