//! The report as JSON.

use std::fmt::Write as _;

use faultlab::trace::show::is_hidden;
use serde::Serialize;

use super::Report;

/// The report as an indented JSON document that ends in a line break.
#[must_use]
pub fn to_json(report: &Report) -> String {
    json_text(report)
}

/// Any document as indented JSON that ends in a line break. Characters that are invisible, or change the
/// order of their neighbours, are escaped, so that the text reads as it is.
///
/// # Panics
/// If the value is not plain data.
#[must_use]
pub fn json_text(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("documents are plain data");
    let mut shown = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        // Outside strings, there are only printable ASCII characters and line breaks.
        if is_hidden(letter) && letter != '\n' {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(letter);
        }
    }
    shown.push('\n');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_mean_the_same() {
        let text = "a\u{202e}b\u{7f}\u{9b}\u{e0041}\n\tü🦀\"";
        let json = json_text(&text);
        assert_eq!(json, "\"a\\u202eb\\u007f\\u009b\\udb40\\udc41\\n\\tü🦀\\\"\"\n");
        assert_eq!(serde_json::from_str::<String>(&json).expect("it is JSON"), text);
    }
}
