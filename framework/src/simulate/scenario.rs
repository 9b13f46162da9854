//! A scenario: everything about a run but its seed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::limits::Limits;
use super::network::{LinkConditions, Network, ns};
use crate::byzantine::{Behaviour, Change};
use crate::kinds::Interface;
use crate::property::{CheckError, Monitor, Property, View};
use crate::trace::{EventKind, Incarnation};
use crate::{Address, DiskFault, FaultModel, NodeSpec, System, Value, codec};

/// A change that a scenario makes to a running system.
///
/// The nodes that it names must exist at its time; see [`Scenario::validate`].
#[derive(Clone, Debug)]
pub enum Intervention {
    /// From now on, messages from `from` to `to` are lost, including those in flight.
    Cut {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// From now on, messages from `from` that arrive at `to` wait until the link is repaired.
    Hold {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// Undoes cutting and holding of one link, in one direction. Held messages arrive at once, in
    /// order.
    Repair {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
    },
    /// Cuts every link to and from a node.
    Isolate(Address),
    /// Cuts every link between nodes of different groups, and repairs those within. A node in no
    /// group forms a group of its own.
    Partition(Vec<Vec<Address>>),
    /// Repairs every link.
    Heal,
    /// The next `count` messages from `from` to `to` are lost.
    DropNext {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
        /// How many.
        count: u32,
    },
    /// The content of the next message from `from` to `to` changes on its way. If it then no longer decodes, it is lost.
    CorruptNext {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
        /// How it changes.
        change: Change,
    },
    /// The next message from `from` to `to` arrives in the name of `claims`.
    SpoofNext {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
        /// The sender that it names.
        claims: Address,
    },
    /// The message that was sent from `from` to `to` so many messages ago arrives once more. Nothing happens if there is none.
    ReplayEarlier {
        /// The sender.
        from: Address,
        /// The receiver.
        to: Address,
        /// How many messages ago, counted from 1: the last one.
        back: u64,
    },
    /// A message arrives that nobody has sent; see [`Intervention::inject`].
    Inject(Invented),
    /// A node crashes. Its memory and its timers are gone; messages from it and to it stay in flight. It never comes back,
    /// unless it is restarted.
    Crash(Address),
    /// A node crashes within the next handler in which it has an effect: a message, a timer or a write. Some of the
    /// effects take place, in their order, and at least the last one does not; the seed says how many. If the node is
    /// restarted before that, it does not crash.
    CrashInHandler(Address),
    /// A node that has crashed starts again, with what its stable storage still holds ([`Durable`](crate::Durable)), or
    /// as new. One that is running crashes first. Clients cannot restart.
    Restart(Address),
    /// Something happens to a node's stable storage. It is seen when the node starts again.
    DiskFault {
        /// The node.
        node: Address,
        /// What happens.
        fault: DiskFault,
    },
    /// A node starts, at an address that no other node has ever had.
    Start(NodeSpec),
    /// The network's conditions change.
    LinkConditions(Network),
    /// A property must hold now.
    Check(Property),
    /// The quiet phase begins, and lasts until this holds; see [`Scenario::quiet_phase`].
    QuietPhase(Property),
    /// Interventions that depend on the run; see [`Intervention::decide`].
    Decide(Decision),
    /// The run ends, after the time to [observe](Scenario::observe_for), and the final properties are checked.
    End,
}

/// A choice of interventions that depends on the run.
#[derive(Clone)]
pub struct Decision {
    name: String,
    decide: Decide,
}

/// The function behind a decision.
type Decide = Arc<dyn Fn(&mut dyn View) -> Result<Vec<Intervention>, CheckError> + Send + Sync>;

impl Decision {
    /// The name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Chooses the interventions.
    pub(super) fn decide(&self, view: &mut dyn View) -> Result<Vec<Intervention>, CheckError> {
        (self.decide)(view)
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decision").field(&self.name).finish()
    }
}

/// A message that nobody has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invented {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

impl Intervention {
    /// This message arrives at `to` in the name of `from`, after the shortest latency of the link.
    ///
    /// # Panics
    /// When the message cannot be encoded.
    #[must_use]
    pub fn inject(from: Address, to: Address, message: &impl Value) -> Self {
        let bytes = codec::encode(message).expect("a message encodes");
        Self::Inject(Invented { from, to, bytes })
    }

    /// [`Intervention::Partition`] into these groups.
    #[must_use]
    pub fn partition<const N: usize>(groups: [&[Address]; N]) -> Self {
        Self::Partition(groups.iter().map(|group| group.to_vec()).collect())
    }

    /// Interventions that are chosen when their time has come, by what the nodes then show: a crash of whichever server
    /// is the leader, for example. They take place in order. `name` describes them: "the leader crashes".
    ///
    /// An error ends the run as if a property did not hold. A chosen intervention must be as valid as one that the
    /// scenario names ([`Scenario::validate`]).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use faultlab::Address;
    /// # use faultlab::property::{observe, violated};
    /// # use faultlab::simulate::{Intervention, Scenario};
    /// let servers = [Address::new("server1"), Address::new("server2")];
    /// let crash = Intervention::decide("the leader crashes", move |view| {
    ///     for server in servers {
    ///         if observe::<(), bool>(view, server, &())? {
    ///             return Ok(vec![Intervention::Crash(server)]);
    ///         }
    ///     }
    ///     Err(violated("a leader", "no server leads"))
    /// });
    /// let scenario = Scenario::new().at(Duration::from_secs(5), crash);
    /// ```
    pub fn decide(
        name: impl Into<String>,
        decide: impl Fn(&mut dyn View) -> Result<Vec<Self>, CheckError> + Send + Sync + 'static,
    ) -> Self {
        Self::Decide(Decision { name: name.into(), decide: Arc::new(decide) })
    }
}

impl Intervention {
    /// The intervention as a trace event.
    pub(super) fn recorded(&self) -> EventKind {
        match self {
            Self::Crash(node) => EventKind::crash(*node),
            Self::Restart(node) => EventKind::Restart {
                node: *node,
                kind: String::new(),
                incarnation: Incarnation::FIRST,
                storage: Vec::new(),
            },
            Self::Check(property) => EventKind::Check { property: property.name().to_owned() },
            _ => EventKind::Network { change: self.to_string() },
        }
    }
}

impl fmt::Display for Intervention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { from, to } => write!(f, "the link from {from} to {to} is cut"),
            Self::Hold { from, to } => write!(f, "messages from {from} to {to} are held back"),
            Self::Repair { from, to } => write!(f, "the link from {from} to {to} works again"),
            Self::Isolate(node) => write!(f, "{node} is cut off from everybody"),
            Self::Partition(groups) => {
                let names = |group: &Vec<Address>| {
                    group.iter().map(Address::as_str).collect::<Vec<_>>().join(", ")
                };
                let groups: Vec<String> = groups.iter().map(names).collect();
                write!(f, "the network is split: {}", groups.join(" | "))
            }
            Self::Heal => f.write_str("the network is whole again"),
            Self::DropNext { from, to, count: 1 } => {
                write!(f, "the next message from {from} to {to} is lost")
            }
            Self::DropNext { from, to, count } => {
                write!(f, "the next {count} messages from {from} to {to} are lost")
            }
            Self::CorruptNext { from, to, .. } => {
                write!(f, "the next message from {from} to {to} is corrupted")
            }
            Self::SpoofNext { from, to, claims } => {
                write!(f, "the next message from {from} to {to} will name {claims} as its sender")
            }
            Self::ReplayEarlier { from, to, back: 1 } => {
                write!(f, "the last message from {from} to {to} is sent again")
            }
            Self::ReplayEarlier { from, to, back } => {
                write!(f, "the message from {from} to {to}, {back} messages ago, is sent again")
            }
            Self::Inject(Invented { from, to, .. }) => {
                write!(f, "a message from {from} to {to} is forged")
            }
            Self::Crash(node) => write!(f, "{node} crashes"),
            Self::CrashInHandler(node) => write!(f, "{node} will crash within a handler"),
            Self::Restart(node) => write!(f, "{node} restarts"),
            Self::DiskFault { node, fault } => write!(f, "the disk of {node} {fault}"),
            Self::Start(node) => write!(f, "{} starts", node.address()),
            Self::LinkConditions(_) => f.write_str("the network's conditions change"),
            Self::Check(property) => write!(f, "checked: {}", property.name()),
            Self::QuietPhase(_) => {
                f.write_str("the faults stop; what is cut, held or crashed stays like that")
            }
            Self::Decide(decision) => f.write_str(decision.name()),
            Self::End => f.write_str("the test ends the run"),
        }
    }
}

