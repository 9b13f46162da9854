//! The suite, the hidden tests and the policy, checked before anything is built for grading; `--check-suite` does only that.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use faultlab_harness::build::Workspace;

use super::args::Args;
use super::{ALL_GRADED, BAD_USAGE};
use crate::judge;
use crate::judge::hidden::Hidden;
use crate::policy::{self, Policy};
use crate::usage::Usage;

/// Checks the suite and what the command line adds to it.
pub(super) fn run(args: &Args, lab: &str) -> anyhow::Result<u8> {
    policy(args, lab)?;
    if args.hidden.is_some() {
        judge_program(args, lab, &Workspace::of_this_program()?)?;
    }
    Ok(ALL_GRADED)
}

/// The policy that the command line names, or else the usual one. It names only tests that the lab's suite has; if there are
/// hidden tests, only the program that was compiled with them can tell.
pub(super) fn policy(args: &Args, lab: &str) -> anyhow::Result<Policy> {
    let usage = |error: anyhow::Error| Usage(format!("{error:#}"));
    let suite = judge::suite(lab)?;
    let Some(path) = &args.policy else { return Ok(Policy::default()) };
    let policy = policy::read(path).map_err(usage)?;
    let has_hidden_tests =
        args.hidden.as_ref().is_some_and(|folder| folder.join("tests.rs").exists());
    if !has_hidden_tests {
        let checked = policy.check(&suite).with_context(|| path.display().to_string());
        checked.map_err(usage)?;
    }
    Ok(policy)
}

/// The judge's program: this one, or the one with hidden tests, which has checked them and the policy.
pub(super) fn judge_program(
    args: &Args,
    lab: &str,
    workspace: &Workspace,
) -> anyhow::Result<PathBuf> {
    let hidden = args.hidden.as_deref().map(Hidden::read).transpose()?;
    let Some(program) = hidden.map(|hidden| hidden.grader(workspace)).transpose()?.flatten() else {
        return Ok(std::env::current_exe()?);
    };
    let mut command = Command::new(&program);
    command.args([lab, "--check-suite"]);
    if let Some(policy) = &args.policy {
        command.arg("--policy").arg(policy);
    }
    let checked = command.stdin(Stdio::null()).output();
    let checked = checked.with_context(|| format!("cannot start {}", program.display()))?;
    if !checked.status.success() {
        let said = String::from_utf8_lossy(&checked.stderr);
        let said = said.trim().trim_start_matches("error: ").to_owned();
        if checked.status.code() == Some(i32::from(BAD_USAGE)) {
            return Err(Usage(said).into());
        }
        bail!("{said}");
    }
    Ok(program)
}
