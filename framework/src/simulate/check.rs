//! Running several seeds, some of them twice: a run that is not the same again proves nothing.

use std::fmt;

use super::drive::Options;
use super::outcome::Outcome;
use super::scenario::Scenario;
use super::simulation::Simulation;
use crate::hosting::{Host, LocalHost, Submission};
use crate::trace::{Divergence, MemoryRecorder, Trace};

/// One seed in this many is run twice, the first one always.
const TWICE_EVERY: usize = 8;

/// A seed whose run is not the same again: something other than state, messages and timers decides what the
/// nodes do, such as a clock, randomness, the order of a hash map, a thread or a global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Irreproducible {
    /// The seed.
    pub seed: u64,
    /// Where its runs first differ. `None` when that does not show in what is recorded, but only in encoded bytes.
    pub divergence: Option<Box<Divergence>>,
}

impl fmt::Display for Irreproducible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {} was run twice and did not go the same way: something other than state, messages and timers decides what happens (the clock, randomness, the order of a hash map, a thread, a global)",
            self.seed
        )?;
        match &self.divergence {
            Some(divergence) => write!(f, "; the runs differ {divergence}"),
            None => f.write_str("; what differs has no text, but its encoding differs"),
        }
    }
}

impl std::error::Error for Irreproducible {}

/// Runs the scenario of each seed on a submission's nodes, and a sample of them twice: the first, and one in
/// eight after it. What each run came to is in the outcomes, in the order of the seeds; a run that violates a
/// property is no error here.
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
/// When a seed that is run twice does not go the same way again. The error names the first event and the
/// handler in which it does not.
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
/// When the two runs are not the same.
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
