//! Search: a model checker over the nodes themselves.
//!
//! A simulation follows one run. A search follows *all* of them: it explores every state that a
//! system can reach, whatever the network does. It either shows that a property holds in all of
//! them, or finds a shortest run that violates it.
//!
//! ```
//! use faultlab::property::{CheckError, Property, observe, violated};
//! use faultlab::search::{Search, SearchResult};
//! use faultlab::hosting::{Kind, Submission};
//! use faultlab::{Address, Context, Node, System};
//! use serde::{Deserialize, Serialize};
//!
//! // A counter adds up the numbers that it receives. A message can arrive twice: did its author think of that?
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
//! // The system, and what must hold.
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
//! // The author did not: the same message was delivered twice.
//! let SearchResult::Violated(found) = &report.result else { panic!("no violation") };
//! assert_eq!(found.path().len(), 2);
//! let violation = found.violation().expect("a violation");
//! assert_eq!(violation.seen, "it is 2");
//! ```
//!
//! # What can happen
//!
//! - **Messages** stay in the network, which is a set: each can be delivered now, later, again, or
//!   never. An unreliable network cannot do more. This also holds for messages that a node sends to
//!   itself, although a simulation never loses or duplicates these. In a fault model that allows less
//!   ([`Search::fault_model`]), less can happen.
//! - **Timers** fire in any order that their durations allow: one that was set later cannot fire
//!   before one whose longest duration is at most its own shortest. Two timers of equal value with
//!   different durations are two timers.
//! - **Crashed** nodes get no more messages, and their timers do not fire ([`Search::crash`]). Since a
//!   message may always be late, every run with a crash is also the beginning of a run without one. So a search
//!   that may choose crashes ([`Search::may_crash`]) reaches no other states of the nodes; it reaches them with the
//!   knowledge of who has crashed. That matters to properties which ask for it ([`View::nodes`],
//!   [`View::is_crashed`]): "every node that is still there agrees", "an answer although one has crashed". A
//!   crashed node keeps its last state, which stays observable, and its messages stay in the network. Messages to it
//!   and its timers do not belong to a state any more, since no run depends on them.
//! - **Nodes that come back** ([`Search::may_restart`]): a node that has crashed starts again with what is left of its stable
//!   storage, in a new incarnation, without memory and timers. Messages stay under way, to it and from it. The search tries
//!   every outcome that the fault model allows: a sound disk keeps any number of the first entries that were not synced. One that
//!   tears writes also leaves them in another order or in part (of more than four, only the last four change their
//!   order), or all of them with the last one torn after any byte. A faulty disk also loses everything, or changes one value, in
//!   one of two ways ([`Corruption`]). One such fault happens in a restart. A node that is not
//!   [`Durable`](crate::Durable) starts as new.
//! - **Crash points**: a node that may come back also crashes within a handler, between any two effects: saved and not sent,
//!   or sent and not saved. What it did until then stays. `restore` can be cut short, too; `init` is not, because it precedes
//!   the first state. A node that never comes back needs no crash points: the effects after one might as well
//!   be late. Where the network loses nothing, a message that arrives while its receiver is down is lost.
//! - **Cuts** need no events. A message on a cut link waits, as any message may, and nobody notices a cut or a repair but
//!   by messages. So a search without cuts has seen all that happens with them, and
//!   `framework/reference` compares the two. To search *only* the runs with a cut, block links.
//! - **Clients** get their next command as soon as they have the result of the previous one. So one
//!   event can lead to many commands ([`Search::commands_per_event_max`]).
//!
//! [`View::nodes`]: crate::property::View::nodes
//! [`View::is_crashed`]: crate::property::View::is_crashed
//!
//! # What a result means
//!
//! A [`SearchResult`] is one of six. *Exhausted* is a proof for this system: this many nodes, these
//! commands. It says nothing about larger systems or other commands. *Limit reached* means that nothing
//! was found so far; it proves nothing beyond the depth that was completed. *Invalid start* means that
//! the search has inconsistent settings. A goal that was found is reachable, not inevitable: a search
//! finds what can happen. What must eventually happen (liveness) is another question:
//! [`Search::progress`] answers it for finite spaces. Random walks
//! ([`Search::random_walks`]) go deep and prove nothing.
//!
//! Two states count as one if their 64-bit fingerprints are equal. The report bounds the
//! probability of such a collision (`collision_bound`); [`Search::exact`] compares full states
//! instead.
//!
//! # Why it is fast
//!
//! 1. Each node is interned together with everything that belongs to it (state, timers, results,
//!    inbox). A global state is one number per node.
//! 2. The effect of an event on an interned node is computed once. Handlers run once per distinct
//!    (state, event), in batches. Each run is done twice and compared, which catches
//!    nondeterministic handlers. After that, a transition is a few lookups.
//! 3. A state's fingerprint is a sum over its nodes, so a transition changes it by a difference.
//! 4. The visited set is a table of 8-byte fingerprints. Many lookups run at once, so that memory
//!    accesses overlap. The predecessor log takes two more bytes per state.
//! 5. Events at different nodes commute, so only one of two orders is explored. No state is lost;
//!    `sleep.rs` contains the proof.
//! 6. Threads work in rounds, and their results are joined in order, so counts, results and paths do
//!    not depend on the number of threads.

