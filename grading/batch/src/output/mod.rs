//! Rendered documents: for each student, for staff, and for other systems.
//!
//! All of them are derived from [`BatchResults`], so they can be rendered again at any time. Files
//! that are up to date are not written again.

mod clusters;
pub mod feedback;
mod gradescope;
mod index;
mod release;
mod result;
mod statistics;
pub mod tables;
mod text;

use std::fs;
use std::io::ErrorKind;

use anyhow::Context as _;
use faultlab_harness::report::Report;

pub use feedback::Lab;
pub use gradescope::results as gradescope;
pub use release::release;
pub use result::{Grading, OtherAttempt, SCHEMA, StudentResult, result};
pub use text::{Html, line, plain};

use crate::batch_results::{BatchResults, Entry};
use crate::policy::Late;
use crate::store::{Store, to_json, write_changed};

/// Where the page that `--watch` shows has its live part.
pub const LIVE_MARK: &str = "<!-- live -->";

/// The style sheet of all pages.
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
        let report = outcome.public_report();
        documents.push(("junit.xml", faultlab_harness::report::to_junit(&report).into_bytes()));
        documents.push(("build.log", build_log(&report).into_bytes()));
    }
    for (name, bytes) in documents {
        let path = folder.join(name);
        write_changed(&path, &bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// The compiler's output, or a note that the submission compiles. Before it, what was used of the labs
/// that it builds on.
fn build_log(report: &Report) -> String {
    let mut log = String::new();
    for base in &report.base_labs {
        log.push_str(&format!("built on {}\n", base.describe()));
        log.push_str(&plain(base.compile_error.as_deref().unwrap_or_default()));
    }
    match &report.compile_error {
        Some(error) => log.push_str(&plain(error)),
        None => log.push_str("it compiles\n"),
    }
    log
}

/// The names of a student's documents.
pub const DOCUMENTS: [&str; 6] =
    ["result.json", "feedback.html", "feedback.md", "gradescope.json", "junit.xml", "build.log"];

/// Removes the documents of students who are no longer in the results, because they left the batch
/// or were renamed. Other files are kept.
///
/// # Errors
/// When these documents cannot be listed or removed.
pub fn tidy(store: &Store, book: &BatchResults) -> anyhow::Result<()> {
    let path = store.work().join("students");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let now: Vec<String> =
        book.entries().iter().map(|entry| format!("{}\n", entry.student.id)).collect();
    let gone = before.lines().filter(|id| !now.contains(&format!("{id}\n")));
    for folder in gone.map(|id| store.student(id)) {
        for document in DOCUMENTS.map(|name| folder.join(name)) {
            match fs::remove_file(&document) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| document.display().to_string());
                }
                _ => {}
            }
        }
        // This fails if the folder contains other files; then it is kept.
        let _ = fs::remove_dir(&folder);
    }
    write_changed(&path, now.concat().as_bytes()).with_context(|| path.display().to_string())
}

/// What the batch-wide documents say beside the results.
#[derive(Clone, Debug)]
pub struct About<'l> {
    /// The lab.
    pub lab: Lab<'l>,
    /// How the batch was graded, line by line.
    pub how: Vec<(&'static str, String)>,
    /// What is late, and what that costs.
    pub late: Option<&'l Late>,
    /// What the intake left out, by its kind.
    pub left_out: Vec<(&'static str, Vec<String>)>,
}

/// Renders the batch-wide documents.
///
/// # Errors
/// When they cannot be written.
pub fn batch(store: &Store, book: &BatchResults, about: &About<'_>) -> anyhow::Result<()> {
    let entries = book.entries();
    let mut parts: Vec<u32> = entries
        .iter()
        .filter_map(Entry::grade)
        .flat_map(|grade| grade.parts.iter().map(|part| part.number))
        .collect();
    parts.sort_unstable();
    parts.dedup();
    let mut documents = vec![
        ("summary.csv", tables::summary(book, &parts)?),
        ("gradebook.csv", tables::gradebook(book)?),
        ("failures.csv", clusters::table(&entries)?),
        ("index.html", index::html(book, about).into_bytes()),
    ];
    if let Some(late) = about.late.filter(|late| late.budget_days.is_some()) {
        documents.push(("late-days.csv", tables::late_days(&entries, late)?));
    }
    for (name, bytes) in documents {
        let path = store.root().join(name);
        write_changed(&path, &bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
