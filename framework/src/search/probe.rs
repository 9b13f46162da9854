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

/// Probes a system. Each run starts at the first row and takes random events, new states preferred,
/// until it is pruned, nothing is left to happen, or it is deep enough.
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
    for number in 0..probes.count {
        if let Some(limit) = limit_reached(engine, limits, started, visited) {
            return Outcome::LimitReached(limit);
        }
        let mut random = Random::new(mix(probes.seed ^ mix(number)), Stream::Probe);
        let ended = probe(engine, probes, &mut random, visited, &mut recall, statistics);
        if let Some((ending, ordinals)) = ended {
            statistics.depth = statistics.depth.max(ordinals.len());
            return engine.outcome(ending, &ordinals);
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

/// One run: how it ended, if it ended the search, and its steps.
fn probe(
    engine: &mut Engine<'_>,
    probes: Probes,
    random: &mut Random,
    visited: &mut Visited,
    recall: &mut Recall,
    statistics: &mut Statistics,
) -> Option<(Ending, Vec<u32>)> {
    let mut row = engine.first.clone();
    let mut ordinals = Vec::new();
    let mut next = Vec::new();
    while ordinals.len() < probes.depth_max {
        let steps = engine.open(&row);
        if steps == 0 {
            break;
        }
        let mut taken = None;
        for draw in 1..=DRAWS {
            let ordinal = random.below(u64::from(steps)) as u32;
            next.clone_from(&row);
            statistics.tried += 1;
            if let Err(failure) = engine.take(&mut next, ordinal) {
                ordinals.push(ordinal);
                return Some((Ending::Failure(failure), ordinals));
            }
            let new = visited.insert(engine.expander().fingerprint(&next));
            if new || draw == DRAWS {
                taken = Some((ordinal, new));
                break;
            }
        }
        statistics.transitions += 1;
        let Some((ordinal, new)) = taken.filter(|_| next != row) else {
            // Nothing changed: this draw was wasted, the run goes on if it is not stuck.
            if engine.is_stuck(&row) {
                break;
            }
            continue;
        };
        ordinals.push(ordinal);
        statistics.depth = statistics.depth.max(ordinals.len());
        std::mem::swap(&mut row, &mut next);
        if new {
            match engine.judge_with(&row, recall) {
                Ok(Verdict::Open) => {}
                Ok(_) => break,
                Err(ending) => return Some((ending, ordinals)),
            }
        } else if engine.judge_with(&row, recall) != Ok(Verdict::Open) {
            break;
        }
    }
    None
}