mod blocked;
mod breadth_first;
mod candidates;
mod checks;
mod client_drivers;
mod deadline;
mod disk;
mod divergence;
mod durability;
mod effects;
mod exact;
mod expand;
mod explorer;
mod frontier;
mod handlers;
mod intern;
mod linearizable;
mod list_cache;
mod lives;
mod minimise;
mod monitor;
mod monitor_replay;
mod near_miss;
mod network;
mod node_table;
mod pairs;
mod path;
mod position;
mod predecessors;
mod progress;
mod property_memo;
mod random_walk;
mod report;
mod restart_bounds;
mod round;
mod settings;
mod shown;
mod sleep;
mod state;
mod state_space;
mod timers;
mod trace_formatter;
mod traced_run;
mod view;
mod visited;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

pub use checks::Role;
pub use disk::{Corruption, DiskOutcome, Storage};
pub use explorer::{
    ClientDescription, Description, Explorer, ExplorerError, MessageDescription, NodeDescription,
    Obstacle, OperationDescription, PropertyCheck, Snapshot, TimerDescription,
};
pub use linearizable::Linearizable;
pub use near_miss::{Barrier, Measure, NearMiss};
pub use path::{Action, Path, PathEvent};
pub use progress::{Lasso, LeadsTo, ProgressReport, ProgressResult};
pub use random_walk::RandomWalks;
pub use report::{FoundState, HandlerFailure, Hint, Limit, Report, SearchResult, Statistics};
pub use restart_bounds::RestartBounds;
pub use state::{NodeState, PendingTimer, Sent, State};
pub use traced_run::TracedRun;

use crate::hosting::pure::{LocalSteps, PureSteps, StepFailure};
use crate::hosting::{NodeFailure, Submission};
pub use crate::property::Monitor;
use crate::property::Property;
use crate::{Address, FaultModel, NodeSpec, System, parallel};
use breadth_first::BreadthFirst;
use checks::Checks;
use settings::{Limits, Restrictions};
use state_space::{Setup, StartError, StateSpace};

/// The seed of the workloads' randomness: a search explores one choice of the commands.
const WORKLOAD_SEED: u64 = 0;

/// A configured search.
#[derive(Clone)]
pub struct Search {
    system: System,
    fault_model: FaultModel,
    properties: Vec<(Role, Property)>,
    monitor: Option<Arc<dyn Monitor>>,
    restrictions: Restrictions,
    limits: Limits,
    threads: NonZeroUsize,
    start: Option<State>,
    /// The title of the stage that it is, if it is one.
    stage: Option<String>,
    /// How near a state is to the goals.
    measure: Measure,
    all_orders: bool,
    exact: bool,
}

impl Search {
    /// A search of all runs of a system.
    #[must_use]
    pub fn new(system: System) -> Self {
        let restrictions = Restrictions::new(system.nodes().len());
        Self {
            system,
            fault_model: FaultModel::default(),
            properties: Vec::new(),
            monitor: None,
            restrictions,
            limits: Limits::default(),
            threads: NonZeroUsize::MIN,
            start: None,
            stage: None,
            measure: Measure::commands_answered(),
            all_orders: false,
            exact: false,
        }
    }

    /// The system that is searched.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// Searches the runs that this fault model allows; the default is an unreliable network.
    ///
    /// In a model that neither loses, duplicates nor reorders messages, the network is a queue for each link instead of
    /// a set: only the oldest message of a link can be delivered, and only once. A blocked link delays its messages.
    /// Nodes that send without waiting for replies then fill the queues without bound, for example with
    /// retransmissions; limit such a search.
    #[must_use]
    pub fn fault_model(mut self, fault_model: FaultModel) -> Self {
        self.fault_model = fault_model;
        self
    }

