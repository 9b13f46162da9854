//! The verdict of a run, from its failure or from the properties that it violates.

use super::outcome::{RunFailure, Verdict};
use super::validate::ScenarioError;
use crate::property::{CheckError, Violation};

/// What is known about a run's verdict.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// The verdict, once the run has finished.
    verdict: Option<Verdict>,
    /// While properties are checked at the end: the verdict for the first one that did not hold.
    broken_first: Option<Verdict>,
    /// The violations after that.
    also_violated: Vec<Violation>,
}

impl Verdicts {
    /// The verdict, if the run has finished.
    #[inline]
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// The violations besides that of the verdict.
    pub(super) fn also_violated(&self) -> &[Violation] {
        &self.also_violated
    }

    /// Whether a property does not hold at the end, though others are still unchecked.
    pub(super) fn is_broken(&self) -> bool {
        self.broken_first.is_some()
    }

    /// Ends the run as failed.
    pub(super) fn fail(&mut self, failure: RunFailure) {
        self.verdict = Some(Verdict::Failed(failure));
    }

    /// Ends the run: all properties were checked.
    pub(super) fn all_checked(&mut self) {
        self.verdict = Some(self.broken_first.take().unwrap_or(Verdict::Held));
    }

    /// Takes in that a property does not hold. It is checked either in the middle of the run or at its end.
    pub(super) fn broken(&mut self, property: String, broken: CheckError, is_at_the_end: bool) {
        let verdict = match broken {
            CheckError::Mistake(mistake) => {
                // It says nothing about the nodes, so it comes before everything that they did.
                return self
                    .fail(RunFailure::Scenario(ScenarioError::Property { property, mistake }));
            }
            broken @ CheckError::Violated { .. } => {
                Verdict::Violated(Violation::of(property, broken))
            }
            CheckError::Node(node, failure) => {
                let handler = format!("state, read for \"{property}\",");
                Verdict::Failed(RunFailure::Node { node, handler, failure })
            }
            CheckError::Undecided(reason) => Verdict::Undecided { property, reason },
        };
        if !is_at_the_end {
            // The run ends here, too early for the final properties.
            self.verdict = Some(verdict);
        } else if matches!(verdict, Verdict::Failed(_)) {
            // The failed node must not be used again, but the next property might query it.
            self.verdict = Some(self.broken_first.take().unwrap_or(verdict));
        } else if self.broken_first.is_none() {
            self.broken_first = Some(verdict);
        } else if let Verdict::Violated(violation) = verdict {
            self.also_violated.push(violation);
        }
    }
}
