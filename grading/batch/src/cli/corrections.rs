//! The policy and the overrides of a batch, checked before anything is graded: each applies, or is an
//! error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use faultlab_suites::Suite;

use super::args::Args;
use crate::groups;
use crate::intake::Contents;
use crate::judge;
use crate::policy::{self, Comment, Corrections, Override, Policy, overrides};
use crate::spec::Spec;
use crate::store::Store;

/// The policy and the overrides.
pub(super) fn read(
    args: &Args,
    store: &Store,
    spec: &Spec,
    mut policy: Policy,
) -> anyhow::Result<Corrections> {
    let known = known_students(spec);
    let comments = comments(args, store, &known)?;
    deadlines(args, store, &mut policy, &known)?;
    let path = beside_results(args.overrides.as_ref(), store, "overrides.csv");
    let overrides = path.as_deref().map(overrides::read).transpose()?.unwrap_or_default();
    // Only the grader that was compiled with hidden tests knows their numbers.
    let suite = judge::suite(&spec.lab)?.with_seeds(&spec.test_seeds);
    let has_hidden_tests =
        args.hidden.as_ref().is_some_and(|folder| folder.join("tests.rs").exists());
    if let Some(path) = &args.policy {
        for student in policy.students() {
            known.check(student).with_context(|| path.display().to_string())?;
        }
    }
    check_groups(spec, &policy)?;
    let path = path.as_deref().unwrap_or(Path::new("overrides.csv"));
    for one in &overrides {
        check(one, spec, &policy, &suite, has_hidden_tests)
            .with_context(|| format!("{}, line {}", path.display(), one.line))?;
    }
    for Comment { test, line, .. } in comments.iter().filter(|_| !has_hidden_tests) {
        if let Some(test) = test {
            policy::check_test(&suite, *test)
                .with_context(|| format!("comments.csv, line {line}"))?;
        }
    }
    Ok(Corrections { policy, overrides, comments, not_run: Some(judge::nothing_run(spec, &suite)) })
}

/// A file that the command line names, or else one of this name in the results folder, if it exists.
pub(super) fn beside_results(
    named: Option<&PathBuf>,
    store: &Store,
    usual: &str,
) -> Option<PathBuf> {
    let usual = store.root().join(usual);
    named.cloned().or_else(|| usual.exists().then_some(usual))
}

/// The comments by hand.
fn comments(args: &Args, store: &Store, known: &Students<'_>) -> anyhow::Result<Vec<Comment>> {
    let Some(path) = beside_results(args.comments.as_ref(), store, "comments.csv") else {
        return Ok(Vec::new());
    };
    let rubric = beside_results(args.rubric.as_ref(), store, "rubric.csv");
    let comments = policy::comments::read(&path, rubric.as_deref())?;
    for Comment { student, line, .. } in &comments {
        known.check(student).with_context(|| format!("{}, line {line}", path.display()))?;
    }
    Ok(comments)
}

/// Adds extensions and used late days to the policy.
fn deadlines(
    args: &Args,
    store: &Store,
    policy: &mut Policy,
    known: &Students<'_>,
) -> anyhow::Result<()> {
    let extensions = beside_results(args.extensions.as_ref(), store, "extensions.csv");
    let paths = extensions.iter().chain(&args.late_days);
    for path in paths {
        let name = || path.display().to_string();
        let late = policy.late.as_mut().with_context(|| {
            format!("{}: the policy has no section `[late]`, so nothing is late", name())
        })?;
        if Some(path) == args.late_days.as_ref() {
            late.read_late_days(path)?;
        } else {
            late.read_extensions(path)?;
            for student in late.extension_hours.keys() {
                known.check(student).with_context(name)?;
            }
        }
    }
    Ok(())
}

/// Checks that it is clear which submission counts for each student.
fn check_groups(spec: &Spec, policy: &Policy) -> anyhow::Result<()> {
    let submissions = || spec.submissions.iter().map(|one| &one.submission);
    for (student, name) in &policy.counts {
        let mut theirs =
            submissions().filter(|one| one.students.iter().any(|it| it.id == *student));
        ensure!(
            theirs.any(|one| groups::is_called(one, name)),
            "the policy's section `[counts]` names `{name}`, which is no submission of `{student}`"
        );
    }
    groups::in_several(submissions()).iter().try_for_each(|one| one.check(policy))
}

/// Checks that an override can be applied.
fn check(
    one: &Override,
    spec: &Spec,
    policy: &Policy,
    suite: &Suite,
    has_hidden_tests: bool,
) -> anyhow::Result<()> {
    let known = known_students(spec);
    let Override { student, test, points, .. } = one;
    known.check(student)?;
    let public = suite.test(*test);
    if public.is_none() {
        if !has_hidden_tests {
            policy::check_test(suite, *test)?;
        }
        ensure!(
            known.with_tests.contains(student.as_str()),
            "`{student}` has no submission that can be run, so points for the hidden test {test} cannot be \
             given; give them for a test of the public suite"
        );
    }
    let policy = policy.tests.get(test);
    if policy.is_some_and(|policy| policy.withdrawn.is_some()) {
        bail!("test {test} is withdrawn by the policy and counts for nobody; remove this line");
    }
    let possible = policy.and_then(|policy| policy.points);
    let possible = possible.or_else(|| public.map(faultlab_suites::Test::points));
    if let Some(possible) = possible.filter(|possible| points > possible) {
        bail!(
            "`{student}` gets {points} points for test {test}, which is worth {possible}; give at most \
             {possible}, or change what the test is worth in the policy"
        );
    }
    Ok(())
}

/// The students of a batch.
struct Students<'s> {
    all: BTreeSet<&'s str>,
    /// Those with a submission whose tests can be run.
    with_tests: BTreeSet<&'s str>,
}

fn known_students(spec: &Spec) -> Students<'_> {
    let mut students = Students { all: BTreeSet::new(), with_tests: BTreeSet::new() };
    for one in &spec.submissions {
        let ids = one.submission.students.iter().map(|student| student.id.as_str());
        if !matches!(one.submission.contents, Contents::Refused(_)) {
            students.with_tests.extend(ids.clone());
        }
        students.all.extend(ids);
    }
    students.all.extend(spec.missing.iter().map(|student| student.id.as_str()));
    students
}

impl Students<'_> {
    fn check(&self, student: &str) -> anyhow::Result<()> {
        if self.all.contains(student) {
            return Ok(());
        }
        let like = self.all.iter().find(|known| known.eq_ignore_ascii_case(student));
        match like {
            Some(like) => bail!("no student `{student}` in this batch; there is `{like}`"),
            None => bail!(
                "no student `{student}` in this batch; the first column of summary.csv has their names"
            ),
        }
    }
}
