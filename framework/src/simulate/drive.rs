//! Drives a simulation over the nodes of a host, and optionally records it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::outcome::{Outcome, RunFailure, Verdict};
use super::simulation::{Next, RecorderNotes, SideEvent, Simulation, Task};
use crate::NodeSpec;
use crate::hosting::{EncodedEffect, Host, NodeFailure, Output, Payload};
use crate::trace::{
    CopyKind, Ending, Engine, EventKind, Header, Provenance, Recorder, SentMessage, SetTimer,
    TraceEvent, VERSION,
};

/// Options of a run.
#[derive(Default)]
pub struct Options<'a> {
    /// Records the run.
    pub recorder: Option<&'a mut dyn Recorder>,
    /// The test that the run belongs to, for the trace's header.
    pub origin: Origin,
    /// Measures how long each handler takes in real time. This does not affect the outcome.
    pub handler_times: Option<&'a mut HandlerTimes>,
}

/// The test that a run belongs to; empty for a run outside a suite.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The lab, such as `lab1`.
    pub lab: String,
    /// The test's number, such as `2.4`.
    pub test: String,
    /// The test's title.
    pub title: String,
}

/// Real time spent in handlers, by kind of node and handler. Virtual time hides a slow handler;
/// this does not.
#[derive(Clone, Debug, Default)]
pub struct HandlerTimes {
    /// The times, by names such as `server on_message Request`.
    pub handlers: BTreeMap<String, HandlerTime>,
}

/// The real time that one handler took.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandlerTime {
    /// How often it ran.
    pub calls: u64,
    /// The total time.
    pub total: Duration,
    /// The longest call.
    pub longest: Duration,
}

impl Simulation {
    /// Runs the simulation to its end, with the nodes in `host`.
    pub fn run(mut self, host: &mut dyn Host, options: Options<'_>) -> Outcome {
        self.drive(host, options)
    }

    /// Runs to the end.
    pub(super) fn drive(&mut self, host: &mut dyn Host, mut options: Options<'_>) -> Outcome {
        let mut output = Output::new();
        let mut recording = options.recorder.take().map(|recorder| {
            self.notes = Some(RecorderNotes::default());
            recorder.header(&self.header(&options.origin));
            Recording { recorder, states: Vec::new() }
        });
        loop {
            match self.advance() {
                Next::Finished => break,
                Next::Make(slot) => {
                    let node = &self.spec(slot).node;
                    let made = host.make(slot, &node.kind, node.address, &node.arguments);
                    self.made(made);
                }
                Next::Step(slot) => {
                    if let Some(recording) = &mut recording {
                        recording.record_side_events(self, host);
                        recording.step(self, slot, host, &mut output);
                    } else if let Some(times) = &mut options.handler_times {
                        let name = self.handler_name(slot, host);
                        let start = Instant::now();
                        let stepped = host.step(slot, self.event(), &mut output);
                        times.add(name, start.elapsed());
                        self.take_in(slot, stepped, &output, host);
                    } else {
                        let stepped = host.step(slot, self.event(), &mut output);
                        self.take_in(slot, stepped, &output, host);
                    }
                }
                Next::Check => {
                    // A trace ends with the first failed check.
                    if let Some(recording) = &mut recording
                        && !self.is_broken()
                    {
                        recording.record_side_events(self, host);
                        let property = self.property().name().to_owned();
                        let what = EventKind::Check { property };
                        recording.recorder.event(TraceEvent::new(Some(self.now_ns), what));
                    }
                    let checked = self.check_property(host);
                    self.checked(checked);
                }
            }
        }
        let outcome = self.outcome();
        if let Some(recording) = &mut recording {
            recording.record_side_events(self, host);
            recording.recorder.ending(&ending(&outcome.verdict));
        }
        outcome
    }

    /// Takes in a step, and reports a message to an unknown address.
    fn take_in(
        &mut self,
        slot: usize,
        stepped: Result<(), NodeFailure>,
        output: &Output,
        host: &mut dyn Host,
    ) {
        if let Err((to, message)) = self.stepped(stepped, output) {
            let message = show(host, slot, Payload::Message, output.get(message));
            let from = self.spec(slot).address();
            self.fail(RunFailure::UnknownAddress { from, to, message });
        }
    }

