//! `--regrade-diff`: compares the results with those of another folder.

use std::io::{self, Write as _};
use std::path::Path;

use crate::diff;
use crate::store;

/// Compares the results in `out` with `old`.
pub(super) fn run(old: &Path, out: &Path) -> anyhow::Result<()> {
    let changes = diff::diff(old, out)?;
    store::write(&out.join("regrade.json"), &store::to_json(&changes))?;
    write!(io::stdout(), "{}", diff::text(&changes))?;
    Ok(())
}
