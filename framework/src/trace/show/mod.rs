//! Shows a trace on a terminal, as a space-time diagram.
//!
//! Each node has a column, and time runs downward. A message is an arrow from its sender's column to
//! its receiver's, on the line of its arrival. Next to each event are its text and its effects: logged
//! and printed lines, state changes, sent messages, and set timers. Node text is escaped and bounded,
//! so it cannot disturb the terminal.

pub(in crate::trace) mod diagram;
pub(in crate::trace) mod diff;
mod event_formatter;
pub(in crate::trace) mod excerpt;
mod lanes;
pub(in crate::trace) mod phrases;
pub(in crate::trace) mod text;

use self::diagram::{Diagram, DiagramEvent, DiagramItem, EventMark, Note, Topic};
use self::excerpt::Folded;
pub(super) use self::lanes::milliseconds;
pub(super) use self::phrases::variant;
pub use self::text::is_hidden;
use self::text::{Role, Text, safe_together, wrap};
use super::Trace;
use super::causality::Causality;
use super::culprit::Analysis;
use crate::{Characters, abridge};

/// How to draw a diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The width to fill, in columns; at least 40 are used.
    pub width: usize,
    /// Whether to use colours (ANSI escape sequences).
    pub colour: bool,
    /// Whether to use all characters, or only those of ASCII, also for the nodes' texts.
    pub characters: Characters,
    /// The most events to show. Events that repeat count once. The omitted events of a longer trace are counted.
    pub events_max: usize,
    /// A trace of at most this many events is shown whole, even if that takes more than `lines_max` lines. Events that
    /// repeat count once.
    pub whole_max: usize,
    /// The most lines to fill. If an excerpt with all details is longer, fewer events and fewer effects are
    /// shown, and long ones are cut. Very few lines are exceeded rather than show no event.
    pub lines_max: usize,
    /// Whether to start with a heading that names the test and the run.
    pub heading: bool,
    /// Whether to end with a sentence on how the run ended. Where it went wrong is always said.
    pub ending: bool,
}

impl Default for Options {
    /// 80 columns, no colour, Unicode, at most 40 events on any number of lines, with a heading and a
    /// sentence at the end.
    fn default() -> Self {
        Self {
            width: 80,
            colour: false,
            characters: Characters::Unicode,
            events_max: 40,
            whole_max: 0,
            lines_max: usize::MAX,
            heading: true,
            ending: true,
        }
    }
}

/// The diagram of a trace, followed by a sentence on how the run ended. Ends with a newline.
///
/// If there are more nodes than fit as columns, the result is a list instead.
#[must_use]
pub fn diagram(trace: &Trace, options: &Options) -> String {
    let options = Options { width: options.width.max(40), ..options.clone() };
    let causality = Causality::new(&trace.events);
    let analysis = Analysis::new(trace, &causality);
    let unfolded = Folded::new(trace, &analysis).left.len();
    let whole = if unfolded <= options.whole_max { unfolded } else { 0 };
    let lay_out = |detail: Option<Detail>| {
        let events_max = detail.map_or(options.events_max, |detail| detail.events).max(whole);
        let content = Diagram::analysed(trace, &causality, &analysis, events_max);
        lay_out(content, &options, detail)
    };
    let mut levels = Detail::levels(options.events_max);
    let mut lines = lay_out(None);
    while lines.len() > options.lines_max
        && let Some(detail) = levels.next()
    {
        lines = lay_out(Some(detail));
    }
    let mut out = String::new();
    for line in lines {
        paint(&line, &options, &mut out);
    }
    out
}

/// How many changes of a decisive event are shown where there is little room.
const DECISIVE_CHANGES: usize = 3;

/// How much of a run is shown where there is little room.
#[derive(Clone, Copy, Debug)]
struct Detail {
    /// The most events.
    events: usize,
    /// The most lines of an event itself.
    head_lines: usize,
    /// The most effects of an event. How it failed always counts among them.
    notes: usize,
}

impl Detail {
    /// Less and less detail.
    fn levels(events_max: usize) -> impl Iterator<Item = Self> {
        let levels = [
            (12, 3, 4),
            (12, 2, 3),
            (11, 2, 3),
            (10, 2, 3),
            (9, 2, 2),
            (8, 2, 2),
            (7, 1, 2),
            (6, 1, 2),
            (5, 1, 2),
            (4, 1, 1),
            (4, 1, 0),
        ];
        levels.into_iter().map(move |(events, head_lines, notes)| Self {
            events: events.min(events_max),
            head_lines,
            notes,
        })
    }

    /// Keeps only this much of a diagram.
    fn apply(self, content: &mut Diagram) {
        for item in &mut content.items {
            if let DiagramItem::Moment(moment) = item {
                self.apply_to(moment);
            }
        }
    }

