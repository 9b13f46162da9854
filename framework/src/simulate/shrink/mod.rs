//! Shrinking: makes a run that breaks as short as possible, as long as it breaks in the same way.
//!
//! A test runs many clients with many commands over a bad network, so its failing runs are long, though a handful of
//! events is to blame. Shrinking leaves out clients, commands, interventions, and the network's decisions, each of them
//! as long as the same property is violated, or the same handler fails in the same place. It is deterministic delta
//! debugging (`ddmin`): the same input always gives the same run.
//!
//! The shrunk run has a scenario of its own and a list of [deviations](Deviation) in place of the seed's decisions. Its
//! trace says what it leaves out ([`Reduction`]), and is saved and replayed as any other.

mod cause;
mod ddmin;
mod fair;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::cause::Cause;
use self::ddmin::ddmin;
use self::fair::{Fair, hindered_in_a_row};
use super::decisions::Deviation;
use super::drive::Options;
use super::outcome::Outcome;
use super::scenario::{Intervention, Scenario};
use super::simulation::Simulation;
use crate::trace::{
    Ending, Header, MemoryRecorder, Origin, Recorder, Reduction, Trace, TraceEvent,
};
use crate::{Address, NodeSpec};
use serde::{Deserialize, Serialize};

/// How many steps of nodes are simulated at most, in all runs together. It counts steps, not time, so that every machine
/// finds the same run.
///
/// Measured with lab 1's mutants, as students build them: 2,000,000 steps took 13 s of processor time, so this limit
/// keeps a run below 2 s. A duplicate that is executed twice took 2,400 to 3,500 steps in three tests and 47,000 in a
/// fourth.
pub const STEPS_MAX: u64 = 200_000;

/// A run with more steps than this is not shrunk: it could be repeated only a few times.
const ORIGINAL_STEPS_MAX: u64 = STEPS_MAX / 4;

/// How often all kinds of parts are tried. Leaving out one kind may make another one unnecessary.
const ROUNDS_MAX: usize = 8;

/// More deviations than this are not moved one by one.
const MOVED_MAX: usize = 24;

/// Runs a simulation to its end with newly made nodes: [`Simulation::drive`] on an empty host.
pub type Run<'r> = dyn FnMut(&mut Simulation, Options<'_>) -> Outcome + 'r;

/// A run that was made as short as possible.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// What is left of the scenario.
    pub scenario: Scenario,
    /// What the network and the timers do in it, apart from what they do by default.
    pub deviations: Vec<Deviation>,
    /// How it ends.
    pub outcome: Outcome,
    /// The run. Its header says what it leaves out, so that it can be replayed.
    pub trace: Trace,
    /// How many events the original run had.
    pub original_events: usize,
    /// How many runs it took to find it.
    pub runs: u64,
    /// How many steps of nodes these runs had.
    pub steps: u64,
    /// Whether it could be shorter, but [`STEPS_MAX`] was reached.
    pub is_cut_short: bool,
}

/// Why a run is not shrunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotShrunk {
    /// It does not break, or breaks in a way that says nothing about the nodes' code.
    #[error("it does not break because of the nodes' code")]
    NotBroken,
    /// A single run takes more than a quarter of [`STEPS_MAX`].
    #[error("its {0} steps are too many to repeat it often")]
    TooLong(u64),
    /// It is not the same when it is repeated.
    #[error("it is not the same when it is repeated")]
    NotRepeatable,
}

