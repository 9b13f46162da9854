//! The contents of a handout: an explicit list, so that new files are not handed out by accident.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What students get, by the beginnings of paths.
const GIVEN: &[&str] = &[
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "framework/Cargo.toml",
    "framework/src/",
    "grading/harness/Cargo.toml",
    "grading/harness/src/",
    "grading/intake/Cargo.toml",
    "grading/intake/src/",
    "grading/remote/Cargo.toml",
    "grading/remote/src/",
    "grading/suites/Cargo.toml",
    "grading/suites/src/",
    "labs/",
    "rustfmt.toml",
    "scripts/run-tests.sh",
    "scripts/submit.sh",
    "scripts/update.sh",
];

/// What stands at the root of a handout in place of the course's own files.
const RENAMED: &[(&str, &str)] = &[
    ("handout/student/README.md", "README.md"),
    ("handout/student/CHANGELOG.md", "CHANGELOG.md"),
    ("handout/student/gitattributes", ".gitattributes"),
    ("handout/student/nextest.toml", ".config/nextest.toml"),
];

/// A file of the handout.
pub(super) struct File {
    /// Where it is in the course's repository.
    pub(super) from: String,
    /// Where it goes.
    pub(super) to: String,
}

/// All files that are copied. Only what git knows is: what lies about in a working tree stays there.
pub(super) fn files(root: &Path) -> Result<Vec<File>> {
    let listed = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output();
    let listed = listed.context("git is needed")?;
    ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr).trim());
    let known = String::from_utf8(listed.stdout)?;
    let given = |path: &&str| GIVEN.iter().any(|given| is_at_or_below(path, given));
    let copied = known
        .split_terminator('\0')
        .filter(given)
        .map(|path| File { from: path.to_owned(), to: path.to_owned() });
    let renamed =
        RENAMED.iter().map(|(from, to)| File { from: (*from).to_owned(), to: (*to).to_owned() });
    Ok(copied.chain(renamed).collect())
}

fn is_at_or_below(path: &str, given: &str) -> bool {
    if given.ends_with('/') { path.starts_with(given) } else { path == given }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_given_as_a_whole_and_a_file_by_its_name() {
        assert!(is_at_or_below("labs/lab1-clientserver/src/lib.rs", "labs/"));
        assert!(!is_at_or_below("labs.rs", "labs/"));
        assert!(is_at_or_below("Cargo.toml", "Cargo.toml"));
        assert!(!is_at_or_below("Cargo.toml.orig", "Cargo.toml"));
    }
}
