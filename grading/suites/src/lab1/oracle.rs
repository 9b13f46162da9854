//! The oracle: a reference key-value store and journal, and which results at-least-once and
//! exactly-once semantics permit. It never uses the student's code.

use std::collections::{BTreeMap, BTreeSet};

use faultlab::linearizability::{CheckResult, Checker, History, Operation, Sequential};
use faultlab::property::{CheckError, Property, View, results_satisfy, violated};
use faultlab::{Address, Application, codec};
use lab1_api::{AmoCommand, Entry, Journal, KvCommand, KvResult, Receipt};
use serde::{Deserialize, Serialize};

/// The specification of the key-value store, against which results are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Specification {
    values: BTreeMap<String, String>,
}

impl Application for Specification {
    type Command = KvCommand;
    type Result = KvResult;

    fn execute(&mut self, command: KvCommand) -> KvResult {
        match command {
            KvCommand::Get { key } => {
                self.values.get(&key).cloned().map_or(KvResult::KeyNotFound, KvResult::Value)
            }
            KvCommand::Put { key, value } => {
                self.values.insert(key, value);
                KvResult::PutDone
            }
            KvCommand::Append { key, value } => {
                let old = self.values.get(&key).map_or("", String::as_str);
                let new = format!("{old}{value}");
                self.values.insert(key, new.clone());
                KvResult::Appended(new)
            }
        }
    }
}

/// The results of these commands, each executed once, in this order, on an empty store.
pub(super) fn results(commands: &[KvCommand]) -> Vec<KvResult> {
    let mut store = Specification::default();
    commands.iter().map(|command| store.execute(command.clone())).collect()
}

/// The specification as a model: keys are independent, and a `Get` changes nothing.
#[must_use]
pub fn model() -> Sequential<Specification> {
    Sequential::new(Specification::default())
        .with_key(|command| Some(key_of(command).to_owned()))
        .with_observers(|command, _| matches!(command, KvCommand::Get { .. }))
}

/// The name of the property that decides linearizability.
pub const EXACTLY_ONCE: &str = "every command takes effect exactly once";

