//! Runs a check of progress as a stage of a search test.

use faultlab::hosting::pure::PureSteps;
use faultlab::search::{Lasso, LeadsTo, ProgressResult, Report, Search, SearchResult};

/// What a check of progress came to.
pub(crate) struct Checked {
    /// The report of the search for it. *Exhausted* means that every fair run gets there, unless one was found that does
    /// not.
    pub(crate) report: Report,
    /// The fair run that does not get there, if there is one.
    pub(crate) avoided: Option<Box<Lasso>>,
}

/// Checks what every fair run must reach.
pub(crate) fn check_progress(
    search: &Search,
    steps: &dyn PureSteps,
    leads_to: &LeadsTo,
) -> Checked {
    let progress = search.progress_with(steps, leads_to);
    let (result, avoided) = match progress.result {
        ProgressResult::Inevitable => (SearchResult::Exhausted, None),
        ProgressResult::Stopped(stopped) => (stopped, None),
        ProgressResult::Avoided(lasso) => (SearchResult::Exhausted, Some(lasso)),
    };
    let (never_held, hints) = Default::default();
    let report = Report {
        result,
        never_held,
        faults: search.faults(),
        statistics: progress.statistics,
        hints,
    };
    Checked { report, avoided }
}
