//! Following a saved run: the same scenario and seed, with what the network and the timers did then.

use super::drive::{Options, Origin};
use super::scenario::Scenario;
use super::simulation::Simulation;
use crate::trace::replay::Replay;
use crate::trace::{Sink, Trace};
use crate::worker::Host;

/// Runs `scenario` again as in `saved`, with nodes whose code may have changed since.
///
/// A message that was sent then is lost, doubled and delayed as it was then, and a timer runs as long as it did, as far
/// as its duration allows. What changed code sends or sets besides is left to chance, drawn from the saved run's
/// seed. On unchanged code the new run is the saved one, event by event.
///
/// ```
/// # use faultlab::simulate::{Scenario, replay};
/// # use faultlab::trace::Trace;
/// # use faultlab::worker::{LocalHost, Submission};
/// fn still_broken(scenario: Scenario, saved: &Trace, submission: &Submission) -> String {
///     replay(scenario, saved, &mut LocalHost::new(submission)).verdict.to_string()
/// }
/// ```
pub fn replay(scenario: Scenario, saved: &Trace, host: &mut dyn Host) -> Replay {
    let mut sink = Sink::new();
    let mut simulation = Simulation::following(scenario, saved);
    let origin = Origin::default();
    simulation.drive(host, Options { recorder: Some(&mut sink), origin, ..Options::default() });
    let script = simulation.script.take().expect("it follows a saved run");
    script.replay(sink.into_trace().expect("a recorded run has a trace"))
}
