//! Live terminal output while tests run.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anstream::AutoStream;
use faultlab_suites::Suite;

use super::args::Args;
use super::watch::FileWatcher;
use crate::report::style::{GREEN, paint};
use crate::report::{Status, TestReport, output, terminal};
use crate::session::{self, Observer, Progress};

/// The shortest interval between updates of the status line.
const REFRESH: Duration = Duration::from_millis(100);

/// Why a session stops before its last test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It was to stop at the first test that does not pass.
    First,
    /// Handlers do not return.
    Hanging,
}

/// The screen: permanent lines, and below them a status line.
pub(super) struct Screen<'a> {
    suite: &'a Suite,
    out: AutoStream<io::Stdout>,
    /// Whether to show the status line: only on a terminal.
    live: bool,
    shown: bool,
    last_progress: Option<Instant>,
    last: Option<TestReport>,
    watch: Option<&'a mut FileWatcher>,
    /// Whether to show what each test asserts.
    verbose: bool,
    /// Whether to stop at the first test that does not pass.
    first: bool,
    /// Why the session should stop.
    stop: Option<Stop>,
    /// The tests so far in which a handler did not return.
    hanging: usize,
    /// Why output was lost.
    error: Option<io::Error>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(suite: &'a Suite, args: &Args, watch: Option<&'a mut FileWatcher>) -> Self {
        let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        let live = !dumb && io::stdout().is_terminal() && io::stderr().is_terminal();
        Self {
            suite,
            out: anstream::stdout(),
            live,
            shown: false,
            last_progress: None,
            last: None,
            watch,
            verbose: args.verbose,
            first: args.first,
            stop: None,
            hanging: 0,
            error: None,
        }
    }

    /// Prints permanent lines. If they cannot be written, the tests still run and documents are still
    /// written.
    pub(super) fn print(&mut self, text: &str) {
        self.clear();
        let text = output::characters().show(text);
        if let Err(error) = write!(self.out, "{text}").and_then(|()| self.out.flush()) {
            self.error.get_or_insert(error);
        }
    }

    /// Why the session was stopped, if it was for a reason that a test gave.
    pub(super) fn stopped(&self) -> Option<Stop> {
        self.stop
    }

    /// Why lines could not be printed, if some could not. A reader that has seen enough, such as `head`,
    /// is no error.
    pub(super) fn error(&mut self) -> Option<io::Error> {
        self.error.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Shows a status line until the next line is printed.
    pub(super) fn status(&mut self, what: &str) {
        self.show(&paint(GREEN, format!("{what:>12} ...")));
    }

    fn show(&mut self, line: &str) {
        if self.live {
            self.clear();
            let _ = write!(anstream::stderr(), "{line}");
            self.shown = true;
        }
    }

    /// Clears the status line.
    pub(super) fn clear(&mut self) {
        if self.shown {
            // Only cursor movement, so this works without colours too.
            let _ = write!(io::stderr(), "\r\x1b[2K");
            self.shown = false;
        }
    }
}

impl Observer for Screen<'_> {
    fn finished(&mut self, report: &TestReport) {
        let line = terminal::test_line(self.suite, report, self.last.as_ref(), self.verbose);
        self.print(&line);
        self.hanging += usize::from(session::is_hanging(report));
        if self.first && report.status != Status::Passed {
            self.stop = Some(Stop::First);
        } else if self.hanging >= session::HANGING_TESTS_MAX {
            self.stop = Some(Stop::Hanging);
        }
        self.last = Some(report.clone());
    }

    fn progress(&mut self, progress: Progress) {
        if self.last_progress.is_some_and(|last| last.elapsed() < REFRESH) {
            return;
        }
        self.last_progress = Some(Instant::now());
        let Some(test) = progress.test else { return };
        let what = paint(GREEN, format!("{:>12}", "Running"));
        let Progress { runs_done, runs, .. } = progress;
        self.show(&format!("{what} {runs_done}/{runs} runs, at {test}"));
    }

    fn wants_to_stop(&mut self) -> bool {
        self.stop.is_some() || self.watch.as_mut().is_some_and(|watch| watch.has_changed())
    }
}
