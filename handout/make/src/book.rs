//! Building a book.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use mdbook_driver::MDBook;

/// A page that can be used without a mouse, and read aloud: mdBook's code blocks scroll, but cannot be reached by
/// keyboard, and its button for the contents has no role.
fn accessible(page: &str) -> String {
    page.replace("<code class=\"language-", "<code tabindex=\"0\" class=\"language-").replace(
        "<label id=\"mdbook-sidebar-toggle\"",
        "<label role=\"button\" tabindex=\"0\" id=\"mdbook-sidebar-toggle\"",
    )
}

/// The page for what was not found: it needs no other file, so it works under any address.
const NOT_FOUND: &str = include_str!("../../theme/404.html");

/// Builds the book in the folder `source` into the folder `out`.
///
/// # Errors
/// When the book cannot be built, or shows a file that is not there.
pub(super) fn build(source: &Path, out: &Path) -> Result<()> {
    let mut book = MDBook::load(source)?;
    book.config.build.build_dir = out.to_owned();
    book.build().with_context(|| format!("the book in {}", source.display()))?;
    // mdBook's own page for what was not found works only at the root of a site.
    fs::write(out.join("404.html"), NOT_FOUND)?;
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "html") {
            // What could not be included stands there as it was written.
            let page = fs::read_to_string(&path)?;
            ensure!(!page.contains("{{#"), "{} shows a file that is not there", path.display());
            fs::write(&path, accessible(&page))?;
        }
    }
    Ok(())
}
