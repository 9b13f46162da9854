//! `--save-traces` and `--replay`: save failing runs, and replay them after a change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use faultlab::trace::{Trace, show};
use tempfile::TempDir;

use super::{ALL_POINTS, BAD_USAGE, NOT_COMPILED, POINTS_LOST, Request, Usage, compile, print};
use crate::build::{CompileError, Purpose};
use crate::replayed::{ReplayFiles, ReplayResult, ReplayVerdict};
use crate::report::{Drawing, TestReport, output, paragraph, style, terminal};
use crate::worker::captured_output::{self, CapturedOutput};

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
            output::print_error(&terminal::compile_error(&error))?;
            return Ok(NOT_COMPILED);
        }
    };
    // One process per trace, so that a node that exits its process does not end other replays.
    let mut worst = 0;
    for file in &files {
        let folder = TempDir::with_prefix("faultlab-replay-")?;
        let results = ReplayFiles::in_folder(folder.path());
        let child = results
            .command(&program.file, file)?
            .spawn()
            .with_context(|| format!("cannot start {}", program.file.display()))?;
        let end = wait(child, &results.printed(), interrupted)?;
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        let code = match (end, results.read()) {
            (ReplayEnd::Interrupted, _) => return Ok(POINTS_LOST),
            (ReplayEnd::Exited(_), Some((result, run))) => {
                report(request, &name, &result, run.as_ref())?
            }
            (ReplayEnd::Exited(status), None) => {
                died(&name, &format!("a node exited the process ({status})"), &results)?
            }
            (ReplayEnd::Hung, _) => died(
                &name,
                &format!("a handler did not return within {REPLAY_TIMEOUT:?}"),
                &results,
            )?,
            (ReplayEnd::Flooded, _) => died(&name, "a handler prints without end", &results)?,
        };
        worst = worst.max(code);
    }
    Ok(worst)
}

/// Reports the result of a replay, with the new run if it still fails. Returns the exit code.
fn report(
    request: &Request<'_>,
    name: &str,
    result: &ReplayResult,
    run: Option<&Trace>,
) -> Result<u8> {
    let (style, code): (style::Style, _) = match result.verdict {
        ReplayVerdict::Fixed => (style::GREEN, ALL_POINTS),
        ReplayVerdict::Reproduced => (style::RED, POINTS_LOST),
        ReplayVerdict::NoLongerApplies => (style::YELLOW, POINTS_LOST),
        ReplayVerdict::Refused => {
            output::print_error(&format!("{name}: {}\n", result.said))?;
            return Ok(BAD_USAGE);
        }
    };
    let said = paragraph(&format!("{name}: {}", result.said), INDENT);
    // Only the status is coloured, not the name.
    let (name, said) = said.split_once(": ").unwrap_or((name, &said));
    let mut text = format!("{name}: {}\n", style::paint(style, said));
    match run {
        Some(run) if result.verdict == ReplayVerdict::Reproduced => {
            let drawing = Drawing { whole: request.args.full, ..Drawing::for_output() };
            text.push_str(&format!("\n{}\n", drawing.indented(run)));
        }
        Some(run) => text.push_str(&printed_in(run)),
        None => {}
    }
    print(&text)?;
    Ok(code)
}

/// How many lines of what nodes printed are shown below a replay that shows no run.
const PRINTED_LINES_MAX: usize = 20;

/// What the nodes printed in a run, event by event.
fn printed_in(run: &Trace) -> String {
    let lines: Vec<String> =
        run.events
            .iter()
            .enumerate()
            .flat_map(|(index, event)| {
                let node = event.what.node().map(|node| format!(", {node}")).unwrap_or_default();
                event.printed.lines().map(move |line| {
                    format!("event {}{node}: {}", index + 1, show::shortened(line))
                })
            })
            .collect();
    printed_section(&lines)
}

/// A section with lines that nodes printed; empty if there are none.
fn printed_section(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("{:INDENT$}The nodes printed:\n", "");
    for line in lines.iter().take(PRINTED_LINES_MAX) {
        text.push_str(&format!("{:INDENT$}  {line}\n", ""));
    }
    if let Some(more) = lines.len().checked_sub(PRINTED_LINES_MAX).filter(|more| *more > 0) {
        text.push_str(&format!("{:INDENT$}  … and {more} more lines\n", ""));
    }
    text
}

/// The indentation of what is said about a replay.
const INDENT: usize = 4;

/// The time limit for replaying a trace, in real time; it takes seconds at most.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the replay is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How a replaying process ended.
enum ReplayEnd {
    Exited(ExitStatus),
    Hung,
    Flooded,
    Interrupted,
}

/// Waits for a replaying program, and kills it on a timeout, an interrupt, or when it prints too much.
fn wait(mut child: Child, printed: &Path, interrupted: &AtomicBool) -> Result<ReplayEnd> {
    let started = Instant::now();
    loop {
        let is_interrupted = interrupted.load(Ordering::Relaxed);
        if let Some(status) = child.try_wait()? {
            // Ctrl-C reaches the child as well.
            let is_killed = is_interrupted && !status.success();
            return Ok(if is_killed { ReplayEnd::Interrupted } else { ReplayEnd::Exited(status) });
        }
        let end = match () {
            () if is_interrupted => Some(ReplayEnd::Interrupted),
            () if started.elapsed() > REPLAY_TIMEOUT => Some(ReplayEnd::Hung),
            () if captured_output::is_flooded(printed) => Some(ReplayEnd::Flooded),
            () => None,
        };
        if let Some(end) = end {
            child.kill()?;
            child.wait()?;
            return Ok(end);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Reports that the run ended its process, with what was printed last.
fn died(name: &str, how: &str, files: &ReplayFiles) -> Result<u8> {
    let said = paragraph(&format!("{name}: reproduced: {how}"), INDENT);
    let printed = CapturedOutput::open(&files.printed()).map(|mut output| output.take());
    let lines: Vec<String> = printed.unwrap_or_default().lines().map(show::shortened).collect();
    print(&format!("{}\n{}", style::paint(style::RED, said), printed_section(&lines)))?;
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
