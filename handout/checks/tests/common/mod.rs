//! What the tests share: folders, programs run in them, what they said.

#![allow(dead_code)]

pub(crate) mod course;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The course's repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A folder for one test, empty. It is kept in the target folder, to be looked at.
pub(crate) fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("it is ours");
    }
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// A line for the shell, in a folder, as a student would type it.
pub(crate) fn shell(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-euc").arg(line).current_dir(folder);
    command
}

/// Runs a command and keeps what it said.
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it runs")
}

/// All that a command said.
pub(crate) fn said(output: &Output) -> String {
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{error}")
}

/// All files below a folder, as paths from there, sorted; without git's own.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if !path.is_dir() {
                found.push(path);
            } else if !path.ends_with(".git") {
                walk(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    let mut found: Vec<PathBuf> = found
        .into_iter()
        .map(|path| path.strip_prefix(folder).expect("below it").to_owned())
        .collect();
    found.sort();
    found
}
