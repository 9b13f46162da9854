//! Which mutants of which lab a command is about: the arguments that the commands for mutants share.

use anyhow::{Result, bail};

use crate::{Bench, KnownSubmission};

/// The mutants that a command is about.
#[derive(Debug, clap::Args)]
pub struct Selection {
    /// The lab: `lab1`.
    lab: String,
    /// Only these mutants.
    mutants: Vec<String>,
}

impl Selection {
    /// The lab's bench, and the selected mutants in the order of their names.
    ///
    /// # Errors
    /// When there is no such lab or mutant, or the mutants cannot be read.
    pub fn open(self) -> Result<(Bench, Vec<KnownSubmission>)> {
        let bench = Bench::new(&self.lab)?;
        let mut mutants = bench.mutants()?;
        for name in &self.mutants {
            if mutants.iter().all(|mutant| mutant.name != *name) {
                bail!("there is no mutant `{name}`");
            }
        }
        mutants.retain(|mutant| self.mutants.is_empty() || self.mutants.contains(&mutant.name));
        Ok((bench, mutants))
    }
}
