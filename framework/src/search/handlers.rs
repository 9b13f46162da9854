//! Memoised handlers: each distinct (state, event) is handled once, in batches.

use std::ops::Range;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::deadline::Deadline;
use super::disk::DiskOutcome;
use super::durability::{Durability, Durable, EffectId};
use super::intern::{Blobs, Lists, Records};
use super::network;
use super::node_table::InternedNode;
use super::pairs::PairMap;
use super::path::{Action, PathEvent};
use super::shown::Shown;
use super::timers::Pending;
use crate::hosting::pure::{Answers, Batch, PureSteps, Request, Step, StepFailure, legible};
use crate::hosting::{EncodedEffect, Event, Payload, UnknownAddress};
use crate::{Address, FaultModel, parallel};

/// The most requests in one batch. This bounds the memory for answers.
const BATCH: usize = 1 << 14;

/// The size of the first batch when there is a deadline, since the cost of a handler is not known yet.
const BATCH_BEFORE_DEADLINE: usize = 1 << 6;

/// How many answers a thread looks up at a time.
const STEPS_PER_PART: usize = 1 << 8;

/// Represents "none" in place of an id.
pub(super) const NONE: u32 = u32::MAX;

/// The input of a handler, by ids. Together with the node's state, it determines the handler's step. The
/// durations of a timer do not matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The node starts.
    Init,
    /// The message with this id is delivered.
    Deliver(u32),
    /// The timer with this id (of its encoding) fires.
    Fire(u32),
    /// The command with this id is given.
    Command(u32),
    /// The node starts again, with the storage that has this id, of [`Durability::inputs`].
    Restore(u32),
}

impl Cause {
    /// How many bits of a packed cause are its kind. They leave room for more kinds than there are, and for 2^28 ids of
    /// each, more than fit in memory.
    const KIND_BITS: u32 = 4;

    /// The cause in 32 bits.
    pub(super) fn packed(self) -> u32 {
        let (kind, id) = match self {
            Self::Init => (0, 0),
            Self::Deliver(id) => (1, id),
            Self::Fire(id) => (2, id),
            Self::Command(id) => (3, id),
            Self::Restore(id) => (4, id),
        };
        assert!(id >> (u32::BITS - Self::KIND_BITS) == 0, "fewer than 2^28 messages");
        id << Self::KIND_BITS | kind
    }

    /// # Panics
    /// If the number is not a packed cause.
    fn unpacked(packed: u32) -> Self {
        let id = packed >> Self::KIND_BITS;
        match packed & ((1 << Self::KIND_BITS) - 1) {
            0 => Self::Init,
            1 => Self::Deliver(id),
            2 => Self::Fire(id),
            3 => Self::Command(id),
            4 => Self::Restore(id),
            kind => panic!("a cause of unknown kind {kind}"),
        }
    }
}

/// An event at one node, by ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum NodeEvent {
    /// The node starts. A search does not choose this event: it precedes the first state, or is an action from
    /// outside.
    Start,
    /// Delivers the message with this id.
    Deliver(u32),
    /// Fires the pending timer with this id (of a [`Pending`] record). Timers of equal value with
    /// different durations are different timers, because it matters which of them remain pending.
    Fire(u32),
    /// Gives a client the command with this id, after those of its workload. A search does not choose
    /// this event either: it is an action from outside.
    Command(u32),
    /// The node, which has crashed, starts again and finds what has this index, of [`Durability::found`].
    Restart(u32),
    /// The message with this id arrives while the node is down, and is lost. Only where messages are not lost otherwise.
    Lose(u32),
    /// The node crashes within the delivery of a message, after so many of the handler's effects. What it did until then
    /// stays; the message has been taken. As every crash, it comes after all other events of its node.
    CrashInDelivery { message: u32, after: u16 },
    /// The node crashes within the firing of a pending timer, after so many effects.
    CrashInFiring { pending: u32, after: u16 },
    /// The node starts again and crashes before its `restore` is done, after so many effects.
    CrashInRestart { found: u32, after: u16 },
    /// The node crashes, because the search chose that. No handler is called. It is the last of a node's events.
    Crash,
}

