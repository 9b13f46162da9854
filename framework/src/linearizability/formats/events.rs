//! Events: the lines of a file, and the pairs of calls and answers among them.

use std::collections::BTreeMap;

use crate::Address;

use super::FormatError;
use super::value::{self, Value, excerpt, shown};

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The operation was called.
    Invoke,
    /// It was executed, and this is the result.
    Ok,
    /// It was not executed.
    Fail,
    /// It is unknown whether it was executed.
    Info,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) line: usize,
    pub(super) process: Address,
    pub(super) kind: Kind,
    pub(super) function: String,
    pub(super) key: Option<Value>,
    pub(super) value: Value,
}

/// A call and its answer, with their times, which are the numbers of their events.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) invocation: Event,
    pub(super) called: u64,
    /// The `:ok` or `:fail`; `None` if it was `:info` or missing.
    pub(super) answer: Option<(Event, u64)>,
}

/// Reads a Jepsen log.
pub(super) fn from_jepsen(text: &str) -> Result<Vec<Event>, FormatError> {
    const MARK: &str = "jepsen.util - ";
    let mut events = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line_number = at + 1;
        if line.trim().is_empty() {
            continue;
        }
        let Some(start) = line.find(MARK) else {
            // Lines of other parts of Jepsen, which are not about operations.
            if line.contains(" jepsen.") {
                continue;
            }
            let problem = format!("`{}` is not a line of a Jepsen log", excerpt(line));
            return Err(FormatError::new(line_number, problem));
        };
        let fields: Vec<&str> = line[start + MARK.len()..].splitn(4, '\t').collect();
        let [process, kind, function, value] = fields[..] else {
            let problem = format!(
                "there are {} fields after `jepsen.util -`; an operation has four (process, type, function and value), with tabs between them",
                fields.len()
            );
            return Err(FormatError::new(line_number, problem));
        };
        if process.trim() == ":nemesis" {
            continue;
        }
        let read =
            |text: &str| value::read(text).map_err(|error| FormatError::new(line_number, error));
        events.push(Event {
            line: line_number,
            process: address(&read(process)?, line_number)?,
            kind: kind_of(&read(kind)?, line_number)?,
            function: word_of(&read(function)?, "function", line_number)?,
            key: None,
            value: read(value)?,
        });
    }
    Ok(events)
}

/// Reads EDN maps, one per line.
pub(super) fn from_edn(text: &str) -> Result<Vec<Event>, FormatError> {
    let mut events = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line_number = at + 1;
        if line.trim().is_empty() {
            continue;
        }
        let fail = |problem| FormatError::new(line_number, problem);
        let Value::Map(pairs) = value::read(line).map_err(fail)? else {
            return Err(fail(format!("`{}` is not a map: `{{:process ...}}`", excerpt(line))));
        };
        let field = |name: &str| {
            let key = Value::Word(name.to_owned());
            pairs.iter().find(|(of, _)| *of == key).map(|(_, value)| value)
        };
        let needed = |name: &str| field(name).ok_or_else(|| fail(format!("`:{name}` is missing")));
        if *needed("process")? == Value::Word("nemesis".to_owned()) {
            continue;
        }
        events.push(Event {
            line: line_number,
            process: address(needed("process")?, line_number)?,
            kind: kind_of(needed("type")?, line_number)?,
            function: word_of(needed("f")?, "function", line_number)?,
            key: field("key").cloned(),
            value: field("value").cloned().unwrap_or(Value::Nil),
        });
    }
    Ok(events)
}

/// Finds the answer to each call.
pub(super) fn pair(events: Vec<Event>) -> Result<Vec<Call>, FormatError> {
    let mut calls: Vec<Call> = Vec::new();
    // Each process's last call without an answer, and whether it ended in `:info`.
    let mut open: BTreeMap<Address, (usize, bool)> = BTreeMap::new();
    for (time, event) in (0..).zip(events) {
        let waiting = open.get(&event.process).copied();
        if event.kind == Kind::Invoke {
            if let Some((call, given_up)) = waiting {
                let Event { line, function, .. } = &calls[call].invocation;
                let state = if given_up { "ended in :info" } else { "has no answer yet" };
                let problem = format!(
                    "{} calls :{} while its :{function} of line {line} {state}: a process has one operation at a time, and never calls again after :info",
                    event.process, event.function
                );
                return Err(FormatError::new(event.line, problem));
            }
            open.insert(event.process, (calls.len(), false));
            calls.push(Call { invocation: event, called: time, answer: None });
            continue;
        }
        let Some((call, false)) = waiting else {
            // Repeated `:info` about the same call is ignored.
            if event.kind == Kind::Info && waiting.is_some() {
                continue;
            }
            let problem = format!("{} is answered, but has no pending call", event.process);
            return Err(FormatError::new(event.line, problem));
        };
        let Call { invocation, answer, .. } = &mut calls[call];
        if invocation.function != event.function || invocation.key != event.key {
            let problem = format!(
                "{} is answered :{}{}, but asked :{}{} in line {}",
                event.process,
                event.function,
                with_key(&event),
                invocation.function,
                with_key(invocation),
                invocation.line
            );
            return Err(FormatError::new(event.line, problem));
        }
        if event.kind == Kind::Info {
            open.insert(event.process, (call, true));
        } else {
            open.remove(&event.process);
            *answer = Some((event, time));
        }
    }
    Ok(calls)
}

fn with_key(event: &Event) -> String {
    event.key.as_ref().map_or(String::new(), |key| format!(" {}", shown(key)))
}

fn address(process: &Value, line: usize) -> Result<Address, FormatError> {
    // The largest number whose name fits an address.
    const PROCESS_MAX: i64 = 999_999_999;
    match process {
        Value::Integer(number @ 0..=PROCESS_MAX) => {
            Ok(Address::numbered("process", *number as usize))
        }
        other => {
            let problem = format!(
                "the process is `{}`; it should be a number from 0 to {PROCESS_MAX}",
                shown(other)
            );
            Err(FormatError::new(line, problem))
        }
    }
}

fn kind_of(value: &Value, line: usize) -> Result<Kind, FormatError> {
    match word_of(value, "type", line)?.as_str() {
        "invoke" => Ok(Kind::Invoke),
        "ok" => Ok(Kind::Ok),
        "fail" => Ok(Kind::Fail),
        "info" => Ok(Kind::Info),
        other => {
            let problem = format!(
                "the type is `:{}`; it should be :invoke, :ok, :fail or :info",
                excerpt(other)
            );
            Err(FormatError::new(line, problem))
        }
    }
}

fn word_of(value: &Value, what: &str, line: usize) -> Result<String, FormatError> {
    match value {
        Value::Word(word) => Ok(word.clone()),
        other => {
            let problem = format!("the {what} is `{}`; it should be a keyword", shown(other));
            Err(FormatError::new(line, problem))
        }
    }
}
