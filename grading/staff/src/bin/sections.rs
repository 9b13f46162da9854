//! `sections`: prints the section of the book that each failing test of each mutant names. `sections.tsv` is what a person
//! expects; compare the two.

use anyhow::Result;
use clap::Parser;
use faultlab_staff::{Selection, sections};

/// Prints the section of the book that each failing test of each mutant of a lab names.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    selection: Selection,
}

fn main() -> Result<()> {
    let (bench, mutants) = Args::parse().selection.open()?;
    for mutant in mutants {
        for (test, section) in sections::named(&bench, &mutant)? {
            println!("{}\t{test}\t{section}", mutant.name);
        }
    }
    Ok(())
}
