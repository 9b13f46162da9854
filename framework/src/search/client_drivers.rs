//! Client drivers: each gives its client a command, takes the result, and gives the next command.

use std::sync::Arc;

use super::handlers::{Handlers, NONE};
use super::intern::Records;
use super::report::Limit;
use crate::Address;
use crate::workload::ErasedWorkload;

/// The most commands that a client gets in one event unless a search sets another limit. Without a
/// limit, a client that answers without waiting for a message would work through an infinite
/// workload in one step.
pub(super) const COMMANDS_PER_EVENT_MAX: usize = 1_000;

/// A driver's results so far, as a list: the last one, and the list before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Results {
    /// The results before it, or [`NONE`].
    pub(super) before: u32,
    /// The last result.
    pub(super) last: u32,
    /// The number of results, including the last.
    pub(super) count: u32,
}

/// A miss in looking up a driver's next actions.
#[derive(Clone, Copy, Debug)]
pub(super) enum DriverMiss {
    /// The results that it then has.
    Results(Results),
    /// The command at this index.
    Command(usize),
    /// The client driver has reached the limit of commands per event.
    Limit,
}

/// All client drivers. A driver's state is one number: its results, and whether it is waiting for
/// one.
pub(super) struct ClientDrivers {
    workloads: Vec<Option<Arc<dyn ErasedWorkload>>>,
    addresses: Vec<Address>,
    seed: u64,
    /// For each node: the ids of the commands given so far.
    commands: Vec<Vec<u32>>,
    results: Records<Results>,
    commands_per_event_max: usize,
    /// For each node: whether its client driver was stopped at the limit of commands per event. It
    /// then issues no more commands in any state, as if its workload had ended.
    stopped: Vec<bool>,
}

/// The state of a driver that has no results and does not wait for one.
pub(super) const IDLE: u32 = 0;

impl ClientDrivers {
    pub(super) fn new(
        work: Vec<Option<Arc<dyn ErasedWorkload>>>,
        addresses: Vec<Address>,
        seed: u64,
        commands_per_event_max: usize,
    ) -> Self {
        let commands = vec![Vec::new(); work.len()];
        let stopped = vec![false; work.len()];
        Self {
            workloads: work,
            addresses,
            seed,
            commands,
            results: Records::new(),
            commands_per_event_max,
            stopped,
        }
    }

    /// Returns the limit that a client driver has reached, if any: the search did not explore what
    /// that client would do with further commands.
    pub(super) fn limit_met(&self) -> Option<Limit> {
        let stopped = self.stopped.iter().position(|&stopped| stopped)?;
        let (client, commands) = (self.addresses[stopped], self.commands_per_event_max);
        Some(Limit::CommandsPerEvent { client, commands })
    }

    /// Whether a node is a client.
    pub(super) fn is_client(&self, node: usize) -> bool {
        self.workloads[node].is_some()
    }

    pub(super) fn of(&self, node: usize) -> Option<&Arc<dyn ErasedWorkload>> {
        self.workloads[node].as_ref()
    }

    /// Whether a driver waits for a result.
    pub(super) fn is_waiting(driver: u32) -> bool {
        driver & 1 == 1
    }

    /// The number of results that a driver has.
    pub(super) fn count(&self, driver: u32) -> usize {
        self.last(driver).map_or(0, |results| results.count as usize)
    }

    /// Whether a driver has all its results.
    pub(super) fn is_done(&self, node: usize, driver: u32) -> bool {
        let count = self.count(driver) as u64;
        self.workloads[node]
            .as_ref()
            .is_none_or(|work| work.count().is_some_and(|all| count >= all))
    }

