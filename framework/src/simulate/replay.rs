//! Replays a saved run: the same scenario and seed, with the network and timers behaving as
//! recorded.

use super::drive::Options;
use super::scenario::Scenario;
use super::simulation::Simulation;
use crate::hosting::Host;
use crate::trace::replay::{Replay, ReplayStatus, unsupported};
use crate::trace::{MemoryRecorder, Trace};

/// Repeats `scenario` as in `saved`, with nodes whose code may have changed since.
///
/// A message of the saved run is lost, duplicated and delayed as recorded, and a timer fires after the
/// recorded time, as far as its duration allows. Additional messages and timers of changed code are
/// handled at random, from the saved run's seed. With unchanged code, the new run equals the saved one,
/// event by event. A saved run with an event that the simulator cannot perform is not followed at all
/// ([`ReplayStatus::Unsupported`]).
///
/// ```
/// # use faultlab::simulate::{Scenario, replay};
/// # use faultlab::trace::Trace;
/// # use faultlab::hosting::{LocalHost, Submission};
/// fn still_broken(scenario: Scenario, saved: &Trace, submission: &Submission) -> String {
///     replay(scenario, saved, &mut LocalHost::new(submission)).status.to_string()
/// }
/// ```
pub fn replay(scenario: Scenario, saved: &Trace, host: &mut dyn Host) -> Replay {
    if let Some((event, reason)) = unsupported(saved) {
        let trace = Trace { header: saved.header.clone(), events: Vec::new(), ending: None };
        let status = ReplayStatus::Unsupported { event, reason };
        return Replay { status, trace, changed: 0, difference: None };
    }
    let mut sink = MemoryRecorder::new();
    let mut simulation = Simulation::following(scenario, saved);
    simulation.drive(host, Options { recorder: Some(&mut sink), ..Options::default() });
    let script = simulation.script.take().expect("it follows a saved run");
    script.replay(sink.into_trace().expect("a recorded run has a trace"))
}
