//! What nodes show to a search's monitor: the answers to its questions, asked once per state of a node.

use rustc_hash::FxHashMap;

use super::intern::Blobs;
use crate::hosting::NodeFailure;
use crate::hosting::pure::PureSteps;
use crate::property::Monitor;

/// The bit of an entry in a list of calls and returns that is an answer: the id of what a node shows from now on.
pub(super) const SHOWN: u32 = 1 << 31;

/// The answers so far.
#[derive(Default)]
pub(super) struct Shown {
    /// For each node, the question that it is asked; empty if no node is asked anything.
    questions: Vec<Option<Vec<u8>>>,
    /// From a state of a node to its answer. Used for look-ups only; never iterated.
    by_state: FxHashMap<u32, u32>,
    /// The answers; the tag says whether it is one, or the text of a failure.
    answers: Blobs,
    /// From a failed answer to its failure. Used for look-ups only; never iterated.
    failures: FxHashMap<u32, NodeFailure>,
}

/// The tags of [`Shown::answers`].
const ANSWER: u64 = 0;
const FAILURE: u64 = 1;

impl Shown {
    /// The questions of a monitor to the nodes of `steps`.
    pub(super) fn new(monitor: Option<&dyn Monitor>, steps: &dyn PureSteps) -> Self {
        let question = |monitor: &dyn Monitor| -> Vec<Option<Vec<u8>>> {
            steps.nodes().iter().map(|node| monitor.question(node.address)).collect()
        };
        let mut questions = monitor.map(question).unwrap_or_default();
        if questions.iter().all(Option::is_none) {
            questions.clear();
        }
        Self { questions, ..Self::default() }
    }

    /// Whether a node is asked something.
    #[inline]
    pub(super) fn asks(&self, node: usize) -> bool {
        self.questions.get(node).is_some_and(Option::is_some)
    }

    /// The answer of a node in this state, if it is known.
    pub(super) fn of(&self, state: u32) -> Option<u32> {
        self.by_state.get(&state).copied()
    }

    /// Asks a node in this state.
    pub(super) fn ask(&mut self, steps: &dyn PureSteps, node: usize, (id, state): (u32, &[u8])) {
        let Some(Some(question)) = self.questions.get(node) else { return };
        let shown = match steps.observe(node, state, question) {
            Ok(answer) => self.answers.intern(ANSWER, &answer),
            Err(failure) => {
                let shown = self.answers.intern(FAILURE, failure.to_string().as_bytes());
                self.failures.insert(shown, failure);
                shown
            }
        };
        self.by_state.insert(id, shown);
    }

    /// The answer with this id.
    pub(super) fn answer(&self, id: u32) -> Result<&[u8], &NodeFailure> {
        match self.failures.get(&id) {
            Some(failure) => Err(failure),
            None => Ok(self.answers.bytes(id)),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.answers.memory_bytes() + self.by_state.capacity() * 2 * size_of::<u32>()
    }
}
