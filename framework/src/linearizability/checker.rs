//! The checker: its settings, splitting a history by key, and the overall result.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::check_result::{CheckResult, SequentialCheckResult, Violation};
use super::history::History;
use super::model::Model;
use super::prefix::shortest_failing;
use super::problem::items;
use super::search::{Bounds, Cost, PartResult, search};
use super::sequential;

/// The default memory limit: 1 GiB.
const MEMORY_BYTES_MAX: usize = 1 << 30;
/// The first limit on configurations for each key, when sequential consistency is decided.
const KEY_CONFIGURATIONS_FIRST: u64 = 10_000;
/// With fewer operations than this, a check finishes before a second thread would have started.
const OPERATIONS_PER_THREAD_MIN: usize = 500;

/// Whether a history is linearizable with respect to a model, with the settings of [`Checker::new`].
///
/// # Panics
/// As [`Checker::check`].
pub fn check<M: Model>(model: &M, history: &History<M::Command, M::Result>) -> CheckResult {
    Checker::new(model).check(history).verdict
}

/// Checks histories against a model, within limits.
///
/// ```
/// use std::time::Duration;
/// use faultlab::linearizability::{Checker, CheckResult};
/// use faultlab::linearizability::formats::{self, Options, Recorded};
/// use faultlab::linearizability::models::Register;
///
/// let log = "INFO  jepsen.util - 0\t:invoke\t:write\t1\n\
///            INFO  jepsen.util - 0\t:ok\t:write\t1\n\
///            INFO  jepsen.util - 1\t:invoke\t:read\tnil\n\
///            INFO  jepsen.util - 1\t:ok\t:read\tnil\n";
/// let Recorded::Register(history) = formats::parse(log, &Options::default())?.history else {
///     panic!()
/// };
/// let report = Checker::new(&Register::new()).time_limit(Duration::from_secs(10)).check(&history);
/// let CheckResult::NotLinearizable(violation) = report.verdict else { panic!("a stale read") };
/// assert_eq!(violation.operation, 1);
/// # Ok::<(), formats::FormatError>(())
/// ```
#[derive(Debug)]
pub struct Checker<'m, M: Model> {
    model: &'m M,
    time_limit: Option<Duration>,
    memory_bytes_max: usize,
    configurations_max: u64,
    partition: bool,
    threads: Option<usize>,
}

/// A check's result and its cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The result.
    pub verdict: CheckResult,
    /// The cost, summed over all parts of the history.
    pub cost: Cost,
}

impl<M: Model> Clone for Checker<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Model> Copy for Checker<'_, M> {}

impl<'m, M: Model> Checker<'m, M> {
    /// A checker without a time limit and with 1 GiB of memory. It checks keys separately if the model
    /// defines them, and uses all processors if that is faster.
    #[must_use]
    pub fn new(model: &'m M) -> Self {
        Self {
            model,
            time_limit: None,
            memory_bytes_max: MEMORY_BYTES_MAX,
            configurations_max: u64::MAX,
            partition: true,
            threads: None,
        }
    }