    fn apply_to(self, moment: &mut DiagramEvent) {
        // The event at fault is worth more room.
        let (lines, notes) = match moment.is_culprit {
            true => (self.head_lines + 1, self.notes + 2),
            false => (self.head_lines, self.notes),
        };
        // Which property was checked is all that such an event says.
        if moment.mark != EventMark::Check {
            moment.lines_max = lines;
        }
        // Without its changes, nobody sees what a decisive event did.
        let changes = moment.notes.iter().filter(|note| note.topic == Topic::Change).count();
        let notes = match moment.is_decisive {
            true => notes.max(changes.min(DECISIVE_CHANGES)),
            false => notes,
        };
        let topic = |note: &Note| match note.topic {
            Topic::Change if !moment.is_decisive => Topic::Other,
            topic => topic,
        };
        let mut by_topic: Vec<usize> = (0..moment.notes.len()).collect();
        by_topic.sort_by_key(|&at| topic(&moment.notes[at]));
        by_topic.truncate(notes);
        let mut at = 0..;
        moment.notes.retain(|_| at.next().is_some_and(|at| by_topic.contains(&at)));
        for note in &mut moment.notes {
            // A changed value has its new value at the end.
            let lines = if note.topic == Topic::Change { lines.max(2) } else { lines };
            note.lines_max = note.lines_max.min(lines);
        }
    }
}

/// The lines of a diagram, with all details or these.
fn lay_out(mut content: Diagram, options: &Options, detail: Option<Detail>) -> Vec<Text> {
    if let Some(detail) = detail {
        detail.apply(&mut content);
    }
    // Before the lines are broken, since an escape has more columns.
    content.show_in(options.characters);
    let mut lines = Vec::new();
    if options.heading {
        lines.extend(wrap(&content.heading, options.width, 3, 2));
        lines.push(Text::default());
    }
    lanes::draw(&content, options, &mut lines);
    let hidden = content.hidden.as_ref().filter(|_| detail.is_none() || options.ending);
    let end = if options.ending { Some(&content.ending) } else { content.pointer.as_ref() };
    if hidden.is_some() || end.is_some() {
        lines.push(Text::default());
    }
    if let Some(hidden) = hidden {
        lines.extend(wrap(hidden, options.width, 3, 2));
    }
    if let Some(end) = end {
        lines.extend(wrap(end, options.width, 12, 2));
    }
    lines
}

/// How many events it takes to show a trace whole. Events that repeat count once.
#[must_use]
pub fn events_to_show(trace: &Trace) -> usize {
    let analysis = Analysis::new(trace, &Causality::new(&trace.events));
    Folded::new(trace, &analysis).left.len()
}

/// The legend of a diagram's signs, on one line.
#[must_use]
pub fn legend(characters: Characters) -> String {
    lanes::legend(characters)
}

/// A node's text as a diagram shows it: made safe, and without most of long strings. Of two long strings in it, what
/// differs is shown. Durations have few digits.
#[must_use]
pub fn shortened(text: &str) -> String {
    let [text] = safe_together([&abridge::durations(text)]);
    text
}

/// A text whose durations, such as `89.976300716s`, have few digits, as in a diagram: `89.97s`. Strings stay as they are.
#[must_use]
pub fn with_short_durations(text: &str) -> String {
    abridge::durations(text)
}

/// How the run ended, in one sentence without colours.
#[must_use]
pub fn sentence(trace: &Trace) -> String {
    phrases::ending(trace, &Analysis::default()).spans.into_iter().map(|(_, words)| words).collect()
}

/// Adds a line with its colours, without trailing blanks.
fn paint(line: &Text, options: &Options, out: &mut String) {
    let end = line.spans.iter().rposition(|(_, words)| !words.trim_end().is_empty());
    let spans = &line.spans[..end.map_or(0, |end| end + 1)];
    for (index, (role, words)) in spans.iter().enumerate() {
        let words = if Some(index) == end { words.trim_end() } else { words };
        let words = options.characters.show(words);
        match ansi(*role).filter(|_| options.colour) {
            Some(code) => {
                out.push_str("\x1b[");
                out.push_str(code);
                out.push('m');
                out.push_str(&words);
                out.push_str("\x1b[0m");
            }
            None => out.push_str(&words),
        }
    }
    out.push('\n');
}

/// The ANSI code of a role: one of the eight basic colours, which are readable in every terminal theme.
fn ansi(role: Role) -> Option<&'static str> {
    match role {
        Role::Plain => None,
        Role::Quiet => Some("2"),
        Role::Strong => Some("1"),
        Role::Client => Some("35"),
        Role::Message => Some("36"),
        Role::Timer => Some("34"),
        Role::Added => Some("32"),
        Role::Removed => Some("31"),
        Role::Warning => Some("33"),
        Role::Bad => Some("1;31"),
    }
}
