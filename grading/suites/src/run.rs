//! Runs one test with one seed, wherever the nodes are.

use faultlab::hosting::{Host, NodeProvider};
use faultlab::simulate::{
    Options, Outcome, RunFailure, Scenario, ScenarioError, Simulation, Verdict,
};
use faultlab::trace::{Origin, Recorder, Trace};

use crate::checked_nodes::CheckedNodes;
use crate::run_search::{SearchSummary, run_searches};
use crate::{Body, SeedContext, Suite, Test};

/// The result of a test with one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How it ended. For a search, time and message counts are zero.
    pub outcome: Outcome,
    /// Statistics of its searches, if it is a search.
    pub searches: Vec<SearchSummary>,
}

/// Runs a test with one seed. The origin in `options` is filled in.
///
/// Both a student's worker, with in-process nodes, and a judge's worker, with out-of-process nodes,
/// call this, so a test means the same to both.
pub fn run(
    suite: &Suite,
    test: &Test,
    seed: u64,
    nodes: &dyn NodeProvider,
    options: Options<'_>,
) -> Run {
    match test.body() {
        Body::Simulate(scenario) => {
            let scenario = suite.fit(scenario(&mut SeedContext::new(seed)));
            let options = Options { origin: origin(suite, test), ..options };
            let outcome = Simulation::new(scenario, seed).run(&mut *nodes.host(), options);
            Run { outcome, searches: Vec::new() }
        }
        Body::Search(plan) => {
            let origin = origin(suite, test);
            let plan = plan(&mut SeedContext::new(seed));
            let traced = options.recorder.is_some();
            let nodes = CheckedNodes { nodes, interface: suite.provided() };
            let search = run_searches(plan, seed, &nodes, traced.then_some(&origin));
            if let (Some(recorder), Some(trace)) = (options.recorder, search.trace) {
                record(recorder, trace);
            }
            let verdict = blamed_on_the_test(search.outcome.verdict);
            Run { outcome: Outcome { verdict, ..search.outcome }, searches: search.searches }
        }
    }
}

/// The same on the nodes of one host, if the test simulates something.
pub fn run_on(
    suite: &Suite,
    test: &Test,
    seed: u64,
    host: &mut dyn Host,
    options: Options<'_>,
) -> Option<Outcome> {
    let options = Options { origin: origin(suite, test), ..options };
    scenario_of(suite, test, seed)
        .map(|scenario| Simulation::new(scenario, seed).run(host, options))
}

/// The origin of a test's runs.
#[must_use]
pub fn origin(suite: &Suite, test: &Test) -> Origin {
    Origin {
        lab: suite.lab().to_owned(),
        test: test.number().to_string(),
        title: test.title().to_owned(),
    }
}

/// A test's scenario for a seed, if it simulates one: what [`run`] runs.
#[must_use]
pub fn scenario_of(suite: &Suite, test: &Test, seed: u64) -> Option<Scenario> {
    match test.body() {
        Body::Simulate(scenario) => Some(suite.fit(scenario(&mut SeedContext::new(seed)))),
        Body::Search(_) => None,
    }
}

/// The same verdict, unless it is about a mistake of the test's author: that is not the submission's.
fn blamed_on_the_test(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Violated(violation) if violation.is_mistake() => {
            let (property, mistake) = (violation.property, violation.seen);
            Verdict::Failed(RunFailure::Scenario(ScenarioError::Property { property, mistake }))
        }
        other => other,
    }
}

/// Feeds a complete trace to a recorder.
fn record(recorder: &mut dyn Recorder, trace: Trace) {
    recorder.header(&trace.header);
    for event in trace.events {
        recorder.event(event);
    }
    if let Some(ending) = trace.ending {
        recorder.ending(&ending);
    }
}