/// Exactly-once semantics: the results are those of a single store that executed each command once,
/// at one moment between its call and its return (linearizability).
pub(super) fn exactly_once() -> Property {
    Property::new(EXACTLY_ONCE, |view| {
        let operations = operations(view)?;
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
fn unexplained(
    operations: &[Operation<KvCommand, KvResult>],
    operation: usize,
    prefix: &[usize],
) -> CheckError {
    let mut store = Specification::default();
    for &earlier in prefix.iter().take_while(|&&placed| placed != operation) {
        store.execute(operations[earlier].command.clone());
    }
    let Operation { client, command, result, .. } = &operations[operation];
    let before = match store.execute(get(key_of(command))) {
        KvResult::Value(value) => format!("{value:?}"),
        _ => "nothing".to_owned(),
    };
    let result = result.as_ref().map_or_else(String::new, |result| format!("{result:?}"));
    violated(
        "results that some order of the commands explains, each executed once",
        format!(
            "{client} got {result} for {command:?}, though the key held {before} before it in the longest \
             order that explains results"
        ),
    )
}

fn get(key: &str) -> KvCommand {
    KvCommand::Get { key: key.to_owned() }
}

/// Exactly-once semantics when all commands are appends. The results then reveal the order in which
/// the commands took effect, so this is decided at once, for any number of clients.
pub(super) fn appended_once() -> Property {
    Property::new("every append takes effect exactly once", |view| {
        let operations = operations(view)?;
        let results = || {
            operations.iter().filter_map(|operation| match &operation.result {
                Some(KvResult::Appended(whole)) => Some((operation, whole.as_str())),
                _ => None,
            })
        };
        let mut longest: BTreeMap<&str, &str> = BTreeMap::new();
        for (operation, whole) in results() {
            let longest = longest.entry(key_of(&operation.command)).or_default();
            if whole.len() > longest.len() {
                *longest = whole;
            }
        }
        none_impossible(&operations)?;
        for (operation, whole) in results() {
            if let Some(expected) = not_once(whole, longest[key_of(&operation.command)]) {
                let Operation { client, command, .. } = operation;
                return Err(violated(expected, format!("{client} got {whole:?} for {command:?}")));
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

/// At-least-once semantics: every answered command was executed at least once, and nothing was
/// executed that no client requested. A late copy may undo a newer `Put`, and an appended value may
/// occur twice.
///
/// For a key with puts, `Get` returns a value that was put. For a key with appends only, every result
/// consists of appended values, and includes all that were acknowledged before it was requested; an
/// append's own value is last.
pub(super) fn at_least_once() -> Property {
    Property::new("every answered command was executed, and nothing else", |view| {
        none_impossible(&operations(view)?)
    })
}

/// Checks that no result is impossible under at-least-once semantics.
fn none_impossible(operations: &[Operation<KvCommand, KvResult>]) -> Result<(), CheckError> {
    for operation in operations {
        if let Some(result) = &operation.result
            && let Some(expected) = never_possible(operation, result, operations)
        {
            let Operation { client, command, .. } = operation;
            return Err(violated(expected, format!("{client} got {result:?} for {command:?}")));
        }
    }
    Ok(())
}

/// Describes the result that was expected, if no number of executions of the commands can explain
/// this one.
fn never_possible(
    operation: &Operation<KvCommand, KvResult>,
    result: &KvResult,
    operations: &[Operation<KvCommand, KvResult>],
) -> Option<String> {
    let key = key_of(&operation.command);
    // The values that this command may see at its key, and the operations that write them.
    let written: Vec<(&str, &Operation<KvCommand, KvResult>)> = operations
        .iter()
        .filter(|other| Some(other.called) < operation.returned)
        .filter(|other| key_of(&other.command) == key)
        .filter_map(|other| Some((written_by(&other.command)?, other)))
        .collect();
    // The values whose writes were acknowledged before this command was given.
    let acknowledged: Vec<&str> = written
        .iter()
        .filter(|(_, other)| other.returned.is_some_and(|returned| returned < operation.called))
        .map(|(value, _)| *value)
        .collect();
    let appended = written.iter().all(|(_, other)| is_append(&other.command));
    match (&operation.command, result) {
        (KvCommand::Put { .. }, KvResult::PutDone) => None,
        (KvCommand::Put { .. }, _) => Some("PutDone for a Put".to_owned()),
        (KvCommand::Get { .. }, KvResult::KeyNotFound) => (!acknowledged.is_empty())
            .then(|| format!("a value, since the key {key:?} has been written")),
        (KvCommand::Get { .. }, KvResult::Value(whole)) if appended => {
            not_appended(whole, &written, &acknowledged)
        }
        (KvCommand::Get { .. }, KvResult::Value(whole)) => {
            (!written.iter().any(|(value, _)| value == whole))
                .then(|| format!("a value that was put at the key {key:?}"))
        }
        (KvCommand::Get { .. }, _) => Some("Value or KeyNotFound for a Get".to_owned()),
        (KvCommand::Append { value, .. }, KvResult::Appended(whole)) => {
            if whole.ends_with(value.as_str()) {
                not_appended(whole, &written, &acknowledged)
            } else {
                Some(format!("the whole new value, which ends with {value:?}"))
            }
        }
        (KvCommand::Append { .. }, _) => Some("Appended for an Append".to_owned()),
    }
}

/// Describes the appended value that was expected, if this one is impossible.
fn not_appended(
    whole: &str,
    written: &[(&str, &Operation<KvCommand, KvResult>)],
    acknowledged: &[&str],
) -> Option<String> {
    let pieces: BTreeSet<&str> = whole.split_inclusive(']').collect();
    let values: BTreeSet<&str> = written.iter().map(|(value, _)| *value).collect();
    if !pieces.is_subset(&values) {
        return Some("a value that consists of appended values only".to_owned());
    }
    let lost = acknowledged.iter().find(|value| !pieces.contains(*value))?;
    Some(format!("a value that contains {lost:?}, whose append was answered before"))
}

fn is_append(command: &KvCommand) -> bool {
    matches!(command, KvCommand::Append { .. })
}

fn key_of(command: &KvCommand) -> &str {
    match command {
        KvCommand::Get { key } | KvCommand::Put { key, .. } | KvCommand::Append { key, .. } => key,
    }
}

fn written_by(command: &KvCommand) -> Option<&str> {
    match command {
        KvCommand::Get { .. } => None,
        KvCommand::Put { value, .. } | KvCommand::Append { value, .. } => Some(value),
    }
}

/// All operations of all clients.
fn operations(view: &dyn View) -> Result<Vec<Operation<KvCommand, KvResult>>, CheckError> {
    let mut operations = Vec::new();
    for client in view.clients() {
        for operation in view.operations(client) {
            let unreadable = |error: codec::CodecError| {
                violated("a result of the lab's types", format!("{client}'s is not: {error}"))
            };
            let result = operation.result.as_deref().map(codec::decode).transpose();
            operations.push(Operation {
                client,
                command: codec::decode(&operation.command).map_err(unreadable)?,
                result: result.map_err(unreadable)?,
                // A client gets its next command in the same instant as the previous result, but
                // after it. A result in the same instant as its own call comes after the call.
                called: 2 * operation.call_ns + 1,
                returned: operation
                    .return_ns
                    .map(|return_ns| (2 * return_ns).max(2 * operation.call_ns + 1)),
            });
        }
    }
    Ok(operations)
}

/// The wrapper's contract: a new command is executed, a repeated one gets the same result as the
/// first time, and an outdated one may get any result.
pub(super) fn at_most_once() -> Property {
    let name = "every entry is written at most once, and answered as often as it is asked for";
    results_satisfy::<AmoCommand<Entry>, Option<Receipt>>(name, |answered| {
        let mut journal = Journal::default();
        let mut newest: BTreeMap<Address, (u64, Receipt)> = BTreeMap::new();
        for (numbered, result) in answered.iter().flat_map(|(_, pairs)| pairs) {
            let AmoCommand { client, number, command } = numbered;
            let is_new = newest.get(client).is_none_or(|(newest, _)| newest < number);
            if is_new {
                newest.insert(*client, (*number, journal.execute(command.clone())));
            }
            let (newest, receipt) = &newest[client];
            if newest == number && result.as_ref() != Some(receipt) {
                let copy = if is_new { "" } else { ", asked for again," };
                let seen = match result {
                    Some(receipt) => format!("{receipt:?}"),
                    None => "no result".to_owned(),
                };
                return Err(violated(
                    format!(
                        "{client}'s command {number}{copy} to give {receipt:?}, since all before \
                         it were executed once"
                    ),
                    format!("it gave {seen}"),
                ));
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operation on the key `k`: its client, command and result, and when it was called and returned.
    fn operation(
        client: usize,
        command: KvCommand,
        result: KvResult,
        called: u64,
        returned: u64,
    ) -> Operation<KvCommand, KvResult> {
        let client = Address::numbered("client", client);
        Operation { client, command, result: Some(result), called, returned: Some(returned) }
    }

    fn append(value: &str) -> KvCommand {
        KvCommand::Append { key: "k".to_owned(), value: value.to_owned() }
    }

    fn appended(whole: &str) -> KvResult {
        KvResult::Appended(whole.to_owned())
    }

    #[test]
    fn at_least_once_allows_repetitions_and_nothing_else() {
        let history = |second: KvResult| {
            let second = operation(2, append("b]"), second, 30, 40);
            none_impossible(&[operation(1, append("a]"), appended("a]"), 10, 20), second])
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
    fn at_least_once_allows_a_late_put_to_win() {
        let put = |value: &str| KvCommand::Put { key: "k".to_owned(), value: value.to_owned() };
        let history = |seen: KvResult| {
            none_impossible(&[
                operation(1, put("a]"), KvResult::PutDone, 10, 20),
                operation(1, put("b]"), KvResult::PutDone, 30, 40),
                operation(1, get("k"), seen, 50, 60),
            ])
        };
        assert_eq!(history(KvResult::Value("b]".to_owned())), Ok(()));
        assert_eq!(history(KvResult::Value("a]".to_owned())), Ok(()));
        assert!(history(KvResult::Value("c]".to_owned())).is_err());
        assert!(history(KvResult::KeyNotFound).is_err());
    }

    #[test]
    fn the_explanation_shows_the_value_before_the_operation() {
        let operations = [
            operation(1, append("a]"), appended("a]"), 10, 20),
            operation(2, append("b]"), appended("a]b]b]"), 30, 40),
        ];
        let explanation = |prefix: &[usize]| match unexplained(&operations, 1, prefix) {
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
