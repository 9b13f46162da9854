//! What is checked after every event: properties that must hold ([`Scenario::always`](super::Scenario::always)), and
//! conditions for interventions ([`Scenario::when`](super::Scenario::when)).
//!
//! A property mostly asks the nodes the same questions after each event, and only the node that handled the event can
//! answer them differently. So the answers of the other nodes are remembered, and a driver can learn the next answers
//! of a node together with its step ([`Simulation::questions`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::schedule::{Checked, Task};
use super::simulation::Simulation;
use crate::Address;
use crate::hosting::{Event, Host, NodeFailure, Output, Payload};
use crate::property::{CheckError, Scope};

/// What a property can ask a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Question {
    /// Its encoded state.
    State,
    /// A query that the lab's interface defines, encoded.
    Observation(Vec<u8>),
}

impl Question {
    /// Asks the node in this slot.
    ///
    /// # Errors
    /// When the node's code fails.
    pub fn ask(&self, slot: usize, host: &mut dyn Host) -> Result<Vec<u8>, NodeFailure> {
        match self {
            Self::State => {
                let mut bytes = Vec::new();
                host.state(slot, &mut bytes)?;
                Ok(bytes)
            }
            Self::Observation(question) => host.observe(slot, question),
        }
    }
}

/// The answers of the nodes that are still true, and the questions that will likely be asked again.
#[derive(Debug, Default)]
pub(super) struct Answers {
    by_slot: Vec<BTreeMap<Question, Remembered>>,
}

/// What is remembered of a question.
#[derive(Debug)]
enum Remembered {
    /// The answer. The question has been asked since the node's last step.
    Asked(Result<Vec<u8>, NodeFailure>),
    /// The driver learned the answer in advance. The question has not been asked since the node's last step.
    InAdvance(Result<Vec<u8>, NodeFailure>),
    /// The question was asked before the node's last step. The answer may have changed.
    Outdated,
}

impl Answers {
    /// The answer to a question, remembered or asked now.
    pub(super) fn get(
        &mut self,
        slot: usize,
        question: Question,
        host: &mut dyn Host,
    ) -> Result<Vec<u8>, NodeFailure> {
        let remembered = self.of(slot).entry(question);
        let question = remembered.key().clone();
        let remembered = remembered.or_insert(Remembered::Outdated);
        let answer = match std::mem::replace(remembered, Remembered::Outdated) {
            Remembered::Asked(answer) | Remembered::InAdvance(answer) => answer,
            Remembered::Outdated => question.ask(slot, host),
        };
        *remembered = Remembered::Asked(answer.clone());
        answer
    }

    /// Takes in that a node handled an event. Questions that were not asked since its step before are forgotten.
    fn stepped(&mut self, slot: usize) {
        let answers = self.of(slot);
        answers.retain(|_, remembered| matches!(remembered, Remembered::Asked(_)));
        answers.values_mut().for_each(|remembered| *remembered = Remembered::Outdated);
    }

    fn of(&mut self, slot: usize) -> &mut BTreeMap<Question, Remembered> {
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, BTreeMap::new);
        }
        &mut self.by_slot[slot]
    }
}

impl Simulation {
    /// The questions that were asked of the node in this slot after its last step, by what is checked after every event.
    /// They will likely be asked again after its next step.
    pub fn questions(&self, slot: usize) -> impl Iterator<Item = &Question> {
        let asked = |(question, remembered)| match remembered {
            &Remembered::Asked(_) => Some(question),
            Remembered::InAdvance(_) | Remembered::Outdated => None,
        };
        self.answers.by_slot.get(slot).into_iter().flatten().filter_map(asked)
    }

    /// Checks the property of [`Next::Check`](super::Next::Check) by the answers that are known. `None` if it asks for
    /// one that is not: then a host is needed ([`Simulation::check`]).
    ///
    /// # Panics
    /// When there is nothing to check.
    pub fn check_known(&mut self) -> Option<Result<(), CheckError>> {
        let mut host = NoHost::default();
        let checked = self.check(&mut host);
        if host.missing.is_empty() && !host.is_asked_for_text {
            return Some(checked);
        }
        for (slot, question) in host.missing {
            self.answers.of(slot).remove(&question);
        }
        None
    }

