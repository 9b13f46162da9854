//! Converts calls and answers into operations on registers.

use std::fmt;
use std::str::FromStr;

use crate::linearizability::history::{History, Operation};
use crate::linearizability::models::{KeyedCommand, RegisterCommand, RegisterResult};

use super::edn::{self, Value, excerpt, shown};
use super::events::{Call, Event, Kind};
use super::{FailedCas, FormatError, Recorded};

/// The value of a register in a file.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum RegisterValue {
    /// An integer.
    Integer(i64),
    /// Anything else: its EDN.
    Other(String),
}

type Command = RegisterCommand<RegisterValue>;
type Result<T, E = FormatError> = std::result::Result<T, E>;

impl RegisterValue {
    /// The value that is not nil.
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Nil => None,
            Value::Integer(integer) => Some(Self::Integer(*integer)),
            other => Some(Self::Other(other.to_string())),
        }
    }
}

impl FromStr for RegisterValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::of(&edn::read(text)?).ok_or_else(|| "`nil` is no value".to_owned())
    }
}

impl fmt::Display for RegisterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Other(text) => write!(f, "{text}"),
        }
    }
}

// Lanes and messages show the `Debug` output.
impl fmt::Debug for RegisterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The history, and whether it depends on the meaning of a failed compare-and-set.
pub(super) fn history(calls: &[Call], failed_cas: FailedCas) -> Result<(Recorded, bool)> {
    let mut operations = Vec::with_capacity(calls.len());
    let mut depends = false;
    for call in calls {
        let Event { process, .. } = call.invocation;
        let command = command(&call.invocation)?;
        let mut operation = Operation {
            client: process,
            command: (key(&call.invocation), command),
            result: None,
            called: call.called,
            returned: None,
        };
        if let Some((answer, returned)) = &call.answer {
            let command = &operation.command.1;
            if answer.kind == Kind::Fail {
                let is_cas = matches!(command, RegisterCommand::CompareAndSet(..));
                let is_plain = is_cas && !answer.has_error;
                depends |= is_plain;
                if !is_plain || failed_cas == FailedCas::Ignored {
                    continue;
                }
            }
            operation.result = Some(result(command, answer)?);
            operation.returned = Some(*returned);
        }
        operations.push(operation);
    }
    let of = |call: &&Call| call.invocation.key.is_some();
    let recorded = match (calls.iter().find(of), calls.iter().find(|call| !of(call))) {
        (Some(with), Some(without)) => {
            let (with, without) = (with.invocation.line, without.invocation.line);
            let problem = format!(
                "the operation has {} key, but that of line {} has {}: give all operations a key, or none",
                if with > without { "a" } else { "no" },
                with.min(without),
                if with > without { "none" } else { "one" },
            );
            return Err(FormatError::new(with.max(without), problem));
        }
        (Some(_), None) => Recorded::Registers(made(operations, |(key, command)| KeyedCommand {
            key: key.unwrap_or_default(),
            command,
        })?),
        (None, _) => Recorded::Register(made(operations, |(_, command)| command)?),
    };
    Ok((recorded, depends))
}

/// See [`Recorded::first_seen`].
pub(super) fn first_seen<C>(
    history: &History<C, RegisterResult<RegisterValue>>,
    command: impl Fn(&C) -> &Command,
) -> Option<&RegisterValue> {
    let seen = |operation: &'_ Operation<C, RegisterResult<RegisterValue>>| -> Option<u64> {
        match (command(&operation.command), &operation.result) {
            (RegisterCommand::Read, Some(RegisterResult::Value(Some(_))))
            | (RegisterCommand::CompareAndSet(..), Some(RegisterResult::Done)) => {
                operation.returned
            }
            _ => None,
        }
    };
    let answered = history.operations().iter().filter(|operation| seen(operation).is_some());
    let first = answered.min_by_key(|operation| operation.returned)?;
    match (command(&first.command), &first.result) {
        (RegisterCommand::CompareAndSet(from, _), _) => Some(from),
        (_, Some(RegisterResult::Value(value))) => value.as_ref(),
        _ => None,
    }
}

/// The history of these operations, with their commands converted.
fn made<C, D: fmt::Debug, R: fmt::Debug>(
    operations: Vec<Operation<C, R>>,
    convert: impl Fn(C) -> D,
) -> Result<History<D, R>> {
    let operations = operations.into_iter().map(|operation| {
        let Operation { client, command, result, called, returned } = operation;
        Operation { client, command: convert(command), result, called, returned }
    });
    History::new(operations.collect()).map_err(|error| FormatError::new(1, error.to_string()))
}

fn key(event: &Event) -> Option<String> {
    event.key.as_ref().map(|key| match key {
        Value::Text(key) => key.clone(),
        other => other.to_string(),
    })
}

fn command(event: &Event) -> Result<Command> {
    let value = || RegisterValue::of(&event.value);
    match (event.function.as_str(), &event.value) {
        ("read", _) => Ok(RegisterCommand::Read),
        ("write", _) => {
            let value = value().ok_or_else(|| unfit(event, "a value"))?;
            Ok(RegisterCommand::Write(value))
        }
        ("cas", Value::Sequence(values)) if values.len() == 2 => {
            let mut values = values.iter().map(RegisterValue::of);
            match (values.next().flatten(), values.next().flatten()) {
                (Some(from), Some(to)) => Ok(RegisterCommand::CompareAndSet(from, to)),
                _ => Err(unfit(event, "two values, `[from to]`")),
            }
        }
        ("cas", _) => Err(unfit(event, "two values, `[from to]`")),
        (other, _) => {
            let problem = format!(
                "a register has :read, :write and :cas, but no `:{}`; is this --model kv?",
                excerpt(other)
            );
            Err(FormatError::new(event.line, problem))
        }
    }
}

fn result(command: &Command, answer: &Event) -> Result<RegisterResult<RegisterValue>> {
    if *command == RegisterCommand::Read {
        return Ok(RegisterResult::Value(RegisterValue::of(&answer.value)));
    }
    if self::command(answer)? != *command {
        let problem =
            format!(":{} {} answers another call: {command:?}", answer.function, answer.value);
        return Err(FormatError::new(answer.line, problem));
    }
    Ok(match answer.kind {
        Kind::Fail => RegisterResult::NotEqual,
        _ => RegisterResult::Done,
    })
}

fn unfit(event: &Event, wanted: &str) -> FormatError {
    let value = shown(&event.value);
    let problem = format!("the value of :{} is `{value}`; it should be {wanted}", event.function);
    FormatError::new(event.line, problem)
}
