//! A system and its possible events: a second implementation of the search's rules.
//!
//! Messages, timers, commands and results are plain numbers here.

use std::collections::BTreeSet;
use std::fmt::Debug;

use faultlab::{Address, Client, Context, Effect, FaultModel, Node, Stored, StoredValue};
use serde::de::DeserializeOwned;

use crate::automaton::{Automaton, Entry, Saying};
use crate::disk::Disk;
use crate::timers::{Timer, Timers};

/// The default limit on commands per event.
pub const COMMANDS_PER_EVENT_MAX: usize = 1_000;

/// The requirements of the reference on nodes.
pub trait Plain:
    Node<Message = u64, Timer = u64> + Client<Command = u64, Result = u64> + Ord + DeserializeOwned
{
    /// The part of its state that claims refer to.
    fn observed(&self) -> u64;

    /// It starts again after a crash. If it is not durable, it starts as new.
    fn come_back(&mut self, _: Stored<u64, u64>, ctx: &mut Context<Self>) {
        self.init(ctx);
    }
}

/// A system.
pub struct World<N, A> {
    /// The nodes, in the order in which they start.
    pub members: Vec<Member<N>>,
    /// What can happen to messages.
    pub fault_model: FaultModel,
    /// The restrictions.
    pub rules: Rules,
    /// The automaton.
    pub automaton: A,
    /// The limit on commands per event.
    pub commands_per_event_max: usize,
}

/// A node of a system.
#[derive(Clone)]
pub struct Member<N> {
    /// Its address.
    pub address: Address,
    /// The node before it starts.
    pub node: N,
    /// Its commands, if it is a client.
    pub commands: Option<Vec<u64>>,
}

/// The restrictions. Nodes are given by their index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Blocked links, as sender and receiver.
    pub cut: BTreeSet<(usize, usize)>,
    /// Nodes from which nothing is delivered.
    pub blocked_sends: BTreeSet<usize>,
    /// Nodes to which nothing is delivered.
    pub blocked_receives: BTreeSet<usize>,
    /// Nodes whose timers do not fire.
    pub stopped: BTreeSet<usize>,
    /// Nodes that have crashed.
    pub crashed: BTreeSet<usize>,
    /// Nodes that may crash, and how many of them at any moment.
    pub may_crash: (BTreeSet<usize>, usize),
    /// Nodes that may crash and start again.
    pub may_restart: Restarts,
}

/// Nodes that may crash and start again, and how often they may crash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// The nodes.
    pub nodes: BTreeSet<usize>,
    /// How often in all.
    pub in_all: u32,
    /// How often each.
    pub each: u32,
    /// How many may be down at any moment.
    pub down: usize,
}

/// A state of the whole system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Global<N, S> {
    /// The nodes.
    pub locals: Vec<Local<N>>,
    /// The automaton's state; `None` once it has rejected the run.
    pub watched: Option<S>,
    /// The nodes that have crashed by an event.
    pub down: BTreeSet<usize>,
}

/// A node with its timers, results and inbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Local<N> {
    /// The node.
    pub node: N,
    /// Its pending timers.
    pub timers: Timers,
    /// Its results so far.
    pub results: Vec<u64>,
    /// Whether it has a command and no result yet.
    pub is_waiting: bool,
    /// The messages in the network that are addressed to it.
    pub inbox: Inbox,
    /// How often it has started again.
    pub restarts: u32,
    /// What it has written, if it may come back.
    pub disk: Disk,
}

/// The messages in the network that are addressed to one node, each with its sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inbox(pub Vec<(usize, u64)>);

impl Inbox {
    /// Adds a message that was sent after all others.
    pub fn add(&mut self, fault_model: FaultModel, sent: (usize, u64)) {
        if fault_model.may_duplicate() && self.0.contains(&sent) {
            return;
        }
        self.0.push(sent);
        if fault_model.may_reorder() {
            self.0.sort_unstable();
        } else {
            // Stable: only the order of messages from one sender matters.
            self.0.sort_by_key(|&(from, _)| from);
        }
    }

