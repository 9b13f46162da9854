//! A batch in progress: what remains to be graded, the results so far, and how the batch ended.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::anonymous::Pseudonyms;
use crate::batch_results::{Attempt, BatchResults, Status, SubmissionEntry};
use crate::executor::BatchObserver;
use crate::groups;
use crate::intake::{Contents, LeftOut, Student, Submission};
use crate::output::tables::{self, Filled};
use crate::output::{self, About, Lab};
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
    /// For each submission, whether it is to be graded.
    chosen: Vec<bool>,
    progress: Progress,
    /// When the batch-wide documents were last rendered.
    rendered: Instant,
    /// Whether the documents are out of date.
    stale: bool,
}

/// The maximum age of the batch-wide documents during grading.
const RENDERED_MAX: Duration = Duration::from_secs(15);

/// A submission that takes longer is named in the progress line.
const SLOW: Duration = Duration::from_secs(10);

impl Batch {
    pub(crate) fn new(
        store: Store,
        spec: Spec,
        corrections: Corrections,
        names: Option<Pseudonyms>,
    ) -> Self {
        let progress = Progress::new(0, true);
        let chosen = vec![true; spec.submissions.len()];
        let rendered = Instant::now();
        Self { store, spec, corrections, names, chosen, progress, rendered, stale: false }
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

    /// Chooses the submissions to grade: those of the students in `only`, or all; of these, one of several
    /// equal shares, by its index and their number.
    ///
    /// # Errors
    /// If one of `only` did not submit anything.
    pub(crate) fn choose(
        &mut self,
        only: &[String],
        shard: Option<(usize, NonZeroUsize)>,
    ) -> anyhow::Result<()> {
        for id in only {
            if !self.spec.submissions.iter().any(|one| self.is_of(one, std::slice::from_ref(id))) {
                bail!(Usage(format!("`{id}` did not submit anything")));
            }
        }
        let mut keys: Vec<&Key> =
            self.spec.submissions.iter().filter_map(|one| one.key.as_ref()).collect();
        keys.sort_unstable();
        keys.dedup();
        // Keys are hashes, so that every share has some of everything.
        let share: BTreeSet<&Key> = match shard {
            Some((index, count)) => keys.into_iter().skip(index).step_by(count.get()).collect(),
            None => keys.into_iter().collect(),
        };
        let is_chosen = |one: &SubmissionEntry| {
            self.is_of(one, only) && one.key.as_ref().is_none_or(|key| share.contains(key))
        };
        self.chosen = self.spec.submissions.iter().map(is_chosen).collect();
        Ok(())
    }

    /// The chosen submissions.
    fn chosen(&self) -> impl Iterator<Item = &SubmissionEntry> {
        let all = self.spec.submissions.iter().zip(&self.chosen);
        all.filter(|(_, is_chosen)| **is_chosen).map(|(one, _)| one)
    }

    /// The chosen submissions without a grading record, each once, in order.
    pub(crate) fn to_do(&self) -> Vec<Key> {
        let mut seen = BTreeSet::new();
        let keys = self.chosen().filter_map(|one| one.key.as_ref());
        let keys = keys.filter(|key| seen.insert(*key) && self.store.outcome(key).is_none());
        keys.cloned().collect()
    }

    /// Takes over grading records from another results folder. Returns how many.
    ///
    /// # Errors
    /// If there are no results, or they cannot be copied.
    pub(crate) fn take_over(&self, from: &Store) -> anyhow::Result<usize> {
        Spec::read(from).map_err(|error| Usage(format!("{error:#}")))?;
        let mut count = 0;
        let keys: BTreeSet<&Key> =
            self.spec.submissions.iter().filter_map(|one| one.key.as_ref()).collect();
        for key in keys {
            if self.store.outcome(key).is_none() {
                let taken = self.store.take_over(from, key);
                count += usize::from(taken.with_context(|| from.root().display().to_string())?);
            }
        }
        Ok(count)
    }

    /// Announces what was submitted: each submission is counted once.
    pub(crate) fn say_start(&self, to_do: &[Key]) {
        let mut waiting: BTreeSet<&Key> = to_do.iter().collect();
        let mut counts = BTreeMap::new();
        for (one, is_chosen) in self.spec.submissions.iter().zip(&self.chosen) {
            let what = match (&one.submission.contents, &one.key) {
                (Contents::Refused(_), _) => "rejected",
                (Contents::Unreadable(_), _) | (_, None) => "unreadable",
                (_, Some(key)) if self.store.outcome(key).is_some() => "graded before",
                (_, Some(_)) if !is_chosen => "not chosen",
                (_, Some(key)) if waiting.remove(key) => "to grade",
                (_, Some(_)) => "with the same files as another",
            };
            *counts.entry(what).or_insert(0_usize) += 1;
        }
        let all = count(self.spec.submissions.len(), "submission");
        let mut line = format!("{all} of {}, {} to grade", self.spec.lab, to_do.len());
        for what in [
            "with the same files as another",
            "graded before",
            "not chosen",
            "rejected",
            "unreadable",
        ] {
            if let Some(count) = counts.get(what) {
                line.push_str(&format!(", {count} {what}"));
            }
        }
        if !self.spec.missing.is_empty() {
            let missing = count(self.spec.missing.len(), "student");
            line.push_str(&format!("; {missing} without a submission"));
        }
        self.progress.say(&line);
        for (what, names) in left_out(&self.spec, self.names.as_ref()) {
            self.progress.say(&format!("{what}: {}", output::line(&names.join(", "))));
        }
        // They name students and files.
        if self.names.is_none() {
            let submissions: Vec<&Submission> =
                self.spec.submissions.iter().map(|one| &one.submission).collect();
            for remark in groups::remarks(&submissions, &self.spec.missing) {
                self.progress.say(&output::line(&remark));
            }
        }
    }

    /// Renders the state of all students before grading begins, and starts the progress bar.
    ///
    /// # Errors
    /// When the results cannot be written.
    pub(crate) fn start(&mut self, to_do: usize, quiet: bool) -> anyhow::Result<()> {
        let book = self.all_results();
        output::tidy(&self.store, &book)?;
        output::batch(&self.store, &book, &self.about(&book))?;
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

    /// Renders everything, and returns whether the batch succeeded: everyone
    /// who was chosen has a grade, and everything could be written.
    ///
    /// # Errors
    /// If the batch-wide documents cannot be written.
    pub(crate) fn finish(&self) -> anyhow::Result<bool> {
        self.progress.finish();
        let book = self.all_results();
        let mut all_well = true;
        for entry in book.entries() {
            if let Err(error) = output::student(&self.store, &entry, self.lab()) {
                all_well = false;
                self.progress.say(&format!("{}: {error:#}", entry.student.label()));
            }
        }
        output::batch(&self.store, &book, &self.about(&book))?;
        self.store.sync()?;
        let listed = self.chosen.iter().zip(&book.attempts);
        let wanted = listed.filter(|(is_chosen, _)| **is_chosen).map(|(_, attempt)| attempt);
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

    /// Writes what students get to a folder, under their real names.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn release(&self, folder: &Path) -> anyhow::Result<()> {
        let waiting = output::release(folder, &self.whole_book(), self.lab())?;
        self.progress.say(&format!("released: {}", folder.display()));
        if !waiting.is_empty() {
            let waiting = output::line(&waiting.join(", "));
            self.progress.say(&format!("not released, because they have no grade yet: {waiting}"));
        }
        Ok(())
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

    fn about(&self, book: &BatchResults) -> About<'_> {
        let tiers: BTreeSet<&str> = book
            .attempts
            .iter()
            .filter_map(|attempt| Some(attempt.outcome.as_ref()?.confinement.as_str()))
            .collect();
        let compiler = self.spec.toolchain.lines().next().unwrap_or_default();
        let how = vec![
            (
                "seeds",
                format!("suite seed {}, {} seeds per run test", self.spec.seed, self.spec.seeds),
            ),
            ("suite", self.spec.suite[..16].to_owned()),
            ("compiler", compiler.to_owned()),
            ("confinement", tiers.into_iter().collect::<Vec<&str>>().join(", ")),
        ];
        let late = self.corrections.policy.late.as_ref();
        About { lab: self.lab(), how, late, left_out: left_out(&self.spec, self.names.as_ref()) }
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
                self.progress.say(&format!("{}: {error:#}", entry.student.label()));
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

    fn on_running(&mut self, running: &[(&Key, Duration)]) {
        let slow: Vec<String> = running
            .iter()
            .filter(|(_, time)| *time >= SLOW)
            .map(|(key, time)| {
                let mine = |one: &&SubmissionEntry| one.key.as_ref() == Some(*key);
                let student = self
                    .spec
                    .submissions
                    .iter()
                    .find(mine)
                    .and_then(|one| one.submission.students.first());
                let name = student.map_or("?", |student| self.name(&student.id));
                format!("{name} ({} s)", time.as_secs())
            })
            .collect();
        let slow = (!slow.is_empty()).then(|| {
            format!(
                "slow now: {}; its tests may use {} s of processor time",
                slow.join(", "),
                self.spec.cpu_s
            )
        });
        self.progress.slow(slow);
    }

    fn on_tick(&mut self) {
        self.progress.tick();
        if self.stale && self.rendered.elapsed() >= RENDERED_MAX {
            self.stale = false;
            let book = self.all_results();
            if let Err(error) = output::batch(&self.store, &book, &self.about(&book)) {
                self.progress.say(&format!("{error:#}"));
            }
            self.rendered = Instant::now();
        }
    }
}

/// What the intake left out, by its kind, under the names used in the results. Names of files may name
/// students, so in an anonymous batch they are only counted.
fn left_out(spec: &Spec, names: Option<&Pseudonyms>) -> Vec<(&'static str, Vec<String>)> {
    let LeftOut { not_on_roster, ignored_files, hidden } = &spec.left_out;
    let students = spec.submissions.iter().flat_map(|one| &one.submission.students);
    let labels: BTreeMap<&str, String> =
        students.map(|student| (student.id.as_str(), student.label())).collect();
    let label = |id: &String| match names {
        Some(names) => names.of_student(id).to_owned(),
        None => labels.get(id.as_str()).cloned().unwrap_or_else(|| id.clone()),
    };
    let files = |files: &Vec<String>| match names {
        Some(_) if !files.is_empty() => vec![files.len().to_string()],
        _ => files.clone(),
    };
    let all = [
        ("not on the roster", not_on_roster.iter().map(label).collect()),
        ("ignored files", files(ignored_files)),
        ("ignored because they are hidden", files(hidden)),
    ];
    all.into_iter().filter(|(_, names)| !names.is_empty()).collect()
}

/// The students of an attempt.
fn who(attempt: &Attempt) -> String {
    let students = attempt.submission.students.iter().map(Student::label);
    students.collect::<Vec<String>>().join(", ")
}

/// A count with its noun.
fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
