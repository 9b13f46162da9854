//! A batch of step requests, in one buffer.

use std::ops::Range;

use crate::Address;
use crate::hosting::Event;

/// A request for one step: a node, its state, and an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The node's index.
    pub node: usize,
    /// The node's encoded state.
    pub state: &'a [u8],
    /// The event that it handles.
    pub event: Event<'a>,
}

/// Requests for steps.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// A request whose parts are in the buffer.
#[derive(Clone, Debug)]
struct Entry {
    node: u32,
    kind: EntryKind,
    state: Range<usize>,
    payload: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
enum EntryKind {
    Init,
    Message(Address),
    Timer,
    Command,
    Restore,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Clears the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Adds a request.
    pub fn push(&mut self, request: Request<'_>) {
        // Requests with the same state are mostly adjacent; the state is stored once.
        let state = match self.entries.last() {
            Some(last) if self.bytes[last.state.clone()] == *request.state => last.state.clone(),
            _ => self.append(request.state),
        };
        let (kind, payload) = match request.event {
            Event::Init => (EntryKind::Init, self.append(&[])),
            Event::Message { from, message } => (EntryKind::Message(from), self.append(message)),
            Event::Timer { timer } => (EntryKind::Timer, self.append(timer)),
            Event::Command { command } => (EntryKind::Command, self.append(command)),
            Event::Restore { storage } => (EntryKind::Restore, self.append(storage)),
        };
        let node = u32::try_from(request.node).expect("a system has fewer than 2^32 nodes");
        self.entries.push(Entry { node, kind, state, payload });
    }

    /// The request at `index`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> Request<'_> {
        let entry = &self.entries[index];
        let payload = &self.bytes[entry.payload.clone()];
        let event = match entry.kind {
            EntryKind::Init => Event::Init,
            EntryKind::Message(from) => Event::Message { from, message: payload },
            EntryKind::Timer => Event::Timer { timer: payload },
            EntryKind::Command => Event::Command { command: payload },
            EntryKind::Restore => Event::Restore { storage: payload },
        };
        Request { node: entry.node as usize, state: &self.bytes[entry.state.clone()], event }
    }

    /// The requests in order.
    pub fn iter(&self) -> impl Iterator<Item = Request<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}
