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
}

impl Text {
    /// Appends trusted text.
    pub(in crate::trace) fn with(mut self, role: Role, words: impl Into<String>) -> Self {
        self.spans.push((role, words.into()));
        self
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
/// `lines_max` lines, and all but the first start with `indent` blanks.
pub(in crate::trace) fn wrap(
    text: &Text,
    width: usize,
    lines_max: usize,
    indent: usize,
) -> Vec<Text> {
    let width = width.max(8);
    let indent = indent.min(width / 2);
    let characters: Vec<(Role, char)> = text
        .spans
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
