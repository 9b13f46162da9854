//! Run logs: the requests to the nodes of a run, and their answers. With a log, the requests can be
//! repeated in other processes, or the run can be repeated without any process.

use std::collections::BTreeMap;
use std::io;

use faultlab::Address;
use faultlab::hosting::{Event, Host, NodeDescriptor, NodeFailure, Output, Payload};
use faultlab::simulate::{Outcome, Question};

use crate::exchange::Answered;
use crate::process_pool::ProcessPool;
use crate::render::show_all;

/// The log of a run.
#[derive(Clone, Debug, Default)]
pub struct RunLog {
    /// By slot.
    nodes: Vec<NodeLog>,
    /// The nodes' answers to questions.
    answers: BTreeMap<Asked, Result<Vec<u8>, NodeFailure>>,
    /// The size of what is kept, in bytes.
    bytes: usize,
}

/// The most that the log of a run may hold, in bytes: far more than a solution's run needs. A run that exceeds it is
/// repeated or recorded alone instead, which needs no log.
const LOG_BYTES_MAX: usize = 32 << 20;

/// A question to the node in a slot after so many requests.
type Asked = (usize, usize, Question);

#[derive(Clone, Debug)]
struct NodeLog {
    descriptor: NodeDescriptor,
    /// What was asked of it, in order. The first is that it is constructed.
    requests: Vec<Logged>,
}

/// A request to a node, with its answer.
#[derive(Clone, Debug)]
enum Logged {
    /// It was constructed: at first, or again after a crash.
    Made(Result<(), NodeFailure>),
    Stepped(Step),
}

#[derive(Clone, Debug)]
struct Step {
    event: OwnedEvent,
    stepped: Result<Output, NodeFailure>,
}

impl Step {
    /// Its approximate size in memory, in bytes.
    fn bytes(&self) -> usize {
        let event = match &self.event {
            OwnedEvent::Init => 0,
            OwnedEvent::Message { message: bytes, .. }
            | OwnedEvent::Timer { timer: bytes }
            | OwnedEvent::Command { command: bytes }
            | OwnedEvent::Restore { storage: bytes } => bytes.len(),
        };
        let output = self.stepped.as_ref().map_or(0, Output::bytes_held);
        size_of::<Self>() + event + output
    }
}

/// An event that owns its data.
#[derive(Clone, Debug)]
enum OwnedEvent {
    Init,
    Message { from: Address, message: Vec<u8> },
    Timer { timer: Vec<u8> },
    Command { command: Vec<u8> },
    Restore { storage: Vec<u8> },
}

impl OwnedEvent {
    fn new(event: Event<'_>) -> Self {
        match event {
            Event::Init => Self::Init,
            Event::Message { from, message } => Self::Message { from, message: message.to_vec() },
            Event::Timer { timer } => Self::Timer { timer: timer.to_vec() },
            Event::Command { command } => Self::Command { command: command.to_vec() },
            Event::Restore { storage } => Self::Restore { storage: storage.to_vec() },
        }
    }

    fn event(&self) -> Event<'_> {
        match self {
            Self::Init => Event::Init,
            Self::Message { from, message } => Event::Message { from: *from, message },
            Self::Timer { timer } => Event::Timer { timer },
            Self::Command { command } => Event::Command { command },
            Self::Restore { storage } => Event::Restore { storage },
        }
    }
}

impl RunLog {
    pub(crate) fn made(
        &mut self,
        slot: usize,
        descriptor: &NodeDescriptor,
        made: &Result<(), NodeFailure>,
    ) {
        debug_assert!(
            slot <= self.nodes.len(),
            "nodes are constructed in the order of their slots"
        );
        if slot == self.nodes.len() {
            let descriptor = descriptor.clone();
            self.nodes.push(NodeLog { descriptor, requests: Vec::new() });
        }
        if !self.is_too_long() {
            self.nodes[slot].requests.push(Logged::Made(made.clone()));
        }
    }

    pub(crate) fn stepped(
        &mut self,
        slot: usize,
        event: Event<'_>,
        stepped: Result<&Output, &NodeFailure>,
    ) {
        if self.is_too_long() {
            return;
        }
        let stepped = stepped.cloned().map_err(Clone::clone);
        let step = Step { event: OwnedEvent::new(event), stepped };
        self.grow(step.bytes());
        if !self.is_too_long() {
            self.nodes[slot].requests.push(Logged::Stepped(step));
        }
    }