    /// The messages that can arrive next.
    #[must_use]
    pub fn next(&self, fault_model: FaultModel) -> Vec<(usize, u64)> {
        let mut next: Vec<(usize, u64)> = Vec::new();
        for &sent in &self.0 {
            if fault_model.may_reorder() || next.iter().all(|&(from, _)| from != sent.0) {
                next.push(sent);
            }
        }
        next
    }

    /// Removes a message. Returns whether it was there.
    pub fn remove(&mut self, sent: (usize, u64)) -> bool {
        let place = self.0.iter().position(|&it| it == sent);
        place.map(|place| self.0.remove(place)).is_some()
    }
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A message is delivered.
    Deliver {
        /// The receiver.
        to: usize,
        /// The sender.
        from: usize,
        /// The message.
        message: u64,
    },
    /// A timer fires.
    Fire {
        /// The node.
        node: usize,
        /// The timer.
        timer: Timer,
    },
    /// A node crashes.
    Crash {
        /// The node.
        node: usize,
    },
    /// A node that is down starts again.
    Restart {
        /// The node.
        node: usize,
        /// What it finds: the position among all that its disk may hold.
        found: usize,
    },
    /// A message arrives at a node that is down, and is lost.
    Lose {
        /// The receiver.
        to: usize,
        /// The sender.
        from: usize,
        /// The message.
        message: u64,
    },
    /// A node crashes within a delivery.
    CrashInDelivery {
        /// The node.
        to: usize,
        /// The sender.
        from: usize,
        /// The message.
        message: u64,
        /// After so many effects.
        after: usize,
    },
    /// A node crashes as its timer fires.
    CrashInFiring {
        /// The node.
        node: usize,
        /// The timer.
        timer: Timer,
        /// After so many effects.
        after: usize,
    },
    /// A node crashes as it starts again.
    CrashInRestart {
        /// The node.
        node: usize,
        /// What it finds.
        found: usize,
        /// After so many effects.
        after: usize,
    },
}

impl Event {
    /// The node at which it happens.
    #[must_use]
    pub fn node(self) -> usize {
        match self {
            Self::Deliver { to: node, .. }
            | Self::Fire { node, .. }
            | Self::Crash { node }
            | Self::Restart { node, .. }
            | Self::Lose { to: node, .. }
            | Self::CrashInDelivery { to: node, .. }
            | Self::CrashInFiring { node, .. }
            | Self::CrashInRestart { node, .. } => node,
        }
    }
}

/// Why there is no state after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It led to more commands than the limit allows.
    TooManyCommands,
    /// A handler sent a message to an address at which there is no node.
    UnknownAddress {
        /// The sender.
        from: Address,
        /// The address.
        to: Address,
    },
}

/// The input of a handler.
enum Input {
    Start,
    Message(Address, u64),
    Timer(u64),
    Command(u64),
    Restart(Stored<u64, u64>),
}

/// A state of a world with this automaton.
pub type GlobalOf<N, A> = Global<N, <A as Automaton>::State>;

impl<N: Plain, A: Automaton> World<N, A> {
    /// The same world without restrictions.
    #[must_use]
    pub fn without_rules(&self) -> World<N, &A> {
        let members = self.members.clone();
        World {
            members,
            fault_model: self.fault_model,
            rules: Rules::default(),
            automaton: &self.automaton,
            commands_per_event_max: self.commands_per_event_max,
        }
    }

    /// The index of the node with this address.
    #[must_use]
    pub fn place(&self, address: Address) -> Option<usize> {
        self.members.iter().position(|member| member.address == address)
    }

    /// The state in which all nodes have started and all clients have their first command.
    ///
    /// # Errors
    /// When a client answers too many commands at once, or a node sends to an unknown address.
    pub fn start(&self) -> Result<GlobalOf<N, A>, Stopped> {
        let local = |member: &Member<N>| Local {
            node: member.node.clone(),
            timers: Timers::default(),
            results: Vec::new(),
            is_waiting: false,
            inbox: Inbox::default(),
            restarts: 0,
            disk: Disk::default(),
        };
        let locals = self.members.iter().map(local).collect();
        let mut global =
            Global { locals, watched: Some(self.automaton.start()), down: BTreeSet::new() };
        for at in 0..self.members.len() {
            self.happen(&mut global, at, Input::Start)?;
        }
        Ok(global)
    }

