//! Search: a model checker over the nodes themselves.
//!
//! A simulation follows one run. A search follows *all* of them: it goes through every state that a
//! system can get into, whatever the network does, and either says that a property holds in all of
//! them or shows a shortest run in which it breaks.
//!
//! ```
//! use faultlab::property::{Broken, Property, observe, violated};
//! use faultlab::search::{Outcome, Search, System};
//! use faultlab::worker::{Kind, Submission};
//! use faultlab::{Address, Context, Node};
//! use serde::{Deserialize, Serialize};
//!
//! // A counter that counts what it is told. Messages can arrive twice: did its author think of it?
//! #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
//! enum Role {
//!     Counter { count: u64 },
//!     Sender { counter: Address },
//! }
//!
//! impl Node for Role {
//!     type Message = u64;
//!     type Timer = ();
//!
//!     fn init(&mut self, ctx: &mut Context<Self>) {
//!         if let Role::Sender { counter } = self {
//!             ctx.send(*counter, 1);
//!         }
//!     }
//!
//!     fn on_message(&mut self, _: Address, more: u64, _: &mut Context<Self>) {
//!         if let Role::Counter { count } = self {
//!             *count = (*count + more).min(3);
//!         }
//!     }
//! }
//!
//! let submission = Submission::new()
//!     .with(Kind::node("counter", |_, ()| Role::Counter { count: 0 }).observing(|node: &Role, ()| {
//!         match node {
//!             Role::Counter { count } => *count,
//!             Role::Sender { .. } => 0,
//!         }
//!     }))
//!     .with(Kind::node("sender", |_, counter: Address| Role::Sender { counter }));
//!
//! // The system, what must hold, and off it goes.
//! let counter = Address::new("counter");
//! let system = System::new()
//!     .node("counter", counter, &())
//!     .node("sender", Address::new("sender1"), &counter);
//! let report = Search::new(system)
//!     .invariant(Property::new("one message counts once", move |view| {
//!         match observe::<(), u64>(view, counter, &())? {
//!             0 | 1 => Ok(()),
//!             count => Err(violated("a count of at most 1", format!("it is {count}"))),
//!         }
//!     }))
//!     .run(&submission);
//!
//! // The author did not: the same message is delivered twice.
//! let Outcome::Violated(found) = &report.outcome else { panic!("no violation") };
//! assert_eq!(found.path().len(), 2);
//! let violation = found.violation().expect("a violation");
//! assert_eq!(violation.seen, "it is 2");
//! ```
//!
//! # What can happen
//!
//! - **Messages** that were sent are a set, and stay in it: each can be delivered now, later, again,
//!   or never. That is all that an unreliable network can do. It holds for messages that a node sends to itself,
//!   too, although a simulation never loses or repeats these.
//! - **Timers** fire in any order that their durations allow: one that was set later cannot fire
//!   before one whose longest duration is at most its own shortest. Two timers of one value that were set for
//!   different durations are two timers.
//! - **Crashes** are nodes to which nothing is delivered any more ([`Search::crash`]); since a message
//!   may always be late, every run with a crash is also a beginning of a run without.
//! - **Clients** get their next command in the moment in which they have the result of the one before. So one
//!   event can lead to many commands ([`Search::commands_at_once_max`]).
//!
//! # What it says, and what it does not
//!
//! An [`Outcome`] is one of six, and none can be mistaken for another. *Exhausted* is a proof for this
//! system: so many nodes, these commands. It says nothing about larger systems or other commands.
//! *Limit reached* says that nothing was found so far, and proves nothing beyond the depth that was
//! finished. *Cannot start* says that the search itself does not fit together. A goal that was found is reachable, not inevitable: a search knows what can happen, not
//! what must happen in the end (liveness). Random probes ([`Search::probe`]) go deep and prove nothing.
//!
//! Two states are taken for one if their fingerprints of 64 bits are equal. The report says how likely
//! that is at most (`collision_bound`); [`Search::exact`] compares full states instead.
//!
//! # How it is fast
//!
//! 1. A node with all that is its own (state, timers, results, messages waiting for it) is stored once
//!    and named by a number, its *site*; a global state is one number for each node.
//! 2. What an event does at a site is worked out once. Handlers run once for each distinct (state,
//!    event), in batches; each run is done twice and compared, so a handler that is not deterministic
//!    is caught. After that, a transition is a few look-ups.
//! 3. A state's fingerprint is a sum over its nodes: a transition changes it by a difference.
//! 4. The visited set is a table of fingerprints, eight bytes each, looked up many at a time so that
//!    the memory works in parallel. How a state was reached takes two more bytes.
//! 5. Events at different nodes commute, so of two orders only one is tried. No state is lost by this:
//!    the argument is at the head of `sleep.rs`.
//! 6. Threads work in rounds and join their results in order: counts, verdicts and paths do not depend
//!    on how many there are.

