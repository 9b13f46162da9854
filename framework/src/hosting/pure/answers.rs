//! Answers to a batch: the outcomes of steps, in a few buffers.

use std::ops::Range;

use super::StepFailure;
use crate::hosting::Output;

/// The outcome of one step, borrowed from [`Answers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The node's state afterwards, encoded.
    pub state: &'a [u8],
    /// The node's effects, and the result that it shows if it is a client.
    pub output: &'a Output,
}

/// The outcomes of the steps of a batch, in the same order.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Each but the last has `each` answers. Unused pieces are kept to reuse their memory.
    pieces: Vec<Piece>,
    used: usize,
    each: usize,
}

/// The outcomes of some consecutive steps, written by one thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    states: Vec<u8>,
    entries: Vec<Result<Entry, StepFailure>>,
    // One for each answer; unused ones are kept to reuse their memory.
    outputs: Vec<Output>,
}

#[derive(Clone, Debug)]
struct Entry {
    state: Range<usize>,
}

impl Piece {
    /// Adds the outcome of a successful step.
    pub(super) fn push_step(&mut self, state: &[u8], output: &Output) {
        let start = self.states.len();
        self.states.extend_from_slice(state);
        if self.outputs.len() == self.entries.len() {
            self.outputs.push(Output::new());
        }
        self.outputs[self.entries.len()].clone_from(output);
        self.entries.push(Ok(Entry { state: start..self.states.len() }));
    }

    /// Adds the outcome of a step that failed.
    pub(super) fn push_failure(&mut self, failure: StepFailure) {
        if self.outputs.len() == self.entries.len() {
            self.outputs.push(Output::new());
        }
        self.entries.push(Err(failure));
    }

    fn clear(&mut self) {
        self.states.clear();
        self.entries.clear();
    }
}

impl Answers {
    /// No answers.
    #[must_use]
    pub fn new() -> Self {
        Self { pieces: vec![Piece::default()], used: 1, each: usize::MAX }
    }

    /// The number of answers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces[..self.used].iter().map(|piece| piece.entries.len()).sum()
    }

    /// Whether there are no answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Clears the answers and keeps their memory.
    pub fn clear(&mut self) {
        self.cut(1, usize::MAX);
    }

    /// Clears the answers, keeps their memory, and returns this many pieces. All but the last must get
    /// `each` answers.
    pub(super) fn cut(&mut self, pieces: usize, each: usize) -> &mut [Piece] {
        (self.used, self.each) = (pieces, each);
        self.pieces.resize_with(self.pieces.len().max(pieces), Piece::default);
        let used = &mut self.pieces[..pieces];
        used.iter_mut().for_each(Piece::clear);
        used
    }

    /// Adds the outcome of a successful step.
    pub fn push_step(&mut self, state: &[u8], output: &Output) {
        self.pieces[self.used - 1].push_step(state, output);
    }

    /// Adds the outcome of a step that failed.
    pub fn push_failure(&mut self, failure: StepFailure) {
        self.pieces[self.used - 1].push_failure(failure);
    }

    /// Adds all answers of `other`.
    pub fn append(&mut self, other: &Self) {
        for index in 0..other.len() {
            match other.get(index) {
                Ok(step) => self.push_step(step.state, step.output),
                Err(failure) => self.push_failure(failure.clone()),
            }
        }
    }

    /// The answer at `index`.
    ///
    /// # Errors
    /// The failure, when the step failed.
    ///
    /// # Panics
    /// When there is no such answer.
    pub fn get(&self, index: usize) -> Result<Step<'_>, &StepFailure> {
        let piece = &self.pieces[index / self.each];
        let index = index % self.each;
        let entry = piece.entries[index].as_ref()?;
        Ok(Step { state: &piece.states[entry.state.clone()], output: &piece.outputs[index] })
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new()
    }
}
