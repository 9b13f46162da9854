//! Running one test with one seed, on whatever nodes a host has.

use faultlab::simulate::{Options, Origin, Outcome, Simulation};
use faultlab::worker::Host;

use crate::{Body, SeedContext, Suite, Test};

/// Runs a test with one seed. `options` says what else is wanted of the run; its origin is filled in.
///
/// Both a student's worker, which has the nodes beside the engine, and a judge, which has them in
/// another process, call this: so a test means the same to both.
pub fn run(
    suite: &Suite,
    test: &Test,
    seed: u64,
    host: &mut dyn Host,
    options: Options<'_>,
) -> Outcome {
    let origin = Origin {
        lab: suite.lab().to_owned(),
        test: test.number().to_string(),
        title: test.title().to_owned(),
    };
    match test.body() {
        Body::Simulate(scenario) => {
            let scenario = scenario(&mut SeedContext::new(seed));
            Simulation::new(scenario, seed).run(host, Options { origin, ..options })
        }
    }
}