    /// The ids of a driver's results, in order.
    pub(super) fn results(&self, driver: u32) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut results = self.last(driver);
        while let Some(Results { before, last, .. }) = results {
            ids.push(last);
            results = (before != NONE).then(|| self.results.get(before));
        }
        ids.reverse();
        ids
    }

    /// The state of a driver with these results.
    pub(super) fn with_results(&mut self, results: &[u32], waiting: bool) -> u32 {
        let mut before = NONE;
        for (count, &last) in (1..).zip(results) {
            before = self.results.intern(Results { before, last, count }).0;
        }
        driver(before, waiting)
    }

    /// The id of a client's command at `index`, if it has one.
    pub(super) fn command(
        &mut self,
        node: usize,
        index: usize,
        handlers: &mut Handlers<'_>,
    ) -> Option<u32> {
        let work = self.workloads[node].as_ref()?;
        if work.count().is_some_and(|count| index as u64 >= count) {
            return None;
        }
        let known = &mut self.commands[node];
        for next in known.len()..=index {
            let command = work.command(self.seed, self.addresses[node], next as u64);
            known.push(handlers.commands.intern(node as u64, &command));
        }
        Some(known[index])
    }

    /// The id of a client's command at `index`, if it has been given in this search.
    pub(super) fn command_known(&self, node: usize, index: usize) -> Option<u32> {
        self.commands[node].get(index).copied()
    }

    /// Lets a client driver take a result, if it waits for one, and returns its next command, if there
    /// is one. `calls`, a list that starts with the node, receives the calls and returns for a monitor.
    /// This function only looks up known values.
    ///
    /// # Errors
    /// A miss; see [`Self::fill`].
    pub(super) fn advance(
        &self,
        node: usize,
        state: &mut u32,
        result: u32,
        calls: &mut Vec<u32>,
    ) -> Result<Option<u32>, DriverMiss> {
        let Some(work) = &self.workloads[node] else { return Ok(None) };
        if Self::is_waiting(*state) {
            if result == NONE {
                return Ok(None);
            }
            let before = *state >> 1;
            let before = if before == 0 { NONE } else { before - 1 };
            let count = self.count(*state) as u32 + 1;
            let results = Results { before, last: result, count };
            let id = self.results.find(results).ok_or(DriverMiss::Results(results))?;
            *state = driver(id, false);
            calls.push(result << 1 | RETURN);
        }
        let index = self.count(*state);
        if work.count().is_some_and(|count| index as u64 >= count) {
            return Ok(None);
        }
        // Every command issued in this event has been answered in it.
        let given = (calls.len() - 1) / 2;
        if self.stopped[node] && index > 0 && calls.len() == 1 {
            return Ok(None);
        }
        if given >= self.commands_per_event_max {
            return if self.stopped[node] { Ok(None) } else { Err(DriverMiss::Limit) };
        }
        let command = self.command_known(node, index).ok_or(DriverMiss::Command(index))?;
        calls.push(command << 1 | CALL);
        *state |= 1;
        Ok(Some(command))
    }

    /// Fills a miss.
    pub(super) fn fill(&mut self, node: usize, miss: DriverMiss, handlers: &mut Handlers<'_>) {
        match miss {
            DriverMiss::Results(results) => drop(self.results.intern(results)),
            DriverMiss::Command(index) => drop(self.command(node, index, handlers)),
            DriverMiss::Limit => self.stopped[node] = true,
        }
    }

    fn last(&self, driver: u32) -> Option<Results> {
        let results = driver >> 1;
        (results != 0).then(|| self.results.get(results - 1))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.results.memory_bytes()
            + self.commands.iter().map(|ids| ids.capacity() * size_of::<u32>()).sum::<usize>()
    }
}

/// The low bit of an entry in a list of calls: a command was given.
pub(super) const CALL: u32 = 0;

/// The low bit of an entry in a list of calls: a result was taken.
pub(super) const RETURN: u32 = 1;

/// A driver's state, from the id of its results.
fn driver(results: u32, waiting: bool) -> u32 {
    let results = if results == NONE { 0 } else { results + 1 };
    assert!(results < 1 << 31, "fewer than 2^31 lists of results");
    results << 1 | u32::from(waiting)
}
