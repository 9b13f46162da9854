//! Random probes: seeded runs that go deep where breadth cannot reach.

use std::time::Instant;

use super::checks::Verdict;
use super::engine::{Ending, Engine};
use super::recall::Recall;
use super::report::{Limit, Outcome, Statistics};
use super::settings::Limits;
use super::visited::Visited;
use crate::random::{Random, Stream, mix};

/// How often an event is drawn again because it leads to a state that has been seen.
const DRAWS: usize = 4;

/// So many runs go on side by side: the handlers that all of them need next are called in one batch.
const SIDE_BY_SIDE: u64 = 64;

/// How to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// Fixes what is drawn.
    pub seed: u64,
    /// How many runs.
    pub count: u64,
    /// The most events in a run. Events that change nothing do not count.
    pub depth_max: usize,
}

/// Probes a system, with many runs side by side. Each run starts at the first row and takes random events, new
/// states preferred, until it is pruned, nothing is left to happen, or it is deep enough.
pub(super) fn run(
    engine: &mut Engine<'_>,
    probes: Probes,
    limits: &Limits,
) -> (Outcome, Statistics) {
    let started = Instant::now();
    let mut visited = Visited::new();
    let mut statistics = Statistics::default();
    let outcome = search(engine, probes, limits, started, &mut visited, &mut statistics);
    let tables = engine.statistics();
    let statistics = Statistics {
        states: visited.len() as u64,
        depth: statistics.depth,
        transitions: statistics.transitions,
        tried: statistics.tried,
        peak_bytes: engine.memory_bytes() + visited.memory_bytes(),
        elapsed: started.elapsed(),
        ..tables
    };
    (outcome, statistics)
}

fn search(
    engine: &mut Engine<'_>,
    probes: Probes,
    limits: &Limits,
    started: Instant,
    visited: &mut Visited,
    statistics: &mut Statistics,
) -> Outcome {
    let first = engine.first.clone();
    visited.insert(engine.expander().fingerprint(&first));
    match engine.judge(&first) {
        Ok(Verdict::Open) => {}
        Ok(_) => return Outcome::Exhausted,
        Err(ending) => return engine.outcome(ending, &[]),
    }
    let mut recall = Recall::default();
    let mut begun = 0;
    while begun < probes.count {
        let numbers = begun..probes.count.min(begun + SIDE_BY_SIDE);
        begun = numbers.end;
        let mut under_way: Vec<Probe> =
            numbers.map(|number| Probe::new(&first, probes, number)).collect();
        loop {
            under_way.retain(|probe| !probe.is_over && probe.ordinals.len() < probes.depth_max);
            if under_way.is_empty() {
                break;
            }
            if let Some(limit) = limit_reached(engine, limits, started, visited) {
                return Outcome::LimitReached(limit);
            }
            engine.open_all(under_way.iter().map(|probe| probe.row.as_slice()));
            for probe in &mut under_way {
                let went = probe.go_on(engine, visited, &mut recall, statistics);
                statistics.depth = statistics.depth.max(probe.ordinals.len());
                if let Err(ending) = went {
                    return engine.outcome(ending, &probe.ordinals);
                }
            }
        }
    }
    Outcome::LimitReached(Limit::Probes(probes.count))
}

fn limit_reached(
    engine: &Engine<'_>,
    limits: &Limits,
    started: Instant,
    visited: &Visited,
) -> Option<Limit> {
    let Limits { states, time, memory_bytes, .. } = *limits;
    if let Some(states) = states.filter(|&limit| visited.len() as u64 >= limit) {
        return Some(Limit::States(states));
    }
    let bytes = engine.memory_bytes() + visited.memory_bytes();
    if let Some(limit) = memory_bytes.filter(|&limit| bytes >= limit) {
        return Some(Limit::Memory(limit));
    }
    time.filter(|&limit| started.elapsed() >= limit).map(Limit::Time)
}

/// A run under way.
struct Probe {
    random: Random,
    row: Vec<u32>,
    /// The steps that it took.
    ordinals: Vec<u32>,
    /// Whether nothing is left to happen in it, or it need not go on.
    is_over: bool,
}

impl Probe {
    fn new(first: &[u32], probes: Probes, number: u64) -> Self {
        let random = Random::new(mix(probes.seed ^ mix(number)), Stream::Probe);
        Self { random, row: first.to_vec(), ordinals: Vec::new(), is_over: false }
    }

    /// Takes one event, or finds that it has none to take. Its row is open. An error if that ends the search.
    fn go_on(
        &mut self,
        engine: &mut Engine<'_>,
        visited: &mut Visited,
        recall: &mut Recall,
        statistics: &mut Statistics,
    ) -> Result<(), Ending> {
        let steps = engine.steps(&self.row);
        if steps == 0 {
            self.is_over = true;
            return Ok(());
        }
        let mut next = Vec::new();
        let (mut ordinal, mut new) = (0, false);
        for _ in 0..DRAWS {
            ordinal = self.random.below(u64::from(steps)) as u32;
            next.clone_from(&self.row);
            statistics.tried += 1;
            if let Err(failure) = engine.take(&mut next, ordinal) {
                self.ordinals.push(ordinal);
                return Err(Ending::Failure(failure));
            }
            new = visited.insert(engine.expander().fingerprint(&next));
            if new {
                break;
            }
        }
        statistics.transitions += 1;
        if next == self.row {
            // This draw was wasted; the run goes on if it is not stuck.
            self.is_over = engine.is_stuck(&self.row);
            return Ok(());
        }
        self.ordinals.push(ordinal);
        self.row = next;
        match engine.judge_with(&self.row, recall) {
            Ok(verdict) => self.is_over = verdict != Verdict::Open,
            Err(ending) if new => return Err(ending),
            Err(_) => self.is_over = true,
        }
        Ok(())
    }
}
