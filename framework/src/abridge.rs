//! Shortens long texts of nodes, so that what differs between two of them stays visible.
//!
//! A long text alone is cut in its middle. But two long values that are compared are often equal for most of their
//! length, so each would lose the part that matters. What they have in common is left out instead.

/// How many characters that two texts have in common are kept before what differs.
const CONTEXT: usize = 12;

/// How many of them are kept where there is very little room.
const SHORT_CONTEXT: usize = 4;

/// Replaces the middle of a text by an ellipsis if it has more characters than this.
pub(crate) fn in_the_middle(text: &str, max: usize) -> String {
    let length = text.chars().count();
    if length <= max {
        return text.to_owned();
    }
    if max < 3 {
        return text.chars().take(max).collect();
    }
    let head = (max - 1) / 2;
    let tail = max - 1 - head;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).collect()
}

/// Shortens a text to at most this many characters. What it has in common with the other text at the start is left out,
/// and if that is not enough, its end. So both texts, each shortened by the other, show where they first differ.
pub(crate) fn around_difference(text: &str, other: &str, max: usize) -> String {
    let common = common_start(text, other);
    let length = text.chars().count();
    if length <= max || common < CONTEXT || max < 3 * CONTEXT {
        return in_the_middle(text, max);
    }
    // An escaped character is not cut apart.
    let is_backslash = |at: usize| text.chars().nth(at) == Some('\\');
    let mut start = common - CONTEXT;
    while start > 0 && is_backslash(start - 1) {
        start -= 1;
    }
    let mark = usize::from(start > 0);
    let ellipsis = if start > 0 { "…" } else { "" };
    if length - start + mark <= max {
        return ellipsis.chars().chain(text.chars().skip(start)).collect();
    }
    let mut end = start + max - 1 - mark;
    while end > start && is_backslash(end - 1) {
        end -= 1;
    }
    let shown = text.chars().skip(start).take(end - start);
    ellipsis.chars().chain(shown).chain(['…']).collect()
}

/// Shortens a text to at most this many characters, also if they are few, so that it starts a little before where it
/// differs from the other text.
pub(crate) fn where_they_differ(text: &str, other: &str, max: usize) -> String {
    let length = text.chars().count();
    let start = common_start(text, other).saturating_sub(SHORT_CONTEXT);
    if length <= max || start == 0 || max < 3 * SHORT_CONTEXT {
        return in_the_middle(text, max);
    }
    // A text that differs only at its end is shown from further before it.
    let start = start.min(length - (max - 1));
    let rest: String = text.chars().skip(start).collect();
    if length - start < max {
        return format!("…{rest}");
    }
    let shown: String = rest.chars().take(max - 2).collect();
    format!("…{shown}…")
}

/// A `Debug` text without the names of fields: `Put { "k", "v" }` for `Put { key: "k", value: "v" }`. Keys of maps stay.
pub(crate) fn without_field_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // For each open bracket: whether it is that of a struct, which has a blank inside.
    let mut structs: Vec<bool> = Vec::new();
    for piece in pieces(text) {
        let text = match piece {
            Piece::String(text) => {
                out.push_str(text);
                continue;
            }
            Piece::Other(text) => text,
        };
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            match character {
                '{' => structs.push(rest.starts_with("{ ")),
                '(' | '[' => structs.push(false),
                '}' | ')' | ']' => structs.truncate(structs.len().saturating_sub(1)),
                _ => {}
            }
            let may_name =
                structs.last() == Some(&true) && (out.ends_with("{ ") || out.ends_with(", "));
            let end = rest.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(0);
            if may_name && end > 0 && rest[end..].starts_with(": ") {
                rest = &rest[end + 2..];
                continue;
            }
            out.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    out
}

/// How many characters two texts have in common at the start.
pub(crate) fn common_start(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
}

/// Shortens the strings of more than `long` characters within `Debug` texts that are shown together, each to at most `max`
/// characters, so that the values around them stay visible. If strings have much in common at the start, each is cut so
/// that its difference from the most similar one is shown.
pub(crate) fn strings<const N: usize>(texts: [&str; N], long: usize, max: usize) -> [String; N] {
    let is_long = |string: &str| string.chars().count() > long;
    let pieces = texts.map(pieces);
    let mut found: Vec<&str> = Vec::new();
    for piece in pieces.iter().flatten() {
        if let Piece::String(string) = *piece
            && is_long(string)
            && !found.contains(&string)
        {
            found.push(string);
        }
    }
    let shortened = |string: &str| {
        let others = found.iter().filter(|other| **other != string);
        match others.max_by_key(|other| common_start(string, other)) {
            Some(other) => around_difference(string, other, max),
            None => in_the_middle(string, max),
        }
    };
    pieces.map(|pieces| {
        pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::String(string) if found.contains(&string) => shortened(string),
                Piece::String(text) | Piece::Other(text) => text.to_owned(),
            })
            .collect()
    })
}

/// How many digits of a duration are shown.
const DURATION_DIGITS: usize = 4;

/// Shortens the durations in a text outside of strings, such as `89.976300716s`, to a few digits: `89.97s`.
pub(crate) fn durations(text: &str) -> String {
    let shortened = |piece| match piece {
        Piece::String(text) => text.to_owned(),
        Piece::Other(text) => durations_of(text),
    };
    pieces(text).into_iter().map(shortened).collect()
}

