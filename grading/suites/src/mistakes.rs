//! Finds the mistakes of a suite's author before any submission runs.
//!
//! Every test is made with a few seeds, and checked against the lab's interface. Then it runs on
//! [blank](faultlab::kinds::Interface::blank) nodes, so that its properties look at their system once.

use std::fmt;

use faultlab::hosting::{NodeProvider, Submission, catch};
use faultlab::kinds::Interface;
use faultlab::property::CheckError;
use faultlab::search::{Explorer, ExplorerError, Obstacle, Role, State};
use faultlab::simulate::{Options, RunFailure, Scenario, ScenarioError, Simulation, Verdict};
use serde::Serialize;

use crate::checked_nodes::CheckedNodes;
use crate::load::panicked;
use crate::search_plan::Stage;
use crate::{Body, Points, SEED, SearchPlan, SeedContext, Suite, Test, TestNumber, seed_of};

/// With how many seeds a test is checked. What a seed draws differs, but rarely in what it names.
const SEEDS_CHECKED: u64 = 3;

/// A mistake of a suite's author, and how to put it right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The test, if it is one's.
    pub test: Option<TestNumber>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.test {
            Some(test) => write!(f, "test {test}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Suite {
    /// The mistakes of the suite's author that can be known before there is a submission.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let of_suite = |what: String| Mistake { test: None, what };
        let mut found: Vec<Mistake> = self.empty_parts().into_iter().map(of_suite).collect();
        let Some(interface) = self.provided() else {
            let lab = self.lab();
            let what = format!(
                "the suite does not say what a submission provides; add `.interface({lab}_api::interface())`"
            );
            found.push(of_suite(what));
            return found;
        };
        let nodes = BlankNodes { interface, blank: interface.blank() };
        for test in self.tests() {
            let of_test = |what| Mistake { test: Some(test.number()), what };
            found.extend(nodes.mistakes(self, test).into_iter().map(of_test));
        }
        found
    }

    fn empty_parts(&self) -> Vec<String> {
        let empty = self.parts().iter().filter(|part| part.all_tests().is_empty());
        let mut found: Vec<String> = empty
            .map(|part| format!("part {} has no tests; add one, or leave it out", part.number()))
            .collect();
        if self.parts().is_empty() {
            found.push("the suite has no parts; add one with `part`".to_owned());
        }
        found
    }
}

/// Nodes without behaviour, to try tests on.
struct BlankNodes<'a> {
    interface: &'a Interface,
    blank: Submission,
}

