//! The policy and the overrides of a batch, checked before anything is graded: each applies, or is an
//! error.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use faultlab_suites::Suite;

use super::args::Args;
use crate::intake::Contents;
use crate::judge;
use crate::policy::{self, Corrections, Override, Policy, overrides};
use crate::spec::Spec;
use crate::store::Store;

/// The policy and the overrides.
pub(super) fn read(args: &Args, store: &Store, spec: &Spec) -> anyhow::Result<Corrections> {
    let policy = args.policy.as_deref().map(policy::read).transpose()?.unwrap_or_default();
    let usual = store.root().join("overrides.csv");
    let path = args.overrides.clone().or_else(|| usual.exists().then_some(usual));
    let overrides = path.as_deref().map(overrides::read).transpose()?.unwrap_or_default();
    // Only the grader that was compiled with hidden tests knows their numbers.
    let suite = judge::suite(&spec.lab)?;
    let has_hidden_tests =
        args.hidden.as_ref().is_some_and(|folder| folder.join("tests.rs").exists());
    if let Some(path) = &args.policy {
        let known = known_students(spec);
        for student in policy.students() {
            known.check(student).with_context(|| path.display().to_string())?;
        }
        if !has_hidden_tests {
            policy.check(&suite).with_context(|| path.display().to_string())?;
        }
    }
    let path = path.as_deref().unwrap_or(Path::new("overrides.csv"));
    for one in &overrides {
        check(one, spec, &policy, &suite, has_hidden_tests)
            .with_context(|| format!("{}, line {}", path.display(), one.line))?;
    }
    Ok(Corrections { policy, overrides, not_run: Some(judge::nothing_run(spec, &suite)) })
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
