//! A batch on its way: what is still to be graded, what is known by now, and how it ended.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::anonymous::Names;
use crate::book::{Attempt, Book, Listed, Status};
use crate::engine::Follower;
use crate::output::tables::{self, Filled};
use crate::output::{self, Lab};
use crate::policy::{Override, Policy};
use crate::progress::Progress;
use crate::spec::Spec;
use crate::store::{self, Key, Store};
use crate::usage::Usage;

/// A batch on its way.
pub(crate) struct Batch {
    store: Store,
    spec: Spec,
    policy: Policy,
    overrides: Vec<Override>,
    names: Option<Names>,
    progress: Progress,
    /// When the documents about the whole batch were rendered last.
    rendered: Instant,
    /// Whether more is known than they say.
    stale: bool,
}

/// How old the documents about the whole batch may get while it is graded.
const RENDERED_MAX: Duration = Duration::from_secs(15);

impl Batch {
    pub(crate) fn new(
        store: Store,
        spec: Spec,
        policy: Policy,
        overrides: Vec<Override>,
        names: Option<Names>,
    ) -> Self {
        let progress = Progress::new(0, true);
        Self {
            store,
            spec,
            policy,
            overrides,
            names,
            progress,
            rendered: Instant::now(),
            stale: false,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The name of a student in the results.
    fn name<'n>(&'n self, id: &'n str) -> &'n str {
        self.names.as_ref().map_or(id, |names| names.of_student(id))
    }

    /// Whether a submission is one of these students', under whichever of their names.
    fn is_of(&self, one: &Listed, wanted: &[String]) -> bool {
        let is_wanted = |id: &str| wanted.iter().any(|name| name == id || name == self.name(id));
        wanted.is_empty() || one.submission.students.iter().any(|student| is_wanted(&student.id))
    }

    /// What has no outcome yet, each once, in the order of the submissions.
    ///
    /// # Errors
    /// When one of `only` handed in nothing.
    pub(crate) fn to_do(&self, only: &[String]) -> anyhow::Result<Vec<Key>> {
        for id in only {
            if !self.spec.submissions.iter().any(|one| self.is_of(one, std::slice::from_ref(id))) {
                bail!(Usage(format!("`{id}` handed in nothing")));
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

    /// Says what came in.
    pub(crate) fn say_start(&self, to_do: usize, strangers: &[String], passed_over: &[String]) {
        let all = self.spec.submissions.len();
        let refused = self.spec.submissions.iter().filter(|one| one.key.is_none()).count();
        let mut line =
            format!("{} of {}, {to_do} to be graded", count(all, "submission"), self.spec.lab);
        if refused > 0 {
            line.push_str(&format!(", {refused} refused"));
        }
        if !self.spec.missing.is_empty() {
            let missing = count(self.spec.missing.len(), "student");
            line.push_str(&format!(", {missing} handed in nothing"));
        }
        self.progress.say(&line);
        if !strangers.is_empty() {
            let names: Vec<&str> = strangers.iter().map(|id| self.name(id)).collect();
            self.progress.say(&format!("not on the roster: {}", names.join(", ")));
        }
        if !passed_over.is_empty() {
            let names = output::line(&passed_over.join(", "));
            self.progress.say(&format!("taken for nobody's submission: {names}"));
        }
    }

    /// Shows everybody's state before anything is graded, and begins the bar.
    ///
    /// # Errors
    /// When the results cannot be written.
    pub(crate) fn start(&mut self, to_do: usize, quiet: bool) -> anyhow::Result<()> {
        let book = self.everybody();
        output::tidy(&self.store, &book)?;
        output::batch(&self.store, &book, self.lab(), &self.how(&book))?;
        self.progress = Progress::new(to_do as u64, quiet);
        Ok(())
    }

    fn lab(&self) -> Lab<'_> {
        Lab { name: &self.spec.lab, title: &self.spec.title }
    }

    /// What is known of these submissions, under the names that the results have.
    fn book(&self, wanted: impl Fn(&Listed) -> bool) -> Book {
        let listed: Vec<Listed> =
            self.spec.submissions.iter().filter(|one| wanted(one)).cloned().collect();
        Book::open(&self.store, &listed, &[], &self.policy, &self.overrides)
    }

    fn everybody(&self) -> Book {
        self.shown(Book { missing: self.spec.missing.clone(), ..self.book(|_| true) })
    }

    fn shown(&self, mut book: Book) -> Book {
        if let Some(names) = &self.names {
            names.hide(&mut book);
        }
        book
    }

    /// Renders everything, and says how the batch ended: whether everybody of `only` who handed in has a
    /// grade, and everything could be written.
    ///
    /// # Errors
    /// When the documents about the whole batch cannot be written.
    pub(crate) fn finish(&self, only: &[String]) -> anyhow::Result<bool> {
        self.progress.finish();
        let book = self.everybody();
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
                _ => "it was not graded",
            };
            self.progress.say(&format!("{}: no grade: {}", who(attempt), output::line(reason)));
        }
        let page = self.store.root().join("index.html");
        self.progress.say(&format!("results: {}", page.display()));
        Ok(all_well)
    }

    /// Fills in the grade books of other systems. They know students by name, so this uses what the results
    /// may not show.
    ///
    /// # Errors
    /// When one cannot be read, filled in, or written.
    pub(crate) fn fill_in(
        &self,
        canvas: Option<(&Path, &str)>,
        moodle: Option<&Path>,
    ) -> anyhow::Result<()> {
        let book = self.book(|_| true);
        let fill = |name: &str, path: &Path, with: &dyn Fn(&[u8]) -> anyhow::Result<Filled>| {
            let exported = std::fs::read(path).with_context(|| path.display().to_string())?;
            let filled = with(&exported).with_context(|| path.display().to_string())?;
            store::write(&self.store.root().join(name), &filled.csv)?;
            self.progress.say(&format!("{name}: {} filled in", count(filled.count, "grade")));
            if !filled.without_row.is_empty() {
                let missing = filled.without_row.join(", ");
                self.progress.say(&format!("{name} has no row for {missing}"));
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

    fn how(&self, book: &Book) -> Vec<(&'static str, String)> {
        let tiers: BTreeSet<&str> = book
            .attempts
            .iter()
            .filter_map(|attempt| Some(attempt.outcome.as_ref()?.confinement.as_str()))
            .collect();
        let compiler = self.spec.toolchain.lines().next().unwrap_or_default();
        vec![
            ("seeds", format!("suite seed {}, {} a run test", self.spec.seed, self.spec.seeds)),
            ("suite", self.spec.suite[..16].to_owned()),
            ("compiler", compiler.to_owned()),
            ("confinement", tiers.into_iter().collect::<Vec<&str>>().join(", ")),
        ]
    }
}

impl Follower for Batch {
    fn say(&mut self, what: &str) {
        self.progress.say(what);
    }

    fn known(&mut self, key: &Key) {
        let mine = |one: &&Listed| one.key.as_ref() == Some(key);
        let theirs = self.spec.submissions.iter().filter(mine);
        let theirs: BTreeSet<&str> = theirs
            .flat_map(|one| &one.submission.students)
            .map(|student| student.id.as_str())
            .collect();
        let is_theirs = |one: &Listed| {
            one.submission.students.iter().any(|student| theirs.contains(student.id.as_str()))
        };
        let book = self.shown(self.book(is_theirs));
        let names: BTreeSet<&str> = theirs.iter().map(|id| self.name(id)).collect();
        for entry in book.entries() {
            // Others of a group may have attempts that are not here.
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

    fn tick(&mut self) {
        self.progress.tick();
        if self.stale && self.rendered.elapsed() >= RENDERED_MAX {
            self.stale = false;
            let book = self.everybody();
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

/// A number of things, in words.
fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