    /// Adds a property that must hold in every state.
    #[must_use]
    pub fn invariant(mut self, property: Property) -> Self {
        self.properties.push((Role::Invariant, property));
        self
    }

    /// Adds a property that must hold in at least one state. The search does not end there; [`Report::never_held`] names
    /// the properties that held in no state. An invariant also holds in a system in which nothing happens. This tells
    /// such a system from one that works.
    ///
    /// States in which an invariant is violated do not count; those in which a prune holds do.
    ///
    /// ```
    /// # use faultlab::hosting::{Kind, Submission};
    /// # use faultlab::property::{Property, clients_done, results_ok};
    /// # use faultlab::search::{Search, SearchResult};
    /// # use faultlab::workload::Workload;
    /// # use faultlab::{Address, Client, Context, Node, System};
    /// # use serde::{Deserialize, Serialize};
    /// // A client that never shows a result shows no wrong one.
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    /// struct Silent;
    /// # impl Node for Silent {
    /// #     type Message = ();
    /// #     type Timer = ();
    /// #     fn on_message(&mut self, _: Address, (): (), _: &mut Context<Self>) {}
    /// # }
    /// # impl Client for Silent {
    /// #     type Command = u64;
    /// #     type Result = u64;
    /// #     fn send_command(&mut self, _: u64, _: &mut Context<Self>) {}
    /// #     fn result(&self) -> Option<u64> {
    /// #         None
    /// #     }
    /// # }
    ///
    /// let submission = Submission::new().with(Kind::client("client", |_, ()| Silent));
    /// let work = Workload::<u64, u64>::of([1]).expecting([1]);
    /// let report = Search::new(System::new().client("client", Address::new("client1"), &(), work))
    ///     .invariant(results_ok())
    ///     .sometimes(clients_done())
    ///     .run(&submission);
    /// assert_eq!(report.result, SearchResult::Exhausted);
    /// assert_eq!(report.never_held, ["every client gets all its results"]);
    /// ```
    #[must_use]
    pub fn sometimes(mut self, property: Property) -> Self {
        self.properties.push((Role::Sometimes, property));
        self
    }

    /// Adds a goal: the search ends successfully in a state in which this holds.
    #[must_use]
    pub fn goal(mut self, property: Property) -> Self {
        self.properties.push((Role::Goal, property));
        self
    }

    /// Adds a prune: the search does not expand states in which this holds. Such a state itself is
    /// checked and counted.
    #[must_use]
    pub fn prune(mut self, property: Property) -> Self {
        self.properties.push((Role::Prune, property));
        self
    }

    /// Adds a monitor that every run must satisfy.
    #[must_use]
    pub fn monitor(mut self, monitor: impl Monitor + 'static) -> Self {
        self.monitor = Some(Arc::new(monitor));
        self
    }

    /// Uses this many threads. The result does not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Does not expand states at this depth.
    #[must_use]
    pub fn depth_max(mut self, depth: usize) -> Self {
        self.limits.depth = Some(depth);
        self
    }

    /// Stops after this many states, or slightly more: limits are checked between rounds.
    #[must_use]
    pub fn states_max(mut self, states: u64) -> Self {
        self.limits.states = Some(states);
        self
    }

    /// Stops after this time, or shortly after it: handlers and properties are not interrupted.
    #[must_use]
    pub fn time_max(mut self, time: Duration) -> Self {
        self.limits.time = Some(time);
        self
    }

    /// Stops when the tables use this many bytes of memory, or slightly more.
    #[must_use]
    pub fn memory_max(mut self, bytes: usize) -> Self {
        self.limits.memory_bytes = Some(bytes);
        self
    }

    /// Gives each client at most this many commands in one event; the default is 1,000. A client that answers without
    /// waiting for a message gets its next command at once, and could continue forever within one event. A search in
    /// which a client reaches this limit checks the state that is then reached, and ends with
    /// [`Limit::CommandsPerEvent`] unless it has found something.
    ///
    /// # Panics
    /// If `commands` is zero.
    #[must_use]
    pub fn commands_per_event_max(mut self, commands: usize) -> Self {
        assert!(commands > 0, "a client needs at least one command per event");
        self.limits.commands_per_event = commands;
        self
    }