    /// Gives up after this time.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Gives up when the searches need more memory than this, in bytes. Threads share it equally.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_bytes_max = bytes;
        self
    }

    /// Gives up on a part of the history after this many configurations. Unlike the other limits,
    /// this one gives the same result on every machine.
    #[must_use]
    pub fn configuration_limit(mut self, configurations: u64) -> Self {
        self.configurations_max = configurations;
        self
    }

    /// Whether to check the model's keys separately.
    #[must_use]
    pub fn partition(mut self, partition: bool) -> Self {
        self.partition = partition;
        self
    }

    /// Checks keys on at most this many threads. The result does not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// Decides whether the history is linearizable.
    ///
    /// # Panics
    /// If the model says that an operation only observes ([`Model::only_observes`]), but the operation
    /// changes the state.
    pub fn check(&self, history: &History<M::Command, M::Result>) -> Report {
        let started = Instant::now();
        let deadline = self.time_limit.and_then(|limit| started.checked_add(limit));
        let parts = self.parts(history);
        let (outcomes, mut cost) = self.decide(history, &parts, deadline);

        let mut limit = None;
        let mut violation: Option<(u64, Violation)> = None;
        let mut orders = Vec::with_capacity(parts.len());
        for ((key, members), outcome) in parts.iter().zip(outcomes) {
            let numbers = |items: Vec<usize>| items.into_iter().map(|item| members[item]).collect();
            match outcome {
                PartResult::Linearizable(order) => orders.push(numbers(order)),
                PartResult::Superseded => {}
                PartResult::Unknown(reached) => limit = limit.or(Some(reached)),
                PartResult::Violation { failing, prefix, .. } => {
                    let operation = members[failing];
                    let returned = history.operations()[operation].returned.unwrap_or(u64::MAX);
                    if violation.as_ref().is_none_or(|(earliest, _)| returned < *earliest) {
                        let prefix = numbers(prefix);
                        violation =
                            Some((returned, Violation { operation, key: key.clone(), prefix }));
                    }
                }
            }
        }
        let verdict = if let Some((_, violation)) = violation {
            CheckResult::NotLinearizable(violation)
        } else if let Some(limit) = limit {
            CheckResult::Unknown(limit)
        } else if let Some(order) = merge(history, &orders) {
            CheckResult::Linearizable { order }
        } else {
            // Each key has an order, but the chosen orders contradict the order of the operations at one
            // instant (see `merge`). Only a check of the whole history can decide.
            let whole = Self { partition: false, ..*self };
            let report = whole.check(history);
            cost = cost.plus(report.cost);
            report.verdict
        };
        Report { verdict, cost }
    }

    /// Decides whether the history is sequentially consistent.
    ///
    /// Unlike linearizability, sequential consistency of each key does not imply that of the whole
    /// history. So the search covers the whole history, and reaches its limits far sooner. (If a single
    /// key fails, the whole history fails too; that is tried first.)
    ///
    /// # Panics
    /// As [`Checker::check`].
    pub fn check_sequential(
        &self,
        history: &History<M::Command, M::Result>,
    ) -> (SequentialCheckResult, Cost) {
        let started = Instant::now();
        let bounds = Bounds {
            deadline: self.time_limit.and_then(|limit| started.checked_add(limit)),
            memory_bytes_max: self.memory_bytes_max,
            configurations_max: self.configurations_max,
            failing_return: &AtomicU64::new(u64::MAX),
        };
        let mut cost = Cost::default();
        let parts = self.parts(history);
        // If a key fails, a short search often finds it, while the search of another key may be long.
        for configurations_max in [KEY_CONFIGURATIONS_FIRST, self.configurations_max] {
            let bounds = Bounds {
                configurations_max: configurations_max.min(self.configurations_max),
                ..bounds
            };
            for members in
                parts.values().filter(|members| members.len() < history.operations().len())
            {
                let (verdict, of_part) = sequential::search(self.model, history, members, &bounds);
                cost = cost.plus(of_part);
                if verdict == SequentialCheckResult::NotSequentiallyConsistent {
                    return (verdict, cost);
                }
            }
        }
        let everything: Vec<usize> = (0..history.operations().len()).collect();
        let (verdict, of_whole) = sequential::search(self.model, history, &everything, &bounds);
        (verdict, cost.plus(of_whole))
    }

    fn threads_available(&self) -> usize {
        // Reading the number of processors takes longer than most checks.
        self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
    }

    /// The operations on each key, by number; all of them under `None` if there are no keys.
    fn parts(
        &self,
        history: &History<M::Command, M::Result>,
    ) -> BTreeMap<Option<String>, Vec<usize>> {
        let mut parts: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        if self.partition {
            for (number, operation) in history.operations().iter().enumerate() {
                let key = self.model.key(&operation.command);
                parts.entry(key).or_default().push(number);
            }
        }
        // A command without a key may touch all keys, so they cannot be checked separately.
        if !self.partition || parts.contains_key(&None) {
            parts = BTreeMap::from([(None, (0..history.operations().len()).collect())]);
        }
        // Sorted, so that the result does not depend on the order in which they were given.
        for members in parts.values_mut() {
            history.sort_by_time(members);
        }
        parts
    }

    /// Searches all parts, several at a time. A part is abandoned when another is known to fail
    /// earlier, so the earliest failure is reported, however the threads are scheduled.
    fn decide(
        &self,
        history: &History<M::Command, M::Result>,
        parts: &BTreeMap<Option<String>, Vec<usize>>,
        deadline: Option<Instant>,
    ) -> (Vec<PartResult>, Cost) {
        let by_size = history.operations().len() / OPERATIONS_PER_THREAD_MIN;
        let useful = by_size.min(parts.len()).max(1);
        let threads = if useful == 1 { 1 } else { self.threads_available().min(useful) };
        let failing_return = AtomicU64::new(u64::MAX);
        let bounds = Bounds {
            deadline,
            memory_bytes_max: self.memory_bytes_max / threads,
            configurations_max: self.configurations_max,
            failing_return: &failing_return,
        };
        let members: Vec<&Vec<usize>> = parts.values().collect();
        let next = AtomicUsize::new(0);
        let decided: Mutex<Vec<(usize, PartResult, Cost)>> = Mutex::new(Vec::new());
        let work = || {
            let initial = self.model.init();
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                let Some(members) = members.get(part) else { return };
                let items = items::<M>(history, members);
                let (mut outcome, mut cost) = search(self.model, initial.clone(), &items, &bounds);
                if let PartResult::Violation { failing, prefix, certain: false } = outcome {
                    let of_cuts;
                    (outcome, of_cuts) =
                        shortest_failing(self.model, &initial, &items, failing, prefix, &bounds);
                    cost = cost.plus(of_cuts);
                }
                if let PartResult::Violation { failing, .. } = outcome
                    && let Some(returned) = items[failing].returned
                {
                    failing_return.fetch_min(returned, Ordering::Relaxed);
                }
                decided.lock().expect("no search panicked").push((part, outcome, cost));
            }
        };
        if threads == 1 {
            work();
        } else {
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(work);
                }
            });
        }
        let mut decided = decided.into_inner().expect("no search panicked");
        decided.sort_unstable_by_key(|(part, ..)| *part);
        let mut cost = Cost::default();
        for (.., of_part) in &decided {
            cost = cost.plus(*of_part);
        }
        cost.memory_bytes *= threads;
        (decided.into_iter().map(|(_, outcome, _)| outcome).collect(), cost)
    }
}

