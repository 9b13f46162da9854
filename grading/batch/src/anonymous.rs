//! Anonymous grading: students get pseudonyms, the same in every run over one results folder.
//!
//! Names are replaced only in rendered documents. `.work` still identifies students, so that
//! extensions and overrides can name them.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;

use crate::batch_results::BatchResults;
use crate::intake::Student;
use crate::output::line;
use crate::policy::Comment;
use crate::spec::Spec;
use crate::store::{self, Store};

/// The text that replaces a name.
const REMOVED: &str = "(name)";

/// The shortest text that is removed from other texts; shorter ones are parts of too many words.
const WORD_MIN: usize = 3;

/// The pseudonyms of a batch's students.
#[derive(Clone, Debug)]
pub struct Pseudonyms {
    by_student: BTreeMap<String, String>,
}

impl Pseudonyms {
    /// Pseudonyms for all students of a batch. `.work/who.csv` maps them to students.
    ///
    /// # Errors
    /// If that file, or the secret that pseudonyms depend on, cannot be stored.
    pub fn of(spec: &Spec, store: &Store) -> anyhow::Result<Self> {
        let secret = secret(store)?;
        let submissions = spec.submissions.iter().flat_map(|one| &one.submission.students);
        let all: BTreeMap<&str, &Student> = submissions
            .chain(&spec.missing)
            .map(|student| (student.id.as_str(), student))
            .collect();
        let mut who = csv::Writer::from_writer(Vec::new());
        who.write_record(["anonymous", "student", "name", "email", "sid"])?;
        let mut by_student = BTreeMap::new();
        for (id, student) in all {
            let name = format!("student-{}", &store::hash(&[("", &secret), ("", id)])[..10]);
            let cells = [&name, &student.id, &student.name, &student.email, &student.sid];
            who.write_record(cells.map(|cell| line(cell)))?;
            by_student.insert(id.to_owned(), name);
        }
        let path = store.work().join("who.csv");
        store::write(&path, &who.into_inner()?).with_context(|| path.display().to_string())?;
        Ok(Self { by_student })
    }

    /// A student's pseudonym.
    #[must_use]
    pub fn of_student<'n>(&'n self, id: &'n str) -> &'n str {
        self.by_student.get(id).map_or(id, String::as_str)
    }

    /// Removes everything that identifies a student.
    pub fn hide(&self, book: &mut BatchResults) {
        for attempt in &mut book.attempts {
            let submission = &mut attempt.submission;
            let mut words = std::mem::take(&mut submission.from);
            for student in &submission.students {
                let Student { id, name, email, sid, platform_id, group, section: _, known_as } =
                    student;
                let all = [id, name, email, sid, platform_id, group, known_as];
                words.extend(all.map(Clone::clone));
            }
            words.retain(|word| word.len() >= WORD_MIN);
            words.sort_by_key(|word| std::cmp::Reverse(word.len()));
            let texts = submission.notes.iter_mut().chain(&mut submission.fixes);
            let texts = texts.chain(&mut attempt.reason);
            let steps = attempt.grades.values_mut().flat_map(|grade| &mut grade.steps);
            let report =
                attempt.outcome.iter_mut().flat_map(|outcome| &mut outcome.report.base_labs);
            let base_labs = report.flat_map(|base| &mut base.compile_error);
            let comments = submission.students.iter().filter_map(|student| {
                book.comments.remove(&student.id).map(|comments| (student.id.clone(), comments))
            });
            let mut comments: Vec<(String, Vec<Comment>)> = comments.collect();
            let by_hand = comments.iter_mut().flat_map(|(_, comments)| comments);
            let by_hand = by_hand.map(|comment| &mut comment.text);
            for text in texts.chain(steps).chain(base_labs).chain(by_hand) {
                for word in &words {
                    *text = text.replace(word, REMOVED);
                }
            }
            book.comments.extend(comments);
            attempt.grades = std::mem::take(&mut attempt.grades)
                .into_iter()
                .map(|(id, grade)| (self.of_student(&id).to_owned(), grade))
                .collect();
            for id in &mut attempt.chosen_by {
                *id = self.of_student(id).to_owned();
            }
            submission.students.iter_mut().for_each(|student| self.replace(student));
        }
        book.missing.iter_mut().for_each(|student| self.replace(student));
        book.comments = std::mem::take(&mut book.comments)
            .into_iter()
            .map(|(id, comments)| (self.of_student(&id).to_owned(), comments))
            .collect();
        book.by_hand = std::mem::take(&mut book.by_hand)
            .into_iter()
            .map(|(id, grade)| (self.of_student(&id).to_owned(), grade))
            .collect();
    }

    fn replace(&self, student: &mut Student) {
        let id = self.of_student(&student.id).to_owned();
        *student = Student { id, ..Student::default() };
    }
}

/// The student with this pseudonym, if there is one.
///
/// # Errors
/// When `.work/who.csv` exists and cannot be read.
pub fn who(store: &Store, name: &str) -> anyhow::Result<Option<String>> {
    let all = pseudonyms(store)?.into_iter();
    Ok(all.filter(|(_, pseudonym)| pseudonym == name).map(|(id, _)| id).next())
}

/// The pseudonyms of a results folder, by the students' ids; none if it never was anonymous.
///
/// # Errors
/// When `.work/who.csv` exists and cannot be read.
pub fn pseudonyms(store: &Store) -> anyhow::Result<BTreeMap<String, String>> {
    let path = store.work().join("who.csv");
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let mut reader = csv::Reader::from_path(&path).with_context(|| path.display().to_string())?;
    let rows = reader.records().map(|record| {
        let record = record.with_context(|| path.display().to_string())?;
        let cell = |index: usize| record.get(index).unwrap_or_default().to_owned();
        Ok((cell(1), cell(0)))
    });
    rows.collect()
}

/// A secret of this results folder. Without one, anybody could reverse pseudonyms by trying all
/// students.
fn secret(store: &Store) -> anyhow::Result<String> {
    let path = store.work().join("secret");
    if let Ok(secret) = fs::read_to_string(&path) {
        return Ok(secret);
    }
    let secret = store::random_word()?;
    store::write(&path, secret.as_bytes()).with_context(|| path.display().to_string())?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::book;
    use crate::output;

    #[test]
    fn rendered_results_are_anonymous() {
        let mut book = book();
        book.attempts[0].submission.notes.push("ignored: ada@x.edu/ada.pdf".to_owned());
        book.attempts[2].reason = Some("`eve.zip` cannot be unpacked".to_owned());
        book.attempts[2].submission.from.push("eve.zip".to_owned());
        let ids = ["ada", "bob", "eve", "kim", "zoe"];
        let names = Pseudonyms {
            by_student: ids
                .iter()
                .zip(0..)
                .map(|(id, n)| ((*id).to_owned(), format!("student-{n}")))
                .collect(),
        };
        names.hide(&mut book);
        let lab = output::Lab { name: "lab9", title: "Counting" };
        let mut rendered = String::new();
        for entry in book.entries() {
            rendered.push_str(&output::feedback::html(&entry, lab));
            rendered.push_str(&output::feedback::markdown_page(&entry, lab));
            rendered.push_str(&String::from_utf8_lossy(&output::gradescope(&entry, "visible")));
        }
        rendered.push_str(&format!("{:?}", book.missing));
        for word in ["ada", "Ada", "Bob", "eve.zip", "x.edu", "zoe"] {
            assert!(!rendered.contains(word), "{word} in {rendered}");
        }
        assert!(book.attempts[0].points("student-0").is_some());
    }
}