impl NodeEvent {
    /// Whether the node has crashed after it.
    pub(super) fn is_crash(self) -> bool {
        self == Self::Crash || self.interrupted().is_some()
    }

    /// The event within which the node crashes, and after how many of its effects, if it is a crash within a handler.
    pub(super) fn interrupted(self) -> Option<(Self, u16)> {
        match self {
            Self::CrashInDelivery { message, after } => Some((Self::Deliver(message), after)),
            Self::CrashInFiring { pending, after } => Some((Self::Fire(pending), after)),
            Self::CrashInRestart { found, after } => Some((Self::Restart(found), after)),
            Self::Start
            | Self::Deliver(_)
            | Self::Fire(_)
            | Self::Command(_)
            | Self::Restart(_)
            | Self::Lose(_)
            | Self::Crash => None,
        }
    }

    /// This event, but the node crashes after so many effects of its handler. `None` if that is not done to such an
    /// event.
    pub(super) fn interrupted_after(self, after: u16) -> Option<Self> {
        match self {
            Self::Deliver(message) => Some(Self::CrashInDelivery { message, after }),
            Self::Fire(pending) => Some(Self::CrashInFiring { pending, after }),
            Self::Restart(found) => Some(Self::CrashInRestart { found, after }),
            _ => None,
        }
    }
}

/// The step of a handler, by ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handled {
    /// The node's state afterwards.
    pub(super) state: u32,
    /// The list of the messages that it sent to nodes of this system.
    pub(super) sent: u32,
    /// The list of the timers that it set, as ids of [`Pending`] records.
    pub(super) set: u32,
    /// The result that it shows, or [`NONE`].
    pub(super) result: u32,
}

/// What is known about a (state, cause).
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// It has been handled.
    Handled(Handled),
    /// The handler failed; the failure's index.
    Failed(u32),
    /// It has not been requested or answered yet.
    Unknown,
    /// The event calls no handler.
    NoHandler,
}

/// Packs two ids into one number.
fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// All inputs and outputs of handlers, and the memo of their steps.
pub(super) struct Handlers<'s> {
    pub(super) steps: &'s dyn PureSteps,
    /// What can happen to the messages.
    pub(super) fault_model: FaultModel,
    /// The index of the node at each address. Used for lookups only; never iterated.
    node_indices: FxHashMap<Address, usize>,
    /// States of nodes; the tag is the node's index.
    pub(super) states: Blobs,
    /// Messages; the tag is the sender and the receiver, see [`Handlers::ends`].
    pub(super) messages: Blobs,
    /// Timers; the tag is the node's index.
    pub(super) timers: Blobs,
    pub(super) commands: Blobs,
    pub(super) results: Blobs,
    pub(super) pending: Records<Pending>,
    pub(super) lists: Lists,
    pub(super) failures: Vec<StepFailure>,
    /// What nodes show to the monitor.
    pub(super) shown: Shown,
    /// What outlives crashes of nodes.
    pub(super) durability: Durability,
    /// The number of steps that were requested and answered.
    pub(super) calls: u64,
    /// From a state and a cause to the index in `handled`.
    known: PairMap,
    handled: Vec<Handled>,
    wanted: Vec<(u32, Cause)>,
    batch: Batch,
    answers: Answers,
    pub(super) deadline: Deadline,
    /// The number of requests per batch while there is a deadline.
    batch_len: usize,
}

/// Values of `known` from here on are failures, not indices in `handled`.
const FAILED: u32 = 1 << 31;

impl<'s> Handlers<'s> {
    pub(super) fn new(
        steps: &'s dyn PureSteps,
        fault_model: FaultModel,
        durability: Durability,
    ) -> Self {
        Self {
            steps,
            fault_model,
            node_indices: steps
                .nodes()
                .iter()
                .zip(0..)
                .map(|(node, at)| (node.address, at))
                .collect(),
            states: Blobs::default(),
            messages: Blobs::default(),
            timers: Blobs::default(),
            commands: Blobs::default(),
            results: Blobs::default(),
            pending: Records::new(),
            lists: Lists::new(),
            failures: Vec::new(),
            shown: Shown::default(),
            durability,
            calls: 0,
            known: PairMap::new(),
            handled: Vec::new(),
            wanted: Vec::new(),
            batch: Batch::new(),
            answers: Answers::new(),
            deadline: Deadline::default(),
            batch_len: BATCH_BEFORE_DEADLINE,
        }
    }

