//! Validates a scenario: it may only name nodes that exist at that time.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::scenario::{Intervention, Invented, Scenario, When};
use crate::byzantine::{Behaviour, name_of_second};
use crate::{Address, FaultModel, NodeSpec};

/// The most names that a message lists.
const LISTED_MAX: usize = 12;

/// Why a scenario is invalid. This is a mistake of its author, not of the nodes under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioError {
    /// An entry names a node that does not exist at that time.
    #[error("{entry}: no node `{name}` exists at that time; {}", listed("nodes", known))]
    UnknownNode {
        /// A description of the entry: `at 1s, server9 crashes`.
        entry: String,
        /// The name.
        name: Address,
        /// The nodes that exist at that time, in natural order.
        known: Vec<Address>,
    },
    /// An entry waits for the results of a node that is not a client.
    #[error(
        "{entry}: `{name}` is not a client, so it has no results; {}",
        listed("clients", clients)
    )]
    NotAClient {
        /// A description of the entry.
        entry: String,
        /// The name.
        name: Address,
        /// The clients, in natural order.
        clients: Vec<Address>,
    },
    /// An entry starts a node at the address of another. A crashed node keeps its address.
    #[error(
        "{entry}: the address `{name}` is taken, and a crashed node keeps its address; {}",
        listed("nodes", known)
    )]
    AddressTaken {
        /// A description of the entry.
        entry: String,
        /// The address.
        name: Address,
        /// The nodes of the whole scenario, in natural order.
        known: Vec<Address>,
    },
    /// An entry asks for a fault that the fault model of the scenario does not allow.
    #[error("{entry}: {fault}, which the fault model ({model}) does not allow")]
    NotInModel {
        /// A description of the entry.
        entry: String,
        /// The fault.
        fault: String,
        /// The fault model.
        model: FaultModel,
    },
    /// A node, a workload or a query does not fit the lab's interface.
    #[error("{what}")]
    Interface {
        /// What does not fit.
        what: String,
    },
    /// A property asks for what there is not.
    #[error("the property \"{property}\": {mistake}")]
    Property {
        /// Its name.
        property: String,
        /// What it asks for.
        mistake: String,
    },
    /// An entry restarts a client, which would never show the result of the command that it had.
    #[error("{entry}: `{name}` is a client; only nodes that take no commands can restart")]
    ClientRestarts {
        /// A description of the entry.
        entry: String,
        /// The client.
        name: Address,
    },
    /// A Byzantine node cannot behave in this way.
    #[error("{node} cannot be Byzantine in this way ({behaviour}): {reason}")]
    Behaviour {
        /// The node.
        node: Address,
        /// The behaviour's name.
        behaviour: String,
        /// Why not.
        reason: String,
    },
    /// A search has inconsistent settings. See
    /// [`SearchResult::InvalidStart`](crate::search::SearchResult::InvalidStart).
    #[error("the search cannot start: {reason}")]
    Search {
        /// Why.
        reason: String,
    },
}

/// The end of a message, which lists the existing names.
pub(super) fn listed(what: &str, names: &[Address]) -> String {
    if names.is_empty() {
        return format!("there are no {what}");
    }
    let mut texts: Vec<String> = names.iter().take(LISTED_MAX).map(Address::to_string).collect();
    if names.len() > LISTED_MAX {
        texts.push(format!("{} more", names.len() - LISTED_MAX));
    }
    format!("{what}: {}", texts.join(", "))
}

impl Scenario {
    /// Checks that the scenario is valid. A run of an invalid one ends before any node is constructed, with
    /// [`RunFailure::Scenario`](super::RunFailure::Scenario).
    ///
    /// - An intervention may only affect nodes that exist at its time. A crashed node still exists; a node
    ///   that starts later exists from its start on. If the order is not known in advance, because one of
    ///   the two waits for results, the intervention is assumed to come later.
    /// - An intervention may only wait for the results of a client that exists at some time.
    /// - The settings of a [`Network`] for senders, receivers and links also apply to nodes that start later.
    ///   So each of them must name a node that exists at some time.
    /// - No node starts at the address of another, not even of a crashed one.
    /// - The fault model allows every fault: what links do to messages, lost messages, crashes, restarts, and what happens to
    ///   disks. No client restarts.
    /// - The Byzantine nodes exist, and together with those that crash they are not more than the fault model allows. They
    ///   speak in the name of others only if the links are not authenticated. A twin is there from the start, and is no
    ///   client.
    /// - If the lab's [interface](Scenario::interface) is known, nodes and workloads fit it.
    ///
    /// # Errors
    /// Describes the first invalid entry, with the wrong name and the valid ones.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        for spec in self.system.nodes() {
            self.check_kind(spec)?;
        }
        let names = Names::of(self)?;
        names.network("the network at the start", &self.network)?;
        names.byzantine()?;
        (0..self.timeline.len()).try_for_each(|entry| names.entry(entry))
    }
}

