//! Traces as web pages: the diagrams of [`show`](super::show), without the width limits.
//!
//! A page is self-contained and runs no script. All node text is escaped and bounded, and so is the
//! page as a whole.

use std::fmt::Write;

use super::show::diagram::{Diagram, DiagramEvent, DiagramItem, EventMark, Note};
use super::show::milliseconds;
use super::show::phrases::here;
use super::show::text::{Role, Text, safe, shorten};
use super::{Ending, Trace};

/// The style of [`figure`]s. A page that embeds figures includes it once, in a `<style>` element.
/// It follows the reader's light or dark mode.
pub const STYLE: &str = include_str!("html.css");

/// The approximate maximum size of a page, in bytes. Events beyond it are counted but not shown.
pub const PAGE_BYTES_MAX: usize = 2 << 20;

/// The most columns of one text that are shown.
const TEXT_COLUMNS_MAX: usize = 800;

/// The most nodes that get a column. With more nodes, only text is shown.
const LANES_MAX: usize = 24;

/// The diagram of a trace, with at most `events_max` events, as a complete page.
#[must_use]
pub fn page(trace: &Trace, events_max: usize) -> String {
    let header = &trace.header;
    let title = match header.title.as_str() {
        "" => "A run".to_owned(),
        title => shorten(&safe(&format!("{} {title}", header.test)), 200),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <style>\nbody {{ margin: 0; }}\nbody > .trace {{ box-sizing: border-box; min-height: 100vh; }}\n{STYLE}</style>\n{}</html>\n",
        escape(title.trim()),
        figure(trace, events_max),
    )
}

/// The diagram of a trace, with at most `events_max` events, as an element for a page that contains
/// [`STYLE`].
#[must_use]
pub fn figure(trace: &Trace, events_max: usize) -> String {
    let diagram = Diagram::new(trace, events_max);
    let lanes = Lanes { count: diagram.nodes.len(), diagram: &diagram };
    let mut out = String::from("<section class=\"trace\">\n");
    let _ = writeln!(out, "<p class=\"heading\">{}</p>", spans(&diagram.heading));
    let drawn = if lanes.are_drawn() { lanes.count } else { 0 };
    let _ = writeln!(out, "<table style=\"--lanes:{drawn}\">");
    lanes.head(&mut out);
    for (index, item) in diagram.items.iter().enumerate() {
        if out.len() > PAGE_BYTES_MAX {
            let rest = diagram.items.len() - index;
            let text = format!("… the page is full: {rest} more events are not shown …");
            lanes.row(&mut out, "gap", None, &[], "", &Text::default().with(Role::Quiet, text));
            break;
        }
        match item {
            DiagramItem::Omitted { words, up } => {
                lanes.row(&mut out, "gap", None, up, "", words);
            }
            DiagramItem::Checked { words, up } => {
                lanes.row(&mut out, "event", None, up, "", words);
            }
            DiagramItem::Moment(moment) => lanes.moment(&mut out, moment),
        }
    }
    out.push_str("</table>\n");
    if let Some(hidden) = &diagram.hidden {
        let _ = writeln!(out, "<p>{}</p>", spans(hidden));
    }
    let held = matches!(trace.ending, Some(Ending::Held | Ending::GoalReached { .. }));
    let class = if held { "ending held" } else { "ending" };
    let _ = writeln!(out, "<p class=\"{class}\">{}</p>\n</section>", spans(&diagram.ending));
    out
}

/// The columns of the nodes.
struct Lanes<'a> {
    count: usize,
    diagram: &'a Diagram,
}