    /// The possible next events.
    #[must_use]
    pub fn possible(&self, global: &GlobalOf<N, A>) -> Vec<Event> {
        let mut events = Vec::new();
        let rules = &self.rules;
        for (node, local) in global.locals.iter().enumerate() {
            let comes_back = self.comes_back(node);
            if self.has_crashed(global, node) && !(comes_back && global.down.contains(&node)) {
                continue;
            }
            let mut arriving = local.inbox.next(self.fault_model);
            arriving.retain(|&(from, _)| {
                !rules.cut.contains(&(from, node))
                    && !rules.blocked_sends.contains(&from)
                    && !rules.blocked_receives.contains(&node)
            });
            if global.down.contains(&node) {
                let restarts = 0..local.disk.left(self.fault_model).len();
                events.extend(restarts.clone().map(|found| Event::Restart { node, found }));
                if !self.fault_model.may_lose() {
                    let lose = |(from, message)| Event::Lose { to: node, from, message };
                    events.extend(arriving.into_iter().map(lose));
                }
                if self.may_crash(global, node) {
                    for found in restarts {
                        let effects = self.effects_of(global, Event::Restart { node, found });
                        events.extend((0..effects).map(|after| Event::CrashInRestart {
                            node,
                            found,
                            after,
                        }));
                    }
                }
                continue;
            }
            for (from, message) in arriving {
                events.push(Event::Deliver { to: node, from, message });
                if comes_back && self.may_crash(global, node) {
                    // If the message stays, a crash before the first effect is a crash before the delivery.
                    let first = usize::from(self.fault_model.may_duplicate());
                    let last = self.effects_of(global, Event::Deliver { to: node, from, message });
                    events.extend((first..last).map(|after| Event::CrashInDelivery {
                        to: node,
                        from,
                        message,
                        after,
                    }));
                }
            }
            if !rules.stopped.contains(&node) {
                let timers = local.timers.may_fire();
                for timer in timers {
                    events.push(Event::Fire { node, timer });
                    if comes_back && self.may_crash(global, node) {
                        let last = self.effects_of(global, Event::Fire { node, timer });
                        events.extend((1..last).map(|after| Event::CrashInFiring {
                            node,
                            timer,
                            after,
                        }));
                    }
                }
            }
            if self.may_crash(global, node) {
                events.push(Event::Crash { node });
            }
        }
        events
    }

    /// Whether a node may come back after a crash.
    pub fn comes_back(&self, node: usize) -> bool {
        self.rules.may_restart.nodes.contains(&node) && !self.rules.crashed.contains(&node)
    }

    /// Whether a node may crash now, or crash again as it starts again.
    fn may_crash(&self, global: &GlobalOf<N, A>, node: usize) -> bool {
        let (mortal, at_most) = &self.rules.may_crash;
        let Restarts { nodes, in_all, each, down } = &self.rules.may_restart;
        let others_down = |nodes: &BTreeSet<usize>| {
            let others = nodes.iter().filter(|&&other| other != node);
            others.filter(|&&other| self.has_crashed(global, other)).count()
        };
        let crashes =
            |&node: &usize| global.locals[node].restarts + u32::from(global.down.contains(&node));
        let for_good = !mortal.contains(&node) || others_down(mortal) < *at_most;
        let in_bounds = !nodes.contains(&node)
            || crashes(&node) < *each
                && nodes.iter().map(crashes).sum::<u32>() < *in_all
                && others_down(nodes) < *down;
        (mortal.contains(&node) || nodes.contains(&node)) && for_good && in_bounds
    }

    /// How many effects the handler of a possible event has. None if it sends to an unknown address.
    fn effects_of(&self, global: &GlobalOf<N, A>, event: Event) -> usize {
        let mut next = global.clone();
        let (at, input) = self.begin(&mut next, event);
        let Some(input) = input else { return 0 };
        let effects = self.call(&mut next, at, input);
        let is_known = |effect: &Effect<u64, u64>| match effect {
            Effect::Send { to, .. } => self.place(*to).is_some(),
            _ => true,
        };
        if effects.iter().all(is_known) { effects.len() } else { 0 }
    }

    /// Whether a node has crashed.
    pub fn has_crashed(&self, global: &GlobalOf<N, A>, node: usize) -> bool {
        self.rules.crashed.contains(&node) || global.down.contains(&node)
    }