impl Scenario {
    /// Checks a node against the lab's interface, if that is known.
    fn check_kind(&self, spec: &NodeSpec) -> Result<(), ScenarioError> {
        let checked = self.interface.as_ref().map_or(Ok(()), |interface| interface.check(spec));
        checked.map_err(|error| ScenarioError::Interface { what: error.to_string() })
    }

    /// Whether a node may start at this address later in the run. While the run goes on, a decision may start any.
    pub(super) fn may_start(&self, node: Address, is_over: bool) -> bool {
        self.timeline.iter().any(|(_, intervention)| match intervention {
            Intervention::Start(spec) => spec.address() == node,
            Intervention::Decide(_) => !is_over,
            _ => false,
        })
    }

    /// Checks an entry that was added during the run, when these nodes exist.
    pub(super) fn validate_decided(
        &self,
        entry: usize,
        nodes: &[Address],
    ) -> Result<(), ScenarioError> {
        let names = Names::of(self)?;
        if let Some(&name) =
            self.timeline[entry].1.names().iter().find(|name| !nodes.contains(name))
        {
            return Err(names.unknown(names.describe(entry), name, |_| true));
        }
        names.byzantine()?;
        names.entry(entry)
    }
}

impl Intervention {
    /// The nodes that it affects.
    fn names(&self) -> Vec<Address> {
        match self {
            Self::Cut { from, to }
            | Self::Hold { from, to }
            | Self::Repair { from, to }
            | Self::DropNext { from, to, .. }
            | Self::CorruptNext { from, to, .. }
            | Self::ReplayEarlier { from, to, .. }
            | Self::Inject(Invented { from, to, .. }) => vec![*from, *to],
            Self::SpoofNext { from, to, claims } => vec![*from, *to, *claims],
            Self::Isolate(node)
            | Self::Crash(node)
            | Self::CrashInHandler(node)
            | Self::Restart(node)
            | Self::DiskFault { node, .. } => vec![*node],
            Self::Partition(groups) => groups.iter().flatten().copied().collect(),
            Self::Start(_)
            | Self::Heal
            | Self::LinkConditions(_)
            | Self::Check(_)
            | Self::QuietPhase(_)
            | Self::Decide(_)
            | Self::End => Vec::new(),
        }
    }
}

/// When a node starts to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Born {
    /// The entry of the timeline that starts it; `None` for a node that exists from the beginning.
    by: Option<usize>,
    /// The earliest time at which it starts, in nanoseconds.
    earliest_ns: u64,
    is_client: bool,
}

/// The nodes that a scenario has at some time.
struct Names<'a> {
    scenario: &'a Scenario,
    born: FxHashMap<Address, Born>,
}

impl<'a> Names<'a> {
    fn of(scenario: &'a Scenario) -> Result<Self, ScenarioError> {
        let mut names = Self { scenario, born: FxHashMap::default() };
        for node in scenario.system.nodes() {
            let is_client = node.workload.is_some();
            names.born.insert(node.address(), Born { by: None, earliest_ns: 0, is_client });
        }
        // A start that waits for a client takes place only if that client exists at some time, and another
        // such entry may start the client. So repeat until nothing is added.
        let mut starts: Vec<usize> = (0..scenario.timeline.len())
            .filter(|&entry| matches!(scenario.timeline[entry].1, Intervention::Start(_)))
            .collect();
        loop {
            let count = starts.len();
            let mut waiting = Vec::new();
            for entry in starts {
                let Some(earliest_ns) = names.earliest_ns(entry) else {
                    waiting.push(entry);
                    continue;
                };
                let Intervention::Start(spec) = &scenario.timeline[entry].1 else { continue };
                let born =
                    Born { by: Some(entry), earliest_ns, is_client: spec.workload.is_some() };
                if names.born.insert(spec.address(), born).is_some() {
                    let (entry, name) = (names.describe(entry), spec.address());
                    return Err(ScenarioError::AddressTaken {
                        entry,
                        name,
                        known: names.sorted(|_| true),
                    });
                }
            }
            if waiting.len() == count {
                return Ok(names);
            }
            starts = waiting;
        }
    }

