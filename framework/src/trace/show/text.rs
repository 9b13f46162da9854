//! Text that is safe to show and has a known width: escaped, shortened, wrapped, and coloured by role.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use crate::Characters;
use crate::abridge;

/// The maximum length of one text of a node, in characters.
const SOURCE_CHARS_MAX: usize = 4_000;

/// Strings of more characters within a value are shortened.
const STRING_CHARS_LONG: usize = 56;

/// How many characters of such a string are shown.
const STRING_CHARS_SHOWN: usize = 49;

/// The most lines that the remarks on a text take, if the text itself is cut.
const REMARK_LINES_MAX: usize = 4;

/// The role of a piece of text, which decides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::trace) enum Role {
    /// Ordinary text.
    #[default]
    Plain,
    /// Less important than the text around it.
    Quiet,
    /// More important than the text around it.
    Strong,
    /// A client's command or result.
    Client,
    /// A message, or its arrow.
    Message,
    /// A timer.
    Timer,
    /// Added to a state.
    Added,
    /// Removed from a state.
    Removed,
    /// Something late, lost or repeated.
    Warning,
    /// A failure.
    Bad,
}

/// A line of text with roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::trace) struct Text {
    pub(in crate::trace) spans: Vec<(Role, String)>,
    /// How many of the last spans are remarks, such as ` (lost)`. Where there is no room, the rest is cut, and they stay.
    remarks: usize,
}

impl Text {
    /// Appends trusted text.
    pub(in crate::trace) fn with(mut self, role: Role, words: impl Into<String>) -> Self {
        self.spans.push((role, words.into()));
        self.remarks += usize::from(self.remarks > 0);
        self
    }

    /// Appends a remark. It stays, with what is appended to it, where the text before it is cut.
    pub(in crate::trace) fn with_remark(self, role: Role, words: impl Into<String>) -> Self {
        let remarks = self.remarks + 1;
        Self { remarks, ..self.with(role, words) }
    }

    /// This text, then another one, with the remarks of that one.
    pub(in crate::trace) fn followed_by(mut self, next: &Self) -> Self {
        self.spans.extend(next.spans.iter().cloned());
        Self { remarks: next.remarks, ..self }
    }

    /// Appends a node's text, made safe, with long strings shortened.
    pub(in crate::trace) fn with_untrusted(self, role: Role, text: &str) -> Self {
        let [text] = safe_together([text]);
        self.with(role, text)
    }

    /// Replaces characters that are not shown.
    pub(super) fn show_in(&mut self, characters: Characters) {
        for (_, words) in &mut self.spans {
            if let Cow::Owned(shown) = characters.show(words) {
                *words = shown;
            }
        }
    }
}

/// Makes texts of nodes safe, and shortens the long strings in them, so that what differs between them is shown.
pub(in crate::trace) fn safe_together<const N: usize>(texts: [&str; N]) -> [String; N] {
    abridge::strings(texts, STRING_CHARS_LONG, STRING_CHARS_SHOWN).map(|text| safe(&text))
}

