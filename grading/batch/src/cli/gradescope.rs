//! `--gradescope`: grades the single submission of a Gradescope autograder.

use std::path::Path;

use super::ALL_GRADED;
use super::args::Args;
use super::spec::new_spec;
use crate::platform;
use crate::policy;

/// Grades a single student's submission on Gradescope.
pub(super) fn run(args: &Args, lab: &str, folder: &Path) -> anyhow::Result<u8> {
    let policy = args.policy.as_deref().map(policy::read).transpose()?.unwrap_or_default();
    let spec = new_spec(args, lab)?;
    platform::grade(folder, spec, &policy)?;
    Ok(ALL_GRADED)
}
