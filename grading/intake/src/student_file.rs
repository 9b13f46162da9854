//! Which files are the student's.

use crate::has_extension;

/// Whether a file in a lab's `src`, by its path there, is one of the student's files: those that are
/// tested, submitted and graded.
///
/// These are all Rust files, in folders of any depth, whatever their names. Only hidden files, those
/// in hidden folders, and names with control characters are none: `mod` finds the former only by
/// `#[path]`, and no archive should contain the latter.
#[must_use]
pub fn is_student_file(path: &str) -> bool {
    let is_hidden = |part: &str| part.starts_with('.');
    has_extension(path, "rs")
        && !path.split('/').any(is_hidden)
        && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_matter_except_hidden_ones() {
        for path in [
            "lib.rs",
            "main.rs",
            "bin/mod.rs",
            "tests/mod.rs",
            "target/mod.rs",
            "client/retry/backoff.rs",
            "re-try.rs",
            "client copy.rs",
            "größe.rs",
            "a/b/c/d/e.rs",
        ] {
            assert!(is_student_file(path), "{path}");
        }
        for path in
            ["notes.txt", "client.rs~", ".rs", ".client.rs", ".git/a.rs", "a/._b.rs", "a\nb.rs"]
        {
            assert!(!is_student_file(path), "{path}");
        }
    }
}
