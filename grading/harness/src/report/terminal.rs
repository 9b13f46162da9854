//! The terminal report: a line per test as it finishes, then the failures, then the points.

use std::time::Duration;

use faultlab_suites::{Suite, Test};

use super::cause::{Cause, causes};
use super::columns::COLUMNS;
use super::excerpt::{FEW_LINES, indented};
use super::paragraph::paragraph;
use super::style::{BOLD, CYAN, DIM, GREEN, PLAIN, RED, Style, YELLOW, paint, status};
use super::{
    AlsoBroken, BaseLab, HandlerCost, Report, Shrinking, ShrunkRun, Status, TestReport, brief,
};
use crate::build::CompileError;

/// The width of the status column.
const STATUS_COLUMNS: usize = 12;

/// How many failing seeds are listed.
const SEEDS_NAMED_MAX: usize = 5;

/// A line with a word in the status column.
fn line(style: Style, word: &str, rest: &str) -> String {
    let word = format!("{word:>STATUS_COLUMNS$}");
    format!("{} {rest}\n", paint(style, word))
}

/// The first line: what will be run.
#[must_use]
pub fn start(suite: &Suite, tests: &[&Test], seeds: &str) -> String {
    let count = number_of(tests.len() as u64, "test");
    let what = format!("{count} of {} \"{}\", {seeds}", suite.lab(), suite.title());
    line(GREEN, "Starting", &paragraph(&what, STATUS_COLUMNS + 1))
}

/// The lines below it: which versions of other labs the lab builds on.
#[must_use]
pub fn base_labs(used: &[BaseLab]) -> String {
    let describe = |base: &BaseLab| paragraph(&base.describe(), STATUS_COLUMNS + 1);
    used.iter().map(|base| line(GREEN, "Building on", &describe(base))).collect()
}

/// A hint for a failing test.
#[must_use]
pub fn hint(hint: &str) -> String {
    line(CYAN, "Hint", &paragraph(hint, STATUS_COLUMNS + 1))
}

/// Lines that warn of something about the submission.
#[must_use]
pub fn warnings(warnings: &[String]) -> String {
    let describe = |warning: &String| paragraph(warning, STATUS_COLUMNS + 1);
    warnings.iter().map(|warning| line(YELLOW, "Warning", &describe(warning))).collect()
}

/// The line of a finished test, preceded by its part's heading if it is the first of the part. `verbose`
/// adds what the test asserts.
#[must_use]
pub fn test_line(
    suite: &Suite,
    test: &TestReport,
    before: Option<&TestReport>,
    verbose: bool,
) -> String {
    let mut text = String::new();
    let part = test.number.part;
    if before.is_none_or(|before| before.number.part != part)
        && let Some(part) = suite.parts().iter().find(|other| other.number() == part)
    {
        let heading = paint(BOLD, format!("Part {}: {}", part.number(), part.title()));
        text.push_str(&format!("\n{:>STATUS_COLUMNS$} {heading}\n", ""));
    }
    text.push_str(&status_line(test));
    if verbose {
        let asserts = paint(DIM, paragraph(&test.asserts, REASON_INDENT));
        text.push_str(&format!("{:REASON_INDENT$}{asserts}\n", ""));
    }
    // Consecutive tests that need the same missing piece of code report it once.
    if test.status == Status::NotImplemented
        && before.is_none_or(|before| before.reason != test.reason)
    {
        let reason = test.reason.as_deref().unwrap_or_default();
        let reason = paint(DIM, paragraph(reason, REASON_INDENT));
        text.push_str(&format!("{:REASON_INDENT$}{reason}\n", ""));
    }
    text
}

/// The indentation of a reason below its test's title.
const REASON_INDENT: usize = STATUS_COLUMNS + 17;