    /// Continues up to the other limits even if a node seems to diverge. Without this, a search of
    /// the whole space ([`Search::depth_max`] not set) stops with [`Limit::Diverges`] at a node
    /// that reaches a new state each time the same event repeats.
    #[must_use]
    pub fn allow_divergence(mut self) -> Self {
        self.limits.allow_divergence = true;
        self
    }

    /// Explores events at different nodes in all orders, without sleep sets. This finds the same states
    /// by the same paths, more slowly; use it to verify that.
    #[must_use]
    pub fn all_orders(mut self) -> Self {
        self.all_orders = true;
        self
    }

    /// Compares full states instead of 64-bit fingerprints. This takes more memory, and only one
    /// thread for this part.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Starts from this state instead of freshly started nodes.
    ///
    /// Nodes that crashed on the state's path and did not restart are crashed; those that the search
    /// [may restart](Search::may_restart) may come back. Nodes that started on the path have started,
    /// and links that were cut on it and not restored stay blocked. Restrictions of the search that found the state are
    /// not part of it.
    ///
    /// A monitor also observes the calls and returns of the run that led to the state, because the search
    /// replays the state's path. If that is not possible, the search ends with
    /// [`SearchResult::InvalidStart`].
    ///
    /// # Panics
    /// If the state does not belong to this system: it has different nodes, or a message from an
    /// unknown sender.
    #[must_use]
    pub fn start_from(mut self, state: State) -> Self {
        let addresses = self.system.nodes().iter().map(NodeSpec::address);
        let theirs = state.nodes.iter().map(|node| node.address);
        assert!(addresses.eq(theirs), "the state and the system have different nodes");
        for node in &state.nodes {
            for sent in &node.inbox {
                self.node_index(sent.from);
            }
        }
        let system = &self.system;
        self.restrictions.follow(&state.path, |node| index_in(system, node));
        self.start = Some(state);
        self
    }

    /// Makes it a stage of a search that goes on from state to state: its paths and traces have a divider with this
    /// title where it starts.
    #[must_use]
    pub fn stage(mut self, title: impl Into<String>) -> Self {
        self.stage = Some(title.into());
        self
    }

    /// Does not start this node, or this client, together with the others. An [`Explorer`] can start it
    /// ([`Explorer::start`]), and a search can go on from there. Until then, messages to it wait in the network, and
    /// properties do not see it.
    #[must_use]
    pub fn starts_later(mut self, node: Address) -> Self {
        let node = self.node_index(node);
        self.restrictions.start_later(node);
        self
    }

    /// The path to the first state.
    fn before(&self) -> Path {
        let mut path = self.start.as_ref().map(|state| state.path.clone()).unwrap_or_default();
        let stage = self.stage.clone().map(|title| PathEvent::Outside(Action::Stage { title }));
        path.events.extend(stage);
        path
    }

    /// Blocks the link: messages from `from` to `to` are not delivered.
    ///
    /// # Panics
    /// If the system has no such node. This holds for all methods with an address.
    #[must_use]
    pub fn block_link(mut self, from: Address, to: Address) -> Self {
        let (from, to) = (self.node_index(from), self.node_index(to));
        self.restrictions.set_link(from, to, false);
        self
    }

    /// Delivers no message from this node.
    #[must_use]
    pub fn block_sends(mut self, node: Address) -> Self {
        let node = self.node_index(node);
        self.restrictions.set_sender(node, false);
        self
    }

    /// Delivers no message to this node.
    #[must_use]
    pub fn block_receives(mut self, node: Address) -> Self {
        let node = self.node_index(node);
        self.restrictions.set_receiver(node, false);
        self
    }

    /// Fires no timer of this node.
    #[must_use]
    pub fn stop_timers(mut self, node: Address) -> Self {
        let node = self.node_index(node);
        self.restrictions.set_timers(node, false);
        self
    }

    /// Crashes a node: no message is delivered to it, and none of its timers fires.
    #[must_use]
    pub fn crash(mut self, node: Address) -> Self {
        let node = self.node_index(node);
        self.restrictions.crash(node);
        self
    }

    /// Lets the search choose that these nodes crash, one after another, at most `at_most` of them at any moment. Nodes
    /// that have crashed before count. A node of several such groups must be within the bound of each.
    ///
    /// A crash is an event: it is part of the path, and its depth counts. See the [module](self) for what crashes add
    /// to a search.
    #[must_use]
    pub fn may_crash(mut self, nodes: impl IntoIterator<Item = Address>, at_most: usize) -> Self {
        let indices = self.node_indices(nodes);
        self.restrictions.may_crash(indices, at_most);
        self
    }