    /// Asks a node in this state what it shows to the monitor.
    pub(super) fn ask(&mut self, state: u32) {
        let (node, bytes) = self.states.get(state);
        self.shown.ask(self.steps, node as usize, (state, bytes));
    }

    /// The handler's step in this state, if it is known.
    #[inline]
    pub(super) fn look_up(&self, state: u32, cause: Cause) -> Known {
        match self.known.get(state, cause.packed()) {
            None | Some(NONE) => Known::Unknown,
            Some(index) if index >= FAILED => Known::Failed(index - FAILED),
            Some(index) => Known::Handled(self.handled[index as usize]),
        }
    }

    /// Requests the handler's step in this state, unless it was requested before.
    pub(super) fn want(&mut self, state: u32, cause: Cause) {
        if self.known.get(state, cause.packed()).is_none() {
            self.known.insert(state, cause.packed(), NONE);
            self.wanted.push((state, cause));
        }
    }

    /// The handler's step in this state, if it has been requested and succeeded.
    pub(super) fn peek(&self, state: u32, cause: Cause) -> Option<Handled> {
        let index = self.known.get(state, cause.packed())?;
        (index < FAILED).then(|| self.handled[index as usize])
    }

    /// Requests all wanted steps, or some of them if the deadline passes.
    pub(super) fn run_wanted(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        let (mut batch, mut answers) =
            (std::mem::take(&mut self.batch), std::mem::take(&mut self.answers));
        let mut found = Vec::new();
        let mut rest = &wanted[..];
        while !rest.is_empty() && !self.deadline.is_over() {
            let started = Instant::now();
            let chunk;
            (chunk, rest) = rest.split_at(rest.len().min(self.batch_len()));
            batch.clear();
            for &(state, cause) in chunk {
                batch.push(self.request(state, cause));
            }
            self.steps.run(&batch, &mut answers);
            self.calls += chunk.len() as u64;
            self.look_up_steps(chunk, &answers, &mut found);
            for (index, (&(state, cause), found)) in chunk.iter().zip(&found).enumerate() {
                let node = self.node_of(state);
                let value = match (answers.get(index), found) {
                    (Ok(_), Some(handled)) => self.keep(*handled),
                    (Ok(step), None) => match self.unknown_address(node, step) {
                        Some(unknown) => self.fail(StepFailure::UnknownAddress(unknown)),
                        None => self.store(node, (state, cause), step),
                    },
                    (Err(failure), _) => self.fail(failure.clone()),
                };
                self.known.insert(state, cause.packed(), value);
            }
            match self.deadline.is_too_long(started.elapsed()) {
                Some(true) => self.batch_len = (self.batch_len / 2).max(1),
                Some(false) if chunk.len() == self.batch_len => {
                    self.batch_len = (self.batch_len * 2).min(BATCH);
                }
                Some(false) | None => {}
            }
        }
        self.batch = batch;
        self.answers = answers;
        self.wanted = wanted;
        self.wanted.clear();
    }

    /// Returns the number of requests in the next batch. Batching changes no answer and no id.
    fn batch_len(&self) -> usize {
        if self.deadline.is_too_long(Duration::ZERO).is_some() { self.batch_len } else { BATCH }
    }

    /// The index of the node whose state this is.
    pub(super) fn node_of(&self, state: u32) -> usize {
        self.states.tag(state) as usize
    }

    /// A message's sender and receiver.
    pub(super) fn ends(&self, message: u32) -> (usize, usize) {
        let tag = self.messages.tag(message);
        ((tag >> 32) as usize, tag as u32 as usize)
    }

    /// The id of a message.
    pub(super) fn message(&mut self, from: usize, to: usize, bytes: &[u8]) -> u32 {
        self.messages.intern(pair(from as u32, to as u32), bytes)
    }

