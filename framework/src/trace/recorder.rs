//! Recorders: receive an engine's events as they happen.

use std::io;

use super::bounds::Bounds;
use super::{Ending, EventKind, Header, Trace, TraceEvent, file};

/// Receives a run's events as they happen.
pub trait Recorder {
    /// Called when the run starts.
    fn header(&mut self, header: &Header);

    /// Called when a node is about to handle this event. If the process dies now, this event killed it.
    fn before(&mut self, what: &EventKind) {
        let _ = what;
    }

    /// Returns the node's output since the last call, if the recorder captures it.
    fn printed(&mut self) -> String {
        String::new()
    }

    /// Called when an event has happened, with its effects.
    fn event(&mut self, event: TraceEvent);

    /// Called when the run has ended.
    fn ending(&mut self, ending: &Ending);
}

/// Keeps the trace in memory, within the bounds of a recording.
#[derive(Debug, Default)]
pub struct MemoryRecorder {
    trace: Option<Trace>,
    bounds: Bounds,
}

impl MemoryRecorder {
    /// A recorder that has recorded nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The trace, once a run has been recorded.
    #[must_use]
    pub fn into_trace(self) -> Option<Trace> {
        self.trace
    }
}

impl Recorder for MemoryRecorder {
    fn header(&mut self, header: &Header) {
        self.trace = Some(Trace { header: header.clone(), events: Vec::new(), ending: None });
    }

    fn event(&mut self, mut event: TraceEvent) {
        if let Some(trace) = &mut self.trace {
            self.bounds.apply(&mut event);
            trace.events.push(event);
        }
    }

    fn ending(&mut self, ending: &Ending) {
        if let Some(trace) = &mut self.trace {
            trace.ending = Some(ending.clone());
        }
    }
}

/// Writes each event to `out` as it happens. If the run kills its process, the journal names the event
/// that did so.
pub struct JournalRecorder<W: io::Write, P: FnMut() -> String> {
    out: W,
    printed: P,
    error: Option<io::Error>,
    bounds: Bounds,
}

impl<W: io::Write, P: FnMut() -> String> JournalRecorder<W, P> {
    /// A journal that writes to `out`. `printed` returns the output of the process since its last
    /// call.
    pub fn new(out: W, printed: P) -> Self {
        Self { out, printed, error: None, bounds: Bounds::default() }
    }

    /// Ends the journal.
    ///
    /// # Errors
    /// The first error in writing.
    pub fn finish(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }

    fn write(&mut self, line: &file::Line) {
        if self.error.is_none() {
            self.error =
                file::write_line(&mut self.out, line).and_then(|()| self.out.flush()).err();
        }
    }
}

impl<W: io::Write, P: FnMut() -> String> Recorder for JournalRecorder<W, P> {
    fn header(&mut self, header: &Header) {
        self.write(&file::Line::Header(header.clone()));
    }

    fn before(&mut self, what: &EventKind) {
        let mut what = what.clone();
        self.bounds.apply_before(&mut what);
        self.write(&file::Line::Before(what));
    }

    fn printed(&mut self) -> String {
        (self.printed)()
    }

    fn event(&mut self, mut event: TraceEvent) {
        self.bounds.apply(&mut event);
        self.write(&file::Line::Event(event));
    }

    fn ending(&mut self, ending: &Ending) {
        self.write(&file::Line::Ending(ending.clone()));
    }
}