    /// Lets the search choose that these nodes crash and start again, within these bounds. They crash between events, and
    /// within handlers between any two effects. They start again at any time after that, or never, with all that the
    /// [fault model](Search::fault_model) says may be left of their stable storage. See the [module](self).
    ///
    /// Crashes are counted from the start of this search on. A node of several such groups, or also of one that
    /// [may crash](Search::may_crash), must be within the bounds of each. If the fault model does not let nodes restart,
    /// or one of the nodes is a client, the search ends with [`SearchResult::InvalidStart`].
    ///
    /// ```
    /// use faultlab::hosting::{Kind, Submission};
    /// use faultlab::property::{Property, observe, violated};
    /// use faultlab::search::{RestartBounds, Search, SearchResult};
    /// use faultlab::{Address, Context, Durable, FaultModel, Node, Stored, System};
    /// # use serde::{Deserialize, Serialize};
    /// #
    /// // Gives out numbers. It says them first, and saves them then.
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    /// struct Numbers {
    ///     last: u64,
    /// }
    ///
    /// impl Node for Numbers {
    ///     // ...
    /// #   type Message = u64;
    /// #   type Timer = ();
    /// #   fn init(&mut self, ctx: &mut Context<Self>) {
    /// #       ctx.send(ctx.address(), 0);
    /// #   }
    ///     fn on_message(&mut self, from: Address, wanted: u64, ctx: &mut Context<Self>) {
    ///         if wanted == self.last {
    ///             self.last += 1;
    ///             ctx.send(Address::new("listener"), self.last);
    ///             ctx.save(&self.last);
    ///         }
    ///     }
    /// }
    ///
    /// impl Durable for Numbers {
    ///     // ...
    /// #   type Record = u64;
    /// #   type Entry = ();
    ///     fn restore(&mut self, stored: Stored<u64, ()>, _: &mut Context<Self>) {
    ///         self.last = stored.record.unwrap_or(0);
    ///     }
    /// }
    ///
    /// # #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    /// # struct Listener {
    /// #     heard: u64,
    /// # }
    /// # impl Node for Listener {
    /// #     type Message = u64;
    /// #     type Timer = ();
    /// #     fn on_message(&mut self, _: Address, number: u64, _: &mut Context<Self>) {
    /// #         self.heard = self.heard.max(number);
    /// #     }
    /// # }
    /// let (numbers, listener) = (Address::new("numbers"), Address::new("listener"));
    /// let submission = Submission::new()
    ///     .with(Kind::node("numbers", |_, ()| Numbers { last: 0 }).durable().observing(|it: &Numbers, ()| it.last))
    ///     .with(Kind::node("listener", |_, ()| Listener { heard: 0 }).observing(|it: &Listener, ()| it.heard));
    /// let system = System::new().node("numbers", numbers, &()).node("listener", listener, &());
    /// let known = Property::new("a number that was heard is known", move |view| {
    ///     let (known, heard) = (observe::<(), u64>(view, numbers, &())?, observe::<(), u64>(view, listener, &())?);
    ///     if view.is_crashed(numbers) || heard <= known { Ok(()) } else { Err(violated("it", heard.to_string())) }
    /// });
    /// let report = Search::new(system)
    ///     .fault_model(FaultModel::UNRELIABLE_CRASH_RECOVERY)
    ///     .may_restart([numbers], RestartBounds::crashes(1))
    ///     .invariant(known)
    ///     .run(&submission);
    ///
    /// // It crashes after it has said 1 and before it has saved that; it restarts, and 1 is heard.
    /// let SearchResult::Violated(found) = report.result else { panic!("no violation") };
    /// assert_eq!(found.path().len(), 3);
    /// assert_eq!(report.faults, ["numbers may crash and restart: at most 1 crash in all"]);
    /// ```
    #[must_use]
    pub fn may_restart(
        mut self,
        nodes: impl IntoIterator<Item = Address>,
        bounds: RestartBounds,
    ) -> Self {
        let indices = self.node_indices(nodes);
        self.restrictions.add_restarts(indices, bounds);
        self
    }

    /// Searches breadth-first, with the nodes in process.
    #[must_use]
    pub fn run(&self, submission: &Submission) -> Report {
        self.locally(submission, |steps| self.run_with(steps))
    }

    /// Searches breadth-first; `steps` computes the nodes' steps.
    ///
    /// # Panics
    /// If `steps` are of other nodes.
    #[must_use]
    pub fn run_with(&self, steps: &dyn PureSteps) -> Report {
        self.report(steps, |space| {
            parallel::with_threads(self.threads, || {
                BreadthFirst::new(space, &self.limits, self.all_orders, self.exact).run()
            })
        })
    }