mod breadth;
mod by_hand;
mod candidates;
mod checks;
mod deadline;
mod derived;
mod effects;
mod endless;
mod engine;
mod exact;
mod expand;
mod frontier;
mod handlers;
mod intern;
mod lineage;
mod linearizable;
mod minimise;
mod monitor;
mod pairs;
mod path;
mod probe;
mod recall;
mod report;
mod rewatch;
mod round;
mod settings;
mod sites;
mod sleep;
mod state;
mod system;
mod timers;
mod view;
mod visited;
mod walk;
mod work;

use std::num::NonZeroUsize;
use std::time::Duration;

pub use by_hand::ByHand;
pub use linearizable::Linearizable;
pub use monitor::Monitor;
pub use path::{Path, PathEvent};
pub use probe::Probes;
pub use report::{Failed, Found, Hint, Limit, Outcome, Report, Statistics};
pub use state::{NodeState, PendingTimer, Sent, State};
pub use system::System;
pub use walk::Walk;

use crate::property::Property;
use crate::worker::Submission;
use crate::worker::pure::{LocalSteps, PureSteps, StepFailure};
use crate::{Address, parallel};
use breadth::Breadth;
use checks::Role;
use engine::{Engine, Setup, StartError};
use settings::{Limits, Switches};

/// A search, as it is to be done.
pub struct Search {
    system: System,
    properties: Vec<(Role, Property)>,
    monitor: Option<Box<dyn Monitor>>,
    switches: Switches,
    limits: Limits,
    threads: NonZeroUsize,
    start: Option<State>,
    all_orders: bool,
    exact: bool,
}

impl Search {
    /// A search of all that can happen in a system.
    #[must_use]
    pub fn new(system: System) -> Self {
        let switches = Switches::new(system.members.len());
        Self {
            system,
            properties: Vec::new(),
            monitor: None,
            switches,
            limits: Limits::default(),
            threads: NonZeroUsize::MIN,
            start: None,
            all_orders: false,
            exact: false,
        }
    }

    /// The system that is searched.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The property must hold in every state.
    #[must_use]
    pub fn invariant(mut self, property: Property) -> Self {
        self.properties.push((Role::Invariant, property));
        self
    }

    /// The search ends, with success, in a state in which this holds.
    #[must_use]
    pub fn goal(mut self, property: Property) -> Self {
        self.properties.push((Role::Goal, property));
        self
    }

    /// The search does not go on from a state in which this holds. The state itself is checked and
    /// counted.
    #[must_use]
    pub fn prune(mut self, property: Property) -> Self {
        self.properties.push((Role::Prune, property));
        self
    }

    /// Every run must satisfy this monitor.
    #[must_use]
    pub fn monitor(mut self, monitor: impl Monitor + 'static) -> Self {
        self.monitor = Some(Box::new(monitor));
        self
    }

    /// Uses this many threads. The result is the same.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Stops at states that are this many events from the start.
    #[must_use]
    pub fn depth_max(mut self, depth: usize) -> Self {
        self.limits.depth = Some(depth);
        self
    }

    /// Stops after this many states, or a few more: limits are looked at between rounds.
    #[must_use]
    pub fn states_max(mut self, states: u64) -> Self {
        self.limits.states = Some(states);
        self
    }

    /// Stops after this much time, or a little more: no handler and no property is interrupted.
    #[must_use]
    pub fn time_max(mut self, time: Duration) -> Self {
        self.limits.time = Some(time);
        self
    }

    /// Stops when the tables hold this much memory, or a little more.
    #[must_use]
    pub fn memory_max(mut self, bytes: usize) -> Self {
        self.limits.memory_bytes = Some(bytes);
        self
    }

    /// Gives each client at most this many commands in one event, 1,000 unless set. A client that answers without
    /// waiting for a message gets its next command at once, and could go on for ever within one event. A search
    /// in which a client meets this limit judges the state that it is in then, and ends with
    /// [`Limit::CommandsAtOnce`] unless it has found something.
    ///
    /// # Panics
    /// When zero.
    #[must_use]
    pub fn commands_at_once_max(mut self, commands: usize) -> Self {
        assert!(commands > 0, "a client must be given a command to be asked anything");
        self.limits.commands_at_once = commands;
        self
    }

    /// Goes on to the search's other limits, even where a node's states may have no end: without this, a search
    /// that is to see all states ([`Search::depth_max`] is not set) stops with [`Limit::Endless`] when it notices a
    /// node that is in a new state each time the same event happens to it.
    #[must_use]
    pub fn endless_too(mut self) -> Self {
        self.limits.endless_too = true;
        self
    }

    /// Tries events at different nodes in all orders, even where one of two orders is known to lead to
    /// the same state. It finds the same states by the same paths, more slowly: for whoever wants to
    /// see that this is so.
    #[must_use]
    pub fn all_orders(mut self) -> Self {
        self.all_orders = true;
        self
    }

