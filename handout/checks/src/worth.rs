//! What a lab is worth, read from the suite, for the students' book.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use faultlab_suites::{Credit, Suite};

/// The suites whose points the students' book shows: the chapter `labN.md` includes `out/labN-points.md`. `source` is the
/// folder of the chapters.
#[must_use]
pub fn shown(source: &Path) -> Vec<Suite> {
    let is_shown = |suite: &Suite| {
        let lab = suite.lab();
        let chapter = fs::read_to_string(source.join(format!("{lab}.md"))).unwrap_or_default();
        chapter.contains(&format!("out/{lab}-points"))
    };
    faultlab_suites::all().into_iter().filter(is_shown).collect()
}

/// The rows of a Markdown table, one a part, and the sum.
#[must_use]
pub fn parts(suite: &Suite) -> String {
    let mut rows = String::new();
    for part in suite.parts() {
        let _ = writeln!(rows, "| {} | {} | {} |", part.number(), part.title(), part.points());
    }
    let _ = writeln!(rows, "| | **all** | **{}** |", suite.points());
    rows
}

/// One line a test: number, title, points, and how they are given.
#[must_use]
pub fn tests(suite: &Suite) -> String {
    let width = suite.tests().map(|test| test.title().chars().count()).max().unwrap_or(0);
    let mut lines = String::new();
    for test in suite.tests() {
        let credit = match test.credit() {
            Credit::ShareOfSeeds => "by share of seeds",
            Credit::AllOrNothing => "",
        };
        let number = test.number().to_string();
        let (title, points) = (test.title(), test.points());
        let line = format!("{number:>5}  {title:<width$}  {points:>2}  {credit}");
        let _ = writeln!(lines, "{}", line.trim_end());
    }
    lines
}
