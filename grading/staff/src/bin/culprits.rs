//! `culprits`: prints the event at fault in the first run test that each mutant loses, in the format of
//! `culprits.tsv`. The table is what a person expects; compare the two.

use anyhow::Result;
use clap::Parser;
use faultlab_staff::{Bench, Table, culprits};

/// Prints the event at fault in the first run test that each mutant of a lab loses.
#[derive(Debug, Parser)]
struct Args {
    /// The lab: `lab1`.
    lab: String,
    /// Only these mutants.
    mutants: Vec<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let bench = Bench::new(&args.lab)?;
    let table = Table::read(&bench.mutants_folder())?;
    for mutant in bench.mutants()? {
        let is_wanted = args.mutants.is_empty() || args.mutants.contains(&mutant.name);
        let test = culprits::first_run_test(&bench, &table, &mutant.name).filter(|_| is_wanted);
        if let Some(test) = test {
            let found = culprits::found(&bench, &mutant, test)?;
            let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
            println!("{}\t{found}", mutant.name);
        }
    }
    Ok(())
}