    /// Compares full states instead of fingerprints of 64 bits, with more memory and one thread for
    /// this part.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Starts from this state instead of from nodes that have just started.
    ///
    /// A monitor counts the calls and returns of the run that led to the state as its own: they are found by
    /// following the state's path once more. If that is not possible, the search ends with
    /// [`Outcome::CannotStart`].
    ///
    /// # Panics
    /// When the state is not one of this system: it has other nodes, or a message from an unknown sender.
    #[must_use]
    pub fn start_from(mut self, state: State) -> Self {
        let addresses = self.system.members.iter().map(|member| member.address);
        let theirs = state.nodes.iter().map(|node| node.address);
        assert!(addresses.eq(theirs), "the state has other nodes than the system");
        for node in &state.nodes {
            for sent in &node.inbox {
                self.member(sent.from);
            }
        }
        self.start = Some(state);
        self
    }

    /// Messages from `from` to `to` are not delivered.
    ///
    /// # Panics
    /// As all methods here that take an address: when the system has no such node.
    #[must_use]
    pub fn cut(mut self, from: Address, to: Address) -> Self {
        let (from, to) = (self.member(from), self.member(to));
        self.switches.set_link(from, to, false);
        self
    }

    /// No message from this node is delivered.
    #[must_use]
    pub fn mute(mut self, node: Address) -> Self {
        let node = self.member(node);
        self.switches.set_sender(node, false);
        self
    }

    /// No message to this node is delivered.
    #[must_use]
    pub fn deafen(mut self, node: Address) -> Self {
        let node = self.member(node);
        self.switches.set_receiver(node, false);
        self
    }

    /// No timer of this node fires.
    #[must_use]
    pub fn stop_timers(mut self, node: Address) -> Self {
        let node = self.member(node);
        self.switches.set_timers(node, false);
        self
    }

    /// The node has crashed: nothing is delivered to it and none of its timers fires.
    #[must_use]
    pub fn crash(mut self, node: Address) -> Self {
        let node = self.member(node);
        self.switches.crash(node);
        self
    }

    /// Searches breadth-first, with the nodes in this process.
    #[must_use]
    pub fn run(&self, submission: &Submission) -> Report {
        self.locally(submission, |steps| self.run_with(steps))
    }

    /// Searches breadth-first, with the nodes wherever `steps` has them.
    ///
    /// # Panics
    /// When `steps` has another roster.
    #[must_use]
    pub fn run_with(&self, steps: &dyn PureSteps) -> Report {
        self.report(steps, |engine| {
            parallel::with_threads(self.threads, || {
                Breadth::new(engine, &self.limits, self.all_orders, self.exact).run()
            })
        })
    }

    /// Probes at random, with the nodes in this process. What is found comes with a path that has been
    /// made as short as can be.
    #[must_use]
    pub fn probe(&self, submission: &Submission, probes: Probes) -> Report {
        self.locally(submission, |steps| self.probe_with(steps, probes))
    }

    /// Probes at random, with the nodes wherever `steps` has them.
    ///
    /// # Panics
    /// When `steps` has another roster.
    #[must_use]
    pub fn probe_with(&self, steps: &dyn PureSteps, probes: Probes) -> Report {
        let report = self.report(steps, |engine| probe::run(engine, probes, &self.limits));
        Report { outcome: minimise::minimised(self, steps, report.outcome), ..report }
    }

    fn locally(&self, submission: &Submission, run: impl Fn(&dyn PureSteps) -> Report) -> Report {
        match LocalSteps::new(submission, self.system.members.clone()) {
            Ok(steps) => run(&steps),
            Err(failure) => Report {
                outcome: Outcome::Failed(Box::new(Failed {
                    node: self.system.members[0].address,
                    failure: StepFailure::Node(failure),
                    path: Path::default(),
                })),
                statistics: Statistics::default(),
                hints: Vec::new(),
            },
        }
    }

    fn report<'s>(
        &'s self,
        steps: &'s dyn PureSteps,
        run: impl FnOnce(&mut Engine<'s>) -> (Outcome, Statistics),
    ) -> Report {
        let outcome = match Engine::new(self.setup(steps)) {
            Ok(mut engine) => {
                let (outcome, statistics) = run(&mut engine);
                return Report { outcome, statistics, hints: engine.hints() };
            }
            Err(StartError::Failed(failed)) => Outcome::Failed(failed),
            Err(error @ StartError::UnknownCalls(_)) => Outcome::CannotStart(error.to_string()),
        };
        Report { outcome, statistics: Statistics::default(), hints: Vec::new() }
    }

    /// What the tables of this search are made for.
    fn setup<'s>(&'s self, steps: &'s dyn PureSteps) -> Setup<'s> {
        Setup {
            system: &self.system,
            steps,
            monitor: self.monitor.as_deref(),
            properties: self.properties.clone(),
            switches: self.switches.clone(),
            start: self.start.as_ref(),
            commands_at_once: self.limits.commands_at_once,
        }
    }

    fn member(&self, address: Address) -> usize {
        let position = self.system.members.iter().position(|member| member.address == address);
        position.unwrap_or_else(|| panic!("the system has no node at {address}"))
    }
}
