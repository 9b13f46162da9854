//! The client drivers of a search, interned: how far each is in its closed loop, and the results that it has.

use std::sync::Arc;

use super::handlers::{Handlers, NONE};
use super::intern::Records;
use super::report::Limit;
use crate::Address;
use crate::client_driver::ClosedLoop;
use crate::workload::ErasedWorkload;

/// The most commands that a client gets in one event unless a search sets another limit. Without a
/// limit, a client that answers without waiting for a message would work through an infinite
/// workload in one step.
pub(super) const COMMANDS_PER_EVENT_MAX: usize = 1_000;

/// A driver's results so far, as a list: the last one, and the list before it. If the driver waits for the
/// result of a command that was given from outside, the last entry is that command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Results {
    /// The results before it, or [`NONE`].
    pub(super) before: u32,
    /// The last result, or [`NONE`] while the driver waits for it.
    pub(super) last: u32,
    /// The number of results, including the last.
    pub(super) count: u32,
    /// The command of the last result if it was given from outside, or [`NONE`] if it is one of the
    /// workload.
    pub(super) outside: u32,
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
        let progress = self.progress(driver);
        self.workloads[node].as_ref().is_none_or(|work| progress.is_done(work.count()))
    }

    /// How far a driver is in its closed loop.
    fn progress(&self, driver: u32) -> ClosedLoop {
        ClosedLoop { answered: self.count(driver) as u64, is_waiting: Self::is_waiting(driver) }
    }

    /// Whether a node is a client that has all results of its workload, so that it can be given a command from
    /// outside.
    pub(super) fn is_idle(&self, node: usize, driver: u32) -> bool {
        self.is_client(node) && self.is_done(node, driver)
    }

    /// The ids of a driver's results, in order.
    pub(super) fn results(&self, driver: u32) -> Vec<u32> {
        let entries = self.entries(driver).map(|entry| entry.last);
        let mut ids: Vec<u32> = entries.filter(|&last| last != NONE).collect();
        ids.reverse();
        ids
    }

    /// The entries of a driver's list, the last one first.
    fn entries(&self, driver: u32) -> impl Iterator<Item = Results> {
        let before =
            |entry: &Results| (entry.before != NONE).then(|| self.results.get(entry.before));
        std::iter::successors(self.last(driver), before)
    }

    /// The state of a driver with these results. `outside` are the commands that the client was given
    /// from outside, after those of its workload.
    pub(super) fn with_results(
        &mut self,
        node: usize,
        results: &[u32],
        waiting: bool,
        outside: &[u32],
    ) -> u32 {
        let of_workload = self.workloads[node].as_ref().and_then(|work| work.count());
        let outside = |index: usize| {
            let index = (index as u64).checked_sub(of_workload?)?;
            outside.get(usize::try_from(index).ok()?).copied()
        };
        let mut before = NONE;
        for (index, &last) in results.iter().enumerate() {
            let (count, outside) = (index as u32 + 1, outside(index).unwrap_or(NONE));
            before = self.results.intern(Results { before, last, count, outside }).0;
        }
        let count = results.len() as u32;
        if waiting && let Some(outside) = outside(results.len()) {
            before = self.results.intern(Results { before, last: NONE, count, outside }).0;
        }
        driver(before, waiting)
    }

    /// Interns the first `given` commands of a client, or all that its workload has.
    pub(super) fn intern_commands(
        &mut self,
        node: usize,
        given: usize,
        handlers: &mut Handlers<'_>,
    ) {
        let all = self.workloads[node].as_ref().and_then(|work| work.count());
        let given = all.map_or(given, |all| given.min(usize::try_from(all).unwrap_or(given)));
        if let Some(last) = given.checked_sub(1) {
            self.command(node, last, handlers);
        }
    }

    /// The id of a client's command at `index`, if it has one.
    fn command(&mut self, node: usize, index: usize, handlers: &mut Handlers<'_>) -> Option<u32> {
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

    /// The id of the command at `index` that a driver in this state has given, if it is known.
    pub(super) fn given(&self, node: usize, driver: u32, index: usize) -> Option<u32> {
        let is_it = |entry: &Results| {
            let of_entry = entry.count as usize - usize::from(entry.last != NONE);
            of_entry == index && entry.outside != NONE
        };
        let outside = || self.entries(driver).find(is_it).map(|entry| entry.outside);
        self.command_known(node, index).or_else(outside)
    }

    /// The state of a driver that has nothing left to do, after its client was given this command from
    /// outside.
    ///
    /// # Errors
    /// A miss; see [`Self::fill`].
    pub(super) fn give(&self, state: u32, command: u32) -> Result<u32, DriverMiss> {
        let before = if state >> 1 == 0 { NONE } else { (state >> 1) - 1 };
        let count = self.count(state) as u32;
        let results = Results { before, last: NONE, count, outside: command };
        let id = self.results.find(results).ok_or(DriverMiss::Results(results))?;
        Ok(driver(id, true))
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
        let mut progress = self.progress(*state);
        if let Some(after) = progress.after_result() {
            if result == NONE {
                return Ok(None);
            }
            let results = match self.last(*state) {
                None => Results { before: NONE, last: result, count: 1, outside: NONE },
                Some(given @ Results { last: NONE, count, .. }) => {
                    Results { last: result, count: count + 1, ..given }
                }
                Some(Results { count, .. }) => Results {
                    before: (*state >> 1) - 1,
                    last: result,
                    count: count + 1,
                    outside: NONE,
                },
            };
            let id = self.results.find(results).ok_or(DriverMiss::Results(results))?;
            *state = driver(id, false);
            calls.push(result << 1 | RETURN);
            progress = after;
        }
        let Some(index) = progress.next(work.count()) else { return Ok(None) };
        let index = index as usize;
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
