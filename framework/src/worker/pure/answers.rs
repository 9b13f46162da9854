//! The answers to a batch: outcomes of steps, in a few buffers.

use std::ops::Range;

use super::StepFailure;
use crate::worker::{EncodedEffect, Output};

/// The outcome of one step, as it lies in [`Answers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The node's state afterwards, encoded.
    pub state: &'a [u8],
    /// What the node did, and the result that it shows if it is a client.
    pub output: &'a Output,
}

/// The outcomes of the steps of a batch, in the same order.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    states: Vec<u8>,
    entries: Vec<Result<Entry, StepFailure>>,
    // One for each answer; they are kept for their memory.
    outputs: Vec<Output>,
}

#[derive(Clone, Debug)]
struct Entry {
    state: Range<usize>,
}

impl Answers {
    /// No answers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of answers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.states.clear();
        self.entries.clear();
    }

    /// Adds the outcome of a step that went well.
    pub fn push_step(&mut self, state: &[u8], output: &Output) {
        let start = self.states.len();
        self.states.extend_from_slice(state);
        if self.outputs.len() == self.entries.len() {
            self.outputs.push(Output::new());
        }
        self.outputs[self.entries.len()].clone_from(output);
        self.entries.push(Ok(Entry { state: start..self.states.len() }));
    }

    /// Adds the outcome of a step that failed.
    pub fn push_failure(&mut self, failure: StepFailure) {
        if self.outputs.len() == self.entries.len() {
            self.outputs.push(Output::new());
        }
        self.entries.push(Err(failure));
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
        let entry = self.entries[index].as_ref()?;
        Ok(Step { state: &self.states[entry.state.clone()], output: &self.outputs[index] })
    }
}

/// What a step did, in words: to tell two outcomes of one step apart.
pub(in crate::worker) fn describe(state: &str, output: &Output) -> String {
    let mut text = format!("the state {state}");
    for effect in output.effects() {
        match *effect {
            EncodedEffect::Send { to, message } => {
                text += &format!(", a message to {to} ({})", hex(output.get(message)));
            }
            EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                text +=
                    &format!(", a timer of {min_ns} to {max_ns} ns ({})", hex(output.get(timer)));
            }
            EncodedEffect::Log { line } => {
                text += &format!(", the log line {:?}", output.text(line))
            }
        }
    }
    if let Some(result) = output.result() {
        text += &format!(", the result {}", hex(result));
    }
    text
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
