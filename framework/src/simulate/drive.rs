//! Drives a simulation over the nodes of a host, and optionally records it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::disk::Found;
use super::event_queue::InFlight;
use super::notes::{Injection, RecorderNotes, SideEvent};
use super::outcome::{Outcome, Verdict};
use super::scenario::Scenario;
use super::schedule::Task;
use super::simulation::{Next, Simulation};
use crate::Address;
use crate::byzantine::{Behaviour, Deed, name_of_second};
use crate::hosting::{EncodedEffect, Event, Host, NodeFailure, Output, Payload};
use crate::trace::builder::{Arriving, EventBuilder, Numbers, Texts, text};
use crate::trace::{
    Ending, Engine, EventKind, Fate, Header, MessageId, Origin, Recorder, StoredItem, TimerId,
    TraceEvent, WriteId,
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

/// Real time spent in handlers, by kind of node and handler. Virtual time hides a slow handler;
/// this does not.
#[derive(Clone, Debug, Default)]
pub struct HandlerTimes {
    /// The times, by names such as `server on_message Request`.
    pub handlers: BTreeMap<String, HandlerTime>,
    /// The processor time that this thread has used, to measure also that of handlers. The difference to the real time is
    /// what a handler waited.
    pub processor_clock: Option<fn() -> Duration>,
}

/// The time that one handler took.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandlerTime {
    /// How often it ran.
    pub calls: u64,
    /// The total time.
    pub total: Duration,
    /// The total processor time; zero if it is not measured.
    pub processor: Duration,
    /// The longest call.
    pub longest: Duration,
}

impl Simulation {
    /// Runs the simulation to its end, with the nodes in `host`.
    pub fn run(mut self, host: &mut dyn Host, options: Options<'_>) -> Outcome {
        self.drive(host, options)
    }