    /// The state after a possible event, with the calls and returns that were part of it.
    ///
    /// # Errors
    /// When a client answers too many commands at once, or a node sends to an unknown address.
    pub fn after(
        &self,
        global: &GlobalOf<N, A>,
        event: Event,
    ) -> Result<(GlobalOf<N, A>, Vec<Entry>), Stopped> {
        let mut next = global.clone();
        let cut_short = match event {
            Event::CrashInDelivery { to, from, message, after } => {
                Some((Event::Deliver { to, from, message }, after))
            }
            Event::CrashInFiring { node, timer, after } => {
                Some((Event::Fire { node, timer }, after))
            }
            Event::CrashInRestart { node, found, after } => {
                Some((Event::Restart { node, found }, after))
            }
            _ => None,
        };
        if let Some((event, after)) = cut_short {
            return self.cut_short(global, event, after);
        }
        let (at, input) = self.begin(&mut next, event);
        let Some(input) = input else { return Ok((next, Vec::new())) };
        let entries = self.happen(&mut next, at, input)?;
        Ok((next, entries))
    }

    /// The state after an event within which the node crashes, after so many effects.
    ///
    /// # Errors
    /// When one of them is a message to an unknown address.
    pub fn cut_short(
        &self,
        global: &GlobalOf<N, A>,
        event: Event,
        after: usize,
    ) -> Result<(GlobalOf<N, A>, Vec<Entry>), Stopped> {
        let mut next = global.clone();
        let (at, input) = self.begin(&mut next, event);
        if let Some(input) = input {
            let mut effects = self.call(&mut next, at, input);
            effects.truncate(after);
            self.apply(&mut next, at, effects)?;
        }
        // Nobody sees what the handler made of the node.
        next.locals[at].node = global.locals[at].node.clone();
        self.crash(&mut next, at);
        Ok((next, Vec::new()))
    }

    /// Begins an event, up to its handler. Returns the node, and the handler's input if one is called.
    fn begin(&self, next: &mut GlobalOf<N, A>, event: Event) -> (usize, Option<Input>) {
        match event {
            Event::Deliver { to, from, message } => {
                if !self.fault_model.may_duplicate() {
                    next.locals[to].inbox.remove((from, message));
                }
                (to, Some(Input::Message(self.members[from].address, message)))
            }
            Event::Fire { node, timer } => {
                let timers = &mut next.locals[node].timers;
                if let Some(rest) = timers.without(timer) {
                    *timers = rest;
                }
                (node, Some(Input::Timer(timer.value)))
            }
            Event::Restart { node, found } => {
                next.down.remove(&node);
                let local = &mut next.locals[node];
                let mut left = local.disk.left(self.fault_model).into_iter();
                local.disk = left.nth(found).expect("the disk may hold that");
                local.restarts += 1;
                local.node = self.members[node].node.clone();
                (node, Some(Input::Restart(local.disk.read())))
            }
            Event::Lose { to, from, message } => {
                next.locals[to].inbox.remove((from, message));
                (to, None)
            }
            Event::Crash { node }
            | Event::CrashInDelivery { to: node, .. }
            | Event::CrashInFiring { node, .. }
            | Event::CrashInRestart { node, .. } => {
                self.crash(next, node);
                (node, None)
            }
        }
    }

    /// A node crashes. If it may come back, what was sent to it is still under way.
    pub fn crash(&self, next: &mut GlobalOf<N, A>, node: usize) {
        next.down.insert(node);
        let local = &mut next.locals[node];
        local.timers = Timers::default();
        if !self.comes_back(node) {
            local.inbox = Inbox::default();
        }
    }

    /// Whether a client can be given a command from outside: it has all its results, and has not crashed.
    #[must_use]
    pub fn can_be_given(&self, global: &GlobalOf<N, A>, client: usize) -> bool {
        let Some(commands) = &self.members[client].commands else { return false };
        let local = &global.locals[client];
        !local.is_waiting
            && local.results.len() >= commands.len()
            && !self.has_crashed(global, client)
    }