/// Shrinks the run of a scenario with a seed. `run` is called for each run that is tried.
///
/// # Errors
/// When the run does not break, is too long, or is not the same when it is repeated.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    origin: &Origin,
    run: &mut Run<'_>,
) -> Result<Shrunk, NotShrunk> {
    let mut original = Simulation::keeping_decisions(scenario.clone(), seed);
    let mut counter = Counter::default();
    let outcome =
        run(&mut original, Options { recorder: Some(&mut counter), ..Options::default() });
    let cause = Cause::of(&outcome.verdict).ok_or(NotShrunk::NotBroken)?;
    if outcome.steps > ORIGINAL_STEPS_MAX {
        return Err(NotShrunk::TooLong(outcome.steps));
    }
    let first = Candidate::of(&mut original, Reduction::default(), outcome.steps);
    let mut shrinker = Shrinker {
        scenario,
        seed,
        fair: Fair::new(scenario, &cause),
        in_a_row: hindered_in_a_row(&first.deviations),
        cause,
        run,
        runs: 1,
        steps: outcome.steps,
        best: first,
    };
    // The decisions alone must make the same run.
    let all = shrinker.best.clone();
    if !shrinker.attempt(all.reduction, &all.deviations, outcome.steps) {
        return Err(NotShrunk::NotRepeatable);
    }
    shrinker.shrink();
    shrinker.finish(origin, counter.events).ok_or(NotShrunk::NotRepeatable)
}

/// Counts the events of a run.
#[derive(Default)]
struct Counter {
    events: usize,
}

impl Recorder for Counter {
    fn header(&mut self, _: &Header) {}

    fn event(&mut self, _: TraceEvent) {
        self.events += 1;
    }

    fn ending(&mut self, _: &Ending) {}
}

/// A run that breaks in the right way.
#[derive(Clone)]
struct Candidate {
    reduction: Reduction,
    /// The deviations that occurred in it, in order.
    deviations: Vec<Deviation>,
    steps: u64,
    /// How many commands each client was given.
    given: BTreeMap<Address, u64>,
}

impl Candidate {
    /// The run that a simulation has finished.
    fn of(simulation: &mut Simulation, reduction: Reduction, steps: u64) -> Self {
        let decisions = simulation.decisions.take();
        let mut deviations = decisions.map(|it| it.occurred()).unwrap_or_default();
        deviations.sort_unstable();
        let given = simulation.nodes.iter().filter_map(|node| {
            Some((node.address(), node.client.as_ref()?.operations.len() as u64))
        });
        Self { reduction, deviations, steps, given: given.collect() }
    }

    /// What can still be left out. It never grows.
    fn size(&self) -> (u64, usize, u64) {
        (self.steps, self.deviations.len(), self.given.values().sum())
    }
}

/// The search for a shorter run.
struct Shrinker<'a, 'r> {
    scenario: &'a Scenario,
    seed: u64,
    cause: Cause,
    fair: Fair<'a>,
    /// How many messages of one link, sent in a row, the original run lost or delayed at most.
    in_a_row: u64,
    run: &'a mut Run<'r>,
    runs: u64,
    steps: u64,
    best: Candidate,
}

impl Shrinker<'_, '_> {
    fn shrink(&mut self) {
        let first = self.best.clone();
        // Interventions first, even if the run becomes longer for now: their times are fixed, while the network's losses
        // move with what is left.
        self.leave_out_interventions(2 * first.steps);
        for _ in 0..ROUNDS_MAX {
            let before = self.best.size();
            self.leave_out_interventions(self.best.steps);
            self.leave_out_kinds_of_deviations();
            if self.fair.commands {
                self.leave_out_clients();
                self.leave_out_commands();
            }
            self.leave_out_deviations();
            self.move_deviations();
            self.shorten_delays();
            if self.best.size() == before {
                break;
            }
        }
        if self.best.steps > first.steps {
            self.best = first;
        }
    }

    /// Tries the run with this reduction and these deviations. If it breaks in the same way within so many steps, it is
    /// the best one so far.
    fn attempt(&mut self, reduction: Reduction, deviations: &[Deviation], steps_max: u64) -> bool {
        let left = STEPS_MAX.saturating_sub(self.steps);
        if left == 0 || !self.fair.allows(&reduction) {
            return false;
        }
        let mut scenario = self.scenario.reduced(&reduction);
        // A longer run is not wanted, so it need not be run to its end. One more than the most, because the run that
        // reaches the limit fails.
        scenario.limits.steps_max = scenario.limits.steps_max.min(steps_max + 1).min(left);
        let mut simulation = Simulation::with_deviations(scenario, self.seed, deviations);
        let outcome = (self.run)(&mut simulation, Options::default());
        self.runs += 1;
        self.steps += outcome.steps;
        if outcome.steps > steps_max || Cause::of(&outcome.verdict).as_ref() != Some(&self.cause) {
            return false;
        }
        self.best = Candidate::of(&mut simulation, reduction, outcome.steps);
        true
    }

