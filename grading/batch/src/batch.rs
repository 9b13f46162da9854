//! A batch in progress: what remains to be graded, the results so far, and how the batch ended.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::anonymous::Pseudonyms;
use crate::batch_results::{Attempt, BatchResults, Status, SubmissionEntry};
use crate::executor::BatchObserver;
use crate::output::tables::{self, Filled};
use crate::output::{self, Lab};
use crate::policy::Corrections;
use crate::progress::Progress;
use crate::spec::Spec;
use crate::store::{self, Key, Store};
use crate::usage::Usage;

/// A batch in progress.
pub(crate) struct Batch {
    store: Store,
    spec: Spec,
    corrections: Corrections,
    names: Option<Pseudonyms>,
    progress: Progress,
    /// When the batch-wide documents were last rendered.
    rendered: Instant,
    /// Whether the documents are out of date.
    stale: bool,
}

/// The maximum age of the batch-wide documents during grading.
const RENDERED_MAX: Duration = Duration::from_secs(15);

impl Batch {
    pub(crate) fn new(
        store: Store,
        spec: Spec,
        corrections: Corrections,
        names: Option<Pseudonyms>,
    ) -> Self {
        let progress = Progress::new(0, true);
        Self { store, spec, corrections, names, progress, rendered: Instant::now(), stale: false }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A student's name in the results: the id or the pseudonym.
    fn name<'n>(&'n self, id: &'n str) -> &'n str {
        self.names.as_ref().map_or(id, |names| names.of_student(id))
    }

    /// Whether a submission belongs to one of these students, under any of their names.
    fn is_of(&self, one: &SubmissionEntry, wanted: &[String]) -> bool {
        let is_wanted = |id: &str| wanted.iter().any(|name| name == id || name == self.name(id));
        wanted.is_empty() || one.submission.students.iter().any(|student| is_wanted(&student.id))
    }

    /// The submissions without a grading record, each once, in order.
    ///
    /// # Errors
    /// If one of `only` did not submit anything.
    pub(crate) fn to_do(&self, only: &[String]) -> anyhow::Result<Vec<Key>> {
        for id in only {
            if !self.spec.submissions.iter().any(|one| self.is_of(one, std::slice::from_ref(id))) {
                bail!(Usage(format!("`{id}` did not submit anything")));
            }
        }
        let mut seen = BTreeSet::new();
        let mut keys = Vec::new();
        for one in self.spec.submissions.iter().filter(|one| self.is_of(one, only)) {
            if let Some(key) = &one.key
                && seen.insert(key)
                && self.store.outcome(key).is_none()
            {
                keys.push(key.clone());
            }
        }
        Ok(keys)
    }

    /// Announces what was submitted.
    pub(crate) fn say_start(&self, to_do: usize, strangers: &[String], ignored_files: &[String]) {
        let all = self.spec.submissions.len();
        let refused = self.spec.submissions.iter().filter(|one| one.key.is_none()).count();
        let mut line =
            format!("{} of {}, {to_do} to grade", count(all, "submission"), self.spec.lab);
        if refused > 0 {
            line.push_str(&format!(", {refused} rejected"));
        }
        if !self.spec.missing.is_empty() {
            let missing = count(self.spec.missing.len(), "student");
            line.push_str(&format!(", {missing} without a submission"));
        }
        self.progress.say(&line);
        if !strangers.is_empty() {
            let names: Vec<&str> = strangers.iter().map(|id| self.name(id)).collect();
            self.progress.say(&format!("not on the roster: {}", names.join(", ")));
        }
        if !ignored_files.is_empty() {
            let names = output::line(&ignored_files.join(", "));
            self.progress.say(&format!("ignored files: {names}"));
        }
    }

    /// Renders the state of all students before grading begins, and starts the progress bar.
    ///
    /// # Errors
    /// When the results cannot be written.
    pub(crate) fn start(&mut self, to_do: usize, quiet: bool) -> anyhow::Result<()> {
        let book = self.all_results();
        output::tidy(&self.store, &book)?;
        output::batch(&self.store, &book, self.lab(), &self.how(&book))?;
        self.progress = Progress::new(to_do as u64, quiet);
        Ok(())
    }

    fn lab(&self) -> Lab<'_> {
        Lab { name: &self.spec.lab, title: &self.spec.title }
    }

    /// The known results of these submissions, under the names used in the results.
    fn book(&self, wanted: impl Fn(&SubmissionEntry) -> bool) -> BatchResults {
        let listed: Vec<SubmissionEntry> =
            self.spec.submissions.iter().filter(|one| wanted(one)).cloned().collect();
        BatchResults::open(&self.store, &listed, &[], &self.corrections)
    }

    /// The results of everyone, also of those who submitted nothing.
    fn whole_book(&self) -> BatchResults {
        let Spec { submissions, missing, .. } = &self.spec;
        BatchResults::open(&self.store, submissions, missing, &self.corrections)
    }

    fn all_results(&self) -> BatchResults {
        self.shown(self.whole_book())
    }

    fn shown(&self, mut book: BatchResults) -> BatchResults {
        if let Some(names) = &self.names {
            names.hide(&mut book);
        }
        book
    }

