//! Shrinks a failing run, and records what is left of it.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use faultlab::hosting::NodeProvider;
use faultlab::simulate::Options;
use faultlab::simulate::shrink::{NotShrunk, shrink};
use faultlab::trace::{Ending, EventKind, Header, Recorder, TraceEvent, file};
use faultlab_suites::{Suite, Test};

use super::captured_output::CapturedOutput;
use super::protocol::Shrunk;

/// Shrinks the run of a test with this seed, and writes what is left of it to `trace`. The worker's output is appended
/// to `printed`.
pub(super) fn run(
    (suite, test, seed): (&Suite, &Test, u64),
    nodes: &dyn NodeProvider,
    trace: &Path,
    printed: &Path,
) -> Result<Result<Shrunk, NotShrunk>, String> {
    let scenario = faultlab_suites::scenario_of(suite, test, seed)
        .ok_or_else(|| format!("test {} is not a simulation", test.number()))?;
    let unwritten = |error: io::Error| format!("the shrunk run cannot be recorded: {error}");
    let mut output = CapturedOutput::open(printed).map_err(unwritten)?;
    let origin = faultlab_suites::origin(suite, test);
    let shrunk = shrink(&scenario, seed, &origin, &mut |simulation, options| {
        // What earlier runs printed is not part of this one.
        output.take();
        let mut recorder = options.recorder.map(|inner| Printing { inner, output: &mut output });
        let recorder = recorder.as_mut().map(|recorder| recorder as &mut dyn Recorder);
        simulation.drive(&mut *nodes.host(), Options { recorder, ..options })
    });
    let shrunk = match shrunk {
        Ok(shrunk) => shrunk,
        Err(reason) => return Ok(Err(reason)),
    };
    let write = || {
        let mut out = BufWriter::new(File::create(trace)?);
        file::write(&mut out, &shrunk.trace)?;
        out.flush()
    };
    write().map_err(unwritten)?;
    Ok(Ok(Shrunk {
        outcome: shrunk.outcome,
        original_events: shrunk.original_events as u64,
        runs: shrunk.runs,
        steps: shrunk.steps,
        is_cut_short: shrunk.is_cut_short,
    }))
}

/// A recorder that also gets what the nodes print.
struct Printing<'a> {
    inner: &'a mut dyn Recorder,
    output: &'a mut CapturedOutput,
}

impl Recorder for Printing<'_> {
    fn header(&mut self, header: &Header) {
        self.inner.header(header);
    }

    fn before(&mut self, what: &EventKind) {
        self.inner.before(what);
    }

    fn printed(&mut self) -> String {
        self.output.take()
    }

    fn event(&mut self, event: TraceEvent) {
        self.inner.event(event);
    }

    fn ending(&mut self, ending: &Ending) {
        self.inner.ending(ending);
    }
}