    /// The earliest time at which an entry can take place; `None` if it cannot, as far as is known.
    fn earliest_ns(&self, entry: usize) -> Option<u64> {
        match &self.scenario.timeline[entry].0 {
            When::At(at_ns) => Some(*at_ns),
            When::Answered(client, _) => self.born.get(client).map(|born| born.earliest_ns),
            When::Holds(_) => Some(0),
        }
    }

    /// Checks one entry of the timeline.
    fn entry(&self, entry: usize) -> Result<(), ScenarioError> {
        let (when, intervention) = &self.scenario.timeline[entry];
        if let &When::Answered(client, _) = when {
            match self.born.get(&client) {
                Some(born) if born.is_client => {}
                Some(_) => {
                    let (entry, name) = (self.describe(entry), client);
                    let clients = self.sorted(|born| born.is_client);
                    return Err(ScenarioError::NotAClient { entry, name, clients });
                }
                None => return Err(self.unknown(self.describe(entry), client, |_| true)),
            }
        }
        let there = |&name: &Address| match self.born.get(&name) {
            Some(born) if self.may_exist(entry, born) => Ok(()),
            _ => {
                let there = |born: &Born| self.may_exist(entry, born);
                Err(self.unknown(self.describe(entry), name, there))
            }
        };
        let model = self.scenario.fault_model;
        let fault = match intervention {
            Intervention::DropNext { .. } if !model.may_lose() => Some("messages are lost"),
            Intervention::CorruptNext { .. } if !model.may_corrupt() => {
                Some("a message is corrupted")
            }
            Intervention::SpoofNext { .. } if !model.may_forge() => {
                Some("a message names another sender")
            }
            Intervention::ReplayEarlier { .. } if !model.may_replay() => {
                Some("an earlier message is sent again")
            }
            Intervention::Inject(_) if !model.may_forge() => Some("a message is forged"),
            Intervention::Crash(_) | Intervention::CrashInHandler(_) if !model.may_crash() => {
                Some("a node crashes")
            }
            Intervention::Restart(_) if !model.may_restart() => Some("a node restarts"),
            &Intervention::DiskFault { fault, .. } if !model.may_happen_to_disk(fault) => {
                Some("this happens to a disk")
            }
            _ => None,
        };
        if let Some(fault) = fault {
            return Err(self.not_in_model(self.describe(entry), fault));
        }
        if let &Intervention::Restart(name) = intervention
            && self.born.get(&name).is_some_and(|born| born.is_client)
        {
            return Err(ScenarioError::ClientRestarts { entry: self.describe(entry), name });
        }
        match intervention {
            Intervention::LinkConditions(network) => self.network(&self.describe(entry), network),
            Intervention::Start(spec) => self.scenario.check_kind(spec).map_err(|error| {
                let what = format!("{}: {error}", self.describe(entry));
                ScenarioError::Interface { what }
            }),
            _ => intervention.names().iter().try_for_each(there),
        }
    }

