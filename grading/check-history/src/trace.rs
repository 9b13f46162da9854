//! Traces of our own labs as histories: what the clients were given and what they had for it.

use std::fmt::Debug;

use faultlab::linearizability::{History, Recorder, Sequential};
use faultlab::trace::{self, Trace, What};
use faultlab::{Application, Value};
use faultlab_suites::lab1;

/// A history from a trace, with the lab's own model.
pub(crate) enum Traced {
    /// Of lab 1's key-value store.
    Lab1(Sequential<lab1::Specification>, HistoryOf<lab1::Specification>),
}

/// A history of a lab's commands.
type HistoryOf<A> = History<<A as Application>::Command, <A as Application>::Result>;

/// Reads a trace.
pub(crate) fn parse(text: &str) -> Result<Traced, String> {
    let trace = trace::file::read(text.as_bytes()).map_err(|error| error.to_string())?;
    match trace.header.lab.as_str() {
        "lab1" => Ok(Traced::Lab1(lab1::model(), history(&trace)?)),
        "" => Err("this trace is of no lab, so nothing says what its commands mean".to_owned()),
        other => Err(format!("there is no model for `{other}`, only for lab1")),
    }
}

/// What the clients of a run asked and were told, in the order in which it happened.
fn history<C: Value + Debug, R: Value + Debug>(trace: &Trace) -> Result<History<C, R>, String> {
    let mut recorder = Recorder::new();
    for (at, event) in trace.events.iter().enumerate() {
        let wrong = |problem: &dyn std::fmt::Display| format!("event {}: {problem}", at + 1);
        match &event.what {
            What::Command { node, value, .. } => {
                let command = C::deserialize(value)
                    .map_err(|error| wrong(&format!("not a command of this lab: {error}")))?;
                recorder.call(*node, command).map_err(|error| wrong(&error))?;
            }
            What::Return { node, value, .. } => {
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
