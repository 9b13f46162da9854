//! Converts calls and answers into operations on a register.

use crate::linearizability::history::{History, Operation};
use crate::linearizability::models::{RegisterCommand, RegisterResult};

use super::FormatError;
use super::events::{Call, Event, Kind};
use super::value::{Value, excerpt, shown};

pub(super) fn history(
    calls: &[Call],
) -> Result<History<RegisterCommand, RegisterResult>, FormatError> {
    let mut operations = Vec::with_capacity(calls.len());
    for call in calls {
        let Event { process, .. } = call.invocation;
        let command = command(&call.invocation)?;
        let mut operation = Operation {
            client: process,
            command,
            result: None,
            called: call.called,
            returned: None,
        };
        if let Some((answer, returned)) = &call.answer {
            // A failed compare-and-set found another value. Any other failed operation was never
            // executed.
            let compared = matches!(operation.command, RegisterCommand::CompareAndSet(..));
            if answer.kind == Kind::Fail && !compared {
                continue;
            }
            operation.result = Some(result(&operation.command, answer)?);
            operation.returned = Some(*returned);
        }
        operations.push(operation);
    }
    History::new(operations).map_err(|error| FormatError::new(1, error.to_string()))
}

fn command(event: &Event) -> Result<RegisterCommand, FormatError> {
    match (event.function.as_str(), &event.value) {
        ("read", _) => Ok(RegisterCommand::Read),
        ("write", Value::Integer(value)) => Ok(RegisterCommand::Write(*value)),
        ("cas", Value::Sequence(values)) => match values[..] {
            [Value::Integer(from), Value::Integer(to)] => {
                Ok(RegisterCommand::CompareAndSet(from, to))
            }
            _ => Err(unfit(event, "two numbers, `[from to]`")),
        },
        ("write", _) => Err(unfit(event, "a number")),
        ("cas", _) => Err(unfit(event, "two numbers, `[from to]`")),
        (other, _) => {
            let problem = format!(
                "a register has :read, :write and :cas, but no `:{}`; is this --model kv?",
                excerpt(other)
            );
            Err(FormatError::new(event.line, problem))
        }
    }
}

fn result(command: &RegisterCommand, answer: &Event) -> Result<RegisterResult, FormatError> {
    if *command == RegisterCommand::Read {
        return match &answer.value {
            Value::Nil => Ok(RegisterResult::Value(None)),
            Value::Integer(value) => Ok(RegisterResult::Value(Some(*value))),
            _ => Err(unfit(answer, "a number or nil")),
        };
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