    /// Renders everything, and returns whether the batch succeeded: every student in `only` who
    /// submitted has a grade, and everything could be written.
    ///
    /// # Errors
    /// If the batch-wide documents cannot be written.
    pub(crate) fn finish(&self, only: &[String]) -> anyhow::Result<bool> {
        self.progress.finish();
        let book = self.all_results();
        let mut all_well = true;
        for entry in book.entries() {
            if let Err(error) = output::student(&self.store, &entry, self.lab()) {
                all_well = false;
                self.progress.say(&format!("{}: {error:#}", entry.student.id));
            }
        }
        output::batch(&self.store, &book, self.lab(), &self.how(&book))?;
        self.store.sync()?;
        let listed = self.spec.submissions.iter().zip(&book.attempts);
        let wanted = listed.filter(|(one, _)| self.is_of(one, only)).map(|(_, attempt)| attempt);
        for attempt in wanted.filter(|attempt| !attempt.status.is_final()) {
            all_well = false;
            let reason = match attempt.status {
                Status::InfrastructureError => attempt.reason.as_deref().unwrap_or_default(),
                _ => "not graded",
            };
            self.progress.say(&format!("{}: no grade: {}", who(attempt), output::line(reason)));
        }
        let page = self.store.root().join("index.html");
        self.progress.say(&format!("results: {}", page.display()));
        Ok(all_well)
    }

    /// Fills in gradebooks of other systems. They identify students by name, so this uses real
    /// names even in an anonymous batch.
    ///
    /// # Errors
    /// When one cannot be read, filled in, or written.
    pub(crate) fn fill_in(
        &self,
        canvas: Option<(&Path, &str)>,
        moodle: Option<&Path>,
    ) -> anyhow::Result<()> {
        let book = self.whole_book();
        let fill = |name: &str, path: &Path, with: &dyn Fn(&[u8]) -> anyhow::Result<Filled>| {
            let exported = std::fs::read(path).with_context(|| path.display().to_string())?;
            let filled = with(&exported).with_context(|| path.display().to_string())?;
            store::write(&self.store.root().join(name), &filled.csv)?;
            self.progress.say(&format!("{name}: {} filled in", count(filled.count, "grade")));
            if !filled.without_row.is_empty() {
                let missing = filled.without_row.join(", ");
                self.progress.say(&format!("{name} has no row for: {missing}"));
            }
            anyhow::Ok(())
        };
        if let Some((path, column)) = canvas {
            fill("canvas.csv", path, &|exported| tables::fill_canvas(&book, exported, column))?;
        }
        if let Some(path) = moodle {
            fill("moodle.csv", path, &|exported| tables::fill_moodle(&book, exported))?;
        }
        Ok(())
    }

    fn how(&self, book: &BatchResults) -> Vec<(&'static str, String)> {
        let tiers: BTreeSet<&str> = book
            .attempts
            .iter()
            .filter_map(|attempt| Some(attempt.outcome.as_ref()?.confinement.as_str()))
            .collect();
        let compiler = self.spec.toolchain.lines().next().unwrap_or_default();
        vec![
            (
                "seeds",
                format!("suite seed {}, {} seeds per run test", self.spec.seed, self.spec.seeds),
            ),
            ("suite", self.spec.suite[..16].to_owned()),
            ("compiler", compiler.to_owned()),
            ("confinement", tiers.into_iter().collect::<Vec<&str>>().join(", ")),
        ]
    }
}

impl BatchObserver for Batch {
    fn on_message(&mut self, what: &str) {
        self.progress.say(what);
    }

    fn on_result(&mut self, key: &Key) {
        let mine = |one: &&SubmissionEntry| one.key.as_ref() == Some(key);
        let theirs = self.spec.submissions.iter().filter(mine);
        let theirs: BTreeSet<&str> = theirs
            .flat_map(|one| &one.submission.students)
            .map(|student| student.id.as_str())
            .collect();
        let is_theirs = |one: &SubmissionEntry| {
            one.submission.students.iter().any(|student| theirs.contains(student.id.as_str()))
        };
        let book = self.shown(self.book(is_theirs));
        let names: BTreeSet<&str> = theirs.iter().map(|id| self.name(id)).collect();
        for entry in book.entries() {
            // Other members of a group may have attempts that are not listed here.
            if names.contains(entry.student.id.as_str())
                && let Err(error) = output::student(&self.store, &entry, self.lab())
            {
                self.progress.say(&format!("{}: {error:#}", entry.student.id));
            }
        }
        let attempt = book.attempts.iter().find(|attempt| attempt.key.as_ref() == Some(key));
        let percent = attempt.and_then(|attempt| {
            let grade = attempt.grades.values().next()?;
            (grade.raw.as_hundredths() * 100).checked_div(grade.raw_possible.as_hundredths())
        });
        self.progress.done(percent);
        self.stale = true;
    }

    fn on_tick(&mut self) {
        self.progress.tick();
        if self.stale && self.rendered.elapsed() >= RENDERED_MAX {
            self.stale = false;
            let book = self.all_results();
            if let Err(error) = output::batch(&self.store, &book, self.lab(), &self.how(&book)) {
                self.progress.say(&format!("{error:#}"));
            }
            self.rendered = Instant::now();
        }
    }
}

/// The students of an attempt.
fn who(attempt: &Attempt) -> String {
    let students = attempt.submission.students.iter().map(|student| student.id.as_str());
    students.collect::<Vec<&str>>().join(", ")
}

/// A count with its noun.
fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