    /// Checks what the Byzantine nodes do, and how many nodes fail.
    fn byzantine(&self) -> Result<(), ScenarioError> {
        let Scenario { byzantine, fault_model, timeline, .. } = self.scenario;
        for (&node, behaviour) in byzantine {
            let Some(born) = self.born.get(&node) else {
                return Err(self.unknown(
                    format!("{node} is Byzantine ({behaviour})"),
                    node,
                    |_| true,
                ));
            };
            let reason = match behaviour {
                Behaviour::Spoof(_) if !fault_model.may_forge() => Some(format!(
                    "the fault model ({fault_model}) authenticates links, so no node can speak in another's name"
                )),
                Behaviour::Twin(_) if born.is_client => Some(
                    "a client cannot have two copies, because each command is given once"
                        .to_owned(),
                ),
                Behaviour::Amnesia(_) if born.is_client => Some(
                    "a client that starts as new never shows the result of the command that it had"
                        .to_owned(),
                ),
                Behaviour::Twin(_) if born.by.is_some() => {
                    Some("a node that starts later cannot have two copies".to_owned())
                }
                Behaviour::Twin(_) => match name_of_second(node) {
                    None => {
                        Some("its name is too long for the second copy's, with `/2`".to_owned())
                    }
                    Some(name) if self.born.contains_key(&name) => Some(format!(
                        "there is a node {name}, which is the name of its second copy"
                    )),
                    Some(_) => None,
                },
                _ => None,
            };
            if let Some(reason) = reason {
                let behaviour = behaviour.name().to_owned();
                return Err(ScenarioError::Behaviour { node, behaviour, reason });
            }
        }
        let crashes = timeline.iter().filter_map(|(_, it)| match it {
            Intervention::Crash(node) | Intervention::CrashInHandler(node) => Some(*node),
            _ => None,
        });
        let few = |nodes: &BTreeSet<Address>| {
            let names: Vec<&str> = nodes.iter().map(Address::as_str).collect();
            match names[..] {
                [one] => format!("{one} fails"),
                _ => format!("{} fail", names.join(", ")),
            }
        };
        let mut failing: BTreeSet<Address> = byzantine.keys().copied().collect();
        if failing.len() > fault_model.may_be_byzantine() {
            let entry = "the Byzantine nodes".to_owned();
            return Err(self.not_in_model(entry, &few(&failing)));
        }
        failing.extend(crashes);
        match fault_model.may_fail() {
            Some(most) if failing.len() > most => {
                let entry = "the nodes that are Byzantine or crash".to_owned();
                Err(self.not_in_model(entry, &few(&failing)))
            }
            _ => Ok(()),
        }
    }

    /// Checks the names that a network has settings for, and that its faults are in the model.
    fn network(&self, entry: &str, network: &Network) -> Result<(), ScenarioError> {
        let is_unknown = |name: &Address| !self.born.contains_key(name);
        if let Some(name) = network.names().find(is_unknown) {
            return Err(self.unknown(entry.to_owned(), name, |_| true));
        }
        match network.fault_beyond(self.scenario.fault_model) {
            Some(fault) => Err(self.not_in_model(entry.to_owned(), fault)),
            None => Ok(()),
        }
    }

    fn not_in_model(&self, entry: String, fault: &str) -> ScenarioError {
        let model = self.scenario.fault_model;
        ScenarioError::NotInModel { entry, fault: fault.to_owned(), model }
    }

    /// Whether a node may exist when this entry takes place. It does not if the entry certainly takes
    /// place before the node's start.
    fn may_exist(&self, entry: usize, node: &Born) -> bool {
        let Some(start) = node.by else { return true };
        match (&self.scenario.timeline[entry].0, &self.scenario.timeline[start].0) {
            (When::At(at_ns), When::At(start_ns)) => (start_ns, start) < (at_ns, entry),
            // Entries at time zero take place before any client has a command, and before any event.
            (&When::At(at_ns), When::Answered(..) | When::Holds(_)) => {
                at_ns > 0 && at_ns >= node.earliest_ns
            }
            (When::Answered(client, results), When::Answered(other, start_results))
                if client == other =>
            {
                // An entry for zero results takes place with the first result.
                (start_results.max(&1), start) < (results.max(&1), entry)
            }
            (When::Answered(..) | When::Holds(_), _) => true,
        }
    }

    fn unknown(
        &self,
        entry: String,
        name: Address,
        there: impl Fn(&Born) -> bool,
    ) -> ScenarioError {
        ScenarioError::UnknownNode { entry, name, known: self.sorted(there) }
    }

    /// The nodes for which this holds, in natural order.
    fn sorted(&self, holds: impl Fn(&Born) -> bool) -> Vec<Address> {
        let chosen = self.born.iter().filter(|(_, born)| holds(born));
        let mut names: Vec<Address> = chosen.map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    }

    /// Describes an entry.
    fn describe(&self, entry: usize) -> String {
        let (when, intervention) = &self.scenario.timeline[entry];
        describe(when, intervention)
    }
}

/// Describes an entry of a timeline.
pub(super) fn describe(when: &When, intervention: &Intervention) -> String {
    match when {
        When::At(at_ns) => {
            format!("at {:?}, {intervention}", std::time::Duration::from_nanos(*at_ns))
        }
        When::Answered(client, results) => {
            format!("when {client} has had {results} results, {intervention}")
        }
        When::Holds(condition) => {
            format!("when it holds that {}, {intervention}", condition.name())
        }
    }
}