fn status_line(test: &TestReport) -> String {
    let (word, style) = status(test.status);
    let points = format!("{}/{}", test.points_earned, test.points_possible);
    let seeds = match (test.seeds_planned, test.seeds_passed) {
        (1, _) | (_, 0) => String::new(),
        (planned, passed) if planned == passed => String::new(),
        (planned, passed) => paint(DIM, format!(" ({passed} of {planned} seeds pass)")),
    };
    let rest = format!("[{points:>7}] {:<5} {}{}", test.number, test.title, seeds);
    line(style, word, &rest)
}

/// How much of the failures is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One run for each cause, which takes at most this many lines with all that is said about it.
    Screen(usize),
    /// Every failing test by itself, with all details.
    All,
}

/// The lines for a cause in a report that does not go to a terminal.
pub const SCREEN_LINES: usize = 40;

/// Draws a test's run in at most so many lines, if it was recorded.
pub type Draw<'a> = dyn Fn(&TestReport, usize) -> Option<String> + 'a;

/// The failures, each with the run that shows it and the command that reproduces it. Empty if
/// nothing failed. Tests that fail for the same cause share a run, unless everything is shown.
///
/// `draw` redraws a test's run for this terminal, if possible; otherwise the report's own drawing
/// is used.
#[must_use]
pub fn failures(report: &Report, draw: &Draw<'_>, extent: Extent) -> String {
    let rule = || format!("\n{}\n", paint(DIM, "─".repeat(79)));
    let mut text = String::new();
    match extent {
        Extent::All => {
            for test in &report.tests {
                if !matches!(test.status, Status::Passed | Status::NotImplemented) {
                    text.push_str(&rule());
                    text.push_str(&failure(test, draw(test, usize::MAX)));
                }
            }
        }
        Extent::Screen(lines) => {
            for cause in causes(report) {
                text.push_str(&rule());
                text.push_str(&failures_of(&cause, draw, lines));
            }
        }
    }
    text
}

/// One failed test in full; see [`failures`].
#[must_use]
pub fn failure(test: &TestReport, drawn: Option<String>) -> String {
    let mut text = status_line(test);
    text.push_str(&note("asserts", PLAIN, &test.asserts));
    text.push_str(&broken(test));
    for AlsoBroken { property, reason } in test.shown_also_broken() {
        text.push_str(&note("also broken", BOLD, property));
        text.push_str(&note("because", PLAIN, &brief(reason)));
    }
    if test.seeds_planned > 1 {
        text.push_str(&note("seeds", PLAIN, &seeds(test, usize::MAX)));
    }
    text.push_str(&in_the_book(test));
    text.push_str(&the_run(test, drawn));
    text.push_str(&again(test));
    text
}

/// The failing tests with one cause, in at most `lines` lines.
fn failures_of(cause: &Cause<'_>, draw: &Draw<'_>, lines: usize) -> String {
    let test = cause.shown;
    let mut text = status_line(test);
    text.push_str(&broken(test));
    let also = test.shown_also_broken();
    if !also.is_empty() {
        let names: Vec<&str> = also.iter().map(|also| also.property.as_str()).collect();
        text.push_str(&note("also broken", BOLD, &names.join("; ")));
    }
    if !cause.same.is_empty() {
        text.push_str(&note("the same", PLAIN, &cause.describe_same()));
    }
    if test.seeds_planned > 1 {
        text.push_str(&note("seeds", PLAIN, &seeds(test, SEEDS_NAMED_MAX)));
    }
    text.push_str(&in_the_book(test));
    // The rule and the blank line above it, the lines around the run, and the command.
    let taken = text.lines().count() + 6;
    let left =
        if cause.is_panic() { FEW_LINES } else { lines.saturating_sub(taken).max(FEW_LINES + 1) };
    text.push_str(&the_run(test, draw(test, left)));
    text.push_str(&again(test));
    text
}

/// A line with a label, and text beside it.
fn note(label: &str, style: Style, content: &str) -> String {
    let content = paint(style, paragraph(content, STATUS_COLUMNS + 1));
    format!("{} {content}\n", paint(DIM, format!("{label:>STATUS_COLUMNS$}")))
}

