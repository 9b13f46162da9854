//! Traces as histories.

use std::fmt::Debug;

use super::history::{History, Recorder};
use crate::Value;
use crate::trace::{EventKind, Trace};

/// The history in a trace, in the order of its events.
///
/// # Errors
/// A message that names the event whose command or result is not of these types or comes out of turn, or
/// that says that no client was given a command.
pub fn history_of<C: Value + Debug, R: Value + Debug>(
    trace: &Trace,
) -> Result<History<C, R>, String> {
    let mut recorder = Recorder::new();
    for (at, event) in trace.events.iter().enumerate() {
        let wrong = |problem: &dyn std::fmt::Display| format!("event {}: {problem}", at + 1);
        match &event.what {
            EventKind::Command { node, value, .. } => {
                let command = C::deserialize(value)
                    .map_err(|error| wrong(&format!("not a command of this lab: {error}")))?;
                recorder.call(*node, command).map_err(|error| wrong(&error))?;
            }
            EventKind::Return { node, value, .. } => {
                let result = R::deserialize(value)
                    .map_err(|error| wrong(&format!("not a result of this lab: {error}")))?;
                recorder.answer(*node, result).map_err(|error| wrong(&error))?;
            }
            _ => {}
        }
    }
    let history = recorder.finish();
    match history.operations().is_empty() {
        true => Err("no client was given a command in this trace".to_owned()),
        false => Ok(history),
    }
}
