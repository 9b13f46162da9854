//! Reads traces of Faultlab's labs as histories.

use faultlab::Application;
use faultlab::linearizability::{History, Sequential, history_of};
use faultlab::trace;
use faultlab_suites::lab1;

/// A history from a trace, with the lab's own model.
pub(crate) enum Traced {
    /// A trace of lab 1's key-value store.
    Lab1(Sequential<lab1::Specification>, HistoryOf<lab1::Specification>),
}

/// A history of a lab's commands.
type HistoryOf<A> = History<<A as Application>::Command, <A as Application>::Result>;

/// Reads a trace.
pub(crate) fn parse(text: &str) -> Result<Traced, String> {
    let trace = trace::file::read(text.as_bytes()).map_err(|error| error.to_string())?;
    match trace.header.lab.as_str() {
        "lab1" => Ok(Traced::Lab1(lab1::model(), history_of(&trace)?)),
        "" => {
            Err("the trace does not name a lab, so the meaning of its commands is unknown"
                .to_owned())
        }
        other => Err(format!("there is no model for `{other}`, only for lab1")),
    }
}
