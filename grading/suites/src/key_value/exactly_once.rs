//! Exactly-once semantics: the results are those of a single store that executed each command once.

use std::collections::BTreeMap;

use faultlab::Application;
use faultlab::linearizability::formats::ModelName;
use faultlab::linearizability::{CheckResult, Checker, History, Operation};
use faultlab::property::{CheckError, Property, violated};

use super::at_least_once::none_impossible;
use super::operations::{StoreOperation, operations, subject};
use super::{Specification, StoreCommand, StoreResult, model};
use crate::HistoryModel;

/// The name of the property that decides linearizability.
pub const EXACTLY_ONCE: &str = "every command takes effect exactly once";

/// How the runs of a lab with these commands are checked for linearizability.
#[must_use]
pub fn history_model<C: StoreCommand>() -> HistoryModel {
    HistoryModel::new(ModelName::KeyValue, EXACTLY_ONCE, model::<C>)
}

/// Exactly-once semantics: the results are those of a single store that executed each command once,
/// at one moment between its call and its return (linearizability).
#[must_use]
pub fn exactly_once<C: StoreCommand>() -> Property {
    Property::new(EXACTLY_ONCE, |view| {
        let operations = operations::<C>(view)?;
        let history = History::in_client_order(operations.clone())
            .map_err(|error| violated("one command of a client at a time", error.to_string()))?;
        let model = model();
        // The limit counts configurations, not time, so that every machine gives the same result.
        // With a handful of clients a few thousand are enough.
        let checker = Checker::new(&model).threads(1).configuration_limit(200_000);
        match checker.check(&history).verdict {
            CheckResult::Linearizable { .. } => Ok(()),
            CheckResult::Unknown(limit) => Err(CheckError::Undecided(limit.to_string())),
            CheckResult::NotLinearizable(violation) => {
                Err(unexplained(&operations, violation.operation, &violation.prefix))
            }
        }
    })
}

/// Explains why an operation's result is impossible: what its key held before it, in the longest
/// order that explains results. That order may contain the operation itself, for its effect only.
fn unexplained<C: StoreCommand>(
    operations: &[StoreOperation<C>],
    operation: usize,
    prefix: &[usize],
) -> CheckError {
    let mut store = Specification::default();
    for &earlier in prefix.iter().take_while(|&&placed| placed != operation) {
        store.execute(operations[earlier].command.clone());
    }
    let Operation { client, command, result, .. } = &operations[operation];
    let before =
        store.value(command.key()).map_or("nothing".to_owned(), |value| format!("{value:?}"));
    let result = result.as_ref().map_or_else(String::new, |result| format!("{result:?}"));
    violated(
        "results that some order of the commands explains, each executed once",
        format!(
            "{client} got {result} for {command:?}, though the key held {before} before it if each command \
             was executed once"
        ),
    )
    .about(subject(operations, operation))
}

/// Exactly-once semantics when all commands are appends. The results then reveal the order in which
/// the commands took effect, so this is decided at once, for any number of clients. Every appended
/// value must end with its only `]`.
#[must_use]
pub fn appended_once<C: StoreCommand>() -> Property {
    Property::new("every append takes effect exactly once", |view| {
        let operations = operations::<C>(view)?;
        let results = || {
            operations.iter().enumerate().filter_map(|(index, operation)| {
                match operation.result.as_ref().and_then(C::meaning) {
                    Some(StoreResult::Appended(whole)) => Some((index, operation, whole)),
                    _ => None,
                }
            })
        };
        let mut longest: BTreeMap<&str, &str> = BTreeMap::new();
        for (_, operation, whole) in results() {
            let longest = longest.entry(operation.command.key()).or_default();
            if whole.len() > longest.len() {
                *longest = whole;
            }
        }
        none_impossible(&operations)?;
        for (index, operation, whole) in results() {
            if let Some(expected) = not_once(whole, longest[operation.command.key()]) {
                let Operation { client, command, .. } = operation;
                return Err(violated(expected, format!("{client} got {whole:?} for {command:?}"))
                    .about(subject(&operations, index)));
            }
        }
        Ok(())
    })
}

/// Describes the appended value that was expected, if this one is impossible when each append to
/// its key takes effect once. `longest` is the longest value of the key.
fn not_once(whole: &str, longest: &str) -> Option<String> {
    let mut pieces: Vec<&str> = whole.split_inclusive(']').collect();
    pieces.sort_unstable();
    if let Some(twice) = pieces.windows(2).find(|pair| pair[0] == pair[1]) {
        return Some(format!("a value that contains {:?} once", twice[0]));
    }
    (!longest.starts_with(whole))
        .then(|| format!("a prefix of {longest:?}, which is another result"))
}

#[cfg(test)]
mod tests {
    use lab1_api::KvCommand;

    use super::super::tests::{append, appended, operation};
    use super::*;

    #[test]
    fn the_explanation_shows_the_value_before_the_operation() {
        let operations = [
            operation(1, append("a]"), appended("a]"), 10, 20),
            operation(2, append("b]"), appended("a]b]b]"), 30, 40),
        ];
        let explanation = |prefix: &[usize]| match unexplained::<KvCommand>(&operations, 1, prefix)
        {
            CheckError::Violated { seen, .. } => seen,
            other => panic!("{other:?}"),
        };
        // The explanation does not depend on whether the order contains the operation for its effect.
        assert_eq!(explanation(&[0]), explanation(&[0, 1]));
        assert!(
            explanation(&[0, 1]).contains(r#"the key held "a]" before it"#),
            "{}",
            explanation(&[0, 1])
        );
    }

    #[test]
    fn appends_that_took_effect_once_form_a_chain() {
        assert_eq!(not_once("a]b]", "a]b]c]"), None);
        assert!(not_once("a]a]", "a]a]c]").is_some_and(|expected| expected.contains("once")));
        assert!(not_once("a]c]", "a]b]c]").is_some_and(|expected| expected.contains("prefix")));
    }
}