/// What is broken, and why.
fn broken(test: &TestReport) -> String {
    let property =
        test.property.as_deref().map(|property| note(test.status.property_label(), BOLD, property));
    let reason = note("because", PLAIN, &brief(test.shown_reason().unwrap_or("unknown")));
    property.unwrap_or_default() + &reason
}

/// Where the book explains this kind of mistake.
fn in_the_book(test: &TestReport) -> String {
    let address = test.book.as_ref();
    address.map(|address| note("the book", PLAIN, &format!("book/{address}"))).unwrap_or_default()
}

/// The run, if there is one.
fn the_run(test: &TestReport, drawn: Option<String>) -> String {
    let Some(run) = drawn.or_else(|| test.shown_excerpt().map(indented)) else {
        return String::new();
    };
    format!("{}{run}\n", note("the run", PLAIN, &which_run(test)))
}

/// Which run is shown, and how it relates to the seed.
pub(super) fn which_run(test: &TestReport) -> String {
    let seed = test.shown_seed.map(|seed| format!("seed {seed}")).unwrap_or_default();
    match &test.shrinking {
        None => seed,
        Some(Shrinking::NotShrunk(why)) => format!("{seed}, not shrunk: {why}"),
        Some(Shrinking::Shrunk(run)) if run.events >= run.original_events => {
            format!("{seed}, which is as short as it can be")
        }
        Some(Shrinking::Shrunk(run)) => {
            let ShrunkRun { events, original_events, is_cut_short, .. } = run;
            let from = grouped(*original_events);
            let to = number_of(*events, "event");
            let limit = if *is_cut_short { ", where the limit of steps was reached" } else { "" };
            format!("{seed}, shrunk from {from} to {to}{limit}; --only-seed shows the original")
        }
    }
}

/// The command that reproduces it.
fn again(test: &TestReport) -> String {
    let command = paint(BOLD, &test.reproduce);
    format!("{} {command}\n", paint(DIM, format!("{:>STATUS_COLUMNS$}", "again")))
}

/// Which seeds fail, the shown one first; at most `named` of them by name.
fn seeds(test: &TestReport, named: usize) -> String {
    let failing = test.failing_seeds.len();
    let shown = || test.failing_seeds.iter().filter(|seed| Some(**seed) == test.shown_seed);
    let others = test.failing_seeds.iter().filter(|seed| Some(**seed) != test.shown_seed);
    let mut names: Vec<String> =
        shown().chain(others).take(named).map(ToString::to_string).collect();
    if named < failing {
        names.push("...".to_owned());
    }
    let not_run = match test.seeds_planned.saturating_sub(test.seeds_run) {
        0 => String::new(),
        count => format!("; {count} not run"),
    };
    format!("{failing} of {} fail: {}{not_run}", test.seeds_planned, names.join(", "))
}