    /// The id of a message, if it has one.
    pub(super) fn find_message(&self, from: usize, to: usize, bytes: &[u8]) -> Option<u32> {
        self.messages.find(pair(from as u32, to as u32), bytes)
    }

    /// The index of the node at this address.
    pub(super) fn node_at(&self, address: Address) -> Option<usize> {
        self.node_indices.get(&address).copied()
    }

    pub(super) fn address(&self, node: usize) -> Address {
        self.steps.nodes()[node].address
    }

    /// All known steps: state, cause and effect, in no particular order.
    pub(super) fn all_known(&self) -> impl Iterator<Item = (u32, Cause, Handled)> {
        self.known.iter().filter(|&(_, _, index)| index < FAILED).map(|(state, cause, index)| {
            (state, Cause::unpacked(cause), self.handled[index as usize])
        })
    }

    /// Returns the handler's input when this event happens.
    #[inline]
    pub(super) fn cause(&self, event: NodeEvent) -> Cause {
        match event {
            NodeEvent::Start => Cause::Init,
            NodeEvent::Deliver(message) => Cause::Deliver(message),
            NodeEvent::Fire(pending) => Cause::Fire(self.pending.get(pending).id),
            NodeEvent::Command(command) => Cause::Command(command),
            NodeEvent::Restart(found) => Cause::Restore(self.durability.found(found).input),
            NodeEvent::Lose(_)
            | NodeEvent::Crash
            | NodeEvent::CrashInDelivery { .. }
            | NodeEvent::CrashInFiring { .. }
            | NodeEvent::CrashInRestart { .. } => panic!("{event:?} is no input of a handler"),
        }
    }

    /// What outlives a crash of a node.
    #[inline]
    pub(super) fn durable(&self, interned: InternedNode) -> Durable {
        self.durability.durables.get(interned.up().durable)
    }

    /// Whether a node may come back after a crash.
    pub(super) fn comes_back(&self, interned: InternedNode) -> bool {
        self.durability.comes_back(self.node_of(interned.state))
    }

    /// Computes what a node may find when it starts again, if it comes back.
    pub(super) fn find_all(&mut self, interned: InternedNode) {
        let node = self.node_of(interned.state);
        if self.durability.comes_back(node) {
            let storage = self.durable(interned).storage;
            self.durability.find_all(self.fault_model, (node, storage), &mut self.lists);
        }
    }

    /// The index of what this outcome leaves to a node that starts again. `None` if it cannot leave that.
    pub(super) fn found(&mut self, interned: InternedNode, outcome: &DiskOutcome) -> Option<u32> {
        self.find_all(interned);
        let at = (self.node_of(interned.state), self.durable(interned).storage);
        self.durability.position(at, outcome, &mut self.lists)
    }

    /// The state in which a node handles an event: a node that starts again is as it was made.
    #[inline]
    pub(super) fn handling(&self, state: u32, event: NodeEvent) -> u32 {
        match event {
            NodeEvent::Restart(_) => self.durability.made(self.node_of(state)),
            _ => state,
        }
    }

    /// After which numbers of effects a node in this state may crash within an event, so that the outcome is not
    /// that of a crash before or after it. `None` if the event's handler has not been called.
    pub(super) fn crash_points(&self, state: u32, event: NodeEvent) -> Option<Range<u16>> {
        let first = match event {
            // What has arrived is gone if messages arrive only once.
            NodeEvent::Deliver(_) => u16::from(self.fault_model.may_duplicate()),
            NodeEvent::Fire(_) => 1,
            // What the node finds is decided with the restart, though it has no effect.
            NodeEvent::Restart(_) => 0,
            _ => return Some(0..0),
        };
        let (state, cause) = (self.handling(state, event), self.cause(event));
        self.peek(state, cause)?;
        let effects = self.lists.get(self.durability.effects(state, cause)).len() / 2;
        Some(first..u16::try_from(effects).expect("fewer than 2^16 effects"))
    }

