//! Random walks: seeded runs that go deeper than breadth-first search can.

use std::time::Instant;

use super::checks::Verdict;
use super::deadline::Deadline;
use super::effects::Effect;
use super::engine::{Ending, Engine};
use super::handlers::LocalEvent;
use super::recall::Recall;
use super::report::{Limit, Outcome, Statistics};
use super::settings::Limits;
use super::visited::Visited;
use crate::random::{Random, Stream, mix};

/// The most events drawn for one step, in the hope of an unseen state. Events that change nothing
/// do not count.
const DRAWS: u32 = 4;

/// How many walks advance together: the handlers they need next are called in one batch.
const SIDE_BY_SIDE: u64 = 64;

/// Settings of random walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// Fixes what is drawn.
    pub seed: u64,
    /// How many runs.
    pub count: u64,
    /// The most events in a run. Events that change nothing do not count.
    pub depth_max: usize,
}

/// Takes random walks through a system, many at a time. Each starts at the first row and takes
/// random events, preferring new states, until it is pruned, no event is left, or it is deep
/// enough. Only drawn events are computed: most of what could happen in a walk never does.
pub(super) fn run(
    engine: &mut Engine<'_>,
    probes: Probes,
    limits: &Limits,
) -> (Outcome, Statistics) {
    let started = Instant::now();
    engine.sites.handlers.deadline = Deadline::after(limits.time);
    let mut visited = Visited::new();
    let mut statistics = Statistics::default();
    let outcome = search(engine, probes, limits, &mut visited, &mut statistics);
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
    visited: &mut Visited,
    statistics: &mut Statistics,
) -> Outcome {
    let first = engine.first.clone();
    visited.insert(engine.expander().fingerprint(&first));
    match engine.judge(&first) {
        Ok(Verdict::Open) => {}
        Ok(_) => return engine.found_nothing(None),
        Err(ending) => return engine.outcome_at(ending, engine.path_of(&[])),
    }
    let mut recall = Recall::default();
    let mut begun = 0;
    while begun < probes.count {
        let numbers = begun..probes.count.min(begun + SIDE_BY_SIDE);
        begun = numbers.end;
        let mut under_way: Vec<Probe> =
            numbers.map(|number| Probe::new(engine, probes, number)).collect();
        loop {
            under_way.retain(|probe| !probe.is_over && probe.taken.len() < probes.depth_max);
            if under_way.is_empty() {
                break;
            }
            if let Some(limit) = limit_reached(engine, limits, visited) {
                return engine.found_nothing(Some(limit));
            }
            for probe in &mut under_way {
                if engine.sites.handlers.deadline.is_over() {
                    break;
                }
                let went = probe.go_on(engine, visited, &mut recall, statistics);
                statistics.depth = statistics.depth.max(probe.taken.len());
                if let Err(ending) = went {
                    return engine.outcome_at(ending, engine.path_of(&probe.taken));
                }
            }
            engine.sites.handlers.run_wanted();
        }
    }
    engine.found_nothing(Some(Limit::Probes(probes.count)))
}

fn limit_reached(engine: &Engine<'_>, limits: &Limits, visited: &Visited) -> Option<Limit> {
    if let Some(limit) = engine.sites.work.limit_met() {
        return Some(limit);
    }
    let Limits { states, time, memory_bytes, .. } = *limits;
    if let Some(states) = states.filter(|&limit| visited.len() as u64 >= limit) {
        return Some(Limit::States(states));
    }
    let bytes = engine.memory_bytes() + visited.memory_bytes();
    if let Some(limit) = memory_bytes.filter(|&limit| bytes >= limit) {
        return Some(Limit::Memory(limit));
    }
    time.filter(|_| engine.sites.handlers.deadline.is_over()).map(Limit::Time)
}

/// A run under way.
struct Probe {
    random: Random,
    row: Vec<u32>,
    /// The events that it took: where, and what.
    taken: Vec<(usize, LocalEvent)>,
    /// What may happen next and has not been drawn.
    left: Vec<(usize, LocalEvent)>,
    /// The event drawn, if a handler must be called before its effect is known.
    drawn: Option<(usize, LocalEvent)>,
    /// The last event drawn for this step that changes something, and the row after it.
    seen: Option<((usize, LocalEvent), Vec<u32>)>,
    /// How many events were drawn for this step that change something.
    draws: u32,
    /// Whether the walk has ended.
    is_over: bool,
}

impl Probe {
    fn new(engine: &Engine<'_>, probes: Probes, number: u64) -> Self {
        let mut probe = Self {
            random: Random::new(mix(probes.seed ^ mix(number)), Stream::Probe),
            row: engine.first.clone(),
            taken: Vec::new(),
            left: Vec::new(),
            drawn: None,
            seen: None,
            draws: 0,
            is_over: false,
        };
        probe.look_around(engine);
        probe
    }

    /// Notes all that may happen next.
    fn look_around(&mut self, engine: &Engine<'_>) {
        self.left.clear();
        let mut events = Vec::new();
        for (node, &site) in engine.nodes(&self.row).iter().enumerate() {
            engine.sites.events(site, &mut events);
            self.left.extend(events.iter().map(|&event| (node, event)));
        }
        self.seen = None;
        self.draws = 0;
    }

    /// Draws events until one is taken, none is left, or a handler must be called. An error ends
    /// the search.
    fn go_on(
        &mut self,
        engine: &mut Engine<'_>,
        visited: &mut Visited,
        recall: &mut Recall,
        statistics: &mut Statistics,
    ) -> Result<(), Ending> {
        while self.draws < DRAWS {
            let Some(drawn @ (node, event)) = self.drawn.take().or_else(|| self.draw()) else {
                break;
            };
            let step = match engine.sites.effect(self.row[node], event) {
                Effect::Step(step) => step,
                Effect::Quiet => continue,
                Effect::Unknown => {
                    self.drawn = Some(drawn);
                    return Ok(());
                }
            };
            statistics.tried += 1;
            let mut next = self.row.clone();
            if let Err(failure) = engine.apply(&mut next, node, step) {
                self.taken.push(drawn);
                return Err(Ending::Failure(failure));
            }
            if next == self.row {
                continue;
            }
            self.draws += 1;
            let new = visited.insert(engine.expander().fingerprint(&next));
            self.seen = Some((drawn, next));
            if new {
                return self.take(engine, recall, statistics, true);
            }
        }
        self.take(engine, recall, statistics, false)
    }

    /// One of the events that may happen next and have not been drawn.
    fn draw(&mut self) -> Option<(usize, LocalEvent)> {
        if self.left.is_empty() {
            return None;
        }
        let place = self.random.below(self.left.len() as u64) as usize;
        Some(self.left.swap_remove(place))
    }

    /// Takes the last event drawn, if there is one. `new` says whether it leads to an unseen state.
    /// An error ends the search.
    fn take(
        &mut self,
        engine: &Engine<'_>,
        recall: &mut Recall,
        statistics: &mut Statistics,
        new: bool,
    ) -> Result<(), Ending> {
        let Some((event, row)) = self.seen.take() else {
            self.is_over = true;
            return Ok(());
        };
        statistics.transitions += 1;
        self.taken.push(event);
        self.row = row;
        match engine.judge_with(&self.row, recall) {
            Ok(verdict) => self.is_over = verdict != Verdict::Open,
            Err(ending) if new => return Err(ending),
            Err(_) => self.is_over = true,
        }
        self.look_around(engine);
        Ok(())
    }
}
