//! Where a report goes: standard output and standard error, in the characters that the terminal shows.

use std::io::{self, Write};
use std::sync::OnceLock;

use faultlab::Characters;

static CHARACTERS: OnceLock<Characters> = OnceLock::new();

/// Decides for the whole program which characters are used: only ASCII if `ascii`, or else those of the locale. The
/// first decision counts.
pub(crate) fn decide_characters(ascii: bool) {
    let characters = if ascii { Characters::Ascii } else { Characters::of_locale() };
    CHARACTERS.get_or_init(|| characters);
}

/// The characters that are used.
pub(crate) fn characters() -> Characters {
    *CHARACTERS.get_or_init(Characters::of_locale)
}

/// Prints a text on standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(characters().show(text).as_bytes())?;
    out.flush()
}

/// Prints a text on standard error.
pub(crate) fn print_error(text: &str) -> io::Result<()> {
    anstream::stderr().write_all(characters().show(text).as_bytes())
}
