//! `--save-traces` and `--replay`: failing runs kept as files, and followed again after a change.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{BAD_USAGE, NOT_COMPILED, POINTS_LOST, Request, Usage, compile, show_compile_error};
use crate::build::CompileError;
use crate::report::{TestReport, paragraph};

/// The ending of a saved trace's name.
const EXTENSION: &str = "trace";

/// Copies the trace of each failed test's shown run into a folder; returns the files.
pub(super) fn save(
    tests: &[TestReport],
    recorded: impl Fn(&TestReport) -> Option<PathBuf>,
    lab: &str,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut saved = Vec::new();
    for test in tests {
        let (Some(seed), Some(trace)) = (test.shown_seed, recorded(test)) else { continue };
        let file = folder.join(format!("{lab}-{}-{seed}.{EXTENSION}", test.number));
        fs::copy(&trace, &file).with_context(|| format!("cannot write {}", file.display()))?;
        saved.push(file);
    }
    Ok(saved)
}

/// Follows these traces, or all saved ones of the lab, with the submission as it is now.
pub(super) fn replay(request: &Request<'_>, files: &[PathBuf], folder: &Path) -> Result<u8> {
    let files = if files.is_empty() { saved_in(folder)? } else { files.to_vec() };
    if let Some(missing) = files.iter().find(|file| !file.is_file()) {
        return Err(Usage(format!("there is no file {}", missing.display())).into());
    }
    let program = match compile(request, true) {
        Ok(program) => program,
        Err(error) => {
            show_compile_error(&error.downcast::<CompileError>()?)?;
            return Ok(NOT_COMPILED);
        }
    };
    // One process a trace: a node that ends its process ends the replay of no other trace.
    let mut worst = 0;
    for file in &files {
        let status = Command::new(&program.file)
            .arg("--replay")
            .arg(file)
            .status()
            .with_context(|| format!("cannot start {}", program.file.display()))?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        if code.is_none_or(|code| code > BAD_USAGE) {
            let said =
                format!("{}: reproduced: a node ended the process ({status})", file.display());
            let _ = writeln!(anstream::stdout(), "{}", paragraph(&said, 0));
        }
        worst = worst.max(code.filter(|&code| code <= BAD_USAGE).unwrap_or(POINTS_LOST));
    }
    Ok(worst)
}

/// A name in pieces, so that test 3.3 comes before test 3.20.
fn numbers_first(name: &str) -> Vec<(u64, String)> {
    let is_digit = |character: char| character.is_ascii_digit();
    let pieces: Vec<char> = name.chars().collect();
    pieces
        .chunk_by(|&before, &after| is_digit(before) == is_digit(after))
        .map(|piece| {
            let text: String = piece.iter().collect();
            (text.parse().unwrap_or_default(), text)
        })
        .collect()
}

/// The traces in a folder, by name.
fn saved_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
        Err(_) => Vec::new(),
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == EXTENSION));
    files.sort_by_cached_key(|file| numbers_first(&file.to_string_lossy()));
    if files.is_empty() {
        let folder = folder.display();
        return Err(Usage(format!(
            "no trace is saved in {folder}; a failing test's is kept with --save-traces"
        ))
        .into());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_runs_come_in_the_order_of_their_tests() {
        let mut names =
            ["lab1-3.20-7.trace", "lab1-3.3-12.trace", "lab1-3.3-9.trace", "lab0-9.trace"];
        names.sort_by_cached_key(|name| numbers_first(name));
        assert_eq!(
            names,
            ["lab0-9.trace", "lab1-3.3-9.trace", "lab1-3.3-12.trace", "lab1-3.20-7.trace"]
        );
    }
}
