//! `shrunk-runs`: how many events the failing run tests of the mutants show.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};
use clap::Parser;
use faultlab::trace::file;
use faultlab::trace::show::events_to_show;
use faultlab_harness::report::Shrinking;
use faultlab_staff::{Bench, FailingRun, KnownSubmission, Selection, Table};
use faultlab_suites::{Kind, TestNumber};

/// Prints, for every run test that a mutant of a lab loses, how many events its run has before and after shrinking,
/// how many of them it takes to show it (events that repeat count once), and how many steps it took to shrink it. At
/// the end: how these numbers are distributed.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Keep the traces of the shown runs in this folder.
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
}

/// What is measured of one failing test.
struct Row {
    mutant: String,
    test: TestNumber,
    original: u64,
    shrunk: u64,
    shown: u64,
    steps: u64,
    note: String,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let (bench, mutants) = args.selection.open()?;
    let table = Table::read(&bench.mutants_folder())?;
    if let Some(folder) = &args.traces {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    println!("mutant\ttest\toriginal\tshrunk\tshown\tsteps\t");
    let rows = Mutex::new(Vec::new());
    let next = Mutex::new(mutants.iter());
    let work = || -> Result<()> {
        loop {
            let Some(mutant) = next.lock().expect("no thread panics").next() else {
                return Ok(());
            };
            for run in failing_runs(&bench, &table, mutant)? {
                if let Some(folder) = &args.traces {
                    let name = format!("{}-{}.trace", mutant.name, run.report.number);
                    let mut out = BufWriter::new(File::create(folder.join(name))?);
                    file::write(&mut out, &run.trace)?;
                }
                let row = Row::of(mutant, &run);
                let Row { mutant, test, original, shrunk, shown, steps, note } = &row;
                println!("{mutant}\t{test}\t{original}\t{shrunk}\t{shown}\t{steps}\t{note}");
                rows.lock().expect("no thread panics").push(row);
            }
        }
    };
    thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no thread panics"))
    })?;
    let rows = rows.into_inner().expect("no thread panics");
    println!();
    type Column = fn(&Row) -> u64;
    let columns: [(&str, Column); 4] = [
        ("original", |row| row.original),
        ("shrunk", |row| row.shrunk),
        ("shown", |row| row.shown),
        ("steps", |row| row.steps),
    ];
    for (name, column) in columns {
        let mut values: Vec<u64> = rows.iter().map(column).collect();
        values.sort_unstable();
        let share = |percent: usize| values.get(values.len().saturating_sub(1) * percent / 100);
        let shares = [50, 75, 90, 95, 100].map(|percent| {
            let value = share(percent).copied().unwrap_or_default();
            format!("{percent} %: {value}")
        });
        println!("{name} of {}: {}", values.len(), shares.join(", "));
    }
    for most in [25, 60] {
        let few = rows.iter().filter(|row| row.shown <= most).count();
        println!("shown in at most {most} events: {few} of {}", rows.len());
    }
    Ok(())
}

/// The runs of the run tests that a mutant loses, according to the table.
fn failing_runs(bench: &Bench, table: &Table, mutant: &KnownSubmission) -> Result<Vec<FailingRun>> {
    let lost = table.losses.get(&mutant.name).cloned().unwrap_or_default();
    let runs = bench.tests().filter(|test| test.kind() == Kind::Run).map(|test| test.number());
    bench.failing_runs(mutant, runs.filter(|number| lost.contains(number)))
}

impl Row {
    fn of(mutant: &KnownSubmission, FailingRun { report, trace }: &FailingRun) -> Self {
        let events = trace.events.len() as u64;
        let (original, steps, mut note) = match &report.shrinking {
            Some(Shrinking::Shrunk(run)) if run.is_cut_short => {
                (run.original_events, run.steps, "limit reached".to_owned())
            }
            Some(Shrinking::Shrunk(run)) => (run.original_events, run.steps, String::new()),
            Some(Shrinking::NotShrunk(why)) => (events, 0, format!("not shrunk: {why}")),
            None => (events, 0, "not shrunk".to_owned()),
        };
        if !report.is_shrunk_alike() {
            let original = report.reason.as_deref().unwrap_or_default();
            let shrunk = report.shown_reason().unwrap_or_default();
            note.push_str(&format!("another cause: {original} / {shrunk}"));
        }
        Self {
            mutant: mutant.name.clone(),
            test: report.number,
            original,
            shrunk: events,
            shown: events_to_show(trace) as u64,
            steps,
            note,
        }
    }
}
