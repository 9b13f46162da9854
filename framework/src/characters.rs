//! Which characters a terminal shows: all, or only those of ASCII.

use std::borrow::Cow;
use std::env;

/// The characters that a terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Characters {
    /// All of Unicode.
    #[default]
    Unicode,
    /// Only those of ASCII.
    Ascii,
}

impl Characters {
    /// The characters of the locale. The first of the variables `LC_ALL`, `LC_CTYPE` and `LANG` that is not empty names
    /// it; if it does not name UTF-8, only ASCII is shown. Without any, all characters are shown.
    #[must_use]
    pub fn of_locale() -> Self {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).unwrap_or_default());
        Self::of_first(&names)
    }

    fn of_first(names: &[String]) -> Self {
        let Some(name) = names.iter().find(|name| !name.is_empty()) else { return Self::Unicode };
        let name = name.to_ascii_lowercase();
        if name.contains("utf-8") || name.contains("utf8") { Self::Unicode } else { Self::Ascii }
    }

    /// The text in these characters. For ASCII, signs and lines become similar ones, and everything else becomes an
    /// escape such as `\u{e9}`. In a drawing, whose lines start with two blanks, each character stays one character, so
    /// that its columns stay aligned.
    #[must_use]
    pub fn show(self, text: &str) -> Cow<'_, str> {
        if self == Self::Unicode || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let is_drawing = line.starts_with("  ");
            for character in line.chars() {
                match (character, similar(character)) {
                    ('\0'..='\x7f', _) => shown.push(character),
                    ('…', _) if !is_drawing => shown.push_str("..."),
                    ('→', _) if !is_drawing => shown.push_str("->"),
                    (_, Some(similar)) => shown.push(similar),
                    (_, None) if is_drawing => shown.push('?'),
                    (_, None) => shown.extend(character.escape_unicode()),
                }
            }
        }
        Cow::Owned(shown)
    }
}

/// The character of ASCII that looks most like a sign or a line.
fn similar(character: char) -> Option<char> {
    Some(match character {
        '─' | '━' | '╌' | '┄' => '-',
        '═' => '=',
        '│' | '┃' | '├' | '┤' | '╞' | '╡' => '|',
        '┊' | '┆' => ':',
        '┼' | '┌' | '┐' | '└' | '┘' | '╭' | '╮' | '╰' | '╯' | '┬' | '┴' => {
            '+'
        }
        '▶' | '▷' | '▹' | '→' => '>',
        '◀' | '◁' | '◃' | '←' => '<',
        '✗' | '×' => 'x',
        '…' => '~',
        'µ' => 'u',
        '“' | '”' => '"',
        '‘' | '’' => '\'',
        '–' | '—' => '-',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_not_empty_decides() {
        let of = |names: [&str; 3]| Characters::of_first(&names.map(str::to_owned));
        assert_eq!(of(["", "", ""]), Characters::Unicode);
        assert_eq!(of(["C", "", "en_US.UTF-8"]), Characters::Ascii);
        assert_eq!(of(["", "", "POSIX"]), Characters::Ascii);
        assert_eq!(of(["", "C.utf8", "C"]), Characters::Unicode);
        assert_eq!(of(["", "", "de_DE.ISO-8859-1"]), Characters::Ascii);
    }

    #[test]
    fn ascii_keeps_drawings_aligned() {
        let text = "a → b…\n  ├─ 1 é → x…y ┤\nélan, 3 µs\n";
        assert_eq!(Characters::Ascii.show(text), "a -> b...\n  |- 1 ? > x~y |\n\\u{e9}lan, 3 us\n");
        assert_eq!(Characters::Unicode.show(text), text);
        assert_eq!(Characters::Ascii.show("plain"), "plain");
    }
}
