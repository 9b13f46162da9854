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

/// The files that would be given if git knew them. What lies about in a working tree is not meant to be given; but a crate
/// that others need may be among them.
pub(super) fn unknown(root: &Path) -> Result<Vec<String>> {
    let others = ["ls-files", "--others", "--exclude-standard", "-z"];
    let given = |path: &&str| GIVEN.iter().any(|given| is_at_or_below(path, given));
    let listed = listed(root, &others)?;
    Ok(listed.split_terminator('\0').filter(given).map(str::to_owned).collect())
}

/// Says which files git does not know, and that they are missing.
///
/// # Errors
/// When a crate is among them: without it, the others do not build.
pub(super) fn tell_unknown(unknown: &[String]) -> Result<()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let list = unknown.join("\n  ");
    let text = format!(
        "these files are missing from the handout, because git does not track them yet:\n  {list}\n\
         `git add` those that students need"
    );
    ensure!(!unknown.iter().any(|path| path.ends_with("Cargo.toml")), "{text}");
    eprintln!("warning: {text}");
    Ok(())
}

/// All files that are copied. Only what git knows is: what lies about in a working tree stays there.
pub(super) fn files(root: &Path) -> Result<Vec<File>> {
    let known = listed(root, &["ls-files", "-z"])?;
    let given = |path: &&str| GIVEN.iter().any(|given| is_at_or_below(path, given));
    let copied = known
        .split_terminator('\0')
        .filter(given)
        .map(|path| File { from: path.to_owned(), to: path.to_owned() });
    let renamed =
        RENAMED.iter().map(|(from, to)| File { from: (*from).to_owned(), to: (*to).to_owned() });
    Ok(copied.chain(renamed).collect())
}

/// What git lists.
fn listed(root: &Path, arguments: &[&str]) -> Result<String> {
    let listed = Command::new("git").arg("-C").arg(root).args(arguments).output();
    let listed = listed.context("git is needed")?;
    ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr).trim());
    Ok(String::from_utf8(listed.stdout)?)
}

fn is_at_or_below(path: &str, given: &str) -> bool {
    if given.ends_with('/') { path.starts_with(given) } else { path == given }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_does_not_know_is_said_to_be_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        listed(root, &["init", "--quiet"]).expect("a repository");
        for file in ["labs/lab5-api/Cargo.toml", "labs/notes.txt", "grading/staff/secret.rs"] {
            std::fs::create_dir_all(root.join(file).parent().expect("a folder")).expect("made");
            std::fs::write(root.join(file), "").expect("written");
        }
        let missing = unknown(root).expect("git lists them");
        assert_eq!(missing, ["labs/lab5-api/Cargo.toml", "labs/notes.txt"]);
        let error = tell_unknown(&missing).expect_err("a crate is missing").to_string();
        assert!(error.contains("missing from the handout, because git does not track them yet:\n  labs/lab5-api/Cargo.toml"));
        listed(root, &["add", "labs/lab5-api"]).expect("added");
        assert!(tell_unknown(&unknown(root).expect("git lists them")).is_ok());
        listed(root, &["add", "labs"]).expect("added");
        assert_eq!(unknown(root).expect("git lists them"), [""; 0]);
    }

    #[test]
    fn a_folder_is_given_as_a_whole_and_a_file_by_its_name() {
        assert!(is_at_or_below("labs/lab1-clientserver/src/lib.rs", "labs/"));
        assert!(!is_at_or_below("labs.rs", "labs/"));
        assert!(is_at_or_below("Cargo.toml", "Cargo.toml"));
        assert!(!is_at_or_below("Cargo.toml.orig", "Cargo.toml"));
    }
}