    /// The event for a host.
    pub(super) fn event(&self, cause: Cause) -> Event<'_> {
        match cause {
            Cause::Init => Event::Init,
            Cause::Deliver(message) => Event::Message {
                from: self.address(self.ends(message).0),
                message: self.messages.bytes(message),
            },
            Cause::Fire(timer) => Event::Timer { timer: self.timers.bytes(timer) },
            Cause::Command(command) => Event::Command { command: self.commands.bytes(command) },
            Cause::Restore(storage) => {
                Event::Restore { storage: self.durability.inputs.bytes(storage) }
            }
        }
    }

    /// An event of a path, by content.
    ///
    /// # Panics
    /// For the start of a node, which is not part of a path.
    pub(super) fn path_event(&self, node_index: usize, event: NodeEvent) -> PathEvent {
        let node = self.address(node_index);
        if let Some((event, after)) = event.interrupted() {
            let event = Box::new(self.path_event(node_index, event));
            return PathEvent::Interrupted { event, after: after.into() };
        }
        match event {
            NodeEvent::Deliver(message) => PathEvent::Deliver {
                node,
                from: self.address(self.ends(message).0),
                message: self.messages.bytes(message).to_vec(),
            },
            NodeEvent::Fire(pending) => {
                let Pending { id, min_ns, max_ns } = self.pending.get(pending);
                let timer = self.timers.bytes(id).to_vec();
                PathEvent::Fire { node, timer, min_ns, max_ns }
            }
            NodeEvent::Command(command) => {
                let command = self.commands.bytes(command).to_vec();
                PathEvent::Outside(Action::Command { client: node, command })
            }
            NodeEvent::Start => PathEvent::Outside(Action::Start { node }),
            NodeEvent::Restart(found) => {
                let outcome = self.durability.found(found).outcome.clone();
                PathEvent::Outside(Action::Restart { node, outcome })
            }
            NodeEvent::Lose(message) => PathEvent::Outside(Action::Drop {
                from: self.address(self.ends(message).0),
                to: node,
                message: self.messages.bytes(message).to_vec(),
            }),
            NodeEvent::Crash
            | NodeEvent::CrashInDelivery { .. }
            | NodeEvent::CrashInFiring { .. }
            | NodeEvent::CrashInRestart { .. } => PathEvent::Outside(Action::Crash { node }),
        }
    }

    fn request(&self, state: u32, cause: Cause) -> Request<'_> {
        let (node, state) = self.states.get(state);
        Request { node: node as usize, state, event: self.event(cause) }
    }

    /// Looks up steps whose parts all have ids, on all threads. Returns `None` for the others.
    fn look_up_steps(
        &self,
        wanted: &[(u32, Cause)],
        answers: &Answers,
        found: &mut Vec<Option<Handled>>,
    ) {
        found.clear();
        found.resize(wanted.len(), None);
        let mut parts: Vec<_> =
            found.chunks_mut(STEPS_PER_PART).zip((0..).step_by(STEPS_PER_PART)).collect();
        parallel::for_each(&mut parts, |(part, first)| {
            for (index, found) in (*first..).zip(part.iter_mut()) {
                let node = self.node_of(wanted[index].0);
                *found = answers.get(index).ok().and_then(|step| self.look_up_step(node, step));
            }
        });
    }

    /// A step by ids, if all its parts have ids and all its messages are for nodes of this system.
    fn look_up_step(&self, node: usize, step: Step<'_>) -> Option<Handled> {
        if self.durability.comes_back(node) {
            // Its effects are kept in their order, too.
            return None;
        }
        let (mut sent, mut set) = (Vec::new(), Vec::new());
        for effect in step.output.effects() {
            match *effect {
                EncodedEffect::Send { to, message } => {
                    let ends = pair(node as u32, self.node_at(to)? as u32);
                    let id = self.messages.find(ends, step.output.get(message))?;
                    network::send(self.fault_model, &mut sent, id);
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    let id = self.timers.find(node as u64, step.output.get(timer))?;
                    set.push(self.pending.find(Pending { id, min_ns, max_ns })?);
                }
                // The node never comes back, so nobody ever reads what it stored.
                EncodedEffect::Log { .. }
                | EncodedEffect::Save { .. }
                | EncodedEffect::Append { .. }
                | EncodedEffect::Sync => {}
            }
        }
        let result = match step.output.result() {
            Some(result) => self.results.find(0, result)?,
            None => NONE,
        };
        Some(Handled {
            state: self.states.find(node as u64, step.state)?,
            sent: self.lists.find(&sent)?,
            set: self.lists.find(&set)?,
            result,
        })
    }

    /// The first message of a step to an address at which there is no node, if there is one.
    fn unknown_address(&self, node: usize, step: Step<'_>) -> Option<UnknownAddress> {
        let mut effects = step.output.effects().iter();
        effects.find_map(|effect| match *effect {
            EncodedEffect::Send { to, message } if self.node_at(to).is_none() => {
                let bytes = step.output.get(message);
                let message = legible(self.steps.show(node, Payload::Message, bytes, false));
                let nodes = self.steps.nodes().iter().map(|node| node.address).collect();
                Some(UnknownAddress { to, message, nodes })
            }
            _ => None,
        })
    }

    /// Stores a failure, and returns the value that stands for it in `known`.
    fn fail(&mut self, failure: StepFailure) -> u32 {
        self.failures.push(failure);
        FAILED + (self.failures.len() - 1) as u32
    }

    /// Interns all parts of a step, stores the step, and returns its index in `handled`.
    fn store(&mut self, node: usize, input: (u32, Cause), step: Step<'_>) -> u32 {
        let state = self.states.intern(node as u64, step.state);
        let (mut sent, mut set, mut effects) = (Vec::new(), Vec::new(), Vec::new());
        let comes_back = self.durability.comes_back(node);
        for effect in step.output.effects() {
            let kept = match *effect {
                EncodedEffect::Send { to, message } => {
                    let to = self.node_at(to).expect("a step with another address has failed");
                    let id = self.message(node, to, step.output.get(message));
                    network::send(self.fault_model, &mut sent, id);
                    EffectId::Send(id)
                }
                EncodedEffect::SetTimer { timer, min_ns, max_ns } => {
                    let id = self.timers.intern(node as u64, step.output.get(timer));
                    set.push(self.pending.intern(Pending { id, min_ns, max_ns }).0);
                    EffectId::SetTimer(id)
                }
                EncodedEffect::Log { .. } => continue,
                // If the node never comes back, nobody ever reads what it stored.
                _ if !comes_back => continue,
                EncodedEffect::Save { record: value } | EncodedEffect::Append { entry: value } => {
                    let bytes = step.output.get(value);
                    let id = self.durability.values.intern(node as u64, bytes);
                    match effect {
                        EncodedEffect::Save { .. } => EffectId::Save(id),
                        _ => EffectId::Append(id),
                    }
                }
                EncodedEffect::Sync => EffectId::Sync,
            };
            if comes_back {
                effects.extend(kept.packed());
            }
        }
        if comes_back {
            let effects = self.lists.intern(&effects);
            self.durability.note_effects(input, effects);
        }
        let handled = Handled {
            state,
            sent: self.lists.intern(&sent),
            set: self.lists.intern(&set),
            result: step.output.result().map_or(NONE, |result| self.results.intern(0, result)),
        };
        self.keep(handled)
    }

    /// Stores a step, and returns its index in `handled`.
    fn keep(&mut self, handled: Handled) -> u32 {
        self.handled.push(handled);
        let index = (self.handled.len() - 1) as u32;
        assert!(index < FAILED, "fewer than 2^31 handler calls");
        index
    }

    pub(super) fn memory_bytes(&self) -> usize {
        [&self.states, &self.messages, &self.timers, &self.commands, &self.results]
            .into_iter()
            .map(Blobs::memory_bytes)
            .sum::<usize>()
            + self.pending.memory_bytes()
            + self.lists.memory_bytes()
            + self.known.memory_bytes()
            + self.handled.capacity() * size_of::<Handled>()
            + self.wanted.capacity() * size_of::<(u32, Cause)>()
            + self.batch.memory_bytes()
            + self.shown.memory_bytes()
            + self.durability.memory_bytes()
    }
}
