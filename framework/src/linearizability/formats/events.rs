//! Events: the maps or lines of a file, and the pairs of calls and answers among them.

use std::collections::BTreeMap;

use crate::Address;

use super::FormatError;
use super::edn::{self, EdnError, Value, excerpt, shown};

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

/// A line of a log, or a map.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Where it begins, counting from one.
    pub(super) line: usize,
    pub(super) process: Address,
    pub(super) kind: Kind,
    pub(super) function: String,
    pub(super) key: Option<Value>,
    pub(super) value: Value,
    /// Whether the file says why it failed, or why its outcome is unknown.
    pub(super) has_error: bool,
    pub(super) index: Option<i64>,
    pub(super) time: Option<i64>,
}

/// A call and its answer, with their times, which are the numbers of their events.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) invocation: Event,
    pub(super) called: u64,
    /// The `:ok` or `:fail`; `None` if it was `:info` or missing.
    pub(super) answer: Option<(Event, u64)>,
}

/// Reads EDN maps, one after another or in one vector or list.
pub(super) fn from_edn(text: &str) -> Result<Vec<Event>, FormatError> {
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut reader = edn::Reader::new(text);
    let mut events = Vec::new();
    let mut close = None;
    let mut is_first = true;
    loop {
        let fail = |EdnError { at, problem }| {
            // What is missing at the end of the file is missing in its last line.
            let at = at.min(text.trim_end().len());
            FormatError::new(Lines { text, at: 0, line: 1 }.of(at), problem)
        };
        if is_first {
            close = reader.enter().map_err(fail)?;
            is_first = false;
        }
        let is_over = match close {
            Some(close) => reader.leave(close).map_err(fail)?,
            None => !reader.has_next().map_err(fail)?,
        };
        if is_over {
            if close.is_some() && reader.has_next().map_err(fail)? {
                let problem = "something follows the collection that holds the history";
                return Err(FormatError::new(lines.of(reader.at()), problem));
            }
            return Ok(events);
        }
        let line = lines.of(reader.at());
        events.extend(from_value(reader.next().map_err(fail)?, line)?);
    }
}

/// Finds the lines of places in a text, from its beginning to its end.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of the byte with this number, which is not before the previous one.
    fn of(&mut self, at: usize) -> usize {
        self.line += self.text[self.at..at].bytes().filter(|&byte| byte == b'\n').count();
        self.at = at;
        self.line
    }
}

/// Reads the map of an event, unless it is one of the nemesis.
fn from_value(value: Value, line: usize) -> Result<Option<Event>, FormatError> {
    let fail = |problem| FormatError::new(line, problem);
    let Value::Map(pairs) = value else {
        return Err(fail(format!("`{}` is not a map: `{{:process ...}}`", shown(&value))));
    };
    let field = |name: &str| {
        let mut pairs = pairs.iter();
        pairs.find(|(of, _)| of.name() == Some(name)).map(|(_, value)| value)
    };
    let needed = |name: &str| field(name).ok_or_else(|| fail(format!("`:{name}` is missing")));
    let number = |name: &str| match field(name) {
        Some(Value::Integer(number)) => Some(*number),
        _ => None,
    };
    let (process, kind) = (needed("process")?, Kind::of(needed("type")?, line)?);
    if !is_client(process, kind) {
        return Ok(None);
    }
    let has_error = field("error").is_some_and(|error| *error != Value::Nil);
    let key = field("key").filter(|key| **key != Value::Nil).cloned();
    let value = field("value").cloned().unwrap_or(Value::Nil);
    let event = Event::new(line, process, kind, needed("f")?, key, value, has_error)?;
    Ok(Some(Event { index: number("index"), time: number("time"), ..event }))
}

/// Whether this is the process of a client. Others, such as the nemesis, have names and only report.
pub(super) fn is_client(process: &Value, kind: Kind) -> bool {
    process.name().is_none_or(|name| name != "nemesis" && kind != Kind::Info)
}

impl Event {
    pub(super) fn new(
        line: usize,
        process: &Value,
        kind: Kind,
        function: &Value,
        key: Option<Value>,
        value: Value,
        has_error: bool,
    ) -> Result<Self, FormatError> {
        let process = address(process, line)?;
        let function = word_of(function, "function", line)?;
        let (key, value) = match key {
            None => split_key(&function, value),
            key => (key, value),
        };
        let (index, time) = (None, None);
        Ok(Self { line, process, kind, function, key, value, has_error, index, time })
    }
}

/// Separates the key of a value with two parts.
fn split_key(function: &str, value: Value) -> (Option<Value>, Value) {
    let Value::Sequence(mut parts) = value else { return (None, value) };
    let has_key = match &parts[..] {
        [_, Value::Sequence(_) | Value::Nil] => true,
        [_, _] => function != "cas",
        _ => false,
    };
    if has_key && let (Some(value), Some(key)) = (parts.pop(), parts.pop()) {
        (Some(key), value)
    } else {
        (None, Value::Sequence(parts))
    }
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
            // An `:info` is about no call, or repeats one about the same call.
            if event.kind == Kind::Info {
                continue;
            }
            let problem = format!("{} is answered, but has no pending call", event.process);
            return Err(FormatError::new(event.line, problem));
        };
        let Call { invocation, answer, .. } = &mut calls[call];
        // The value of a failure, and the key in it, may be missing.
        let same_key =
            invocation.key == event.key || (event.key.is_none() && !matches!(event.kind, Kind::Ok));
        if invocation.function != event.function || !same_key {
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

impl Kind {
    pub(super) fn of(value: &Value, line: usize) -> Result<Self, FormatError> {
        match word_of(value, "type", line)?.as_str() {
            "invoke" => Ok(Self::Invoke),
            "ok" => Ok(Self::Ok),
            "fail" => Ok(Self::Fail),
            "info" => Ok(Self::Info),
            other => {
                let problem = format!(
                    "the type is `:{}`; it should be :invoke, :ok, :fail or :info",
                    excerpt(other)
                );
                Err(FormatError::new(line, problem))
            }
        }
    }
}

fn word_of(value: &Value, what: &str, line: usize) -> Result<String, FormatError> {
    value.name().map(str::to_owned).ok_or_else(|| {
        let problem = format!("the {what} is `{}`; it should be a keyword", shown(value));
        FormatError::new(line, problem)
    })
}
