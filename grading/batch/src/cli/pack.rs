//! `--pack`: copies the grader and everything that it needs into a folder.

use std::path::Path;

use anyhow::Context as _;
use faultlab_harness::build::Workspace;

use super::ALL_GRADED;
use super::args::Args;
use crate::judge;
use crate::judge::hidden::Hidden;
use crate::spec;
use crate::usage::Usage;

/// Packs this grader.
pub(super) fn run(args: &Args, lab: &str, folder: &Path) -> anyhow::Result<u8> {
    let workspace = Workspace::of_this_program()?;
    let (lab, _) = spec::lab(&workspace, lab).map_err(|error| Usage(error.to_string()))?;
    let program = match args.hidden.as_deref().map(Hidden::read).transpose()? {
        Some(hidden) => hidden.program(&workspace)?,
        None => std::env::current_exe().context("cannot locate this program")?,
    };
    judge::pack::pack(folder, &program, &workspace, &lab, &judge::libraries(&workspace)?)?;
    Ok(ALL_GRADED)
}