    /// The state after a client was given a command from outside, which must be possible.
    ///
    /// # Errors
    /// When a client answers too many commands at once, or a node sends to an unknown address.
    pub fn given(
        &self,
        global: &GlobalOf<N, A>,
        client: usize,
        command: u64,
    ) -> Result<GlobalOf<N, A>, Stopped> {
        let mut next = global.clone();
        next.locals[client].is_waiting = true;
        let call = Entry { client: self.members[client].address, what: Saying::Call(command) };
        let watched = next.watched.take();
        next.watched = watched.and_then(|state| self.automaton.after(&state, call));
        self.happen(&mut next, client, Input::Command(command))?;
        Ok(next)
    }

    /// A node handles an input. If it is a client and then has a result, the result is taken, and it gets its
    /// next command immediately.
    fn happen(
        &self,
        global: &mut GlobalOf<N, A>,
        at: usize,
        mut input: Input,
    ) -> Result<Vec<Entry>, Stopped> {
        let Member { address, commands, .. } = &self.members[at];
        let (mut entries, mut given) = (Vec::new(), 0);
        loop {
            self.handle(global, at, input)?;
            let Some(commands) = commands else { break };
            let local = &mut global.locals[at];
            if local.is_waiting {
                let Some(result) = local.node.result() else { break };
                local.results.push(result);
                local.is_waiting = false;
                entries.push(Entry { client: *address, what: Saying::Return(result) });
            }
            let Some(&command) = commands.get(local.results.len()) else { break };
            given += 1;
            if given > self.commands_per_event_max {
                return Err(Stopped::TooManyCommands);
            }
            local.is_waiting = true;
            entries.push(Entry { client: *address, what: Saying::Call(command) });
            input = Input::Command(command);
        }
        for entry in &entries {
            let watched = global.watched.take();
            global.watched = watched.and_then(|state| self.automaton.after(&state, *entry));
        }
        Ok(entries)
    }

    /// Calls a handler and applies its effects.
    fn handle(&self, global: &mut GlobalOf<N, A>, at: usize, input: Input) -> Result<(), Stopped> {
        let effects = self.call(global, at, input);
        self.apply(global, at, effects)
    }

    /// Calls a handler. Returns its effects outside the node.
    fn call(&self, global: &mut GlobalOf<N, A>, at: usize, input: Input) -> Vec<Effect<u64, u64>> {
        let mut ctx = Context::new(self.members[at].address);
        let node = &mut global.locals[at].node;
        match input {
            Input::Start => node.init(&mut ctx),
            Input::Message(from, message) => node.on_message(from, message, &mut ctx),
            Input::Timer(timer) => node.on_timer(timer, &mut ctx),
            Input::Command(command) => node.send_command(command, &mut ctx),
            Input::Restart(stored) => node.come_back(stored, &mut ctx),
        }
        let mut effects = ctx.take_effects();
        effects.retain(|effect| !matches!(effect, Effect::Log { .. }));
        effects
    }

    /// Applies effects of a node.
    fn apply(
        &self,
        global: &mut GlobalOf<N, A>,
        at: usize,
        effects: Vec<Effect<u64, u64>>,
    ) -> Result<(), Stopped> {
        let bytes = |value: &StoredValue| value.bytes().expect("a number encodes").to_vec();
        for effect in effects {
            match effect {
                Effect::Send { to, message } => {
                    let from = self.members[at].address;
                    let receiver = self.place(to).ok_or(Stopped::UnknownAddress { from, to })?;
                    if !global.down.contains(&receiver) || self.comes_back(receiver) {
                        global.locals[receiver].inbox.add(self.fault_model, (at, message));
                    }
                }
                Effect::SetTimer { timer, min, max } => {
                    let ns = |duration: std::time::Duration| duration.as_nanos() as u64;
                    let timer = Timer { value: timer, min_ns: ns(min), max_ns: ns(max) };
                    global.locals[at].timers = global.locals[at].timers.with(timer);
                }
                Effect::Log { .. } => {}
                // If a node never comes back, nobody ever reads what it stored.
                _ if !self.comes_back(at) => {}
                Effect::Save { record } => global.locals[at].disk.record = Some(bytes(&record)),
                Effect::Append { entry } => global.locals[at].disk.unsynced.push(bytes(&entry)),
                Effect::Sync => global.locals[at].disk.sync(),
            }
        }
        Ok(())
    }
}
