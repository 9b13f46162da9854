//! Runs several seeds, some of them twice, since runs that cannot be repeated prove nothing.

use std::fmt;

use super::drive::Options;
use super::outcome::Outcome;
use super::scenario::Scenario;
use super::simulation::Simulation;
use crate::hosting::{Host, LocalHost, Submission};
use crate::trace::{Divergence, MemoryRecorder, Trace};

/// One seed in this many is run twice, starting with the first.
const TWICE_EVERY: usize = 8;

/// A seed whose two runs differ. Something other than state, messages and timers influences the nodes: a clock,
/// randomness, the order of a hash map, a thread or a global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Irreproducible {
    /// The seed.
    pub seed: u64,
    /// Where its runs first differ. `None` if the recorded texts are equal and only encoded bytes differ.
    pub divergence: Option<Box<Divergence>>,
}

impl fmt::Display for Irreproducible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "two runs of seed {} differ: something other than state, messages and timers influences them (the clock, randomness, hash map order, a thread, a global)",
            self.seed
        )?;
        match &self.divergence {
            Some(divergence) => write!(f, "; the runs differ {divergence}"),
            None => f.write_str("; the difference is only in encoded bytes, not in any text"),
        }
    }
}

impl std::error::Error for Irreproducible {}

/// Runs the scenario of each seed on a submission's nodes, and a sample of them twice: the first, and one in
/// eight after it. Returns the outcomes in the order of the seeds. A run that violates a property is not an
/// error here.
///
/// ```
/// # use faultlab::simulate::{Irreproducible, Scenario, check};
/// # use faultlab::hosting::Submission;
/// fn passes(submission: &Submission, scenario: &Scenario) -> Result<bool, Irreproducible> {
///     let runs = check(0..20, |_| scenario.clone(), submission)?;
///     Ok(runs.iter().all(|(_, outcome)| outcome.verdict.held()))
/// }
/// ```
///
/// # Errors
/// When two runs of a seed differ. The error names the first event and the handler in which they do.
pub fn check(
    seeds: impl IntoIterator<Item = u64>,
    mut scenario: impl FnMut(u64) -> Scenario,
    submission: &Submission,
) -> Result<Vec<(u64, Outcome)>, Irreproducible> {
    let mut outcomes = Vec::new();
    for (index, seed) in seeds.into_iter().enumerate() {
        let scenario = scenario(seed);
        let outcome = if index % TWICE_EVERY == 0 {
            run_twice(&scenario, seed, &mut || Box::new(LocalHost::new(submission)))?
        } else {
            Simulation::new(scenario, seed).run(&mut LocalHost::new(submission), Options::default())
        };
        outcomes.push((seed, outcome));
    }
    Ok(outcomes)
}

/// Runs a scenario twice with one seed, each time with nodes in a new host, and compares what happened.
///
/// # Errors
/// When the two runs differ.
pub fn run_twice<'h>(
    scenario: &Scenario,
    seed: u64,
    host: &mut dyn FnMut() -> Box<dyn Host + 'h>,
) -> Result<Outcome, Irreproducible> {
    let mut recorded = || -> (Outcome, Option<Trace>) {
        let mut sink = MemoryRecorder::new();
        let options = Options { recorder: Some(&mut sink), ..Options::default() };
        let outcome = Simulation::new(scenario.clone(), seed).run(&mut *host(), options);
        (outcome, sink.into_trace())
    };
    let ((first, first_trace), (second, second_trace)) = (recorded(), recorded());
    let divergence = match (&first_trace, &second_trace) {
        (Some(first), Some(second)) => Divergence::between(first, second).map(Box::new),
        _ => None,
    };
    if divergence.is_some() || first != second {
        return Err(Irreproducible { seed, divergence });
    }
    Ok(first)
}
