//! The command line of `grade.sh`: one module per mode.

mod args;
mod check;
mod check_suite;
mod corrections;
mod grade;
mod gradescope;
mod judge;
mod pack;
mod regrade_diff;
mod spec;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use self::args::Args;
use crate::judge::hidden::{self, Compiled};
use crate::open;
use crate::output;
use crate::similarity;
use crate::store::{LockError, Store};
use crate::usage::Usage;
use crate::watch;

/// Everyone who submitted has a grade.
const ALL_GRADED: u8 = 0;
/// Some submissions have an infrastructure error.
const SOME_NOT_GRADED: u8 = 1;
/// The command line is invalid.
const BAD_USAGE: u8 = 2;
/// With `--check`: the archive would be refused, or does not compile.
const NOT_ACCEPTED: u8 = 3;
/// Any other failure.
const EXIT_FAILURE: u8 = 4;

/// The main function of a grader with hidden tests.
#[must_use]
pub fn main_with(compiled: Compiled) -> ExitCode {
    hidden::set(compiled);
    main()
}

/// The main function of `grade`.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(instructions) = &args.worker {
        return judge::work(instructions);
    }
    match dispatch(&args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", output::plain(&format!("{error:#}")));
            let is_unusable = |error: &LockError| matches!(error, LockError::Io(_));
            let is_usage = error.is::<Usage>() || error.downcast_ref().is_some_and(is_unusable);
            ExitCode::from(if is_usage { BAD_USAGE } else { EXIT_FAILURE })
        }
    }
}

/// Runs the mode that the options name; returns the exit code.
fn dispatch(args: &Args) -> anyhow::Result<u8> {
    if let Some(key) = &args.judge {
        return judge::run(args, key);
    }
    if let Some(student) = &args.open {
        return open::run(&Store::new(&args.out), student, args.test);
    }
    if let Some(results) = &args.watch {
        return watch::serve(&Store::new(results), args.port.unwrap_or(0)).map(|()| ALL_GRADED);
    }
    if let Some(folder) = &args.export_similarity {
        let said = similarity::export(&Store::new(&args.out), folder)?;
        write!(io::stdout(), "{}", output::plain(&said))?;
        return Ok(ALL_GRADED);
    }
    match (&args.lab, &args.submissions) {
        (Some(lab), _) if let Some(folder) = &args.gradescope => gradescope::run(args, lab, folder),
        (Some(lab), _) if let Some(archive) = &args.check => check::run(args, lab, archive),
        (Some(lab), _) if args.check_suite => check_suite::run(args, lab),
        (Some(lab), _) if let Some(folder) = &args.pack => pack::run(args, lab, folder),
        (Some(lab), Some(submissions)) => grade::run(args, lab, submissions),
        (None, _) if let Some(old) = &args.regrade_diff => {
            regrade_diff::run(old, &args.out).map(|()| ALL_GRADED)
        }
        (_, _) => Err(Usage("name a lab and a folder of submissions".to_owned()).into()),
    }
}
