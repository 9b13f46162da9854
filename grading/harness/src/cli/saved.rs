//! `--save-traces` and `--replay`: save failing runs, and replay them after a change.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{
    ALL_POINTS, BAD_USAGE, EXIT_FAILURE, NOT_COMPILED, POINTS_LOST, Request, Usage, compile,
};
use crate::build::{CompileError, Purpose};
use crate::replayed::ReplayExit;
use crate::report::{TestReport, paragraph, style, terminal};

/// The extension of saved traces.
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

/// Replays these traces, or all saved ones of the lab, with the current submission.
pub(super) fn replay(
    request: &Request<'_>,
    files: &[PathBuf],
    folder: &Path,
    interrupted: &AtomicBool,
) -> Result<u8> {
    let files = if files.is_empty() { saved_in(folder)? } else { files.to_vec() };
    if let Some(missing) = files.iter().find(|file| !file.is_file()) {
        return Err(Usage(format!("no file {}", missing.display())).into());
    }
    let program = match compile(request, Purpose::Tests) {
        Ok(program) => program,
        Err(error) => {
            let error = error.downcast::<CompileError>()?;
            write!(anstream::stderr(), "{}", terminal::compile_error(&error))?;
            return Ok(NOT_COMPILED);
        }
    };
    // One process per trace, so that a node that exits its process does not end other replays.
    let mut worst = 0;
    for file in &files {
        let child = Command::new(&program.file)
            .arg("--replay")
            .arg(file)
            .spawn()
            .with_context(|| format!("cannot start {}", program.file.display()))?;
        let followed = wait(child, interrupted)?;
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let code = match followed {
            ReplayEnd::Verdict(ReplayExit::Fixed) => ALL_POINTS,
            ReplayEnd::Verdict(ReplayExit::NotFixed) => POINTS_LOST,
            ReplayEnd::Verdict(ReplayExit::NoTrace) => BAD_USAGE,
            ReplayEnd::Verdict(ReplayExit::NotWritten) => EXIT_FAILURE,
            ReplayEnd::Died(status) => {
                died(&name, &format!("a node exited the process ({status})"))?
            }
            ReplayEnd::Hung => {
                died(&name, &format!("a handler did not return within {REPLAY_TIMEOUT:?}"))?
            }
            ReplayEnd::Interrupted => return Ok(POINTS_LOST),
        };
        worst = worst.max(code);
    }
    Ok(worst)
}

/// The time limit for replaying a trace, in real time; it takes seconds at most.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the replay is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How a replay ended.
enum ReplayEnd {
    Verdict(ReplayExit),
    Died(ExitStatus),
    Hung,
    Interrupted,
}

/// Waits for a replaying program, and kills it on a timeout or an interrupt.
fn wait(mut child: Child, interrupted: &AtomicBool) -> Result<ReplayEnd> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            // Ctrl-C reaches the child as well.
            return Ok(match status.code().and_then(ReplayExit::of_code) {
                Some(verdict) => ReplayEnd::Verdict(verdict),
                None if interrupted.load(Ordering::Relaxed) => ReplayEnd::Interrupted,
                None => ReplayEnd::Died(status),
            });
        }
        let is_interrupted = interrupted.load(Ordering::Relaxed);
        if is_interrupted || started.elapsed() > REPLAY_TIMEOUT {
            child.kill()?;
            child.wait()?;
            return Ok(if is_interrupted { ReplayEnd::Interrupted } else { ReplayEnd::Hung });
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Reports that the run ended its process.
fn died(name: &str, how: &str) -> Result<u8> {
    let said = paragraph(&format!("{name}: reproduced: {how}"), 4);
    writeln!(anstream::stdout(), "{}", style::paint(style::RED, said))?;
    Ok(POINTS_LOST)
}

/// A sort key that puts test 3.3 before test 3.20.
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
            "no saved traces in {folder}; save those of failing tests with --save-traces"
        ))
        .into());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_traces_are_sorted_by_test_number() {
        let mut names =
            ["lab1-3.20-7.trace", "lab1-3.3-12.trace", "lab1-3.3-9.trace", "lab0-9.trace"];
        names.sort_by_cached_key(|name| numbers_first(name));
        assert_eq!(
            names,
            ["lab0-9.trace", "lab1-3.3-9.trace", "lab1-3.3-12.trace", "lab1-3.20-7.trace"]
        );
    }
}
