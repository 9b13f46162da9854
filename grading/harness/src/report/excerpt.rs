//! The end of a failing run, drawn as a diagram.

use faultlab::trace::Trace;
use faultlab::trace::show::{Options, diagram};

/// How many events an excerpt has at most.
const EVENTS_MAX: usize = 12;

/// How wide an excerpt is, in columns: it is indented by four in a terminal of eighty-four.
const WIDTH: usize = 96;

/// The end of a run as a space-time diagram, in plain text.
#[must_use]
pub fn excerpt(trace: &Trace) -> String {
    let options =
        Options { width: WIDTH, events_max: EVENTS_MAX, heading: false, ..Options::default() };
    diagram(trace, &options)
}
