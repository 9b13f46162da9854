//! `try-suite`: runs a lab's suite on its solutions and mutants while one writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser;
use faultlab_staff::{Bench, KnownSubmission, SuiteFindings, Table, lost};
use faultlab_suites::{SEEDS, Test, TestNumber};

/// Something is not as it should be.
const FINDINGS: u8 = 1;
/// The command line makes no sense.
const BAD_USAGE: u8 = 2;
/// Any other failure.
const EXIT_FAILURE: u8 = 4;

/// Runs a lab's suite on its solutions and mutants, and says what is missing: solutions that lose a test, mutants that no
/// test catches, tests that are never the only one to catch a mutant.
///
/// Exit codes: 0, nothing is wrong; 1, a solution loses a test, a mutant loses none, or table.tsv says something else; 2,
/// usage error; 4, another failure, such as a mistake in the suite.
#[derive(Debug, Parser)]
#[command(name = "try-suite.sh")]
struct Args {
    /// The lab, such as `lab1`
    lab: String,

    /// Only these tests, such as `2.4` [default: all]
    tests: Vec<TestNumber>,

    /// Only these mutants and solutions, by the names of their patches and folders [default: all]
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,

    /// How many seeds each test runs with. Fewer are faster, and may miss what happens rarely
    #[arg(long, value_name = "N", default_value_t = SEEDS, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// Print the lines of table.tsv on standard output: the tests that each mutant loses
    #[arg(long)]
    table: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FINDINGS),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<Usage>() { BAD_USAGE } else { EXIT_FAILURE })
        }
    }
}

/// A usage error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Runs what was asked for; returns whether all is well.
fn run(args: &Args) -> Result<bool> {
    if !faultlab_suites::labs().any(|lab| lab == args.lab) {
        bail!(Usage(format!("no lab `{}`", args.lab)));
    }
    let bench = Bench::new(&args.lab)?;
    for number in &args.tests {
        if bench.suite().test(*number).is_none() {
            bail!(Usage(format!("{} has no test {number}", args.lab)));
        }
    }
    let is_wanted = |test: &&Test| args.tests.is_empty() || args.tests.contains(&test.number());
    let tests: Vec<&Test> = bench.tests().filter(is_wanted).collect();
    let mut solutions = bench.solutions()?;
    let mut mutants = bench.mutants()?;
    for name in &args.only {
        if !solutions.iter().chain(&mutants).any(|known| known.name == *name) {
            bail!(Usage(format!("{} has no solution and no mutant `{name}`", args.lab)));
        }
    }
    for known in [&mut solutions, &mut mutants] {
        known.retain(|known| args.only.is_empty() || args.only.contains(&known.name));
    }
    let started = Instant::now();
    let solutions: Vec<Known> =
        solutions.into_iter().map(|it| Known::new("solution", it)).collect();
    let mutants: Vec<Known> = mutants.into_iter().map(|it| Known::new("mutant", it)).collect();
    let results = run_all(&bench, &tests, args.seeds, &[&solutions[..], &mutants[..]].concat());

    let of = |known: &[Known]| -> Result<BTreeMap<String, BTreeSet<TestNumber>>> {
        let lost = |one: &Known| match &results[&(one.what, one.submission.name.clone())] {
            Ok(lost) => Ok((one.submission.name.clone(), lost.clone())),
            Err(error) => bail!("the {} {}: {error}", one.what, one.submission.name),
        };
        known.iter().map(lost).collect()
    };
    let table = bench.mutants_folder().join("table.tsv");
    let findings = SuiteFindings {
        tests: tests.iter().map(|test| test.number()).collect(),
        solutions: of(&solutions)?,
        mutants: of(&mutants)?,
        expected: table.exists().then(|| Table::read(&bench.mutants_folder())).transpose()?,
        has_all_tests: args.tests.is_empty(),
        has_all_mutants: args.only.is_empty(),
    };
    if args.table {
        for (name, lost) in &findings.mutants {
            println!("{name}\t{}", SuiteFindings::list(lost));
        }
    }
    eprint!("\n{findings}");
    eprintln!("{:.1} s", started.elapsed().as_secs_f64());
    Ok(findings.is_well())
}

/// A submission, and what it is.
#[derive(Clone)]
struct Known {
    what: &'static str,
    submission: KnownSubmission,
}

impl Known {
    fn new(what: &'static str, submission: KnownSubmission) -> Self {
        Self { what, submission }
    }
}

/// What came of each submission: the tests that it loses, or why it could not be run.
type Results = BTreeMap<(&'static str, String), Result<BTreeSet<TestNumber>>>;

/// Runs the tests on each submission, on all processors. Says what each loses as soon as it is known.
fn run_all(bench: &Bench, tests: &[&Test], seeds: u64, all: &[Known]) -> Results {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results = Mutex::new(Results::new());
    let work = || {
        while let Some(Known { what, submission }) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let reports = bench.run_some(submission, tests.to_vec(), seeds);
            let lost = reports.map(|reports| lost(&reports).into_iter().collect());
            let said = match &lost {
                Ok(lost) if BTreeSet::is_empty(lost) => "passes".to_owned(),
                Ok(lost) => format!("loses {}", SuiteFindings::list(lost)),
                Err(error) => {
                    let error = error.to_string();
                    error.lines().next().unwrap_or_default().to_owned()
                }
            };
            let (count, of) = (done.fetch_add(1, Ordering::Relaxed) + 1, all.len());
            eprintln!("[{count:>3}/{of}] {what} {} {said}", submission.name);
            if let Ok(mut results) = results.lock() {
                results.insert((*what, submission.name.clone()), lost);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    results.into_inner().unwrap_or_default()
}
