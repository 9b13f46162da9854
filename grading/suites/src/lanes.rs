//! Draws why the results of a run's clients are inconsistent, one lane per client, beside the run's
//! excerpt.

use faultlab::linearizability::CheckResult;
use faultlab::trace::{Ending, Engine, Trace};

use crate::CheckLimits;

/// The limit counts configurations, not time, like that of the property itself.
const CONFIGURATIONS_MAX: u64 = 200_000;

/// More operations than this take too long to reduce interactively.
const OPERATIONS_MAX: usize = 400;

/// More lines than this are too many to read at once.
const LINES_MAX: usize = 30;

/// The few operations of a simulated run that no order explains, as lanes at most `width` columns
/// wide, in plain text. `None` if the run failed in another way, or if this takes too long; then use
/// `check-history.sh` on the whole history.
///
/// Runs of a search are already as short as possible and have none.
#[must_use]
pub fn lanes(trace: &Trace, width: usize) -> Option<String> {
    let Some(Ending::Violated(violation)) = &trace.ending else { return None };
    if trace.header.engine != Engine::Simulate {
        return None;
    }
    let suite = crate::find(&trace.header.lab)?;
    let model = suite.history_model().filter(|model| model.property() == violation.property)?;
    let history = model.read(trace).ok()?;
    if history.operations() > OPERATIONS_MAX {
        return None;
    }
    let limits = CheckLimits {
        configurations: Some(CONFIGURATIONS_MAX),
        threads: Some(1),
        ..CheckLimits::default()
    };
    let CheckResult::NotLinearizable(violation) = history.check(limits).verdict else {
        return None;
    };
    let text = history.explain(&violation).to_text(width, false);
    (text.lines().count() <= LINES_MAX).then_some(text)
}
