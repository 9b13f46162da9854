//! Builds a test's report.

use faultlab_suites::{Points, SearchSummary};

use super::{Stage, TestRun};
use crate::report::{Status, TestReport, excerpt};
use crate::session::determinism;

impl TestRun<'_> {
    /// The infrastructure error, if there was one.
    pub(in crate::session) fn infra_error(&self) -> Option<&str> {
        let of_runs = self.runs[..self.end].iter().flatten().filter_map(|run| run.finding.as_ref());
        let mut all = of_runs.chain(&self.nondeterminism);
        all.find(|finding| finding.is_infra_error).map(|finding| finding.reason.as_str())
    }

    /// The index of the most informative failing run: one that finished, before one whose process
    /// failed, before one that hit a `todo!`; of those, the shortest.
    pub(super) fn shown(&self) -> Option<usize> {
        let rank = |status: Status| match status {
            Status::Passed | Status::Partial | Status::Failed => 0,
            Status::TimedOut => 1,
            Status::Inconclusive => 2,
            Status::NotImplemented => 3,
        };
        let failing = self.runs[..self.end].iter().enumerate().filter_map(|(index, run)| {
            let run = run.as_ref()?;
            let status = run.finding.as_ref()?.status;
            let (_, steps) = run.end.unwrap_or((0, u64::MAX));
            Some((rank(status), steps, index))
        });
        failing.min().map(|(_, _, index)| index)
    }

    /// The report, once complete.
    pub(in crate::session) fn report(&self) -> Option<TestReport> {
        if self.stage != Stage::Finished {
            return None;
        }
        let counted = || self.runs[..self.end].iter().flatten();
        let run = counted().count() as u64;
        let mut passed = counted().filter(|run| run.finding.is_none()).count() as u64;
        let shown = self.shown();
        let mut failing: Vec<u64> = self.runs[..self.end]
            .iter()
            .zip(&self.seeds)
            .filter(|(run, _)| run.as_ref().is_some_and(|run| run.finding.is_some()))
            .map(|(_, seed)| *seed)
            .collect();
        let mut finding =
            shown.and_then(|index| self.runs[index].as_ref()?.finding.as_ref()).cloned();
        let mut shown_seed = shown.map(|index| self.seeds[index]);
        let mut trace = self.trace.as_ref().filter(|(index, _)| Some(*index) == shown);
        if let Some(irreproducible) = &self.nondeterminism {
            // Results of nondeterministic runs do not count.
            passed = 0;
            failing.clone_from(&self.seeds);
            shown_seed = determinism::checked(&self.ends()).map(|(index, _)| self.seeds[index]);
            finding = Some(irreproducible.clone());
            trace = self.trace.as_ref();
        }
        let planned = self.seeds.len() as u64;
        if let Some(finding) = &mut finding
            && self.nondeterminism.is_none()
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
        let run_again = shown_seed.filter(|_| self.nondeterminism.is_none());
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
            also_broken: finding.as_ref().map(|one| one.also_broken.clone()).unwrap_or_default(),
            reason: finding.map(|finding| finding.reason),
            shown_seed,
            excerpt: trace
                .filter(|_| status != Status::NotImplemented)
                .map(|(_, trace)| excerpt(trace)),
            searches: self.searches(shown),
            reproduce: (self.plan.reproduce)(self.test.number(), run_again),
        })
    }

    /// Statistics of the searches of the shown seed, or else of the first.
    pub(super) fn searches(&self, shown: Option<usize>) -> Vec<SearchSummary> {
        let run = self.runs.get(shown.unwrap_or(0)).and_then(Option::as_ref);
        run.map(|run| run.searches.clone()).unwrap_or_default()
    }
}