/// The final lines: changes, points, and the next test to work on.
#[must_use]
pub fn summary(report: &Report, changes: &[String], took: Duration, verbose: bool) -> String {
    let mut text = format!("\n{}\n", paint(DIM, "═".repeat(79)));
    let mut counts = Vec::new();
    for (wanted, words, style) in [
        (Status::Passed, "passed", GREEN),
        (Status::Partial, "partially passed", YELLOW),
        (Status::Failed, "failed", RED),
        (Status::TimedOut, "timed out", RED),
        (Status::Inconclusive, "inconclusive", YELLOW),
        (Status::NotImplemented, "not implemented yet", CYAN),
    ] {
        let count = report.tests.iter().filter(|test| test.status == wanted).count();
        if count > 0 {
            counts.push(paint(style, format!("{count} {words}")));
        }
    }
    let tests = number_of(report.tests.len() as u64, "test");
    let seconds = format!("[{:.2} s]", took.as_secs_f64());
    text.push_str(&line(BOLD, "Summary", &format!("{seconds} {tests}: {}", counts.join(", "))));
    let width = report.parts.iter().map(|part| part.title.chars().count()).max().unwrap_or(0);
    for part in &report.parts {
        let points = format!("{:>6}/{}", part.points_earned, part.points_possible);
        let rest = format!("{:<width$} {points}", part.title);
        text.push_str(&format!("{:>STATUS_COLUMNS$} {rest}\n", format!("Part {}", part.number)));
    }
    let all = report.points_earned == report.points_possible;
    let points = format!("{:>6}/{} points", report.points_earned, report.points_possible);
    let points = paint(if all { GREEN } else { BOLD }, points);
    text.push_str(&format!("{:>STATUS_COLUMNS$} {:<width$} {points}\n", report.lab, ""));
    if !report.complete {
        text.push_str(&line(YELLOW, "Partial", "not all tests of the lab were run"));
    }
    for change in changes {
        text.push_str(&line(CYAN, "Changed", &paragraph(change, STATUS_COLUMNS + 1)));
    }
    text.push_str(&costs(report, verbose));
    let next = report.tests.iter().find(|test| test.status != Status::Passed);
    if let Some(next) = next {
        let why = match next.status {
            Status::NotImplemented => next.reason.clone().unwrap_or_default(),
            _ => {
                let property = next.property.as_deref().unwrap_or_default();
                format!("{}: {property}", next.status.property_label())
            }
        };
        let what = format!("{} {}; {why}", next.number, next.title);
        text.push_str(&line(BOLD, "Next", &paragraph(&what, STATUS_COLUMNS + 1)));
    }
    text
}

/// What to do with the shown runs: save them or, if they are saved, replay them with the command
/// `again`.
#[must_use]
pub fn advice(report: &Report, again: Option<&str>) -> String {
    if report.tests.iter().all(|test| test.shown_excerpt().is_none()) {
        return String::new();
    }
    let what = match again {
        Some(_) => "After changing your code, check whether these runs still break with:",
        None => "--save-traces saves them, and --replay reruns them after a change",
    };
    let what = paragraph(what, STATUS_COLUMNS + 1);
    let mut text = paint(DIM, format!("{:>STATUS_COLUMNS$} {what}\n", "Runs"));
    if let Some(command) = again {
        // On one line, so that it can be copied.
        text.push_str(&format!("{:STATUS_COLUMNS$} {}\n", "", paint(BOLD, command)));
    }
    text
}

/// A handler that takes longer than this on average, in nanoseconds, is named without being asked for.
/// Those of the reference solutions take a few microseconds.
const SLOW_NS: u64 = 1_000_000;

/// The cost of handlers, if it was measured: of each, or of the costliest if it is slow.
fn costs(report: &Report, verbose: bool) -> String {
    // A `todo!` has no interesting cost.
    if report.tests.iter().all(|test| test.status == Status::NotImplemented) {
        return String::new();
    }
    let handlers = &report.timing.handlers;
    let mut text = String::new();
    let is_slow = |cost: &HandlerCost| cost.total_ns / cost.calls.max(1) > SLOW_NS;
    let shown = match handlers.first() {
        _ if verbose => handlers.len(),
        Some(costliest) if is_slow(costliest) => 1,
        _ => 0,
    };
    for (index, cost) in handlers[..shown].iter().enumerate() {
        let mean_us = cost.total_ns as f64 / cost.calls.max(1) as f64 / 1_000.0;
        let longest = match cost.longest_ns as f64 / 1_000.0 {
            us if us < 1_000.0 => format!("{us:.1} µs"),
            us => format!("{:.1} ms", us / 1_000.0),
        };
        let label = match (index, verbose) {
            (0, true) => "Handlers",
            (0, false) => "Costliest",
            _ => "",
        };
        let calls = number_of(cost.calls, "call");
        // A single line needs no alignment and fits a terminal.
        let (width, numbers) = if verbose { (40, 8) } else { (0, 0) };
        let rest = format!(
            "{:<width$} {mean_us:>numbers$.1} µs per call, {calls}, at most {longest}",
            cost.handler
        );
        text.push_str(&format!("{}\n", paint(DIM, format!("{label:>STATUS_COLUMNS$} {rest}"))));
    }
    for cost in handlers {
        if let Some(wait_ns) = waits(cost) {
            let what = format!(
                "{} waits {} ms per call. A handler must return at once; to act later, set a timer",
                cost.handler,
                wait_ns / 1_000_000
            );
            text.push_str(&line(YELLOW, "Waiting", &paragraph(&what, STATUS_COLUMNS + 1)));
        }
    }
    text
}

