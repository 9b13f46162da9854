//! Everything that is rendered: for each student, for the staff, and for other systems.
//!
//! All of it comes from the [`Book`] alone, so it can be rendered again at any time, and is: whatever is
//! already as it should be is left alone.

pub mod feedback;
mod gradescope;
mod index;
mod result;
mod statistics;
pub mod tables;
mod text;

use std::fs;

use anyhow::Context as _;

pub use feedback::Lab;
pub use gradescope::results as gradescope;
pub use result::{Grading, OtherAttempt, SCHEMA, StudentResult, result};
pub use text::{line, plain};

use crate::book::{Book, Entry};
use crate::store::{Store, to_json, write_changed};

/// The look of all pages.
const STYLE: &str = include_str!("../../templates/style.css");

/// Renders one student's documents.
///
/// # Errors
/// When they cannot be written.
pub fn student(store: &Store, entry: &Entry<'_>, lab: Lab<'_>) -> anyhow::Result<()> {
    let folder = store.student(&entry.student.id);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut documents = vec![
        ("result.json", to_json(&result(entry))),
        ("feedback.html", feedback::html(entry, lab).into_bytes()),
        ("feedback.md", feedback::markdown_page(entry, lab).into_bytes()),
        ("gradescope.json", gradescope(entry, "visible")),
    ];
    if let Some(outcome) = entry.attempt().and_then(|attempt| attempt.outcome.as_ref()) {
        let report = &outcome.report;
        documents.push(("junit.xml", faultlab_harness::report::to_junit(report).into_bytes()));
        documents
            .push(("build.log", report.compile_error.clone().unwrap_or_default().into_bytes()));
    }
    for (name, bytes) in documents {
        let path = folder.join(name);
        write_changed(&path, &bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Renders the documents about the whole batch. `how` says how it was graded, line by line.
///
/// # Errors
/// When they cannot be written.
pub fn batch(
    store: &Store,
    book: &Book,
    lab: Lab<'_>,
    how: &[(&'static str, String)],
) -> anyhow::Result<()> {
    let entries = book.entries();
    let mut parts: Vec<u32> = entries
        .iter()
        .filter_map(Entry::grade)
        .flat_map(|grade| grade.parts.iter().map(|part| part.number))
        .collect();
    parts.sort_unstable();
    parts.dedup();
    let documents = [
        ("summary.csv", tables::summary(book, &parts)?),
        ("gradebook.csv", tables::gradebook(book)?),
        ("index.html", index::html(book, lab, how).into_bytes()),
    ];
    for (name, bytes) in documents {
        let path = store.root().join(name);
        write_changed(&path, &bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
