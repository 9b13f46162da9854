//! Whether a scenario makes sense: every name in it is that of a node which is there when it is named.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::scenario::{Intervention, Scenario, When};
use crate::Address;

/// The most names that a message lists.
const LISTED_MAX: usize = 12;

/// Why a scenario cannot be run: a mistake of its author, not of the nodes under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioError {
    /// An entry names a node that is not there then.
    #[error("{entry}: there is no node `{name}` then{}", listed(known))]
    UnknownNode {
        /// The entry, in words: `at 1s, server9 crashes`.
        entry: String,
        /// The name.
        name: Address,
        /// The nodes that are there then, in natural order.
        known: Vec<Address>,
    },
    /// An entry waits for the results of a node that is no client.
    #[error("{entry}: `{name}` is not a client, so it never has results{}", listed(clients))]
    NotAClient {
        /// The entry, in words.
        entry: String,
        /// The name.
        name: Address,
        /// The clients, in natural order.
        clients: Vec<Address>,
    },
    /// An entry starts a node at the address of another. A crashed node keeps its address.
    #[error(
        "{entry}: there is a node `{name}` already, and a crashed one keeps its address{}",
        listed(known)
    )]
    AddressTaken {
        /// The entry, in words.
        entry: String,
        /// The address.
        name: Address,
        /// The nodes of the whole scenario, in natural order.
        known: Vec<Address>,
    },
    /// A search was asked for something that does not fit together. See
    /// [`SearchResult::InvalidStart`](crate::search::SearchResult::InvalidStart).
    #[error("the search cannot start: {reason}")]
    Search {
        /// Why.
        reason: String,
    },
}

/// The end of a message: which names there are.
fn listed(names: &[Address]) -> String {
    let mut texts: Vec<String> = names.iter().take(LISTED_MAX).map(Address::to_string).collect();
    match names.len() {
        0 => "; there is none".to_owned(),
        count if count > LISTED_MAX => {
            texts.push(format!("{} more", count - LISTED_MAX));
            format!("; there are {}", texts.join(", "))
        }
        1 => format!("; there is {}", texts[0]),
        _ => format!("; there are {}", texts.join(", ")),
    }
}

impl Scenario {
    /// Checks that the scenario makes sense. A run of one that does not ends before any node is made, with
    /// [`RunFailure::Scenario`](super::RunFailure::Scenario).
    ///
    /// - Whatever an intervention does something to must be a node that is there at that moment. A node
    ///   that crashed is still there; one that is started later is there from its start on. Where the
    ///   order cannot be known in advance, because one of the two waits for results, the intervention is
    ///   taken to come later.
    /// - A client whose results are waited for must be a client, and be there at some time.
    /// - What a [`Network`] says of a sender, a receiver or a link holds as long as the network does, also
    ///   for nodes that start later. So each name must be that of a node that is there at some time.
    /// - No node starts at the address of another, not even of one that crashed.
    ///
    /// # Errors
    /// With the first entry that does not make sense: its words, the name, and the names that there are.
    pub fn validate(&self) -> Result<(), ScenarioError> {
        let names = Names::of(self)?;
        names.network("the network at the start", &self.network)?;
        (0..self.timeline.len()).try_for_each(|entry| names.entry(entry))
    }
}

/// When a node comes into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Born {
    /// The entry of the timeline that starts it; `None` for one that is there from the beginning.
    by: Option<usize>,
    /// Not before this time, in nanoseconds.
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
        // A start that waits for a client happens only if that client is there at some time, and the
        // client may be started by another such entry. So go on until nothing is added.
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
                    let (entry, name) = (names.words(entry), spec.address());
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

    /// The earliest time at which an entry can happen; `None` if it never can, as far as is known.
    fn earliest_ns(&self, entry: usize) -> Option<u64> {
        match self.scenario.timeline[entry].0 {
            When::At(at_ns) => Some(at_ns),
            When::Answered(client, _) => self.born.get(&client).map(|born| born.earliest_ns),
        }
    }

    /// Checks one entry of the timeline.
    fn entry(&self, entry: usize) -> Result<(), ScenarioError> {
        let (when, intervention) = &self.scenario.timeline[entry];
        if let When::Answered(client, _) = *when {
            match self.born.get(&client) {
                Some(born) if born.is_client => {}
                Some(_) => {
                    let (entry, name) = (self.words(entry), client);
                    let clients = self.sorted(|born| born.is_client);
                    return Err(ScenarioError::NotAClient { entry, name, clients });
                }
                None => return Err(self.unknown(self.words(entry), client, |_| true)),
            }
        }
        let there = |&name: &Address| match self.born.get(&name) {
            Some(born) if self.may_be_there(entry, born) => Ok(()),
            _ => {
                let there = |born: &Born| self.may_be_there(entry, born);
                Err(self.unknown(self.words(entry), name, there))
            }
        };
        match intervention {
            Intervention::Cut { from, to }
            | Intervention::Hold { from, to }
            | Intervention::Repair { from, to }
            | Intervention::DropNext { from, to, .. } => [from, to].into_iter().try_for_each(there),
            Intervention::Isolate(node) | Intervention::Crash(node) => there(node),
            Intervention::Partition(groups) => groups.iter().flatten().try_for_each(there),
            Intervention::LinkConditions(network) => self.network(&self.words(entry), network),
            Intervention::Start(_) | Intervention::Heal | Intervention::Check(_) => Ok(()),
        }
    }

    /// Checks the names that a network has settings for.
    fn network(&self, entry: &str, network: &Network) -> Result<(), ScenarioError> {
        let is_unknown = |name: &Address| !self.born.contains_key(name);
        match network.names().find(is_unknown) {
            Some(name) => Err(self.unknown(entry.to_owned(), name, |_| true)),
            None => Ok(()),
        }
    }

    /// Whether a node may be there when this entry happens: unless the entry surely happens before the
    /// node's start.
    fn may_be_there(&self, entry: usize, node: &Born) -> bool {
        let Some(start) = node.by else { return true };
        match (self.scenario.timeline[entry].0, self.scenario.timeline[start].0) {
            (When::At(at_ns), When::At(start_ns)) => (start_ns, start) < (at_ns, entry),
            // What is done at time zero is done before any client has a command.
            (When::At(at_ns), When::Answered(..)) => at_ns > 0 && at_ns >= node.earliest_ns,
            (When::Answered(client, results), When::Answered(other, start_results))
                if client == other =>
            {
                // Zero results are had as soon as the first one is.
                (start_results.max(1), start) < (results.max(1), entry)
            }
            (When::Answered(..), _) => true,
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

    /// An entry in words.
    fn words(&self, entry: usize) -> String {
        let (when, intervention) = &self.scenario.timeline[entry];
        match when {
            When::At(at_ns) => {
                format!("at {:?}, {intervention}", std::time::Duration::from_nanos(*at_ns))
            }
            When::Answered(client, results) => {
                format!("when {client} has had {results} results, {intervention}")
            }
        }
    }
}
