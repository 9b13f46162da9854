//! The property that the results of a run's clients are linearizable.

use std::fmt::Write as _;

use super::check_result::{CheckResult, SequentialCheckResult};
use super::checker::Checker;
use super::explain::explain;
use super::history::{History, Operation};
use super::model::Sequential;
use crate::property::{CheckError, Property, View, violated};
use crate::{Application, codec};

/// Bounds that do not depend on the clock, so that a grade is the same on every machine. They allow a
/// few seconds of work.
const CONFIGURATIONS_MAX: u64 = 4_000_000;
const MEMORY_BYTES_MAX: usize = 1 << 29;
/// The limit on configurations for deciding whether a violation is sequentially consistent.
const SEQUENTIAL_CONFIGURATIONS_MAX: u64 = 200_000;
/// Why the property cannot be checked in a state of a search.
const NO_TIMES: &str = "a state of a search does not have the times of calls and returns, so it cannot tell whether results are linearizable; watch the runs of the search with Search::monitor(Linearizable::new(..)) instead";
/// The width of the drawing.
const WIDTH: usize = 78;

/// The property that all clients' results are linearizable with respect to the model: they are the
/// results of a single copy that executes each command at one instant between its call and its return.
/// Commands without a result may have been executed or not.
///
/// The model is the reference application, never the one under test. The description of a violation
/// draws the few operations that show it, as lanes.
///
/// This property needs the times of calls and returns. A state of a search has none, so there it is
/// undecided; use [`Search::monitor`](crate::search::Search::monitor) with
/// [`Linearizable`](crate::search::Linearizable) instead.
#[must_use]
pub fn linearizable<A: Application>(model: Sequential<A>) -> Property {
    Property::new("results are linearizable", move |view| {
        if view.now_ns().is_none() {
            return Err(CheckError::Undecided(NO_TIMES.to_owned()));
        }
        let history = history_of::<A>(view)?;
        let checker = Checker::new(&model)
            .configuration_limit(CONFIGURATIONS_MAX)
            .memory_limit(MEMORY_BYTES_MAX)
            .threads(1);
        match checker.check(&history).verdict {
            CheckResult::Linearizable { .. } => Ok(()),
            CheckResult::Unknown(limit) => Err(CheckError::Undecided(format!(
                "whether the results of {} commands are linearizable: {limit}",
                history.operations().len()
            ))),
            CheckResult::NotLinearizable(violation) => {
                let explanation = explain(&model, &history, &violation);
                let mut seen = explanation.sentence();
                let sequential = checker
                    .configuration_limit(SEQUENTIAL_CONFIGURATIONS_MAX)
                    .check_sequential(&history);
                if let (SequentialCheckResult::SequentiallyConsistent { .. }, _) = sequential {
                    seen.push_str(" (the results are sequentially consistent: right in an order that agrees with each client, though not with real time)");
                }
                let _ = write!(seen, "\n\n{}", explanation.to_text(WIDTH, false));
                Err(violated("results that one copy could have given, in real time's order", seen))
            }
        }
    })
}

/// The history of a run's clients.
fn history_of<A: Application>(
    view: &dyn View,
) -> Result<History<A::Command, A::Result>, CheckError> {
    let mut operations = Vec::new();
    for client in view.clients() {
        for operation in view.operations(client) {
            let unreadable = |error: codec::CodecError| {
                let seen = format!("{client} has one that cannot be read: {error}");
                violated("commands and results of the lab's types", seen)
            };
            let result = operation.result.as_deref().map(codec::decode);
            operations.push(Operation {
                client,
                command: codec::decode(&operation.command).map_err(unreadable)?,
                result: result.transpose().map_err(unreadable)?,
                called: operation.call_ns,
                returned: operation.return_ns,
            });
        }
    }
    // The view gives each client's operations in the client's order.
    History::in_client_order(operations)
        .map_err(|error| violated("one command of a client at a time", error.to_string()))
}
