//! Draws a failing run as a diagram.

use faultlab::Characters;
use faultlab::trace::Trace;
use faultlab::trace::show::{Options, diagram};

use super::columns::{self, COLUMNS};
use super::output;

/// The most events in an excerpt of a long run.
const EVENTS_MAX: usize = 12;

/// A run of at most so many events is shown whole, unless there are few lines: cutting it would save little and could
/// hide what matters.
const WHOLE_MAX: usize = 25;

/// With at most so many lines, not even a run of few events is shown whole.
pub(crate) const FEW_LINES: usize = 8;

/// The indentation of an excerpt in a report.
const INDENT: usize = 4;

/// How to draw a run in a report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawing {
    /// The report's width.
    pub(crate) columns: usize,
    /// Whether to use colours.
    pub(crate) colour: bool,
    /// The characters to use.
    pub(crate) characters: Characters,
    /// The most lines.
    pub(crate) lines_max: usize,
    /// Whether to draw every event, on however many lines.
    pub(crate) whole: bool,
}

impl Default for Drawing {
    /// An excerpt in plain text of at most [`COLUMNS`], with all its details.
    fn default() -> Self {
        Self {
            columns: COLUMNS,
            colour: false,
            characters: Characters::Unicode,
            lines_max: usize::MAX,
            whole: false,
        }
    }
}

/// The end of a run as a space-time diagram, in plain text of at most 80 columns. If the clients'
/// results are inconsistent, the few operations that show it follow.
#[must_use]
pub fn excerpt(trace: &Trace) -> String {
    Drawing::default().draw(trace)
}

impl Drawing {
    /// For this program's standard output.
    pub(crate) fn for_output() -> Self {
        let terminal = columns::of_terminal();
        Self {
            columns: terminal.map_or(COLUMNS, |terminal| terminal.columns),
            colour: terminal.is_some(),
            characters: output::characters(),
            ..Self::default()
        }
    }

    /// Draws a run, indented for a report. Where lines are limited, it is the diagram alone: the report
    /// itself says how the run ended.
    pub(crate) fn indented(&self, trace: &Trace) -> String {
        indented(&self.draw(trace))
    }

    fn draw(&self, trace: &Trace) -> String {
        let width = self.columns.saturating_sub(INDENT);
        let limited = self.lines_max < usize::MAX;
        let options = Options {
            width,
            colour: self.colour,
            characters: self.characters,
            events_max: if self.whole { usize::MAX } else { EVENTS_MAX },
            whole_max: if self.lines_max <= FEW_LINES { 0 } else { WHOLE_MAX },
            lines_max: if self.whole { usize::MAX } else { self.lines_max },
            heading: false,
            ending: !limited,
        };
        let mut text = diagram(trace, &options);
        if let Some(lanes) = faultlab_suites::lanes(trace, width).filter(|_| !limited) {
            text.push_str("\nResults that no order of the commands explains:\n");
            text.push_str(&lanes);
        }
        text
    }
}

/// Indents an excerpt for a report.
pub(crate) fn indented(excerpt: &str) -> String {
    let mut text = String::new();
    for line in excerpt.lines() {
        text.push_str(format!("{:INDENT$}{line}", "").trim_end());
        text.push('\n');
    }
    text
}