/// Makes a node's text safe: escapes control characters and those that are invisible or change the
/// writing direction, turns tabs into spaces, and cuts excessive length.
pub(in crate::trace) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(SOURCE_CHARS_MAX));
    let mut marks = 0;
    for (count, character) in text.chars().enumerate() {
        if count == SOURCE_CHARS_MAX {
            out.push('…');
            break;
        }
        // Too many combining marks on one letter would cover neighbouring lines.
        marks = if character.width() == Some(0) { marks + 1 } else { 0 };
        match character {
            '\t' => out.push_str("    "),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            _ if is_hidden(character) || marks > 2 => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    out
}

/// Whether a character controls the terminal, is invisible, or changes the order of its neighbours.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The width of a text in columns, or a few more.
pub(in crate::trace) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The width of a character in columns. A selector that makes a character wide counts as the column
/// that it adds.
fn width(character: char) -> usize {
    if character == '\u{fe0f}' { 1 } else { character.width().unwrap_or(0) }
}

/// Shortens a text to at most `limit` columns, with an ellipsis.
pub(in crate::trace) fn shorten(text: &str, limit: usize) -> String {
    if columns(text) <= limit {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += width(character);
        if used > limit {
            break;
        }
        out.push(character);
    }
    out.push('…');
    out
}

/// Wraps a text into lines of at most `width` columns, between words where possible. There are at most
/// `lines_max` lines, and all but the first start with `indent` blanks. If the text is longer, it is cut, but the remarks
/// at its end are not: they take a few more lines.
pub(in crate::trace) fn wrap(
    text: &Text,
    width: usize,
    lines_max: usize,
    indent: usize,
) -> Vec<Text> {
    let (content, remarks) = text.spans.split_at(text.spans.len().saturating_sub(text.remarks));
    if remarks.is_empty() {
        return wrap_spans(content, width, lines_max, indent);
    }
    let mut lines = wrap_spans(content, width, lines_max, indent);
    // The remarks go on where the content ends.
    let mut rest = lines.pop().unwrap_or_default().spans;
    rest.extend_from_slice(remarks);
    let lines_max = lines_max.saturating_sub(lines.len()).max(REMARK_LINES_MAX);
    lines.extend(wrap_spans(&rest, width, lines_max, indent));
    lines
}

fn wrap_spans(
    spans: &[(Role, String)],
    width: usize,
    lines_max: usize,
    indent: usize,
) -> Vec<Text> {
    let width = width.max(8);
    let indent = indent.min(width / 2);
    let characters: Vec<(Role, char)> = spans
        .iter()
        .flat_map(|(role, piece)| piece.chars().map(|character| (*role, character)))
        .collect();
    let mut rest = characters.as_slice();
    let mut lines = Vec::new();
    loop {
        let room = if lines.is_empty() { width } else { width - indent };
        let mut line = Text::default();
        if !lines.is_empty() {
            line = line.with(Role::Plain, " ".repeat(indent));
        }
        let fitting = fitting(rest, room);
        if fitting == rest.len() {
            extend(&mut line, rest);
            lines.push(line);
            return lines;
        }
        if lines.len() + 1 >= lines_max {
            let cut = self::fitting(rest, room - 1);
            extend(&mut line, &rest[..cut]);
            extend(&mut line, &[(rest[cut].0, '…')]);
            lines.push(line);
            return lines;
        }
        // Break after the last space, unless that leaves half of the line empty. A closing bracket
        // stays with its content.
        let blank = (0..=fitting).rev().find(|&at| {
            rest[at].1 == ' ' && rest.get(at + 1).is_none_or(|&(_, next)| !"})]".contains(next))
        });
        let cut = blank.filter(|&blank| blank > fitting / 2).unwrap_or(fitting).max(1);
        extend(&mut line, &rest[..cut]);
        lines.push(line);
        let blanks = rest[cut..].iter().take_while(|&&(_, character)| character == ' ').count();
        rest = &rest[cut + blanks..];
    }
}

/// How many characters fit into `room` columns.
fn fitting(characters: &[(Role, char)], room: usize) -> usize {
    let mut used = 0;
    characters
        .iter()
        .take_while(|(_, character)| {
            used += width(*character);
            used <= room
        })
        .count()
}

fn extend(line: &mut Text, characters: &[(Role, char)]) {
    for &(role, character) in characters {
        match line.spans.last_mut() {
            Some((last, piece)) if *last == role => piece.push(character),
            _ => line.spans.push((role, character.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &Text, width: usize, lines_max: usize) -> Vec<String> {
        let words = |line: Text| line.spans.into_iter().map(|(_, words)| words).collect();
        wrap(text, width, lines_max, 2).into_iter().map(words).collect()
    }

    #[test]
    fn remarks_stay_where_a_text_is_cut() {
        let text = Text::default()
            .with(Role::Message, "Request { number: 1, command: Nothing }")
            .with_remark(Role::Warning, " (late: sent in event 4)")
            .with(Role::Quiet, " (changes nothing)");
        assert_eq!(
            wrapped(&text, 24, 1),
            ["Request { number: 1, co…", "  (late: sent in event", "  4) (changes nothing)"]
        );
        let whole =
            "Request { number: 1, command: Nothing } (late: sent in event 4) (changes nothing)";
        assert_eq!(wrapped(&text, 100, 1), [whole]);
        assert_eq!(
            wrapped(&text, 48, 2),
            [
                "Request { number: 1, command: Nothing } (late:",
                "  sent in event 4) (changes nothing)"
            ]
        );
    }

    #[test]
    fn what_follows_keeps_its_remarks() {
        let text =
            Text::default().with(Role::Message, "abcdefghijkl").with_remark(Role::Quiet, " (z)");
        let text = Text::default().with(Role::Bad, "here ").followed_by(&text);
        assert_eq!(wrapped(&text, 10, 1), ["here abcd…", "  (z)"]);
    }
}