/// The quiet phase of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    /// The final property that is its goal, by index.
    pub(super) check: usize,
    /// How long it may take to reach it.
    pub(super) within_ns: u64,
}

/// When an intervention takes place.
#[derive(Clone, Debug)]
pub(crate) enum When {
    /// At this time after the start.
    At(u64),
    /// As soon as this client has this many results.
    Answered(Address, u64),
    /// As soon as this holds.
    Holds(Property),
}

/// Everything about a run but its seed: nodes, clients and their workloads, the network,
/// interventions, duration, and the properties that must hold.
///
/// Reads in chronological order:
///
/// ```
/// # use faultlab::{Address, NodeSpec, simulate::{Intervention, Network, Scenario}, workload::Workload};
/// # use faultlab::property::{clients_done, results_ok};
/// # use std::time::Duration;
/// let (server, client) = (Address::new("server1"), Address::new("client1"));
/// let work = Workload::<u64, u64>::of([1, 2, 3]).expecting([1, 2, 3]);
/// let scenario = Scenario::new()
///     .node(NodeSpec::node("server", server, &()))
///     .node(NodeSpec::client("client", client, &server, work))
///     .network(Network::unreliable())
///     .at(Duration::from_secs(1), Intervention::partition([&[client], &[server]]))
///     .at(Duration::from_secs(5), Intervention::Heal)
///     .until_done(Duration::from_secs(20))
///     .check(clients_done())
///     .check(results_ok());
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) fault_model: FaultModel,
    pub(crate) system: System,
    pub(crate) network: Network,
    /// What the Byzantine nodes do, in natural order.
    pub(crate) byzantine: BTreeMap<Address, Behaviour>,
    pub(crate) timeline: Vec<(When, Intervention)>,
    pub(crate) until_done: bool,
    pub(crate) observe_after_ns: u64,
    pub(crate) deadline_ns: u64,
    pub(crate) stalled_ns: u64,
    pub(crate) checks: Vec<Property>,
    pub(crate) always: Vec<Property>,
    pub(crate) monitors: Monitors,
    pub(super) quiet: Option<Quiet>,
    pub(crate) limits: Limits,
    pub(crate) interface: Option<Interface>,
}

