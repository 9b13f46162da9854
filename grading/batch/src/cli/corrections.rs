//! The policy and the overrides of a batch, checked before anything is graded.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::args::Args;
use crate::judge;
use crate::policy::{self, Override, Policy, overrides};
use crate::spec::Spec;
use crate::store::Store;

/// The policy, the overrides, and remarks on suspicious overrides.
pub(super) fn read(
    args: &Args,
    store: &Store,
    spec: &Spec,
) -> anyhow::Result<(Policy, Vec<Override>, Vec<String>)> {
    let policy = args.policy.as_deref().map(policy::read).transpose()?.unwrap_or_default();
    let usual = store.root().join("overrides.csv");
    let path = args.overrides.clone().or_else(|| usual.exists().then_some(usual));
    let overrides = path.as_deref().map(overrides::read).transpose()?.unwrap_or_default();
    let handed_in = spec.submissions.iter().flat_map(|one| &one.submission.students);
    let known: BTreeSet<&str> =
        handed_in.chain(&spec.missing).map(|student| student.id.as_str()).collect();
    let check = |file: &Path, student: &str| {
        let file = file.display();
        ensure!(known.contains(student), "{file}: no student `{student}` in this batch");
        anyhow::Ok(())
    };
    // Only the grader that was compiled with hidden tests knows their numbers.
    let suite = judge::suite(&spec.lab)?;
    let has_hidden_tests =
        args.hidden.as_ref().is_some_and(|folder| folder.join("tests.rs").exists());
    if let Some(path) = &args.policy {
        policy.students().try_for_each(|student| check(path, student))?;
        if !has_hidden_tests {
            policy.check(&suite).with_context(|| path.display().to_string())?;
        }
    }
    let mut notes = Vec::new();
    for one in &overrides {
        let path = path.as_deref().unwrap_or(Path::new("overrides.csv"));
        check(path, &one.student)?;
        let Override { student, test, points, .. } = one;
        if !has_hidden_tests {
            policy::check_test(&suite, *test)
                .with_context(|| format!("{}: `{student}`", path.display()))?;
        }
        let possible = policy.tests.get(test).and_then(|policy| policy.points);
        let possible = possible.or_else(|| Some(suite.test(*test)?.points()));
        if let Some(possible) = possible.filter(|possible| points > possible) {
            let path = path.display();
            notes.push(format!(
                "{path}: `{student}` gets {points} points for test {test}, which is worth only {possible}; intended?"
            ));
        }
    }
    Ok((policy, overrides, notes))
}
