//! Makes untrusted text safe to show in HTML, in Markdown, in a spreadsheet and on a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use faultlab::trace::show::is_hidden;

/// Whether a character affects the text around it instead of being shown.
fn is_invisible_control(letter: char) -> bool {
    !matches!(letter, '\n' | '\t') && is_hidden(letter)
}

/// The text with every such character escaped: `\u{202e}`.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            // Only line feeds count as line breaks.
            '\r' => {}
            _ if is_invisible_control(letter) => {
                let _ = write!(shown, "{}", letter.escape_unicode());
            }
            _ => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// The text in one line, as [`plain`] shows it.
#[must_use]
pub fn line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}

/// Escapes text for HTML. The templates use it for everything that they show.
#[derive(Clone, Copy, Debug)]
pub struct Html;

impl askama::filters::Escaper for Html {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        for letter in plain(text).chars() {
            match letter {
                '&' => dest.write_str("&amp;")?,
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '"' => dest.write_str("&quot;")?,
                '\'' => dest.write_str("&#39;")?,
                '`' => dest.write_str("&#96;")?,
                _ => dest.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// Text inside a line of Markdown.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in line(text).chars() {
        match letter {
            '<' => shown.push_str("&lt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|'
            | '>' | '~' | '$' => {
                shown.push('\\');
                shown.push(letter);
            }
            _ => shown.push(letter),
        }
    }
    shown
}

/// A block of Markdown that shows the text verbatim.
#[must_use]
pub fn markdown_block(text: &str) -> String {
    let text = plain(text);
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// A CSV cell that a spreadsheet cannot mistake for a formula.
#[must_use]
pub fn cell(text: &str) -> String {
    let text = line(text);
    match text.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@' | '|' | '%') => format!("'{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use askama::filters::Escaper as _;

    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let table = [
            ("Ünï çødé 日本 🦀", "Ünï çødé 日本 🦀"),
            ("\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            ("a\u{202e}cod.rs", "a\\u{202e}cod.rs"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("line\r\nend\t.", "line\nend\t."),
            ("\u{9b}2J", "\\u{9b}2J"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected);
        }
        let mut html = String::new();
        let text = "<script>&\"'`\u{202e}";
        Html.write_escaped_str(&mut html, text).expect("memory does not fail");
        assert_eq!(html, "&lt;script&gt;&amp;&quot;&#39;&#96;\\u{202e}");
    }

    #[test]
    fn markdown_and_formulas_are_escaped() {
        assert_eq!(markdown("[x](http://y)\n# *z*"), "\\[x\\]\\(http://y\\) \\# \\*z\\*");
        assert_eq!(markdown_block("a ```` b"), "`````text\na ```` b\n`````\n");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "|cmd"] {
            assert!(cell(formula).starts_with('\''), "{formula:?}");
        }
        assert_eq!(cell("Ada, \"L\""), "Ada, \"L\"");
    }
}
