//! A system and its possible events: a second implementation of the search's rules.
//!
//! Messages, timers, commands and results are plain numbers here.

use std::collections::BTreeSet;
use std::fmt::Debug;

use faultlab::{Address, Client, Context, Effect, FaultModel, Node};
use serde::de::DeserializeOwned;

use crate::automaton::{Automaton, Entry, Saying};
use crate::timers::{Timer, Timers};

/// The default limit on commands per event.
pub const COMMANDS_PER_EVENT_MAX: usize = 1_000;

/// The requirements of the reference on nodes.
pub trait Plain:
    Node<Message = u64, Timer = u64> + Client<Command = u64, Result = u64> + Ord + DeserializeOwned
{
    /// The part of its state that claims refer to.
    fn observed(&self) -> u64;
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
            if self.has_crashed(global, node) {
                continue;
            }
            for (from, message) in local.inbox.next(self.fault_model) {
                let is_lost = rules.cut.contains(&(from, node))
                    || rules.blocked_sends.contains(&from)
                    || rules.blocked_receives.contains(&node);
                if !is_lost {
                    events.push(Event::Deliver { to: node, from, message });
                }
            }
            if !rules.stopped.contains(&node) {
                let timers = local.timers.may_fire();
                events.extend(timers.into_iter().map(|timer| Event::Fire { node, timer }));
            }
            let (mortal, at_most) = &rules.may_crash;
            let crashed = mortal.iter().filter(|&&other| self.has_crashed(global, other)).count();
            if mortal.contains(&node) && crashed < *at_most {
                events.push(Event::Crash { node });
            }
        }
        events
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
        let (at, input) = match event {
            Event::Deliver { to, from, message } => {
                if !self.fault_model.may_duplicate() {
                    next.locals[to].inbox.remove((from, message));
                }
                (to, Input::Message(self.members[from].address, message))
            }
            Event::Fire { node, timer } => {
                let timers = &mut next.locals[node].timers;
                if let Some(rest) = timers.without(timer) {
                    *timers = rest;
                }
                (node, Input::Timer(timer.value))
            }
            Event::Crash { node } => {
                next.down.insert(node);
                let local = &mut next.locals[node];
                (local.timers, local.inbox) = Default::default();
                return Ok((next, Vec::new()));
            }
        };
        let entries = self.happen(&mut next, at, input)?;
        Ok((next, entries))
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
        let mut ctx = Context::new(self.members[at].address);
        let node = &mut global.locals[at].node;
        match input {
            Input::Start => node.init(&mut ctx),
            Input::Message(from, message) => node.on_message(from, message, &mut ctx),
            Input::Timer(timer) => node.on_timer(timer, &mut ctx),
            Input::Command(command) => node.send_command(command, &mut ctx),
        }
        for effect in ctx.take_effects() {
            match effect {
                Effect::Send { to, message } => {
                    let from = self.members[at].address;
                    let receiver = self.place(to).ok_or(Stopped::UnknownAddress { from, to })?;
                    if !global.down.contains(&receiver) {
                        global.locals[receiver].inbox.add(self.fault_model, (at, message));
                    }
                }
                Effect::SetTimer { timer, min, max } => {
                    let ns = |duration: std::time::Duration| duration.as_nanos() as u64;
                    let timer = Timer { value: timer, min_ns: ns(min), max_ns: ns(max) };
                    global.locals[at].timers = global.locals[at].timers.with(timer);
                }
                // Nodes crash for good here, so nobody ever reads what they stored.
                Effect::Log { .. } | Effect::Save { .. } | Effect::Append { .. } | Effect::Sync => {
                }
            }
        }
        Ok(())
    }
}
