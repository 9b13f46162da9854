//! Bounds on what a node may hold and say. They are the same in every host, so that a run ends in the same way
//! whether or not nodes and engine share a process.

use std::fmt::{self, Debug, Write as _};

use super::{NodeFailure, Output};

/// The largest state of a node, in encoded bytes. Solutions of labs need a few kilobytes.
///
/// A host measures a node's state after its 1st, 2nd, 4th, 8th, ... step, because measuring costs time. A
/// search measures every state.
pub const STATE_BYTES_MAX: usize = 1 << 20;

/// The longest text of a value, a panic or a logged line, in bytes. The rest is left out, and the text says so.
pub const TEXT_BYTES_MAX: usize = 16 << 10;

/// How much a node may log in one step, in bytes. The rest is left out, and a last line says so.
pub const LOG_BYTES_PER_STEP_MAX: usize = 64 << 10;

/// The most that a node may send, set and log in one step, in encoded bytes.
pub const OUTPUT_BYTES_MAX: usize = 8 << 20;

/// Fails if the output of a step is larger than [`OUTPUT_BYTES_MAX`].
///
/// # Errors
/// [`NodeFailure::OutputTooLarge`].
pub fn check_output(output: &Output) -> Result<(), NodeFailure> {
    let bytes = output.bytes_held();
    if bytes > OUTPUT_BYTES_MAX {
        return Err(NodeFailure::OutputTooLarge { bytes: bytes as u64 });
    }
    Ok(())
}

/// Fails if a state is larger than [`STATE_BYTES_MAX`].
///
/// # Errors
/// [`NodeFailure::StateTooLarge`].
pub fn check_state(bytes: usize) -> Result<(), NodeFailure> {
    if bytes > STATE_BYTES_MAX {
        return Err(NodeFailure::StateTooLarge { bytes: bytes as u64 });
    }
    Ok(())
}

/// A text, cut so that it has at most [`TEXT_BYTES_MAX`] bytes. Cutting it again changes nothing.
#[must_use]
pub fn bounded(text: String) -> String {
    bounded_to(text, TEXT_BYTES_MAX)
}

/// The same with another bound.
///
/// # Panics
/// When there is no room to say that the text is cut.
#[must_use]
pub fn bounded_to(text: String, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text;
    }
    let kept = beginning(&text, bytes_max);
    format!("{kept}… ({} more bytes)", text.len() - kept.len())
}

/// The beginning of a long text that leaves room to say that it is cut.
fn beginning(text: &str, bytes_max: usize) -> &str {
    assert!(bytes_max >= 64, "{bytes_max} bytes are not enough");
    let mut end = bytes_max - 64;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The `Debug` text of a value, bounded in the same way. The rest is not formatted.
pub(super) fn debug_text(value: &dyn Debug, pretty: bool) -> String {
    let mut out = BoundedText(String::new());
    // `Debug` itself may fail too; then the text is what it wrote before.
    let _ = if pretty { write!(out, "{value:#?}") } else { write!(out, "{value:?}") };
    if out.0.len() <= TEXT_BYTES_MAX {
        return out.0;
    }
    let kept = beginning(&out.0, TEXT_BYTES_MAX);
    format!("{kept}… (cut after {} bytes)", kept.len())
}

/// Takes in a text until it is too long.
struct BoundedText(String);

impl fmt::Write for BoundedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() > TEXT_BYTES_MAX {
            return Err(fmt::Error);
        }
        let mut end = text.len().min(TEXT_BYTES_MAX + 1);
        while !text.is_char_boundary(end) {
            end += 1;
        }
        self.0.push_str(&text[..end]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_and_say_so() {
        assert_eq!(bounded("a".repeat(TEXT_BYTES_MAX)), "a".repeat(TEXT_BYTES_MAX));
        let cut = bounded("ä".repeat(TEXT_BYTES_MAX));
        assert!(cut.ends_with("ä… (16448 more bytes)"), "{}", &cut[cut.len() - 40..]);
        assert!(cut.len() <= TEXT_BYTES_MAX, "{}", cut.len());
        assert_eq!(bounded(cut.clone()), cut);
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        assert_eq!(debug_text(&vec![1, 2], false), "[1, 2]");
        assert_eq!(debug_text(&vec![1], true), "[\n    1,\n]");
        let exact = "e".repeat(TEXT_BYTES_MAX - 2);
        assert_eq!(debug_text(&exact, false), format!("{exact:?}"));
        for pretty in [false, true] {
            let text = debug_text(&vec!["é"; 1_000_000], pretty);
            assert!(text.len() <= TEXT_BYTES_MAX, "{}", text.len());
            assert!(text.contains("… (cut after 163"), "{}", &text[text.len() - 60..]);
        }
    }

    /// A value whose `Debug` goes on after an error.
    struct Stubborn;

    impl Debug for Stubborn {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for _ in 0..100_000 {
                let _ = f.write_str("again and again ");
            }
            Ok(())
        }
    }

    #[test]
    fn a_debug_that_ignores_errors_is_cut_too() {
        assert!(debug_text(&Stubborn, false).len() <= TEXT_BYTES_MAX);
    }

    #[test]
    fn states_have_a_limit() {
        assert_eq!(check_state(STATE_BYTES_MAX), Ok(()));
        let failure = check_state(STATE_BYTES_MAX + 1).expect_err("it is too large");
        assert_eq!(
            failure.to_string(),
            "left a state of 1048577 bytes: more than the limit of 1048576"
        );
    }
}
