//! The record: which files of a handout are the course's and which the student's, for `update.sh`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The folder of the record, in the handout.
const FOLDER: &str = ".handout";

/// The file in which Cargo keeps the checksums of a vendored crate's files.
const CRATE_SUMS: &str = ".cargo-checksum.json";

/// Writes the record of the handout in `out`.
///
/// `files` has a line a file: `course` or `student`, the checksum and size that `cksum` prints, the
/// path; and a line for each vendored crate: `crate`, checksum and size of its list of checksums, its
/// folder. `skeleton/` keeps the student's files as they were handed out.
pub(super) fn write(out: &Path, version: &str, updates: Option<&str>) -> Result<()> {
    let mut paths = BTreeMap::new();
    list(out, out, &mut paths)?;
    let record = out.join(FOLDER);
    let mut lines = String::new();
    for (path, whose) in &paths {
        ensure!(path.chars().all(is_plain), "update.sh cannot bring a path like {path:?}");
        let file = if *whose == "crate" { format!("{path}/{CRATE_SUMS}") } else { path.clone() };
        lines.push_str(&format!("{whose} {} {path}\n", checksum(&out.join(file))?));
        if *whose == "student" {
            let kept = record.join("skeleton").join(path);
            fs::create_dir_all(kept.parent().context("a file is in a folder")?)?;
            fs::copy(out.join(path), kept)?;
        }
    }
    fs::create_dir_all(&record)?;
    fs::write(record.join("files"), lines)?;
    fs::write(record.join("version"), format!("{version}\n"))?;
    if let Some(updates) = updates {
        fs::write(record.join("from"), format!("{updates}\n"))?;
    }
    Ok(())
}

fn list(root: &Path, folder: &Path, paths: &mut BTreeMap<String, &'static str>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if folder == root.join("vendor") {
                paths.insert(below(root, &path)?, "crate");
            } else if path != root.join("target") {
                list(root, &path, paths)?;
            }
            continue;
        }
        let path = below(root, &path)?;
        let whose = if is_students(&path) { "student" } else { "course" };
        paths.insert(path, whose);
    }
    Ok(())
}

fn below(root: &Path, path: &Path) -> Result<String> {
    Ok(path.strip_prefix(root)?.to_str().context("a path is text")?.to_owned())
}

/// No shell, `awk` or `xargs` takes this character for something else.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._+/-".contains(character)
}

/// A student writes in the `src` of a lab, but not in that of its API crate.
fn is_students(path: &str) -> bool {
    let mut parts = path.split('/');
    let lab = (parts.next(), parts.next(), parts.next());
    matches!(lab, (Some("labs"), Some(lab), Some("src")) if !lab.ends_with("-api"))
}

/// What `cksum` prints for a file: checksum and size.
fn checksum(path: &Path) -> Result<String> {
    let printed = Command::new("cksum").arg(path).output().context("cksum is needed")?;
    ensure!(printed.status.success(), "cksum fails for {}", path.display());
    let printed = String::from_utf8(printed.stdout)?;
    let mut words = printed.split_whitespace();
    let (sum, size) = (words.next(), words.next());
    Ok(format!("{} {}", sum.context("a checksum")?, size.context("a size")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_student_writes_in_a_labs_src() {
        assert!(is_students("labs/lab1-clientserver/src/store.rs"));
        assert!(is_students("labs/lab1-clientserver/src/deep/down.rs"));
        assert!(!is_students("labs/lab1-api/src/lib.rs"));
        assert!(!is_students("labs/lab1-clientserver/Cargo.toml"));
        assert!(!is_students("labs/lab1-clientserver/tests/suite.rs"));
        assert!(!is_students("framework/src/lib.rs"));
    }
}