    fn header(&self, origin: &Origin) -> Header {
        let specs = self.scenario.system.nodes();
        let clients = specs.iter().filter(|spec| spec.workload.is_some());
        let others = specs.iter().filter(|spec| spec.workload.is_none());
        Header {
            version: VERSION,
            engine: Engine::Simulate,
            lab: origin.lab.clone(),
            test: origin.test.clone(),
            title: origin.title.clone(),
            seed: self.seed,
            fault_model: self.scenario.fault_model.into(),
            nodes: clients.chain(others).map(NodeSpec::address).collect(),
        }
    }

    /// A name such as `server on_message Request` for the handler of the current step.
    fn handler_name(&self, slot: usize, host: &mut dyn Host) -> String {
        let variant = match self.event() {
            crate::hosting::Event::Message { message, .. } => {
                first_word(&show(host, slot, Payload::Message, message))
            }
            crate::hosting::Event::Timer { timer } => {
                first_word(&show(host, slot, Payload::Timer, timer))
            }
            _ => String::new(),
        };
        format!("{} {} {variant}", self.spec(slot).node.kind, self.handler()).trim_end().to_owned()
    }

    /// The current step as a trace event.
    fn what(&self, slot: usize, host: &mut dyn Host) -> EventKind {
        let node = self.spec(slot).address();
        match *self.task() {
            Task::Init { .. } => EventKind::start(node, self.spec(slot).node.kind.clone()),
            Task::Handle(message) => {
                let crate::hosting::Event::Message { from, message: bytes } = self.event() else {
                    unreachable!("a message is handled")
                };
                let duplicate = self.is_duplicate(message);
                let copy = if duplicate { CopyKind::Duplicate } else { CopyKind::Original };
                let text = show(host, slot, Payload::Message, bytes);
                EventKind::deliver((from, node), message.id, text, copy)
            }
            Task::Fire { id, .. } => {
                let crate::hosting::Event::Timer { timer } = self.event() else {
                    unreachable!("a timer is handled")
                };
                EventKind::fire(node, id, show(host, slot, Payload::Timer, timer))
            }
            Task::Command { slot } => {
                let client = self.nodes[slot].client.as_ref().expect("a client");
                let operation = client.operations.last().expect("a command was noted");
                let shown = client.workload.show_command(&operation.command);
                EventKind::Command { node, command: shown.text, value: shown.value }
            }
            Task::Make { .. } | Task::Check(_) | Task::Intervene { .. } => {
                unreachable!("there is no current step")
            }
        }
    }
}

impl HandlerTimes {
    fn add(&mut self, name: String, took: Duration) {
        let time = self.handlers.entry(name).or_default();
        time.calls += 1;
        time.total += took;
        time.longest = time.longest.max(took);
    }
}

/// A run being recorded.
struct Recording<'a> {
    recorder: &'a mut dyn Recorder,
    /// Each node's state as last recorded, encoded, by slot.
    states: Vec<Vec<u8>>,
}

