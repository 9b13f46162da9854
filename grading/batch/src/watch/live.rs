//! The live part of the page: what is graded now, since when, and what waits.

use std::collections::BTreeSet;
use std::fs;

use askama::Template;
use jiff::Timestamp;

use crate::anonymous;
use crate::intake::Student;
use crate::output::Html;
use crate::spec::Spec;
use crate::store::{Key, Store};

/// The state of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// How many sets of files there are.
    total: usize,
    /// How many of them have a grading record.
    graded: usize,
    /// How many have an infrastructure error.
    failed: usize,
    /// Those that are being graded, the longest first.
    running: Vec<Running>,
    /// The names of those that wait, in order.
    waiting: Vec<String>,
    /// The median of the times that a submission took, in seconds.
    median_seconds: Option<u64>,
}

/// A submission that is being graded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Running {
    key: Key,
    /// Whose it is.
    who: String,
    /// For how many seconds.
    seconds: u64,
    /// On which machine.
    machine: String,
    /// Whether it was cancelled and has not ended yet.
    is_cancelled: bool,
}

#[derive(Template)]
#[template(path = "live.html")]
struct Part<'s> {
    state: &'s State,
    token: &'s str,
}

/// The state of the batch in a results folder.
///
/// # Errors
/// If there is none.
pub(super) fn state(store: &Store) -> anyhow::Result<State> {
    let spec = Spec::read(store)?;
    let names = Names::of(store)?;
    let mut state = State::default();
    let mut seen = BTreeSet::new();
    let mut times = Vec::new();
    let now = Timestamp::now();
    for one in &spec.submissions {
        let Some(key) = one.key.as_ref().filter(|key| seen.insert(*key)) else { continue };
        state.total += 1;
        let who = || {
            let students = one.submission.students.iter().map(|student| names.of_student(student));
            students.collect::<Vec<String>>().join(", ")
        };
        if let Some(outcome) = store.outcome(key) {
            state.graded += 1;
            times.push(outcome.timing.wall_ms / 1_000);
        } else if store.infra_error(key).is_some() {
            state.failed += 1;
        } else if let Some(running) = store.running(key) {
            let since: Timestamp = running.since.parse().unwrap_or(now);
            state.running.push(Running {
                key: key.clone(),
                who: who(),
                seconds: now.duration_since(since).as_secs().unsigned_abs(),
                machine: running.machine,
                is_cancelled: store.is_cancelled(key),
            });
        } else {
            state.waiting.push(who());
        }
    }
    state.running.sort_by_key(|one| std::cmp::Reverse(one.seconds));
    times.sort_unstable();
    state.median_seconds = times.get(times.len().saturating_sub(1) / 2).copied();
    Ok(state)
}

/// The live part as HTML.
pub(super) fn html(state: &State, token: &str) -> String {
    Part { state, token }.render().expect("a page renders to memory")
}

impl Part<'_> {
    /// Whether a submission takes much longer than the others did.
    fn is_slow(&self, one: &Running) -> bool {
        self.state.median_seconds.is_some_and(|median| one.seconds > 3 * median + 5)
    }

    /// The first of those that wait.
    fn next(&self) -> &[String] {
        const SHOWN_MAX: usize = 10;
        &self.state.waiting[..self.state.waiting.len().min(SHOWN_MAX)]
    }
}

/// The names used in the results.
struct Names {
    /// Those of the students' folders.
    shown: BTreeSet<String>,
    pseudonyms: std::collections::BTreeMap<String, String>,
}

impl Names {
    fn of(store: &Store) -> anyhow::Result<Self> {
        let shown = fs::read_to_string(store.work().join("students")).unwrap_or_default();
        let shown = shown.lines().map(str::to_owned).collect();
        Ok(Self { shown, pseudonyms: anonymous::pseudonyms(store)? })
    }

    fn of_student(&self, student: &Student) -> String {
        match self.pseudonyms.get(&student.id) {
            Some(pseudonym) if self.shown.contains(pseudonym) => pseudonym.clone(),
            _ => student.label(),
        }
    }
}
