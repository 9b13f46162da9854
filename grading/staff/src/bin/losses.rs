//! `losses`: prints the tests that each mutant of a lab fails, in the format of `table.tsv`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use anyhow::Result;
use clap::Parser;
use faultlab_staff::{Bench, KnownSubmission, Selection, lost};

/// Prints the tests that each mutant of a lab fails.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    selection: Selection,
}

fn main() -> Result<()> {
    let (bench, mutants) = Args::parse().selection.open()?;
    for (name, line) in run_all(&bench, mutants) {
        println!("{name}\t{}", line?);
    }
    Ok(())
}

/// Runs the suite on each mutant, on all processors; returns the results by name.
fn run_all(bench: &Bench, mutants: Vec<KnownSubmission>) -> BTreeMap<String, Result<String>> {
    let todo = Mutex::new(mutants);
    let done = Mutex::new(BTreeMap::new());
    let next = || todo.lock().ok()?.pop();
    let work = || {
        while let Some(mutant) = next() {
            let line = bench.run(&mutant).map(|reports| {
                let lost = lost(&reports);
                lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            });
            eprintln!("{}", mutant.name);
            if let Ok(mut done) = done.lock() {
                done.insert(mutant.name, line);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    done.into_inner().unwrap_or_default()
}