/// A handler that waits longer than this on average, in nanoseconds, is pointed out. On a busy machine, one that does not
/// wait is only seldom interrupted for so long.
const WAIT_NS: u64 = 5_000_000;

/// How long a handler waits on average, in nanoseconds, if it does little else.
fn waits(cost: &HandlerCost) -> Option<u64> {
    let waited_ns = cost.total_ns.saturating_sub(cost.processor_ns);
    let mean_ns = waited_ns / cost.calls.max(1);
    (mean_ns > WAIT_NS && waited_ns / 10 * 9 > cost.processor_ns).then_some(mean_ns)
}

/// The column at which titles start in the list of tests.
const TITLE_INDENT: usize = 14;

/// A compile error with its hints.
#[must_use]
pub fn compile_error(error: &CompileError) -> String {
    let mut text = error.rendered.clone();
    for hint in &error.hints {
        let hint = paragraph(hint, "hint: ".len());
        text.push_str(&format!("{} {hint}\n", paint(CYAN, "hint:")));
    }
    text
}

/// The tests of a suite, and what they assert.
#[must_use]
pub fn list(suite: &Suite, tests: &[&Test], seeds: u64) -> String {
    let mut text = format!(
        "{} \"{}\"\n{}, {} points\n",
        paint(BOLD, suite.lab()),
        suite.title(),
        number_of(tests.len() as u64, "test"),
        tests.iter().map(|test| test.points()).sum::<faultlab_suites::Points>(),
    );
    for part in suite.parts() {
        let of_part = || tests.iter().filter(|test| test.number().part == part.number());
        if of_part().next().is_none() {
            continue;
        }
        let points: faultlab_suites::Points = of_part().map(|test| test.points()).sum();
        let heading = format!("Part {}: {} ({points} points)", part.number(), part.title());
        text.push_str(&format!("\n{}\n", paint(BOLD, heading)));
        for test in of_part() {
            let kind = match (test.kind(), test.is_unreliable()) {
                (faultlab_suites::Kind::Unit, _) => "unit",
                (faultlab_suites::Kind::Run, false) => "run",
                (faultlab_suites::Kind::Run, true) => "run, unreliable",
                (faultlab_suites::Kind::Search, _) => "search",
            };
            let credit = match (test.seeds(seeds), test.credit()) {
                (1, _) => String::new(),
                (seeds, faultlab_suites::Credit::AllOrNothing) => format!(", all of {seeds} seeds"),
                (seeds, faultlab_suites::Credit::ShareOfSeeds) => {
                    format!(", by share of {seeds} seeds")
                }
            };
            let about = format!("({kind}{credit})");
            let points = format!("[{:>3}]", test.points());
            text.push_str(&format!("  {:<5} {points} {}", test.number(), test.title()));
            let width = TITLE_INDENT + test.title().chars().count() + 1 + about.chars().count();
            if width <= COLUMNS {
                text.push_str(&format!(" {}\n", paint(DIM, about)));
            } else {
                text.push_str(&format!("\n{:TITLE_INDENT$}{}\n", "", paint(DIM, about)));
            }
            let asserts = paint(DIM, paragraph(test.asserts(), TITLE_INDENT));
            text.push_str(&format!("{:TITLE_INDENT$}{asserts}\n", ""));
        }
    }
    text
}

/// `1 test`, `2 tests`, `12,345 tests`.
pub(crate) fn number_of(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// A number with its digits in groups of three.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