    /// Tries the best run with other parts left out.
    fn attempt_reduction(&mut self, change: impl FnOnce(&mut Reduction)) -> bool {
        self.attempt_longer_reduction(self.best.steps, change)
    }

    /// The same with a limit of so many steps.
    fn attempt_longer_reduction(
        &mut self,
        steps_max: u64,
        change: impl FnOnce(&mut Reduction),
    ) -> bool {
        let Candidate { mut reduction, deviations, .. } = self.best.clone();
        change(&mut reduction);
        self.attempt(reduction, &deviations, steps_max)
    }

    /// Tries the best run with these deviations instead. A message that is lost or tampered with no longer may add two
    /// steps: its own and that of an answer.
    fn attempt_deviations(&mut self, deviations: &[Deviation]) -> bool {
        let lost = |deviations: &[Deviation]| {
            let loses = |it: &&Deviation| {
                matches!(
                    it,
                    Deviation::Lost(_)
                        | Deviation::Corrupted(..)
                        | Deviation::Spoofed(..)
                        | Deviation::Misbehaves(_)
                )
            };
            deviations.iter().filter(loses).count() as u64
        };
        let arrive = lost(&self.best.deviations).saturating_sub(lost(deviations));
        let steps_max = self.best.steps + 2 * arrive;
        self.attempt(self.best.reduction.clone(), deviations, steps_max)
    }

    /// Leaves out all deviations of a kind at once.
    fn leave_out_kinds_of_deviations(&mut self) {
        type IsOfKind = fn(&Deviation) -> bool;
        let kinds: [IsOfKind; 10] = [
            |_| true,
            |it| matches!(it, Deviation::Delayed(..)),
            |it| matches!(it, Deviation::Fires(..)),
            |it| matches!(it, Deviation::Again(..)),
            |it| matches!(it, Deviation::Lost(_)),
            |it| matches!(it, Deviation::Corrupted(..)),
            |it| matches!(it, Deviation::Spoofed(..)),
            |it| matches!(it, Deviation::Replayed(..)),
            |it| matches!(it, Deviation::Injected(..)),
            |it| matches!(it, Deviation::Misbehaves(_)),
        ];
        for is_of_kind in kinds {
            let all = &self.best.deviations;
            let rest: Vec<_> = all.iter().copied().filter(|it| !is_of_kind(it)).collect();
            if rest.len() < all.len() {
                self.attempt_deviations(&rest);
            }
        }
    }

    /// The clients that are left, those that start later included.
    fn clients(&self) -> Vec<NodeSpec> {
        let started = self.scenario.timeline.iter().filter_map(|(_, what)| match what {
            Intervention::Start(spec) => Some(spec),
            _ => None,
        });
        let all = self.scenario.system.nodes().iter().chain(started);
        all.filter(|spec| spec.workload.is_some())
            .filter(|spec| !self.best.reduction.clients.contains(&spec.address()))
            .cloned()
            .collect()
    }

    fn leave_out_clients(&mut self) {
        let all: Vec<Address> = self.clients().iter().map(NodeSpec::address).collect();
        ddmin(all.clone(), &mut |left| {
            let is_gone = |client: &&Address| !left.contains(client);
            let gone: Vec<Address> = all.iter().filter(is_gone).copied().collect();
            self.attempt_reduction(|reduction| reduction.clients.extend(gone))
                .then(|| left.to_vec())
        });
    }

