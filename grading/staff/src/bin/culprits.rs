//! `culprits`: prints the event at fault in the first run test that each mutant loses, in the format of
//! `culprits.tsv`. The table is what a person expects; compare the two.

use anyhow::Result;
use clap::Parser;
use faultlab_staff::culprits::{self, Culprit};
use faultlab_staff::{Selection, Table};

/// Prints the event at fault in the first run test that each mutant of a lab loses.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    selection: Selection,
}

fn main() -> Result<()> {
    let (bench, mutants) = Args::parse().selection.open()?;
    let table = Table::read(&bench.mutants_folder())?;
    for mutant in mutants {
        if let Some(test) = culprits::first_run_test(&bench, &table, &mutant.name) {
            let run = culprits::shown_run(&bench, &mutant, test)?;
            let found = run.and_then(|run| Culprit::of(&run.trace));
            let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
            println!("{}\t{found}", mutant.name);
        }
    }
    Ok(())
}
