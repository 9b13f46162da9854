//! The end of a failing run, drawn as a diagram.

use faultlab::trace::Trace;
use faultlab::trace::show::{Options, diagram};

/// How many events an excerpt has at most.
const EVENTS_MAX: usize = 12;

/// How wide an excerpt is, in columns: it is indented by four in a terminal of eighty-four.
const WIDTH: usize = 96;

/// How wide the lanes of its clients' results are.
const LANES_WIDTH: usize = 76;

/// The end of a run as a space-time diagram, in plain text; below it, where the results of the clients have no
/// explanation, the few of them that show it.
#[must_use]
pub fn excerpt(trace: &Trace) -> String {
    let options =
        Options { width: WIDTH, events_max: EVENTS_MAX, heading: false, ..Options::default() };
    let mut text = diagram(trace, &options);
    if let Some(lanes) = faultlab_suites::lanes(trace, LANES_WIDTH) {
        text.push_str("\nThe results that no order of the commands explains:\n");
        text.push_str(&lanes);
    }
    text
}
