//! A release: a folder per student with the feedback and nothing else, and a table for mail merge.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::feedback::{self, Lab};
use super::text::cell;
use crate::batch_results::{BatchResults, Entry};
use crate::store::write_changed;

/// The table of a release. A folder that has it is a release, which may be written again.
const TABLE: &str = "release.csv";

/// What students get.
const FILES: [&str; 2] = ["feedback.html", "feedback.md"];

/// Writes the release of every student with a grade. Returns the labels of those who have none yet.
///
/// # Errors
/// If it cannot be written, or `folder` holds something else.
pub fn release(folder: &Path, book: &BatchResults, lab: Lab<'_>) -> anyhow::Result<Vec<String>> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let table = folder.join(TABLE);
    let is_empty = fs::read_dir(folder)?.next().is_none();
    ensure!(
        is_empty || table.exists(),
        "{} is neither empty nor an earlier release; give another folder",
        folder.display()
    );
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["email", "name", "student", "points", "possible", "status", "folder"])?;
    let mut released = BTreeSet::new();
    let mut waiting = Vec::new();
    for entry in book.entries() {
        // Without a submission and without points there is nothing to say.
        if entry.attempts.is_empty() && entry.grade().is_none() {
            continue;
        }
        let Some(points) = entry.points() else {
            waiting.push(entry.student.label());
            continue;
        };
        let name = folder_name(&entry);
        let place = folder.join(&name);
        fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
        let documents = [feedback::html(&entry, lab), feedback::markdown_page(&entry, lab)];
        for (file, text) in FILES.iter().zip(documents) {
            let path = place.join(file);
            write_changed(&path, text.as_bytes()).with_context(|| path.display().to_string())?;
        }
        writer.write_record([
            &cell(&entry.student.email),
            &cell(&entry.student.full_name()),
            &cell(entry.student.login()),
            &points.to_string(),
            &entry.grade().map(|grade| grade.possible.to_string()).unwrap_or_default(),
            entry.status().as_str(),
            &cell(&name),
        ])?;
        released.insert(name);
    }
    remove_others(folder, &released)?;
    write_changed(&table, &writer.into_inner()?).with_context(|| table.display().to_string())?;
    Ok(waiting)
}

/// The student's folder. Moodle takes feedback back in folders that are called like those it gave out.
fn folder_name(entry: &Entry<'_>) -> String {
    const MOODLE: &str = "_assignsubmission_file_";
    let from = entry.attempt().into_iter().flat_map(|attempt| &attempt.submission.from);
    let mut given = from.filter_map(|name| Some(&name[..name.find(MOODLE)? + MOODLE.len()]));
    given.next().unwrap_or(&entry.student.id).to_owned()
}

/// Removes the feedback of those who were in an earlier release and are not in this one.
fn remove_others(folder: &Path, released: &BTreeSet<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type()?.is_dir() || released.contains(&name) {
            continue;
        }
        for file in FILES {
            // The folder may be somebody else's, without such a file.
            let _ = fs::remove_file(entry.path().join(file));
        }
        let _ = fs::remove_dir(entry.path());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::book;

    #[test]
    fn a_release_has_a_folder_for_each_student_with_a_grade() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("release");
        let lab = Lab { name: "lab9", title: "Counting" };
        let mut book = book();
        book.attempts[2].submission.from = vec!["Eve X_9_assignsubmission_file_x.zip".to_owned()];
        assert_eq!(release(&out, &book, lab).expect("it is written"), ["kim"]);
        let names = || {
            let mut names: Vec<String> = fs::read_dir(&out)
                .expect("it is there")
                .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["Eve X_9_assignsubmission_file_", "ada", "bob", "release.csv"]);
        let table = fs::read_to_string(out.join(TABLE)).expect("the table");
        assert!(table.contains("ada@x.edu,'=Ada(),ada,7,20,graded,ada\n"), "{table}");
        // The next release lacks somebody.
        book.attempts.remove(0);
        release(&out, &book, lab).expect("it is written again");
        assert_eq!(names(), ["Eve X_9_assignsubmission_file_", "bob", "release.csv"]);
        fs::remove_file(out.join(TABLE)).expect("it is there");
        let error = release(&out, &book, lab).expect_err("it may be anything");
        assert!(error.to_string().contains("neither empty nor an earlier release"), "{error}");
    }
}