    /// Runs the simulation to its end, with the nodes in `host`, and leaves it there.
    pub fn drive(&mut self, host: &mut dyn Host, mut options: Options<'_>) -> Outcome {
        let mut output = Output::new();
        let mut recording = options.recorder.take().map(|recorder| {
            self.notes = Some(RecorderNotes::default());
            recorder.header(&self.header(&options.origin));
            Recording { recorder, builder: EventBuilder::default() }
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
                        let clock = times.processor_clock.unwrap_or(|| Duration::ZERO);
                        let (start, processor) = (Instant::now(), clock());
                        let stepped = host.step(slot, self.event(), &mut output);
                        let processor = clock().saturating_sub(processor);
                        times.add(name, start.elapsed(), processor);
                        self.take_in(slot, stepped, &output, host);
                    } else {
                        let stepped = host.step(slot, self.event(), &mut output);
                        self.take_in(slot, stepped, &output, host);
                    }
                }
                Next::Check => {
                    let is_after_each_event = self.checks_after_each_event();
                    // A trace ends with the first failed check.
                    if let Some(recording) = &mut recording
                        && !self.is_broken()
                        && !is_after_each_event
                        && self.must_hold()
                    {
                        recording.check(self, host);
                    }
                    let checked = self.check(host);
                    // Of the checks after each event, only the one that fails is an event.
                    if let (Some(recording), Err(_)) = (&mut recording, &checked)
                        && is_after_each_event
                        && self.must_hold()
                    {
                        recording.check(self, host);
                    }
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

    /// Takes in a step, and reports a message to an unknown address. If the simulation follows a saved run, it first
    /// learns the texts of what the step sent and set, which only the host can render.
    fn take_in(
        &mut self,
        slot: usize,
        stepped: Result<(), NodeFailure>,
        output: &Output,
        host: &mut dyn Host,
    ) {
        let conduct = self.misconduct(&stepped, output);
        let (does, deeds) =
            conduct.as_ref().map_or((output, &[][..]), |it| (it.output(), it.deeds()));
        if let (Ok(()), Some(script)) = (&stepped, &mut self.script) {
            script.does(does.effects().iter().filter_map(|effect| {
                let (what, bytes) = match *effect {
                    EncodedEffect::Send { message, .. } => (Payload::Message, does.get(message)),
                    EncodedEffect::SetTimer { timer, .. } => (Payload::Timer, does.get(timer)),
                    EncodedEffect::Log { .. }
                    | EncodedEffect::Save { .. }
                    | EncodedEffect::Append { .. }
                    | EncodedEffect::Sync => return None,
                };
                Some(text(&mut texts(host), slot, what, bytes))
            }));
        }
        let taken = self.take_step(stepped, does, deeds);
        if let Some(conduct) = conduct {
            self.after_misconduct(conduct);
        }
        // Only of a correct node, which does what its code does.
        if let Err((to, message)) = taken {
            let message = text(&mut texts(host), slot, Payload::Message, output.get(message));
            self.sent_to_unknown_address(slot, to, message);
        }
    }

    fn header(&self, origin: &Origin) -> Header {
        let Scenario { fault_model, system, byzantine, .. } = &self.scenario;
        let mut lanes = system.drawing_order();
        for (&node, behaviour) in byzantine {
            let place = lanes.iter().position(|lane| *lane == node);
            if let (Behaviour::Twin(_), Some(place)) = (behaviour, place) {
                lanes.splice(place + 1..place + 1, name_of_second(node));
            }
        }
        Header::new(Engine::Simulate, origin, self.seed, *fault_model, lanes)
    }

    /// A name such as `server on_message Request` for the handler of the current step.
    fn handler_name(&self, slot: usize, host: &mut dyn Host) -> String {
        let variant = match self.event() {
            Event::Message { message, .. } => {
                first_word(&text(&mut texts(host), slot, Payload::Message, message))
            }
            Event::Timer { timer } => {
                first_word(&text(&mut texts(host), slot, Payload::Timer, timer))
            }
            Event::Init | Event::Restore { .. } | Event::Command { .. } => String::new(),
        };
        format!("{} {} {variant}", self.spec(slot).node.kind, self.handler()).trim_end().to_owned()
    }

    /// A message that arrives, or would.
    fn arriving<'a>(&'a self, message: InFlight, from: Address, bytes: &'a [u8]) -> Arriving<'a> {
        let unlike = self.transport.tampered.unlike(message);
        Arriving {
            from: (message.from(), from),
            to: self.spec(message.to()).address(),
            id: message.id,
            sent_by: message.sent_by,
            bytes,
            sent_as: unlike.and_then(|unlike| unlike.sent_as.as_deref()),
            forged_by: unlike.and_then(|unlike| unlike.forged_by),
        }
    }

    /// The current step as a trace event.
    fn what(&self, builder: &EventBuilder, slot: usize, host: &mut dyn Host) -> EventKind {
        let spec = self.spec(slot);
        let node = spec.address();
        match (*self.schedule.task(), self.event()) {
            (Task::Handle(message), Event::Message { from, message: bytes }) => {
                let arriving = self.arriving(message, from, bytes);
                builder.deliver(&mut texts(host), Arriving { to: node, ..arriving })
            }
            (Task::Fire { id, incarnation, .. }, Event::Timer { timer }) => {
                EventBuilder::fire(&mut texts(host), (slot, node), id, incarnation, timer)
            }
            (_, Event::Command { command }) => EventBuilder::command(spec, command),
            (Task::Restore { incarnation, .. }, _) => {
                EventBuilder::restart(spec, incarnation, self.found(slot, host))
            }
            _ => EventBuilder::start(spec),
        }
    }
}

impl Simulation {
    /// What the node in this slot finds in its stable storage.
    fn found(&self, slot: usize, host: &mut dyn Host) -> Vec<StoredItem> {
        let item = |found: &Found| {
            let what = if found.is_record { Payload::Record } else { Payload::Entry };
            StoredItem {
                id: found.id,
                key: String::new(),
                value: text(&mut texts(host), slot, what, &found.bytes),
                bytes: found.bytes.len() as u64,
                fate: found.fate,
            }
        };
        self.nodes.get(slot).disk.found.iter().map(item).collect()
    }
}

impl HandlerTimes {
    fn add(&mut self, name: String, took: Duration, processor: Duration) {
        let time = self.handlers.entry(name).or_default();
        time.calls += 1;
        time.total += took;
        time.processor += processor;
        time.longest = time.longest.max(took);
    }
}

/// A run being recorded.
struct Recording<'a> {
    recorder: &'a mut dyn Recorder,
    builder: EventBuilder,
}

/// The numbers that a simulation gave to what a step sent and set, in order.
struct Noted<'n> {
    sent: std::slice::Iter<'n, (MessageId, Fate)>,
    timers: std::slice::Iter<'n, TimerId>,
    writes: std::slice::Iter<'n, WriteId>,
    deeds: std::slice::Iter<'n, Option<Deed>>,
}