/// Merges one order of operations per key into one order of all operations.
///
/// Each operation gets an instant between its call and its return, and they are sorted by it. That works
/// except in one case: if operations of several clients return, and the clients call again, at exactly
/// the same time, the orders of the keys and of the clients at that instant can form a cycle. Then there
/// is no such order (`None`) for these orders of the keys.
fn merge<C, R>(history: &History<C, R>, orders: &[Vec<usize>]) -> Option<Vec<usize>> {
    let operations = history.operations();
    if let [order] = orders {
        return Some(order.clone());
    }
    // The client's previous operation, if it returned at the time of this call.
    let mut before = vec![None; operations.len()];
    let mut by_client: Vec<usize> = (0..operations.len()).collect();
    history.sort_by_client(&mut by_client);
    for pair in by_client.windows(2) {
        let (first, second) = (&operations[pair[0]], &operations[pair[1]]);
        if first.client == second.client && first.returned == Some(second.called) {
            before[pair[1]] = Some(pair[0]);
        }
    }
    let instants: Vec<Vec<u64>> = orders
        .iter()
        .map(|order| {
            let mut instant = 0;
            let at = order.iter().map(|&number| {
                instant = instant.max(operations[number].called);
                instant
            });
            at.collect()
        })
        .collect();
    let total = orders.iter().map(Vec::len).sum();
    let mut placed = vec![false; operations.len()];
    let mut next = vec![0; orders.len()];
    // The parts, by the instant of their next operation.
    let mut waiting: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (part, instants) in instants.iter().enumerate() {
        if let Some(&instant) = instants.first() {
            waiting.entry(instant).or_default().push(part);
        }
    }
    let mut merged = Vec::with_capacity(total);
    while let Some(mut earliest) = waiting.first_entry() {
        let now = *earliest.key();
        let ready = earliest.get().iter().position(|&part| {
            before[orders[part][next[part]]].is_none_or(|before| placed[before])
        })?;
        let part = earliest.get_mut().swap_remove(ready);
        if earliest.get().is_empty() {
            earliest.remove();
        }
        let number = orders[part][next[part]];
        debug_assert!(operations[number].returned.is_none_or(|returned| returned >= now));
        placed[number] = true;
        merged.push(number);
        next[part] += 1;
        if let Some(&instant) = instants[part].get(next[part]) {
            waiting.entry(instant).or_default().push(part);
        }
    }
    Some(merged)
}