impl Lanes<'_> {
    fn are_drawn(&self) -> bool {
        (1..=LANES_MAX).contains(&self.count)
    }

    /// The position of a lane's lifeline, in per cent of the diagram's width.
    fn at(&self, lane: usize) -> f32 {
        (lane as f32 + 0.5) * 100.0 / self.count as f32
    }

    fn head(&self, out: &mut String) {
        out.push_str("<thead><tr><th class=\"number\">#</th>");
        if self.diagram.timed {
            out.push_str("<th class=\"time\">ms</th>");
        }
        if self.are_drawn() {
            let width = 100.0 / self.count as f32;
            out.push_str("<th class=\"lanes\">");
            for node in &self.diagram.nodes {
                // An address contains no character that is special in HTML.
                let _ = write!(out, "<span style=\"width:{width:.2}%\">{node}</span>");
            }
            out.push_str("</th>");
        }
        out.push_str("<th class=\"words\"></th></tr></thead>\n");
    }

    fn moment(&self, out: &mut String, moment: &DiagramEvent) {
        let mut diagram = String::new();
        if let Some(lane) = moment.lane.filter(|_| self.are_drawn()) {
            if let Some((from, label)) = &moment.arrow {
                self.arrow(&mut diagram, *from, lane, label, moment);
            }
            let class = match moment.mark {
                EventMark::Start | EventMark::Restart => "start",
                EventMark::Injection => "forge",
                EventMark::Reconnection => "timer",
                EventMark::Message if moment.odd => "late",
                EventMark::Message => "",
                EventMark::Timer => "timer",
                EventMark::Call => "call",
                EventMark::Return => "return",
                EventMark::Crash => "cross",
                EventMark::Failure => "cross failure",
                EventMark::Lost => "cross",
                EventMark::NetworkChange | EventMark::Stage | EventMark::Check => "none",
            };
            if class != "none" {
                let _ = write!(
                    diagram,
                    "<b class=\"mark {class}\" style=\"left:{:.2}%\"></b>",
                    self.at(lane)
                );
            }
        }
        let mut words = if moment.is_culprit { here() } else { Text::default() };
        let node = moment.lane.map(|lane| self.diagram.nodes[lane]);
        match (&moment.arrow, node) {
            (Some((from, _)), Some(node)) => {
                let ends = format!("{} → {node} ", self.diagram.nodes[*from]);
                words = words.with(Role::Quiet, ends);
            }
            (None, Some(node)) if !moment.mark.names_its_node() => {
                words = words.with(Role::Quiet, format!("{node} "));
            }
            _ => {}
        }
        let words = words.followed_by(&moment.head);
        let is_of_world = matches!(moment.mark, EventMark::NetworkChange | EventMark::Stage);
        let class = if is_of_world { "event world" } else { "event" };
        self.row(out, class, Some(moment), &moment.up, &diagram, &words);
        let mut up = moment.up.clone();
        if let (true, Some(lane)) = (moment.ends_lane, moment.lane) {
            up[lane] = false;
        }
        for note in &moment.notes {
            let mut diagram = moment.lane.map(|lane| self.stubs(lane, note)).unwrap_or_default();
            for text in note.texts() {
                self.row(out, "note", None, &up, &std::mem::take(&mut diagram), text);
            }
        }
    }

    /// The arrow of a message, from its sender's lifeline to its receiver's.
    fn arrow(&self, out: &mut String, from: usize, to: usize, label: &str, moment: &DiagramEvent) {
        if from == to {
            return;
        }
        let (start, end) = (self.at(from.min(to)), self.at(from.max(to)));
        let side = if from < to { "right" } else { "left" };
        let odd = if moment.odd { " odd" } else { "" };
        let label = escape(&shorten(label, 40));
        let _ = write!(
            out,
            "<b class=\"arrow {side}{odd}\" style=\"left:{start:.2}%;width:{:.2}%\"><span>{label}</span></b>",
            end - start,
        );
    }

    /// Short arrows toward the receivers of a sent message.
    fn stubs(&self, lane: usize, note: &Note) -> String {
        let mut out = String::new();
        if !self.are_drawn() {
            return out;
        }
        let width = 30.0 / self.count as f32;
        let lost = if note.lost { " lost" } else { "" };
        for right in [true, false] {
            let toward = |&to: &usize| if right { to > lane } else { to < lane };
            if note.stubs.iter().any(toward) {
                let side = if right { "right" } else { "left" };
                let start = if right { self.at(lane) } else { self.at(lane) - width };
                let _ = write!(
                    out,
                    "<b class=\"stub {side}{lost}\" style=\"left:{start:.2}%;width:{width:.2}%\"></b>"
                );
            }
        }
        out
    }

    /// One row of the table.
    fn row(
        &self,
        out: &mut String,
        class: &str,
        moment: Option<&DiagramEvent>,
        up: &[bool],
        diagram: &str,
        words: &Text,
    ) {
        let _ = match moment {
            Some(moment) => {
                write!(out, "<tr class=\"{class}\"><td class=\"number\">{0}</td>", moment.number)
            }
            None => write!(out, "<tr class=\"{class}\"><td class=\"number\"></td>"),
        };
        if self.diagram.timed {
            let time = moment.and_then(|moment| moment.time_ns).map(milliseconds);
            let _ = write!(out, "<td class=\"time\">{}</td>", time.unwrap_or_default());
        }
        if self.are_drawn() {
            out.push_str("<td class=\"lanes\" aria-hidden=\"true\">");
            for (lane, _) in up.iter().enumerate().filter(|&(_, &up)| up) {
                let _ = write!(out, "<i style=\"left:{:.2}%\"></i>", self.at(lane));
            }
            out.push_str(diagram);
            out.push_str("</td>");
        }
        let _ = writeln!(out, "<td class=\"words\">{}</td></tr>", spans(words));
    }
}

/// A text with its roles as classes.
fn spans(text: &Text) -> String {
    let mut out = String::new();
    for (role, words) in &text.spans {
        let class = match role {
            Role::Plain => "",
            Role::Quiet => "quiet",
            Role::Strong => "strong",
            Role::Client => "client",
            Role::Message => "message",
            Role::Timer => "timer-text",
            Role::Added => "added",
            Role::Removed => "removed",
            Role::Warning => "warning",
            Role::Bad => "bad",
        };
        let words = escape(&shorten(words, TEXT_COLUMNS_MAX));
        let _ = match class {
            "" => write!(out, "{words}"),
            class => write!(out, "<span class=\"{class}\">{words}</span>"),
        };
    }
    out
}

/// Escapes text for HTML, also within a quoted attribute.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}