    /// Takes random walks, with the nodes in process. If one finds something, its path is minimised.
    #[must_use]
    pub fn random_walks(&self, submission: &Submission, walks: RandomWalks) -> Report {
        self.locally(submission, |steps| self.random_walks_with(steps, walks))
    }

    /// Takes random walks; `steps` computes the nodes' steps.
    ///
    /// # Panics
    /// If `steps` are of other nodes.
    #[must_use]
    pub fn random_walks_with(&self, steps: &dyn PureSteps, walks: RandomWalks) -> Report {
        let report = self.report(steps, |space| random_walk::run(space, walks, &self.limits));
        Report { result: minimise::minimised(self, steps, report.result), ..report }
    }

    fn locally(&self, submission: &Submission, run: impl Fn(&dyn PureSteps) -> Report) -> Report {
        match LocalSteps::new(submission, self.system.descriptors()) {
            Ok(steps) => run(&steps),
            Err(failure) => self.report_without_states(self.failed_to_start(failure)),
        }
    }

    /// The result if the nodes cannot be provided.
    fn failed_to_start(&self, failure: NodeFailure) -> SearchResult {
        SearchResult::Failed(Box::new(HandlerFailure {
            node: self.system.nodes()[0].address(),
            failure: StepFailure::Node(failure),
            path: Path::default(),
        }))
    }

    fn report<'s>(
        &'s self,
        steps: &'s dyn PureSteps,
        run: impl FnOnce(&mut StateSpace<'s>) -> (SearchResult, Statistics),
    ) -> Report {
        let outcome = match StateSpace::new(self.setup(steps)) {
            Ok(mut space) => {
                let (result, statistics) = run(&mut space);
                let never_held = space.checks.never_held();
                let (faults, hints) = (self.faults(), space.hints());
                return Report { result, never_held, faults, statistics, hints };
            }
            Err(StartError::Failed(failed)) => SearchResult::Failed(failed),
            Err(error) => SearchResult::InvalidStart(error.to_string()),
        };
        self.report_without_states(outcome)
    }

    /// The report of a search that saw no state.
    fn report_without_states(&self, result: SearchResult) -> Report {
        let never_held = Checks::new(self.properties.clone()).never_held();
        let (faults, statistics) = (self.faults(), Statistics::default());
        Report { result, never_held, faults, statistics, hints: Vec::new() }
    }

    /// The faults that the search chooses from, each with its bound, in words.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let names = |nodes: &[usize]| {
            let nodes = nodes.iter().map(|&node| self.system.nodes()[node].address().to_string());
            nodes.collect::<Vec<String>>().join(", ")
        };
        let crashes = self.restrictions.crashes().iter().map(|budget| {
            let nodes = names(&budget.nodes);
            format!("at most {} of {nodes} crashed at any moment", budget.at_most)
        });
        let restarts = self.restrictions.restarts().iter().map(|budget| {
            let (nodes, words) = (names(&budget.nodes), budget.bounds.words(budget.nodes.len()));
            format!("{nodes} may crash and restart: {words}")
        });
        crashes.chain(restarts).collect()
    }

    /// The inputs for the tables of this search.
    fn setup<'s>(&'s self, steps: &'s dyn PureSteps) -> Setup<'s> {
        Setup {
            system: &self.system,
            fault_model: self.fault_model,
            steps,
            monitor: self.monitor.as_deref(),
            properties: self.properties.clone(),
            restrictions: self.restrictions.clone(),
            start: self.start.as_ref(),
            before: self.before(),
            commands_per_event: self.limits.commands_per_event,
            with_calls: false,
            restarts_from_outside: false,
        }
    }

    fn node_index(&self, address: Address) -> usize {
        index_in(&self.system, address)
    }

    /// The indices of these nodes, each once.
    fn node_indices(&self, nodes: impl IntoIterator<Item = Address>) -> Vec<usize> {
        let mut indices = Vec::new();
        for node in nodes {
            let node = self.node_index(node);
            if !indices.contains(&node) {
                indices.push(node);
            }
        }
        indices
    }
}

/// The index of the node at this address.
fn index_in(system: &System, address: Address) -> usize {
    let position = system.nodes().iter().position(|node| node.address() == address);
    position.unwrap_or_else(|| panic!("the system has no node at {address}"))
}