impl BlankNodes<'_> {
    /// The mistakes of a test, each once.
    fn mistakes(&self, suite: &Suite, test: &Test) -> Vec<String> {
        let mut found = Vec::new();
        if test.points() == Points::ZERO {
            found.push(
                "it is worth no points; give it some with `points`, or leave it out".to_owned(),
            );
        }
        for index in 0..test.seeds(SEEDS_CHECKED) {
            let seed = seed_of(SEED, test.number(), index);
            let mut of_seed = Vec::new();
            let tried = catch(|| match test.body() {
                Body::Simulate(scenario) => {
                    let scenario = suite.fit(scenario(&mut SeedContext::new(seed)));
                    self.simulate(scenario, seed, &mut of_seed);
                }
                Body::Search(plan) => self.search(plan(&mut SeedContext::new(seed)), &mut of_seed),
            });
            of_seed.extend(tried.err().map(panicked));
            for mistake in of_seed {
                if !found.contains(&mistake) {
                    found.push(mistake);
                }
            }
        }
        found
    }

    /// The mistakes in a scenario.
    fn simulate(&self, scenario: Scenario, seed: u64, found: &mut Vec<String>) {
        found.extend(scenario.without_effect());
        let mut host = self.blank.host();
        let outcome = Simulation::new(scenario, seed).run(&mut *host, Options::default());
        if let Verdict::Failed(RunFailure::Scenario(error)) = outcome.verdict {
            found.push(error.to_string());
        }
    }

    /// The mistakes in the searches of a test.
    fn search(&self, plan: SearchPlan, found: &mut Vec<String>) {
        if plan.stages.is_empty() {
            found.push("it searches nothing; add a search to its plan".to_owned());
        }
        // Where each search ended, if it has a goal: blank nodes stay at their start.
        let mut ends: Vec<Option<State>> = Vec::new();
        for stage in plan.stages {
            let title = stage.title.clone();
            let wrong = |what: String| format!("search \"{title}\": {what}");
            let mut of_stage = Vec::new();
            let tried = catch(|| self.stage(stage, &ends, &mut of_stage));
            let end = tried.unwrap_or_else(|failure| {
                of_stage.push(panicked(failure));
                None
            });
            let is_broken = !of_stage.is_empty();
            found.extend(of_stage.into_iter().map(wrong));
            if is_broken {
                // What follows it may be wrong only because of that.
                return;
            }
            ends.push(end);
        }
    }

    /// The mistakes in a search. `ends` are the states where those before it ended. Returns where it ends itself, if it has
    /// a goal.
    fn stage(
        &self,
        stage: Stage,
        ends: &[Option<State>],
        found: &mut Vec<String>,
    ) -> Option<State> {
        let system = stage.search.system();
        if system.nodes().is_empty() {
            found.push("its system has no nodes".to_owned());
            return None;
        }
        for spec in system.nodes() {
            found.extend(self.interface.check(spec).err().map(|error| error.to_string()));
        }
        if let Some(walks) = stage.random_walks
            && (walks.count == 0 || walks.depth_max == 0)
        {
            found.push("it takes no random walks; give a count and a depth above 0".to_owned());
        }
        if !found.is_empty() {
            return None;
        }
        let nodes = CheckedNodes { nodes: &self.blank, interface: Some(self.interface) };
        let steps = nodes.steps(&system.descriptors());
        let steps = steps.map_err(|failure| found.push(failure.to_string())).ok()?;
        let search = match stage.search.start(&stage.title, ends, steps.as_ref())? {
            Ok(search) => search,
            Err(not_changed) => {
                found.extend(mistake_in_change(&not_changed.error));
                return None;
            }
        };
        // What a run must reach is checked as a property here: it may ask only for what there is.
        let search = match &stage.leads_to {
            Some(leads_to) => {
                let asked = leads_to.from().into_iter().chain([leads_to.to()]).cloned();
                asked.fold(search, |search, property| search.sometimes(property))
            }
            None => search,
        };
        let explorer = Explorer::new(&search, steps.as_ref());
        let explorer = explorer.map_err(|error| found.push(error.to_string())).ok()?;
        let mut has_goal = false;
        for checked in explorer.check() {
            has_goal |= checked.role == Role::Goal;
            if let Err(CheckError::Mistake(mistake)) = checked.result {
                let property = checked.property;
                let error = ScenarioError::Property { property, mistake };
                found.push(error.to_string());
            }
        }
        let needs_goal = stage.needs.is_goal();
        if needs_goal && !has_goal {
            found.push("it must reach a goal, and has none; add one with `goal`".to_owned());
        }
        if !needs_goal && has_goal {
            found.push(
                "it ends at its goal, and must not: use `reaching`, or leave the goal out"
                    .to_owned(),
            );
        }
        has_goal.then(|| explorer.state())
    }
}

/// What is wrong with a change to a state that is not possible with blank nodes. Nothing if it may be possible with others:
/// blank nodes send no messages and set no timers.
fn mistake_in_change(error: &ExplorerError) -> Option<String> {
    match error {
        ExplorerError::NotPossible { obstacle, .. } => match obstacle {
            Obstacle::NoNode(_) | Obstacle::NotAClient(_) | Obstacle::NotInModel(_) => {
                Some(error.to_string())
            }
            _ => None,
        },
        ExplorerError::InvalidStart(_) => Some(error.to_string()),
        ExplorerError::Failed(_) => None,
    }
}