    fn leave_out_commands(&mut self) {
        let clients = self.clients();
        // The first few commands of every client: short runs, which cost little.
        let most = self.best.given.values().copied().max().unwrap_or(0);
        let mut few = 1;
        while few < most {
            let shortened: Vec<_> =
                clients.iter().map(|client| (client.address(), self.first(client, few))).collect();
            if self.attempt_reduction(|reduction| reduction.commands.extend(shortened)) {
                break;
            }
            few += few.div_ceil(2);
        }
        for client in &clients {
            self.leave_out_last_commands(client);
            if self.fair.may_skip_commands(client) {
                self.leave_out_first_commands(client);
                let address = client.address();
                let commands = self.first(client, u64::MAX);
                ddmin(commands, &mut |left| {
                    self.attempt_reduction(|reduction| {
                        reduction.commands.insert(address, left.to_vec());
                    })
                    .then(|| left.to_vec())
                });
            }
        }
    }

    /// The indices of the first commands that the client was given, at most so many.
    fn first(&self, client: &NodeSpec, most: u64) -> Vec<u64> {
        let given = self.best.given.get(&client.address()).copied().unwrap_or(0).min(most);
        match self.best.reduction.commands.get(&client.address()) {
            Some(commands) => commands.iter().copied().take(given as usize).collect(),
            None => (0..given).collect(),
        }
    }

    /// Leaves out commands at the end of a client's workload: half of them, a quarter, and so on.
    fn leave_out_last_commands(&mut self, client: &NodeSpec) {
        let address = client.address();
        let mut fewer = self.best.given.get(&address).copied().unwrap_or(0);
        while fewer > 0 {
            let given = self.best.given.get(&address).copied().unwrap_or(0);
            let commands = self.first(client, given.saturating_sub(fewer));
            let is_shorter = given > 0
                && self.attempt_reduction(|reduction| {
                    reduction.commands.insert(address, commands);
                });
            if !is_shorter {
                fewer /= 2;
            }
        }
    }

    /// Leaves out commands at the beginning of a client's workload: half of them, a quarter, and so on. The deviations
    /// of its links move with the commands that are left, if one message of a link goes with each command.
    fn leave_out_first_commands(&mut self, client: &NodeSpec) {
        let address = client.address();
        let mut fewer = self.best.given.get(&address).copied().unwrap_or(0) / 2;
        while fewer > 0 {
            let commands: Vec<u64> =
                self.first(client, u64::MAX).into_iter().skip(fewer as usize).collect();
            let moved = |deviation: &Deviation| match deviation.place() {
                Some(at) if at.from == address || at.to == address => {
                    at.before.checked_sub(fewer).map(|before| deviation.moved(before))
                }
                _ => Some(*deviation),
            };
            let deviations: Vec<_> = self.best.deviations.iter().filter_map(moved).collect();
            let mut reduction = self.best.reduction.clone();
            let is_shorter = !commands.is_empty() && {
                reduction.commands.insert(address, commands);
                self.attempt(reduction, &deviations, self.best.steps)
            };
            if !is_shorter {
                fewer /= 2;
            }
        }
    }

    fn leave_out_interventions(&mut self, steps_max: u64) {
        let is_left = |index: &usize| !self.best.reduction.interventions.contains(index);
        let all: Vec<usize> = (0..self.scenario.timeline.len()).filter(is_left).collect();
        ddmin(all.clone(), &mut |left| {
            let is_gone = |index: &&usize| !left.contains(index);
            let gone: Vec<usize> = all.iter().filter(is_gone).copied().collect();
            self.attempt_longer_reduction(steps_max, |it| it.interventions.extend(gone))
                .then(|| left.to_vec())
        });
    }

    fn leave_out_deviations(&mut self) {
        ddmin(self.best.deviations.clone(), &mut |left| {
            self.attempt_deviations(left).then(|| self.best.deviations.clone())
        });
    }

