//! The output of one step, as bytes in one reusable buffer.

use super::bounds::{LOG_BYTES_PER_STEP_MAX, TEXT_BYTES_MAX, bounded};
use crate::codec::CodecError;
use crate::{Address, codec};

/// A part of an [`Output`]'s buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// An [`Effect`](crate::Effect) whose payload is a part of an [`Output`]'s buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedEffect {
    /// A message was given to the network.
    Send {
        /// The receiver.
        to: Address,
        /// The encoded message.
        message: Span,
    },
    /// A timer was set.
    SetTimer {
        /// The encoded timer.
        timer: Span,
        /// The shortest time until it fires, in nanoseconds.
        min_ns: u64,
        /// The longest time until it fires, in nanoseconds.
        max_ns: u64,
    },
    /// A line was logged.
    Log {
        /// The line's text, UTF-8.
        line: Span,
    },
    /// The record in stable storage was replaced.
    Save {
        /// The encoded record.
        record: Span,
    },
    /// An entry was added to the log in stable storage.
    Append {
        /// The encoded entry.
        entry: Span,
    },
    /// All entries of the log were made durable.
    Sync,
}

impl EncodedEffect {
    /// Whether it changes something outside the node, so that a crash can come just before it.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        !matches!(self, Self::Log { .. })
    }
}

/// The output of one step: the node's effects in order, and, for a client, its result.
///
/// An engine passes the same output to every step, so that a step does not allocate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    bytes: Vec<u8>,
    effects: Vec<EncodedEffect>,
    result: Option<Span>,
    /// The bytes of the logged lines.
    log_bytes: usize,
}

impl Output {
    /// An empty output.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Clears the output and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.effects.clear();
        self.result = None;
        self.log_bytes = 0;
    }

    /// The size of what it holds, in bytes.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.bytes.len() + self.effects.len() * size_of::<EncodedEffect>()
    }

    /// The effects, in the order in which the handler caused them.
    #[must_use]
    pub fn effects(&self) -> &[EncodedEffect] {
        &self.effects
    }

    /// The effects that took place if the node crashed after so many effects [outside](EncodedEffect::is_outside) it.
    #[must_use]
    pub fn effects_before_crash(&self, after: usize) -> &[EncodedEffect] {
        let outside = self.effects.iter().enumerate().filter(|(_, effect)| effect.is_outside());
        let end = outside.map(|(index, _)| index).nth(after).unwrap_or(self.effects.len());
        &self.effects[..end]
    }

    /// The encoded result that the client shows after this step, if it is a client and has one.
    #[must_use]
    pub fn result(&self) -> Option<&[u8]> {
        self.result.map(|span| self.get(span))
    }

    /// The bytes of a span of this output.
    #[must_use]
    pub fn get(&self, span: Span) -> &[u8] {
        &self.bytes[span.start..span.end]
    }

    /// The text of a span of this output; invalid UTF-8 is replaced.
    #[must_use]
    pub fn text(&self, span: Span) -> String {
        String::from_utf8_lossy(self.get(span)).into_owned()
    }

    /// Adds a sent message.
    pub fn push_send(&mut self, to: Address, message: &[u8]) {
        let message = self.append(message);
        self.effects.push(EncodedEffect::Send { to, message });
    }

    /// Adds a timer that was set.
    pub fn push_timer(&mut self, timer: &[u8], min_ns: u64, max_ns: u64) {
        let timer = self.append(timer);
        self.effects.push(EncodedEffect::SetTimer { timer, min_ns, max_ns });
    }

    /// Adds a logged line, as far as the bounds on a node's log allow it.
    pub fn push_log(&mut self, line: &str) {
        if self.log_bytes > LOG_BYTES_PER_STEP_MAX {
            return;
        }
        let line = if line.len() > TEXT_BYTES_MAX {
            self.append(bounded(line.to_owned()).as_bytes())
        } else {
            self.append(line.as_bytes())
        };
        self.log_bytes += line.len();
        self.effects.push(EncodedEffect::Log { line });
        if self.log_bytes > LOG_BYTES_PER_STEP_MAX {
            let line = self.append(b"(the rest of what this step logs is left out)");
            self.effects.push(EncodedEffect::Log { line });
        }
    }

    /// Adds that the record in stable storage was replaced.
    pub fn push_save(&mut self, record: &[u8]) {
        let record = self.append(record);
        self.effects.push(EncodedEffect::Save { record });
    }

    /// Adds an entry that was added to the log in stable storage.
    pub fn push_append(&mut self, entry: &[u8]) {
        let entry = self.append(entry);
        self.effects.push(EncodedEffect::Append { entry });
    }

    /// Adds that the log was made durable.
    pub fn push_sync(&mut self) {
        self.effects.push(EncodedEffect::Sync);
    }

    /// Sets the result that a client shows.
    pub fn set_result(&mut self, result: Option<&[u8]>) {
        self.result = result.map(|bytes| self.append(bytes));
    }

    /// Adds an effect whose payload is already [encoded](Output::encode).
    pub(super) fn push(&mut self, effect: EncodedEffect) {
        self.effects.push(effect);
    }

    /// Sets the result that a client shows, which is already encoded.
    pub(super) fn set_result_span(&mut self, result: Option<Span>) {
        self.result = result;
    }

    /// Encodes a value into the buffer.
    pub(super) fn encode<V: serde::Serialize>(&mut self, value: &V) -> Result<Span, CodecError> {
        let start = self.bytes.len();
        codec::encode_into(value, &mut self.bytes)?;
        Ok(Span { start, end: self.bytes.len() })
    }

    /// Copies bytes into the buffer.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() }
    }
}