impl Numbers for Noted<'_> {
    fn sent(&mut self, _: Address, _: &[u8]) -> Option<(MessageId, Fate)> {
        self.sent.next().copied()
    }

    fn set(&mut self, _: &[u8], _: u64, _: u64) -> Option<TimerId> {
        self.timers.next().copied()
    }

    fn deed(&mut self) -> Option<&Deed> {
        self.deeds.next()?.as_ref()
    }

    fn wrote(&mut self) -> Option<WriteId> {
        self.writes.next().copied()
    }
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
        let what = simulation.what(&self.builder, slot, host);
        self.recorder.before(&what);
        let stepped = host.step(slot, simulation.event(), output);
        let mut event = TraceEvent::new(Some(simulation.schedule.now_ns), what);
        event.printed = self.recorder.printed();
        event.failure = stepped.as_ref().err().cloned();
        let failed = event.failure.is_some();
        let is_spoilt = simulation.is_spoilt(&stepped).is_some();
        simulation.take_in(slot, stepped, output, host);
        if is_spoilt {
            // Nothing happened to the node. That the message is lost is an event of its own.
            return;
        }
        if let EventKind::Deliver { id, .. } = event.what {
            self.builder.delivered(id);
        }
        if !failed {
            let notes = simulation.notes.as_ref().expect("a recorded run keeps notes");
            let conduct = simulation.nodes.get(slot).conduct.as_deref();
            let (output, deeds) =
                conduct.map_or((&*output, &[][..]), |it| (it.output(), it.deeds()));
            let mut numbers = Noted {
                deeds: deeds.iter(),
                sent: notes.sent.iter(),
                timers: notes.timers.iter(),
                writes: notes.writes.iter(),
            };
            event.interrupted_after = notes.interrupted_after;
            if matches!(event.what, EventKind::Restart { .. }) {
                self.builder.crashed(slot);
            }
            EventBuilder::add_effects(&mut event, &mut texts(host), slot, output, &mut numbers);
            if event.interrupted_after.is_none() {
                let mut state = Vec::new();
                let read = host.state(slot, &mut state).map(|()| state.as_slice());
                self.builder.add_state(&mut event, &mut texts(host), slot, read);
            }
        }
        self.recorder.event(event);
    }

    /// Records that the current property is checked.
    fn check(&mut self, simulation: &mut Simulation, host: &mut dyn Host) {
        self.record_side_events(simulation, host);
        let property = simulation.checked_name().to_owned();
        let what = EventKind::Check { property };
        self.recorder.event(TraceEvent::new(Some(simulation.schedule.now_ns), what));
    }

    /// Records events that are not steps.
    fn record_side_events(&mut self, simulation: &mut Simulation, host: &mut dyn Host) {
        let notes = simulation.notes.as_mut().expect("a recorded run keeps notes");
        for (time_ns, happening) in std::mem::take(&mut notes.happened) {
            let what = match happening {
                SideEvent::Lost { message, bytes, reason } => {
                    let from = simulation.nodes.identity(message.from());
                    let lost = simulation.arriving(message, from, &bytes);
                    EventBuilder::lose(&mut texts(host), lost, reason)
                }
                SideEvent::Returned { slot, result } => {
                    EventBuilder::result(simulation.spec(slot), &result)
                }
                SideEvent::Injected(Injection { id, from, to, bytes, replays }) => {
                    let ends = (simulation.nodes.identity(from), simulation.nodes.identity(to));
                    EventBuilder::inject(&mut texts(host), (from, ends), (id, replays), &bytes)
                }
                SideEvent::Crashed(node, incarnation) => EventKind::Crash { node, incarnation },
                SideEvent::Network(change) => EventKind::Network { change },
            };
            self.recorder.event(TraceEvent::new(Some(time_ns), what));
        }
    }
}

/// The texts of what the host's nodes encoded.
fn texts(host: &mut dyn Host) -> impl Texts {
    |slot, what, bytes, pretty| host.show(slot, what, bytes, pretty)
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

/// The name that a `Debug` text starts with.
fn first_word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}