    /// Takes in how a node answers a question after the step that [`Simulation::stepped`] has just taken in, so that
    /// its host need not be asked.
    pub fn answered(
        &mut self,
        slot: usize,
        question: Question,
        answer: Result<Vec<u8>, NodeFailure>,
    ) {
        if self.checks_every_event() {
            self.answers.of(slot).insert(question, Remembered::InAdvance(answer));
        }
    }

    /// Whether something is checked after every event.
    pub(super) fn checks_every_event(&self) -> bool {
        !self.scenario.always.is_empty() || !self.conditions.is_empty()
    }

    /// Takes in that the node in this slot handled an event, or that a node crashed. The properties that must always
    /// hold are due, and then the conditions.
    #[inline]
    pub(super) fn check_after(&mut self, slot: Option<usize>) {
        if !self.checks_every_event() {
            return;
        }
        if let Some(slot) = slot {
            self.answers.stepped(slot);
        }
        let ready = &mut self.schedule.ready;
        if !self.conditions.is_empty() {
            ready.push_front(Task::Check(Checked::Condition { position: 0 }));
        }
        if !self.scenario.always.is_empty() {
            ready.push_front(Task::Check(Checked::Always { index: 0, slot }));
        }
    }

    /// Takes in whether the condition at this position holds, and then performs its intervention. Schedules the next
    /// condition. An error is one that no condition may have.
    pub(super) fn condition_checked(
        &mut self,
        position: usize,
        checked: Result<(), CheckError>,
    ) -> Result<(), CheckError> {
        let next = match checked {
            Ok(()) => {
                let index = self.conditions.remove(position);
                self.intervene(index);
                position
            }
            Err(CheckError::Violated { .. }) => position + 1,
            Err(
                failed @ (CheckError::Node(..) | CheckError::Undecided(_) | CheckError::Mistake(_)),
            ) => return Err(failed),
        };
        if next < self.conditions.len() {
            let next = Checked::Condition { position: next };
            self.schedule.ready.push_front(Task::Check(next));
        }
        Ok(())
    }

    /// Whether the property with this index must be checked after an event at the node in this slot, or after a crash.
    /// Schedules the next property.
    pub(super) fn begin_always(&mut self, index: usize, slot: Option<usize>) -> bool {
        if index + 1 < self.scenario.always.len() {
            let next = Checked::Always { index: index + 1, slot };
            self.schedule.ready.push_front(Task::Check(next));
        }
        match self.scenario.always[index].scope() {
            Scope::State => true,
            Scope::EachNode => slot.is_some(),
            Scope::EachClient => slot.is_some_and(|slot| self.nodes.get(slot).client.is_some()),
        }
    }
}

/// A host without nodes. It notes what it is asked.
#[derive(Default)]
struct NoHost {
    missing: Vec<(usize, Question)>,
    is_asked_for_text: bool,
}

impl NoHost {
    fn miss(&mut self, slot: usize, question: Question) -> NodeFailure {
        self.missing.push((slot, question));
        not_here("answer yet")
    }
}

fn not_here(what: &str) -> NodeFailure {
    NodeFailure::NotProvided(what.to_owned())
}

impl Host for NoHost {
    fn make(&mut self, _: usize, kind: &str, _: Address, _: &[u8]) -> Result<(), NodeFailure> {
        Err(not_here(kind))
    }

    fn step(&mut self, _: usize, _: Event<'_>, _: &mut Output) -> Result<(), NodeFailure> {
        Err(not_here("node"))
    }

    fn state(&mut self, slot: usize, _: &mut Vec<u8>) -> Result<(), NodeFailure> {
        Err(self.miss(slot, Question::State))
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        Err(self.miss(slot, Question::Observation(question.to_vec())))
    }

    fn show(&mut self, _: usize, _: Payload, _: &[u8], _: bool) -> Result<String, NodeFailure> {
        self.is_asked_for_text = true;
        Err(not_here("text"))
    }
}
