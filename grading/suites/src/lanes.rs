//! Draws why the results of a run's clients are inconsistent, one lane per client, beside the run's
//! excerpt.

use faultlab::linearizability::{CheckResult, Checker, Model, explain, history_of};
use faultlab::trace::{Ending, Engine, Trace};

use crate::lab1;

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
    if trace.header.engine != Engine::Simulate || violation.property != lab1::EXACTLY_ONCE {
        return None;
    }
    match trace.header.lab.as_str() {
        "lab1" => drawn(&lab1::model(), trace, width),
        _ => None,
    }
}

fn drawn<M: Model>(model: &M, trace: &Trace, width: usize) -> Option<String>
where
    M::Command: faultlab::Value + std::fmt::Debug,
    M::Result: faultlab::Value + std::fmt::Debug,
{
    let history = history_of::<M::Command, M::Result>(trace).ok()?;
    if history.operations().len() > OPERATIONS_MAX {
        return None;
    }
    let checker = Checker::new(model).threads(1).configuration_limit(CONFIGURATIONS_MAX);
    let CheckResult::NotLinearizable(violation) = checker.check(&history).verdict else {
        return None;
    };
    let text = explain(model, &history, &violation).to_text(width, false);
    (text.lines().count() <= LINES_MAX).then_some(text)
}
