//! `--gradescope`: grades the single submission of a Gradescope autograder.

use std::path::Path;

use super::ALL_GRADED;
use super::args::Args;
use super::check_suite;
use super::spec::new_spec;
use crate::platform;

/// Grades a single student's submission on Gradescope.
pub(super) fn run(args: &Args, lab: &str, folder: &Path) -> anyhow::Result<u8> {
    let policy = check_suite::policy(args, lab)?;
    let spec = new_spec(args, lab, &policy)?;
    platform::grade(folder, spec, &policy)?;
    Ok(ALL_GRADED)
}