fn durations_of(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, word) = rest.split_at(start);
        let (word, after) = word.split_at(word.find(|c| !is_word(c)).unwrap_or(word.len()));
        // A sentence may end here.
        let (word, end) = word.split_at(word.trim_end_matches('.').len());
        out.push_str(before);
        out.push_str(&duration(word).unwrap_or_else(|| word.to_owned()));
        out.push_str(end);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A word that is a duration, with fewer digits. `None` if it is none, or has few.
fn duration(word: &str) -> Option<String> {
    let (whole, rest) = word.split_once('.')?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, unit) = rest.split_at(digits);
    let is_number = !whole.is_empty() && whole.chars().all(|c| c.is_ascii_digit());
    if !is_number || !["s", "ms", "µs"].contains(&unit) {
        return None;
    }
    let left = DURATION_DIGITS.saturating_sub(whole.len());
    if digits.len() <= left {
        return None;
    }
    let digits = digits[..left].trim_end_matches('0');
    let dot = if digits.is_empty() { "" } else { "." };
    Some(format!("{whole}{dot}{digits}{unit}"))
}

/// A part of a `Debug` text.
#[derive(Clone, Copy, Debug)]
enum Piece<'t> {
    /// The inside of a string.
    String(&'t str),
    /// What is between strings, with their quotation marks.
    Other(&'t str),
}

/// The pieces of a `Debug` text, in order. A string that does not end is none.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (before, string) = rest.split_at(quote + 1);
        let mut escaped = false;
        let end = string.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { break };
        pieces.extend([
            Piece::Other(before),
            Piece::String(&string[..end]),
            Piece::Other(&string[end..=end]),
        ]);
        rest = &string[end + 1..];
    }
    pieces.push(Piece::Other(rest));
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_string_alone_is_cut_in_its_middle() {
        let text = format!("Put({:?}, \"short\")", "ab".repeat(40));
        assert_eq!(strings([&text], 11, 11), [r#"Put("ababa…babab", "short")"#]);
        assert_eq!(strings([r#"open "ended"#], 3, 3), [r#"open "ended"#]);
    }

    #[test]
    fn strings_are_cut_around_what_differs() {
        let all = |wrong: &str| {
            let numbers = (100..220).map(|number| number.to_string());
            format!("Value({:?})", numbers.filter(|it| it != wrong).collect::<Vec<_>>().join(";"))
        };
        assert_eq!(
            strings([&all("150"), &all("")], 48, 48),
            [
                r#"Value("…7;148;149;151;152;153;154;155;156;157;158;159;…")"#,
                r#"Value("…7;148;149;150;151;152;153;154;155;156;157;158;…")"#,
            ]
        );
        assert_eq!(
            strings([&all("219"), &all("")], 48, 48),
            [r#"Value("…;216;217;218")"#, r#"Value("…;216;217;218;219")"#]
        );
    }

    #[test]
    fn little_room_is_left_to_what_differs() {
        let state = |values: &str| format!("Specification {{ {{{values}}} }}");
        let (old, new) = (state(r#""k": "a]""#), state(r#""k": "a]b]""#));
        assert_eq!(where_they_differ(&new, &old, 19), r#"… { {"k": "a]b]"} }"#);
        assert_eq!(where_they_differ(&new, &old, 12), r#"…: "a]b]"} }"#);
        assert_eq!(where_they_differ(&new, "", 11), r#"Speci…]"} }"#);
        assert_eq!(where_they_differ("short", "shirt", 5), "short");
    }

    #[test]
    fn structs_lose_the_names_of_their_fields() {
        let text = r#"Some(Put { key: "a, b: c", value: Wrapped { inner: 3 } })"#;
        assert_eq!(without_field_names(text), r#"Some(Put { "a, b: c", Wrapped { 3 } })"#);
        let map = r#"Store { values: {"k": 1, two: Two { a: (x, y) }} }"#;
        assert_eq!(without_field_names(map), r#"Store { {"k": 1, two: Two { (x, y) }} }"#);
    }

    #[test]
    fn durations_have_few_digits() {
        let text = "after 89.976300716s, not 306.769971ms. In \"1.234567s\" and 1.5s and 12345.678s, v1.23456s, 0.00001x.";
        assert_eq!(
            durations(text),
            "after 89.97s, not 306.7ms. In \"1.234567s\" and 1.5s and 12345s, v1.23456s, 0.00001x."
        );
    }

    proptest! {
        #[test]
        fn two_texts_that_differ_still_differ(one in "[ab\\\\\"]{0,90}", other in "[ab\\\\\"]{0,90}", start in "[ab\\\\\"]{0,90}", max in 36..60_usize) {
            let (one, other) = (start.clone() + &one, start + &other);
            let shown = [around_difference(&one, &other, max), around_difference(&other, &one, max)];
            for shown in &shown {
                prop_assert!(shown.chars().count() <= max);
            }
            let is_cut_together = common_start(&one, &other) >= CONTEXT;
            if one != other && is_cut_together {
                prop_assert_ne!(&shown[0], &shown[1]);
            }
        }

        #[test]
        fn little_room_is_kept_to(one in "[ab]{0,40}", other in "[ab]{0,40}", max in 3..30_usize) {
            prop_assert!(where_they_differ(&one, &other, max).chars().count() <= max);
        }

        #[test]
        fn any_text_can_lose_field_names(text in "[a:, {}()\"\\\\é]{0,40}") {
            prop_assert!(without_field_names(&text).len() <= text.len());
        }

        #[test]
        fn short_texts_stay(text in "[a\"\\\\]{0,40}") {
            prop_assert_eq!(strings([&text], 40, 20), [text.as_str()]);
        }
    }
}
