//! Wraps sentences to a terminal's width, even when output goes to a file.

use super::columns;

/// Wraps the text to the width of [`columns::of_sentences`], assuming that it starts at column `indent` and indenting
/// continuation lines by as much. A word that is longer than a line is split, unless it is a path, which can then be
/// clicked or copied. A line that starts with a space is not a sentence and is not wrapped.
pub(crate) fn paragraph(text: &str, indent: usize) -> String {
    let mut lines = Vec::new();
    for line in text.trim_end().split('\n') {
        if line.starts_with(' ') {
            lines.push(line.to_owned());
        } else {
            wrap(line.trim_end(), columns::of_sentences().saturating_sub(indent), &mut lines);
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

/// Words are not split into shorter pieces than this.
const WIDTH_MIN: usize = 20;

fn wrap(line: &str, width: usize, lines: &mut Vec<String>) {
    let mut current = String::new();
    for word in line.split(' ') {
        if !current.is_empty() {
            if current.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut current));
            } else {
                current.push(' ');
            }
        }
        current.push_str(word);
        while !word.contains('/') && current.chars().count() > width.max(WIDTH_MIN) {
            let rest = current.chars().skip(width.max(WIDTH_MIN)).collect();
            current.truncate(current.len() - String::len(&rest));
            lines.push(std::mem::replace(&mut current, rest));
        }
    }
    lines.push(current);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_wrapped_between_words_and_diagrams_are_not() {
        let sentence = ["word"; 30].join(" ");
        let diagram = format!("  {}", "├────▶ ".repeat(20).trim_end());
        let path = format!("/{}", "p".repeat(99));
        let value = "v".repeat(100);
        let text = paragraph(&format!("{sentence}\n{diagram}\n{path}\n{value}\nend"), 20);
        let lines: Vec<&str> = text.lines().collect();
        let whole = ["word"; 12].join(" ");
        let rest = ["word"; 6].join(" ");
        let after = |line: &str| format!("{:20}{line}", "");
        assert_eq!(
            lines,
            [
                whole.clone(),
                after(&whole),
                after(&rest),
                after(&diagram),
                after(&path),
                after(&value[..60]),
                after(&value[60..]),
                after("end")
            ]
        );
        assert_eq!(lines[0].chars().count() + 20, 79);
    }

    #[test]
    fn a_text_that_fits_is_not_changed() {
        assert_eq!(paragraph("two  blanks stay\n", 12), "two  blanks stay");
        assert_eq!(paragraph(&"x".repeat(68), 12), "x".repeat(68));
        assert_eq!(paragraph("", 90), "");
        assert_eq!(paragraph("short", 90), "short");
    }
}
