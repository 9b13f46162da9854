//! Converts calls and answers into operations on a key-value store.

use crate::linearizability::history::{History, Operation};
use crate::linearizability::models::KeyValueCommand;

use super::FormatError;
use super::edn::{Value, excerpt, shown};
use super::events::{Call, Event, Kind};

pub(super) fn history(calls: &[Call]) -> Result<History<KeyValueCommand, String>, FormatError> {
    let mut operations = Vec::with_capacity(calls.len());
    for call in calls {
        let mut operation = Operation {
            client: call.invocation.process,
            command: command(&call.invocation)?,
            result: None,
            called: call.called,
            returned: None,
        };
        if let Some((answer, returned)) = &call.answer {
            if answer.kind == Kind::Fail {
                // It was never executed.
                continue;
            }
            operation.result = Some(result(&operation.command, answer)?);
            operation.returned = Some(*returned);
        }
        operations.push(operation);
    }
    History::new(operations).map_err(|error| FormatError::new(1, error.to_string()))
}

fn command(event: &Event) -> Result<KeyValueCommand, FormatError> {
    let key = match &event.key {
        Some(Value::Text(key)) => key.clone(),
        Some(other @ (Value::Integer(_) | Value::Keyword(_) | Value::Word(_))) => other.to_string(),
        Some(other) => {
            let problem = format!("the key is `{}`; it should be a string", shown(other));
            return Err(FormatError::new(event.line, problem));
        }
        None => {
            let problem = format!(
                "`:key` is missing: :{} needs one; is this --model register?",
                excerpt(&event.function)
            );
            return Err(FormatError::new(event.line, problem));
        }
    };
    match event.function.as_str() {
        "get" => Ok(KeyValueCommand::Get { key }),
        "put" => Ok(KeyValueCommand::Put { key, value: text(event)? }),
        "append" => Ok(KeyValueCommand::Append { key, value: text(event)? }),
        other => {
            let problem = format!(
                "a key-value store has :get, :put and :append, but no `:{}`; is this --model register?",
                excerpt(other)
            );
            Err(FormatError::new(event.line, problem))
        }
    }
}

fn result(command: &KeyValueCommand, answer: &Event) -> Result<String, FormatError> {
    if let KeyValueCommand::Get { .. } = command {
        return match &answer.value {
            Value::Nil => Ok(String::new()),
            _ => text(answer),
        };
    }
    if self::command(answer)? != *command {
        let problem =
            format!(":{} {} answers another call: {command:?}", answer.function, answer.value);
        return Err(FormatError::new(answer.line, problem));
    }
    Ok(String::new())
}

fn text(event: &Event) -> Result<String, FormatError> {
    match &event.value {
        Value::Text(text) => Ok(text.clone()),
        Value::Integer(_) | Value::Keyword(_) | Value::Word(_) => Ok(event.value.to_string()),
        other => {
            let value = shown(other);
            let problem =
                format!("the value of :{} is `{value}`; it should be a string", event.function);
            Err(FormatError::new(event.line, problem))
        }
    }
}