/// The monitors of a scenario.
#[derive(Clone, Default)]
pub(crate) struct Monitors(pub(crate) Vec<Arc<dyn Monitor>>);

impl fmt::Debug for Monitors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|monitor| monitor.name())).finish()
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self::new()
    }
}

impl Scenario {
    /// A scenario without nodes, on a reliable network, that ends when all clients are done or
    /// after one virtual minute.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fault_model: FaultModel::default(),
            system: System::new(),
            network: Network::reliable(),
            byzantine: BTreeMap::new(),
            timeline: Vec::new(),
            until_done: true,
            observe_after_ns: 0,
            deadline_ns: ns(Duration::from_secs(60)),
            stalled_ns: u64::MAX,
            checks: Vec::new(),
            always: Vec::new(),
            monitors: Monitors::default(),
            quiet: None,
            limits: Limits::default(),
            interface: None,
        }
    }

    /// Sets the lab's interface. Nodes, workloads and queries that do not fit it make the scenario
    /// [invalid](Scenario::validate), or end its run as invalid.
    #[must_use]
    pub fn interface(mut self, interface: Interface) -> Self {
        self.interface = Some(interface);
        self
    }

    /// Sets the fault model. A fault that it does not allow makes the scenario [invalid](Scenario::validate). In
    /// [`FaultModel::RELIABLE_IN_ORDER_FAIL_STOP`] latencies apply, and a cut link delays messages instead of losing
    /// them.
    #[must_use]
    pub fn fault_model(mut self, fault_model: FaultModel) -> Self {
        self.fault_model = fault_model;
        self
    }

    /// Adds a node or a client.
    ///
    /// # Panics
    /// When there is already one at that address.
    #[must_use]
    pub fn node(mut self, node: NodeSpec) -> Self {
        self.system = self.system.with(node);
        self
    }

    /// Adds the nodes and clients of a system.
    ///
    /// # Panics
    /// As [`Scenario::node`].
    #[must_use]
    pub fn system(self, system: System) -> Self {
        self.nodes(system.nodes().iter().cloned())
    }

    /// Adds several nodes.
    ///
    /// # Panics
    /// As [`Scenario::node`].
    #[must_use]
    pub fn nodes(self, nodes: impl IntoIterator<Item = NodeSpec>) -> Self {
        nodes.into_iter().fold(self, Self::node)
    }

    /// Makes a node Byzantine: it does what the behaviour says. The fault model says how many nodes may be
    /// ([`FaultModel::may_be_byzantine`]).
    ///
    /// Properties, and the run's end, are about the correct nodes only: a [`View`] does not list Byzantine ones, and
    /// [`Scenario::until_done`] does not wait for Byzantine clients.
    ///
    /// ```
    /// # use faultlab::{Address, FaultModel, NodeSpec};
    /// # use faultlab::byzantine::{Behaviour, Change};
    /// # use faultlab::simulate::Scenario;
    /// let names: Vec<Address> = (1..=4).map(|number| Address::numbered("node", number)).collect();
    /// let scenario = Scenario::new()
    ///     .fault_model(FaultModel::reliable_in_order_byzantine(1))
    ///     .nodes(names.iter().map(|name| NodeSpec::node("node", *name, &names)))
    ///     .byzantine(names[0], Behaviour::Equivocate(Change::nearby()));
    /// assert!(scenario.validate().is_ok());
    /// // Two are too many.
    /// let scenario = scenario.byzantine(names[1], Behaviour::Silent);
    /// assert!(scenario.validate().is_err());
    /// ```
    #[must_use]
    pub fn byzantine(mut self, node: Address, behaviour: Behaviour) -> Self {
        self.byzantine.insert(node, behaviour);
        self
    }

    /// Sets the network at the start.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the network at the start to these conditions on every link.
    #[must_use]
    pub fn link_conditions(self, everywhere: LinkConditions) -> Self {
        self.network(Network::with(everywhere))
    }

    /// Adds an intervention at this time after the start. Those at time zero take place before the
    /// nodes start.
    #[must_use]
    pub fn at(mut self, time: Duration, intervention: Intervention) -> Self {
        self.timeline.push((When::At(ns(time)), intervention));
        self
    }

    /// Adds an intervention that takes place as soon as a client has this many results.
    #[must_use]
    pub fn when_answered(
        mut self,
        client: Address,
        results: u64,
        intervention: Intervention,
    ) -> Self {
        self.timeline.push((When::Answered(client, results), intervention));
        self
    }

    /// Adds an intervention that takes place as soon as `condition` holds. It is checked after every event, like a
    /// property that must [always](Scenario::always) hold, until it holds for the first time. If it never does, the
    /// intervention does not take place.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use faultlab::Address;
    /// # use faultlab::property::{Property, observe, violated};
    /// # use faultlab::simulate::{Intervention, Scenario};
    /// let backup = Address::new("server2");
    /// let took_over = Property::new("server2 is the primary", move |view| {
    ///     if observe::<(), bool>(view, backup, &())? { Ok(()) } else { Err(violated("it", "not yet")) }
    /// });
    /// // Not "after 20 seconds", but as soon as it matters.
    /// let scenario = Scenario::new()
    ///     .when(took_over.clone(), Intervention::Heal)
    ///     .until_holds(took_over, Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn when(mut self, condition: Property, intervention: Intervention) -> Self {
        self.timeline.push((When::Holds(condition), intervention));
        self
    }

    /// Ends the run as soon as `condition` holds, or at `deadline`, even if all clients are done. Add the condition with
    /// [`Scenario::check`] as well if a run in which it never holds is wrong.
    #[must_use]
    pub fn until_holds(self, condition: Property, deadline: Duration) -> Self {
        self.until(deadline).when(condition, Intervention::End)
    }

    /// Ends the run when all clients that have not crashed are done, or at `deadline`.
    #[must_use]
    pub fn until_done(mut self, deadline: Duration) -> Self {
        self.until_done = true;
        self.deadline_ns = ns(deadline);
        self
    }

    /// Also ends the run when it has stalled: no client has received a command or a result for
    /// `time`, and no intervention is scheduled. Clients still waiting would most likely wait until
    /// the deadline. `time` should be longer than any wait in a correct solution.
    #[must_use]
    pub fn until_stalled(mut self, time: Duration) -> Self {
        self.stalled_ns = ns(time);
        self
    }

    /// Runs for exactly `time`, even if all clients are done.
    #[must_use]
    pub fn until(mut self, time: Duration) -> Self {
        self.until_done = false;
        self.deadline_ns = ns(time);
        self
    }

    /// Continues for `time` after all clients are done.
    #[must_use]
    pub fn observe_for(mut self, time: Duration) -> Self {
        self.observe_after_ns = ns(time);
        self
    }

    /// Adds a property that must hold at the end. Properties are checked in order. The first violation is
    /// the run's verdict; the outcome lists the others separately.
    #[must_use]
    pub fn check(mut self, property: Property) -> Self {
        self.checks.push(property);
        self
    }

    /// Adds a property that must hold after every event: after each start, message, timer, command and crash. The run
    /// ends with the first event after which it does not hold.
    ///
    /// After an event, only the node that handled it is queried again; the other nodes' answers are remembered. A
    /// property [of each node](Property::of_each_node) is checked for that node only, and one
    /// [of each client](Property::of_each_client) only if that node is a client.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use faultlab::property::{Property, observe, violated};
    /// # use faultlab::simulate::Scenario;
    /// # use faultlab::{Address, NodeSpec};
    /// let (one, two) = (Address::new("server1"), Address::new("server2"));
    /// // At the end, the servers may have settled their dispute. They must never have had it.
    /// let at_most_one = Property::new("at most one server is the leader", move |view| {
    ///     let leads: bool = observe(view, one, &())?;
    ///     let also: bool = observe(view, two, &())?;
    ///     if leads && also { Err(violated("at most one leader", "both lead")) } else { Ok(()) }
    /// });
    /// let scenario = Scenario::new()
    ///     .node(NodeSpec::node("server", one, &two))
    ///     .node(NodeSpec::node("server", two, &one))
    ///     .until(Duration::from_secs(10))
    ///     .always(at_most_one);
    /// ```
    #[must_use]
    pub fn always(mut self, property: Property) -> Self {
        self.always.push(property);
        self
    }

    /// Ends the run with a quiet phase: at `time`, the faults stop. From then on, the network loses, duplicates and changes
    /// nothing, and every message takes 1 to 10 ms. What is broken stays broken: cut and held links, crashed and Byzantine
    /// nodes. The system must make progress: `goal` must hold within `within`. The run ends as soon as it does, or when the
    /// time is up. Then the violation says what was waiting for what: which client for which result, which message was the
    /// last that it sent, where that ended, and what its receiver did.
    ///
    /// The goal is not looked at before the quiet phase. Other interventions may still be scheduled during it, such as a
    /// repair.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use faultlab::property::clients_done;
    /// # use faultlab::simulate::{Intervention, Network, Scenario};
    /// # use faultlab::workload::Workload;
    /// # use faultlab::{Address, NodeSpec};
    /// let (one, two) = (Address::new("server1"), Address::new("server2"));
    /// let client = Address::new("client1");
    /// let work = Workload::<u64, u64>::of([1, 2, 3]);
    /// // A server crashes in bad weather. When the weather is good again, the other one must do.
    /// let scenario = Scenario::new()
    ///     .node(NodeSpec::node("server", one, &two))
    ///     .node(NodeSpec::node("server", two, &one))
    ///     .node(NodeSpec::client("client", client, &[one, two], work))
    ///     .network(Network::unreliable())
    ///     .at(Duration::from_secs(1), Intervention::Crash(one))
    ///     .quiet_phase(Duration::from_secs(10), clients_done(), Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn quiet_phase(mut self, time: Duration, goal: Property, within: Duration) -> Self {
        self.quiet = Some(Quiet { check: self.checks.len(), within_ns: ns(within) });
        self.until(time.saturating_add(within))
            .at(time, Intervention::QuietPhase(goal.clone()))
            .check(goal)
    }

    /// Adds a monitor that must accept the run: a property of the order in which things happen, which no single state
    /// shows. It is told what happened after every event, and a run that it does not accept ends there. The same
    /// monitor serves a search ([`Search::monitor`](crate::search::Search::monitor)).
    #[must_use]
    pub fn monitor(mut self, monitor: impl Monitor + 'static) -> Self {
        self.monitors.0.push(Arc::new(monitor));
        self
    }

    /// Sets the limits on what a run may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
