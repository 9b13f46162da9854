//! Building a book.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mdbook_driver::MDBook;

/// Builds the book in the folder `source` into the folder `out`.
///
/// # Errors
/// When the book cannot be built, or shows a file that is not there.
pub(super) fn build(source: &Path, out: &Path) -> Result<()> {
    let mut book = MDBook::load(source)?;
    book.config.build.build_dir = out.to_owned();
    book.build().with_context(|| format!("the book in {}", source.display()))?;
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "html") {
            // What could not be included stands there as it was written.
            let page = fs::read_to_string(&path)?;
            ensure!(!page.contains("{{#"), "{} shows a file that is not there", path.display());
        }
    }
    Ok(())
}
