//! Replays a saved run: the same scenario and seed, with the network and timers behaving as
//! recorded.

use super::drive::Options;
use super::event_queue::ScheduledEvent;
use super::outcome::Outcome;
use super::scenario::Scenario;
use super::simulation::Simulation;
use super::tampering::Forged;
use crate::hosting::Host;
use crate::trace::replay::{Replay, ReplayStatus, SavedInjection, Script, unsupported};
use crate::trace::{Ending, Engine, Header, MemoryRecorder, Recorder, Trace, TraceEvent};

/// Repeats `scenario` as in `saved`, with nodes whose code may have changed since.
///
/// A message of the saved run is lost, duplicated, delayed and tampered with as recorded, and a timer fires after the
/// recorded time, as far as its duration allows. Byzantine nodes misbehave at the same chances. Additional messages and timers of changed code are
/// handled at random, from the saved run's seed. With unchanged code, the new run equals the saved one,
/// event by event. A shrunk run is repeated with what is left of the scenario. A saved run with an event that the
/// simulator cannot perform is not followed at all ([`ReplayStatus::Unsupported`]).
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
    replay_capturing(scenario, saved, host, &mut String::new)
}

/// The same as [`replay`], with what the nodes print in each event of the new run. `printed` returns the process's
/// output since its last call.
pub fn replay_capturing(
    scenario: Scenario,
    saved: &Trace,
    host: &mut dyn Host,
    printed: &mut dyn FnMut() -> String,
) -> Replay {
    if let Some((event, reason)) = unsupported(saved, Engine::Simulate) {
        let trace = Trace { header: saved.header.clone(), events: Vec::new(), ending: None };
        let status = ReplayStatus::Unsupported { event, reason };
        return Replay { status, trace, changed: 0, difference: None };
    }
    let scenario = match &saved.header.reduction {
        Some(reduction) => scenario.reduced(reduction),
        None => scenario,
    };
    let mut sink = Capturing { recorder: MemoryRecorder::new(), printed };
    let following = Following::new(scenario, saved);
    let (_, script) =
        following.run(host, Options { recorder: Some(&mut sink), ..Options::default() });
    script.replay(sink.recorder.into_trace().expect("a recorded run has a trace"))
}

/// Keeps a trace with the output of its nodes.
struct Capturing<'p> {
    recorder: MemoryRecorder,
    printed: &'p mut dyn FnMut() -> String,
}

impl Recorder for Capturing<'_> {
    fn header(&mut self, header: &Header) {
        self.recorder.header(header);
    }

    fn printed(&mut self) -> String {
        (self.printed)()
    }

    fn event(&mut self, event: TraceEvent) {
        self.recorder.event(event);
    }

    fn ending(&mut self, ending: &Ending) {
        self.recorder.ending(ending);
    }
}

/// A simulation that follows a saved run. It matches what nodes send and set with the saved run by texts, so it needs
/// the nodes' host in every step: it cannot be advanced without one.
struct Following(Simulation);

impl Following {
    fn new(scenario: Scenario, saved: &Trace) -> Self {
        Self(Simulation::following(scenario, saved))
    }

    /// Follows the saved run to its end, with or without a recorder.
    fn run(self, host: &mut dyn Host, options: Options<'_>) -> (Outcome, Script) {
        let Self(mut simulation) = self;
        let outcome = simulation.drive(host, options);
        (outcome, *simulation.script.take().expect("it follows a saved run"))
    }
}

impl Simulation {
    /// When following a saved run: schedules the messages that were forged in it.
    pub(super) fn schedule_saved_forgeries(&mut self) {
        let Some(script) = &self.script else { return };
        for (index, at_ns, event) in script.injections() {
            self.schedule.plan(at_ns, Some(event), ScheduledEvent::Forge { index });
        }
    }

    /// When following a saved run: gives a message that was forged in it to the network, unless the scenario has just done
    /// that.
    pub(super) fn forge_saved(&mut self, index: usize) {
        let injection = self.script.as_mut().and_then(|script| script.take_injection(index));
        let Some(injection) = injection else { return };
        let slots = (self.nodes.slot_of(injection.from), self.nodes.slot_of(injection.to));
        let (Some(from), Some(to)) = slots else { return };
        let SavedInjection { bytes, replays, event, .. } = injection;
        let latency_ns = self.transport.shortest_latency_ns(injection.from, injection.to);
        self.inject(Forged { from, to, bytes, latency_ns, replays, saved: Some(event) });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::hosting::{Kind, LocalHost, Submission};
    use crate::simulate::Network;
    use crate::{Address, Context, Node, NodeSpec};

    /// Two nodes that send each other a number that rises.
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Chatty {
        other: Address,
        sent: u64,
    }

    impl Chatty {
        fn say(&mut self, ctx: &mut Context<Self>) {
            self.sent += 1;
            ctx.send(self.other, self.sent);
        }
    }

    impl Node for Chatty {
        type Message = u64;
        type Timer = ();

        fn init(&mut self, ctx: &mut Context<Self>) {
            self.say(ctx);
            ctx.set_timer((), Duration::from_millis(20));
        }

        fn on_message(&mut self, _: Address, _: u64, ctx: &mut Context<Self>) {
            self.say(ctx);
        }

        fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
            self.say(ctx);
            ctx.set_timer((), Duration::from_millis(20)..=Duration::from_millis(40));
        }
    }

    #[test]
    fn a_saved_run_is_followed_without_a_recorder() {
        let (a, b) = (Address::new("a"), Address::new("b"));
        let kind = Kind::node("chatty", |_, other| Chatty { other, sent: 0 });
        let submission = Submission::new().with(kind);
        let scenario = Scenario::new()
            .node(NodeSpec::node("chatty", a, &b))
            .node(NodeSpec::node("chatty", b, &a))
            .network(Network::unreliable())
            .until(Duration::from_millis(500));
        let mut sink = MemoryRecorder::new();
        let mut host = LocalHost::new(&submission);
        let options = Options { recorder: Some(&mut sink), ..Options::default() };
        let original = Simulation::new(scenario.clone(), 1).run(&mut host, options);
        let mut saved = sink.into_trace().expect("a recorded run has a trace");
        assert!(original.steps > 20);
        // With another seed, the run is the same only if it is followed.
        saved.header.seed = 2;
        let run = |options: Options<'_>| {
            let following = Following::new(scenario.clone(), &saved);
            following.run(&mut LocalHost::new(&submission), options).0
        };
        assert_eq!(run(Options::default()), original);
        let mut sink = MemoryRecorder::new();
        assert_eq!(run(Options { recorder: Some(&mut sink), ..Options::default() }), original);
        let other = Simulation::new(scenario.clone(), 2);
        assert_ne!(other.run(&mut LocalHost::new(&submission), Options::default()), original);
    }
}
