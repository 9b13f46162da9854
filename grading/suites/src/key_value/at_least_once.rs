//! At-least-once semantics: every answered command was executed, perhaps several times.

use std::collections::{BTreeMap, BTreeSet};

use faultlab::linearizability::Operation;
use faultlab::property::{CheckError, Property, violated};

use super::operations::{StoreOperation, operations, subject};
use super::{StoreAction, StoreCommand, StoreResult};

/// At-least-once semantics: every answered command was executed at least once, and nothing was
/// executed that no client requested. A late copy may undo a newer put, and an appended value may
/// occur twice.
///
/// For a key with puts, a get returns a value that was put. For a key with appends only, every result
/// consists of appended values, and includes all that were acknowledged before it was requested: a value as
/// often as its appends were acknowledged. An append's own value is last. Every appended value must end with
/// its only `]`; several commands may have equal values.
#[must_use]
pub fn at_least_once<C: StoreCommand>() -> Property {
    Property::new("every answered command was executed, and nothing else", |view| {
        none_impossible(&operations::<C>(view)?)
    })
}

/// Checks that no result is impossible under at-least-once semantics.
pub(super) fn none_impossible<C: StoreCommand>(
    operations: &[StoreOperation<C>],
) -> Result<(), CheckError> {
    for (index, operation) in operations.iter().enumerate() {
        if let Some(result) = &operation.result
            && let Some(expected) = never_possible::<C>(operation, result, operations)
        {
            let Operation { client, command, .. } = operation;
            return Err(violated(expected, format!("{client} got {result:?} for {command:?}"))
                .about(subject(operations, index)));
        }
    }
    Ok(())
}

/// Describes the result that was expected, if no number of executions of the commands can explain
/// this one.
fn never_possible<C: StoreCommand>(
    operation: &StoreOperation<C>,
    result: &C::Result,
    operations: &[StoreOperation<C>],
) -> Option<String> {
    let key = operation.command.key();
    // The values that this command may see at its key, and the operations that write them.
    let written: Vec<(&str, &StoreOperation<C>)> = operations
        .iter()
        .filter(|other| Some(other.called) < operation.returned)
        .filter(|other| other.command.key() == key)
        .filter_map(|other| Some((other.command.action().written()?, other)))
        .collect();
    let values: BTreeSet<&str> = written.iter().map(|(value, _)| *value).collect();
    // The values whose writes were acknowledged before this command was given.
    let acknowledged: Vec<&str> = written
        .iter()
        .filter(|(_, other)| other.returned.is_some_and(|returned| returned < operation.called))
        .map(|(value, _)| *value)
        .collect();
    let appended =
        written.iter().all(|(_, other)| matches!(other.command.action(), StoreAction::Append(_)));
    match (operation.command.action(), C::meaning(result)) {
        (StoreAction::Put(_), Some(StoreResult::PutDone)) => None,
        (StoreAction::Put(_), _) => Some("PutDone for a Put".to_owned()),
        (StoreAction::Get, Some(StoreResult::KeyNotFound)) => (!acknowledged.is_empty())
            .then(|| format!("a value, since the key {key:?} has been written")),
        (StoreAction::Get, Some(StoreResult::Value(whole))) if appended => {
            not_appended(whole, &values, &acknowledged, None)
        }
        (StoreAction::Get, Some(StoreResult::Value(whole))) => {
            (!values.contains(whole)).then(|| format!("a value that was put at the key {key:?}"))
        }
        (StoreAction::Get, _) => Some("Value or KeyNotFound for a Get".to_owned()),
        (StoreAction::Append(value), Some(StoreResult::Appended(whole))) => {
            if whole.ends_with(value) {
                not_appended(whole, &values, &acknowledged, Some(value))
            } else {
                Some(format!("the whole new value, which ends with {value:?}"))
            }
        }
        (StoreAction::Append(_), _) => Some("Appended for an Append".to_owned()),
    }
}

/// Describes the appended value that was expected, if this one is impossible. `values` may have been
/// appended; each of `acknowledged` and `own`, the value of the append itself, must have been.
fn not_appended(
    whole: &str,
    values: &BTreeSet<&str>,
    acknowledged: &[&str],
    own: Option<&str>,
) -> Option<String> {
    let pieces = counted(whole.split_inclusive(']'));
    if !pieces.keys().all(|piece| values.contains(piece)) {
        return Some("a value that consists of appended values only".to_owned());
    }
    let appended = counted(acknowledged.iter().copied().chain(own));
    let (lost, times) = appended
        .into_iter()
        .find(|(value, times)| pieces.get(value).is_none_or(|there| there < times))?;
    Some(if own == Some(lost) {
        format!("a value that contains {lost:?} {times} times, since it was appended that often")
    } else if times == 1 {
        format!("a value that contains {lost:?}, whose append was answered before")
    } else {
        format!(
            "a value that contains {lost:?} {times} times, since that many appends of it were answered before"
        )
    })
}

/// How often each value occurs.
fn counted<'v>(values: impl Iterator<Item = &'v str>) -> BTreeMap<&'v str, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use lab1_api::{KvCommand, KvResult};

    use super::super::tests::{append, appended, operation};
    use super::*;

    #[test]
    fn at_least_once_allows_repetitions_and_nothing_else() {
        let history = |second: KvResult| {
            let second = operation(2, append("b]"), second, 30, 40);
            none_impossible::<KvCommand>(&[
                operation(1, append("a]"), appended("a]"), 10, 20),
                second,
            ])
        };
        assert_eq!(history(appended("a]b]")), Ok(()));
        assert_eq!(history(appended("a]a]b]b]")), Ok(()));
        // An acknowledged append is lost; something was never appended; its own value is not last.
        for impossible in ["b]", "a]x]b]", "b]a]"] {
            assert!(history(appended(impossible)).is_err(), "{impossible}");
        }
        assert!(history(KvResult::PutDone).is_err());
    }

    #[test]
    fn equal_appends_are_counted() {
        let history = |third: &str| {
            none_impossible::<KvCommand>(&[
                operation(1, append("a]"), appended("a]"), 10, 20),
                operation(2, append("a]"), appended("a]a]"), 30, 40),
                operation(1, append("a]"), appended(third), 50, 60),
            ])
        };
        assert_eq!(history("a]a]a]"), Ok(()));
        assert_eq!(history("a]a]a]a]"), Ok(()));
        for impossible in ["a]", "a]a]"] {
            assert!(history(impossible).is_err(), "{impossible}");
        }
    }

    #[test]
    fn at_least_once_allows_a_late_put_to_win() {
        let put = |value: &str| KvCommand::Put { key: "k".to_owned(), value: value.to_owned() };
        let get = KvCommand::Get { key: "k".to_owned() };
        let history = |seen: KvResult| {
            none_impossible::<KvCommand>(&[
                operation(1, put("a]"), KvResult::PutDone, 10, 20),
                operation(1, put("b]"), KvResult::PutDone, 30, 40),
                operation(1, get.clone(), seen, 50, 60),
            ])
        };
        assert_eq!(history(KvResult::Value("b]".to_owned())), Ok(()));
        assert_eq!(history(KvResult::Value("a]".to_owned())), Ok(()));
        assert!(history(KvResult::Value("c]".to_owned())).is_err());
        assert!(history(KvResult::KeyNotFound).is_err());
    }
}
