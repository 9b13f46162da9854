//! Keeps the current step of a search on disk, so that a report can name it if it kills the process.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use faultlab::hosting::Payload;
use faultlab::hosting::pure::{PureSteps, Request};
use faultlab::trace::{CopyKind, Engine, EventKind, Header, Origin, file};
use faultlab::{FaultModel, hosting};

/// A file with a trace that contains only the current step.
pub(super) struct LastStep {
    file: Mutex<File>,
}

impl LastStep {
    /// Starts with an empty file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Mutex::new(File::create(path)?) })
    }

    /// Records that this step is about to be taken, if possible.
    pub(super) fn note(&self, steps: &dyn PureSteps, request: &Request<'_>) {
        let what = what(steps, request);
        let nodes = steps.nodes().iter().map(|node| node.address).collect();
        let model = FaultModel::default();
        let header = Header::new(Engine::Search, &Origin::default(), 0, model, nodes);
        let mut bytes = Vec::new();
        let written = file::write_line(&mut bytes, &file::Line::Header(header))
            .and_then(|()| file::write_line(&mut bytes, &file::Line::Before(what)));
        if written.is_ok() {
            self.replace(&bytes);
        }
    }

    /// Clears the step: the search continues or has ended by itself.
    pub(super) fn clear(&self) {
        self.replace(&[]);
    }

    fn replace(&self, bytes: &[u8]) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Errors are ignored: the file only helps to explain a crash, which is reported anyway.
        let _ = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(bytes));
    }
}

/// The step as a trace event.
fn what(steps: &dyn PureSteps, request: &Request<'_>) -> EventKind {
    let node_index = &steps.nodes()[request.node];
    let node = node_index.address;
    let show = |what: Payload, bytes: &[u8]| {
        let shown = steps.show(request.node, what, bytes, false);
        shown.unwrap_or_else(|failure| format!("<{failure}>"))
    };
    match request.event {
        hosting::Event::Init | hosting::Event::Restore { .. } => {
            EventKind::start(node, node_index.kind.clone())
        }
        hosting::Event::Message { from, message } => {
            let text = show(Payload::Message, message);
            EventKind::deliver((from, node), 0, text, CopyKind::Original)
        }
        hosting::Event::Timer { timer } => EventKind::fire(node, 0, show(Payload::Timer, timer)),
        hosting::Event::Command { command } => EventKind::Command {
            node,
            command: show(Payload::Command, command),
            value: serde_json::Value::Null,
        },
    }
}