    /// Adds a node's answer after its last step so far.
    pub(crate) fn answered(
        &mut self,
        slot: usize,
        question: Question,
        answer: Result<Vec<u8>, NodeFailure>,
    ) {
        self.grow(answer.as_ref().map_or(0, Vec::len));
        if self.is_too_long() {
            return;
        }
        let requests = self.nodes.get(slot).map_or(0, |node| node.requests.len());
        self.answers.insert((slot, requests, question), answer);
    }

    /// Counts what is to be kept. If it is too much, nothing is kept at all.
    fn grow(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.is_too_long() {
            self.nodes.iter_mut().for_each(|node| node.requests = Vec::new());
            self.answers.clear();
        }
    }

    /// Whether the run did too much to be logged.
    fn is_too_long(&self) -> bool {
        self.bytes > LOG_BYTES_MAX
    }
}

/// A host that also logs the nodes' answers to questions.
pub(crate) struct RecordingHost<'a> {
    pub(crate) host: &'a mut dyn Host,
    pub(crate) log: &'a mut RunLog,
}

impl Host for RecordingHost<'_> {
    fn make(
        &mut self,
        slot: usize,
        kind: &str,
        address: Address,
        arguments: &[u8],
    ) -> Result<(), NodeFailure> {
        self.host.make(slot, kind, address, arguments)
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        self.host.step(slot, event, output)
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        let answer = Question::State.ask(slot, self.host);
        self.log.answered(slot, Question::State, answer.clone());
        bytes.extend_from_slice(&answer?);
        Ok(())
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let question = Question::Observation(question.to_vec());
        let answer = question.ask(slot, self.host);
        self.log.answered(slot, question, answer.clone());
        answer
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.host.show(slot, what, bytes, pretty)
    }
}

/// How many steps are requested from a process per exchange when runs are repeated.
const STEPS_ASKED: usize = 512;

/// Requests the logged steps of these runs again, and returns for each run whether the answers were the
/// same: whether each newly constructed node did the same for the same events. If so, the whole run is
/// the same.
///
/// Each log comes with the number of a process, which gets all nodes of that run. The steps of all
/// runs are interleaved, so that anything that one leaves behind in a process affects the others. If a
/// process fails, any run may be at fault, so none counts as repeated.
///
/// # Errors
/// When a process could not be started. This is not the submission's fault.
pub fn rerun(logs: &[(usize, &RunLog)], pool: &mut ProcessPool<'_>) -> io::Result<Vec<bool>> {
    let mut same: Vec<bool> = logs.iter().map(|(_, log)| !log.is_too_long()).collect();
    // All nodes are constructed in the first round.
    let rounds = logs.iter().flat_map(|(_, log)| &log.nodes).map(|node| node.requests.len()).max();
    let mut answered: Vec<Vec<usize>> =
        logs.iter().map(|(_, log)| vec![0; log.nodes.len()]).collect();
    let mut asked = 0;
    for round in 0..rounds.unwrap_or(0) {
        for (run, &(process, log)) in logs.iter().enumerate() {
            for (slot, node) in log.nodes.iter().enumerate() {
                match node.requests.get(round).filter(|_| same[run]) {
                    Some(Logged::Made(_)) => {
                        pool.ask_make_in(process, run, slot, &node.descriptor);
                    }
                    Some(Logged::Stepped(step)) => {
                        pool.ask_step_in(process, run, slot, step.event.event());
                    }
                    None => continue,
                }
                asked += 1;
            }
            if asked >= STEPS_ASKED {
                compare(logs, pool, &mut answered, &mut same);
                asked = 0;
            }
        }
    }
    compare(logs, pool, &mut answered, &mut same);
    pool.forget(0..logs.len());
    pool.check()?;
    Ok(if pool.failure().is_some() { vec![false; logs.len()] } else { same })
}