    /// Moves the deviations that are needed to earlier messages: all at once, which keeps their order, and then one by
    /// one. The commands after them may then be unnecessary.
    fn move_deviations(&mut self) {
        let before = |deviation: &Deviation| deviation.place().map(|place| place.before);
        let mut by = self.best.deviations.iter().filter_map(before).min().unwrap_or(0);
        while by > 0 {
            let earlier = |deviation: &Deviation| match deviation.place() {
                Some(place) => deviation.moved(place.before.saturating_sub(by)),
                None => *deviation,
            };
            let moved: Vec<_> = self.best.deviations.iter().map(earlier).collect();
            if !self.attempt_moved(&moved) {
                by /= 2;
            } else {
                by = self.best.deviations.iter().filter_map(before).min().unwrap_or(0).min(by);
            }
        }
        if self.best.deviations.len() > MOVED_MAX {
            return;
        }
        for index in 0..self.best.deviations.len() {
            let Some(at) = self.best.deviations.get(index).and_then(before) else { continue };
            let mut places = vec![0, 1, 2, 3, at / 4, at / 2, at / 4 * 3, at.saturating_sub(1)];
            places.retain(|&place| place < at);
            places.sort_unstable();
            places.dedup();
            for place in places {
                let mut moved = self.best.deviations.clone();
                moved[index] = moved[index].moved(place);
                if self.attempt_moved(&moved) {
                    break;
                }
            }
        }
    }

    /// Tries the best run with moved deviations, unless more messages are hindered in a row than in the original run.
    fn attempt_moved(&mut self, deviations: &[Deviation]) -> bool {
        hindered_in_a_row(deviations) <= self.in_a_row && self.attempt_deviations(deviations)
    }

    /// Shortens the delays that are needed: all at once, which keeps their order, and then one by one.
    fn shorten_delays(&mut self) {
        let halved = |deviation: &Deviation| match *deviation {
            Deviation::Delayed(message, ns) => Deviation::Delayed(message, ns / 2),
            Deviation::Again(message, ns) => Deviation::Again(message, ns / 2),
            other => other,
        };
        while self.best.deviations.iter().any(|it| halved(it) != *it) {
            let all: Vec<_> = self.best.deviations.iter().map(halved).collect();
            if !self.attempt_deviations(&all) {
                break;
            }
        }
        for index in 0..self.best.deviations.len() {
            let mut parts = 16;
            while parts > 1
                && let Some(deviation) = self.best.deviations.get(index).copied()
            {
                let mut changed = self.best.deviations.clone();
                changed[index] = match deviation {
                    Deviation::Delayed(message, ns) => Deviation::Delayed(message, ns / parts),
                    Deviation::Again(message, ns) => Deviation::Again(message, ns / parts),
                    other => other,
                };
                if changed[index] == deviation || !self.attempt_deviations(&changed) {
                    parts /= 2;
                }
            }
        }
    }

    /// Records the best run.
    fn finish(self, origin: &Origin, original_events: usize) -> Option<Shrunk> {
        let Self { scenario, seed, run, best, cause, runs, steps, .. } = self;
        let mut reduction = best.reduction;
        reduction.events = original_events;
        let scenario = scenario.reduced(&reduction);
        let mut simulation = Simulation::with_deviations(scenario.clone(), seed, &best.deviations);
        let mut recorder = MemoryRecorder::new();
        let origin = origin.clone();
        let options = Options { recorder: Some(&mut recorder), origin, ..Options::default() };
        let outcome = run(&mut simulation, options);
        let mut trace = recorder.into_trace()?;
        trace.header.reduction = Some(reduction);
        let is_same = Cause::of(&outcome.verdict) == Some(cause);
        let is_cut_short = steps >= STEPS_MAX;
        let (runs, steps) = (runs + 1, steps + outcome.steps);
        let deviations = best.deviations;
        is_same.then_some(Shrunk {
            scenario,
            deviations,
            outcome,
            trace,
            original_events,
            runs,
            steps,
            is_cut_short,
        })
    }
}
