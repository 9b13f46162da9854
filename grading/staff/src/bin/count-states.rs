//! `count-states`: counts the states of one search of a lab, to compare model checkers and solutions.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Parser;
use faultlab_harness::build::{BaseLabOrigin, CompileError, Source, SourceError};
use faultlab_harness::report::terminal;
use faultlab_staff::Bench;

/// The command line makes no sense.
const BAD_USAGE: u8 = 2;
/// The submission does not compile.
const NOT_COMPILED: u8 = 3;
/// Any other failure.
const EXIT_FAILURE: u8 = 4;

/// Counts the states of one search.
///
/// Exit codes: 0, the state space was exhausted; 1, the search ended in another way; 2, usage error; 3, the submission
/// does not compile; 4, another failure.
#[derive(Debug, Parser)]
#[command(name = "count-states.sh")]
struct Args {
    /// The lab, such as `lab1`
    lab: String,

    /// The search. Lab 1: `3x2:same` is three clients that append twice each to one key;
    /// `3x2:different`, a key each
    #[arg(value_name = "SEARCH")]
    search: String,

    /// Search this solution (a folder, or a patch of the reference solution) instead of the lab's folder
    #[arg(long, value_name = "DIR")]
    submission: Option<PathBuf>,

    /// Whose versions of the labs that this lab builds on to use [default: `own`; for a patch, `reference`]
    #[arg(long, value_name = "WHOSE", hide_possible_values = true)]
    base_lab: Option<BaseLabOrigin>,

    /// Compare full states instead of 64-bit fingerprints (more memory, slower)
    #[arg(long)]
    exact: bool,

    /// How many threads to search with
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=512))]
    jobs: u16,

    /// Write the counts as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let (text, code) = match error.downcast::<CompileError>() {
                Ok(error) => (terminal::compile_error(&error), NOT_COMPILED),
                Err(error) => {
                    let is_usage = error.is::<SourceError>() || error.is::<UnknownLab>();
                    let code = if is_usage { BAD_USAGE } else { EXIT_FAILURE };
                    (format!("error: {error:#}\n"), code)
                }
            };
            let _ = write!(anstream::stderr(), "{text}");
            ExitCode::from(code)
        }
    }
}

/// A lab that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("no lab `{0}`")]
struct UnknownLab(String);

fn run(args: &Args) -> Result<u8> {
    if faultlab_suites::all().iter().all(|suite| suite.lab() != args.lab) {
        return Err(UnknownLab(args.lab.clone()).into());
    }
    let bench = Bench::new(&args.lab)?;
    let source = args.submission.as_deref().map_or(Source::Lab, Source::at);
    let program = bench.compile(&source, args.base_lab)?;
    let output = Command::new(&program.file)
        .args(["--count", &args.search, &args.jobs.to_string()])
        .args(args.exact.then_some("exact"))
        .args(args.json.is_some().then_some("json"))
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", program.file.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match &args.json {
        Some(file) => {
            fs::write(file, text.as_ref())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        None => print!("{text}"),
    }
    let code = output.status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(EXIT_FAILURE).min(EXIT_FAILURE))
}