/// Receives answers and compares them with the logs. `answered` counts the compared answers of each run
/// and slot.
fn compare(
    logs: &[(usize, &RunLog)],
    pool: &mut ProcessPool<'_>,
    answered: &mut [Vec<usize>],
    same: &mut [bool],
) {
    pool.receive_all(|run, slot, answer| {
        if matches!(answer, Answered::Forgotten) {
            return;
        }
        let logged = &logs[run].1.nodes[slot].requests[answered[run][slot]];
        answered[run][slot] += 1;
        let is_same = match (answer, logged) {
            (Answered::Made(made), Logged::Made(before)) => made == *before,
            (Answered::Stepped(stepped, _), Logged::Stepped(step)) => {
                match (stepped, &step.stepped) {
                    (Ok(output), Ok(before)) => *output == *before,
                    (Err(failure), Err(before)) => failure == *before,
                    (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
                }
            }
            (Answered::Made(_) | Answered::Stepped(..) | Answered::Forgotten, _) => false,
        };
        same[run] &= is_same;
    });
}

/// A text to render: the kind of node, the kind of value, its bytes, and whether to pretty-print it.
type RenderRequest = (String, Payload, Vec<u8>, bool);

/// Repeats runs from their logs, which must contain the states. `play` gets each run's index and a host
/// that answers as the nodes did, and returns the run's outcome. It is called twice per run. The first
/// call collects the texts to render, which are then requested from the pool at once, so its own output
/// contains no texts.
///
/// Returns for each run whether it ended with the outcome given with its log.
pub fn record_from_logs(
    logs: &[(&RunLog, &Outcome)],
    pool: &mut ProcessPool<'_>,
    play: &mut dyn FnMut(usize, &mut dyn Host, bool) -> Option<Outcome>,
) -> Vec<bool> {
    let mut texts = RenderedTexts::default();
    for (index, (log, _)) in logs.iter().enumerate() {
        let _ = play(index, &mut LogHost::new(log, &mut texts), false);
    }
    texts.ask(pool);
    let is_same = |(index, (log, outcome)): (usize, &(&RunLog, &Outcome))| {
        play(index, &mut LogHost::new(log, &mut texts), true).as_ref() == Some(*outcome)
    };
    let same: Vec<bool> = logs.iter().enumerate().map(is_same).collect();
    if pool.failure().is_some() { vec![false; logs.len()] } else { same }
}

/// Texts that are collected for rendering, or already rendered.
#[derive(Default)]
struct RenderedTexts {
    texts: BTreeMap<RenderRequest, Option<Result<String, NodeFailure>>>,
}

impl RenderedTexts {
    fn ask(&mut self, pool: &mut ProcessPool<'_>) {
        let wanted = self
            .texts
            .keys()
            .map(|(kind, what, bytes, pretty)| (kind.as_str(), *what, bytes.as_slice(), *pretty));
        let shown = show_all(pool, wanted);
        for (text, shown) in self.texts.values_mut().zip(shown) {
            *text = Some(shown);
        }
    }
}

/// A host that answers as the nodes of a logged run did.
struct LogHost<'a> {
    log: &'a RunLog,
    /// The number of answered requests, by slot.
    answered: Vec<usize>,
    texts: &'a mut RenderedTexts,
}

impl<'a> LogHost<'a> {
    fn new(log: &'a RunLog, texts: &'a mut RenderedTexts) -> Self {
        let answered = vec![0; log.nodes.len()];
        Self { log, answered, texts }
    }

    /// The next logged request to the node in this slot.
    fn next(&mut self, slot: usize) -> Result<&'a Logged, NodeFailure> {
        let log = self.log;
        let answered = self.answered.get_mut(slot).ok_or_else(not_logged)?;
        let next = log.nodes[slot].requests.get(*answered).ok_or_else(not_logged)?;
        *answered += 1;
        Ok(next)
    }

    fn answer(&self, slot: usize, question: Question) -> Result<Vec<u8>, NodeFailure> {
        let asked = (slot, self.answered[slot], question);
        self.log.answers.get(&asked).cloned().unwrap_or_else(|| Err(not_logged()))
    }
}

/// The failure of a run that requests something that its log does not contain.
fn not_logged() -> NodeFailure {
    NodeFailure::NotProvided("such answer in its log".to_owned())
}

impl Host for LogHost<'_> {
    fn make(&mut self, slot: usize, _: &str, _: Address, _: &[u8]) -> Result<(), NodeFailure> {
        match self.next(slot)? {
            Logged::Made(made) => made.clone(),
            Logged::Stepped(_) => Err(not_logged()),
        }
    }

    fn step(
        &mut self,
        slot: usize,
        event: Event<'_>,
        output: &mut Output,
    ) -> Result<(), NodeFailure> {
        match self.next(slot)? {
            Logged::Stepped(step) if step.event.event() == event => {
                output.clone_from(step.stepped.as_ref().map_err(Clone::clone)?);
                Ok(())
            }
            Logged::Stepped(_) | Logged::Made(_) => Err(not_logged()),
        }
    }

    fn state(&mut self, slot: usize, bytes: &mut Vec<u8>) -> Result<(), NodeFailure> {
        bytes.extend_from_slice(&self.answer(slot, Question::State)?);
        Ok(())
    }

    fn observe(&mut self, slot: usize, question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        self.answer(slot, Question::Observation(question.to_vec()))
    }

    fn show(
        &mut self,
        slot: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        let kind = self.log.nodes[slot].descriptor.kind.clone();
        let text = self.texts.texts.entry((kind, what, bytes.to_vec(), pretty)).or_insert(None);
        text.clone().unwrap_or_else(|| Ok(String::new()))
    }
}