impl Recording<'_> {
    /// Executes the current step and records it.
    fn step(
        &mut self,
        simulation: &mut Simulation,
        slot: usize,
        host: &mut dyn Host,
        output: &mut Output,
    ) {
        let what = simulation.what(slot, host);
        self.recorder.before(&what);
        simulation.tell_script();
        let stepped = host.step(slot, simulation.event(), output);
        if let (Ok(()), Some(script)) = (&stepped, &mut simulation.script) {
            script.does(output.effects().iter().filter_map(|effect| {
                let (what, bytes) = match *effect {
                    EncodedEffect::Send { message, .. } => (Payload::Message, output.get(message)),
                    EncodedEffect::SetTimer { timer, .. } => (Payload::Timer, output.get(timer)),
                    EncodedEffect::Log { .. } => return None,
                };
                Some(show(host, slot, what, bytes))
            }));
        }
        let mut event = TraceEvent::new(Some(simulation.now_ns), what);
        event.printed = self.recorder.printed();
        event.failure = stepped.as_ref().err().cloned();
        let failed = event.failure.is_some();
        simulation.take_in(slot, stepped, output, host);
        if !failed {
            self.effects(&mut event, simulation, slot, host, output);
            event.state = self.changed_state(slot, host);
        }
        self.recorder.event(event);
    }

    fn effects(
        &self,
        event: &mut TraceEvent,
        simulation: &Simulation,
        slot: usize,
        host: &mut dyn Host,
        output: &Output,
    ) {
        let notes = simulation.notes.as_ref().expect("a recorded run keeps notes");
        for &(id, to, span, fate) in &notes.sent {
            let message = show(host, slot, Payload::Message, output.get(span));
            event.sent.push(SentMessage::new(id, to, message, fate));
        }
        for &(id, span, min_ns, max_ns) in &notes.timers {
            let timer = show(host, slot, Payload::Timer, output.get(span));
            event.timers.push(SetTimer { id, timer, min_ns, max_ns });
        }
        for effect in output.effects() {
            if let EncodedEffect::Log { line } = *effect {
                event.logged.push(output.text(line));
            }
        }
    }

    /// The node's state, if it differs from the last recorded one.
    fn changed_state(&mut self, slot: usize, host: &mut dyn Host) -> Option<String> {
        if self.states.len() <= slot {
            self.states.resize_with(slot + 1, Vec::new);
        }
        let mut state = Vec::new();
        if let Err(failure) = host.state(slot, &mut state) {
            return Some(format!("<{failure}>"));
        }
        // A state without fields has no bytes, but is still shown once.
        let first = self.states[slot].is_empty();
        if !first && self.states[slot] == state {
            return None;
        }
        let text = match host.show(slot, Payload::State, &state, true) {
            Ok(text) => text,
            Err(failure) => format!("<{failure}>"),
        };
        self.states[slot] = state;
        Some(text)
    }

    /// Records events that are not steps.
    fn record_side_events(&mut self, simulation: &mut Simulation, host: &mut dyn Host) {
        let notes = simulation.notes.as_mut().expect("a recorded run keeps notes");
        for (time_ns, happening) in std::mem::take(&mut notes.happened) {
            let address = |slot: usize| simulation.spec(slot).address();
            let what = match happening {
                SideEvent::Lost { message, bytes, reason } => EventKind::Lose {
                    node: address(message.to),
                    from: address(message.from),
                    id: message.id,
                    message: show(host, message.from, Payload::Message, &bytes),
                    reason: reason.to_owned(),
                    provenance: Provenance::default(),
                },
                SideEvent::Returned { slot, result } => {
                    let client = simulation.nodes[slot].client.as_ref().expect("a client");
                    let shown = client.workload.show_result(&result);
                    EventKind::Return {
                        node: address(slot),
                        result: shown.text,
                        value: shown.value,
                    }
                }
                SideEvent::Crashed(node) => EventKind::crash(node),
                SideEvent::Network(change) => EventKind::Network { change },
            };
            self.recorder.event(TraceEvent::new(Some(time_ns), what));
        }
    }
}

/// The ending for a trace.
fn ending(verdict: &Verdict) -> Ending {
    match verdict {
        Verdict::Held => Ending::Held,
        Verdict::Violated(violation) => Ending::Violated(violation.clone()),
        Verdict::Undecided { property, reason } => {
            Ending::Failed { reason: format!("{property}: not decided: {reason}") }
        }
        Verdict::Failed(failure) => Ending::Failed { reason: failure.to_string() },
    }
}

/// Renders encoded bytes as text, or returns why they cannot be rendered.
fn show(host: &mut dyn Host, slot: usize, what: Payload, bytes: &[u8]) -> String {
    host.show(slot, what, bytes, false).unwrap_or_else(|failure| format!("<{failure}>"))
}

/// The name that a `Debug` text starts with.
fn first_word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}
