//! Drives many simulations side by side over nodes in other processes, so that one exchange carries
//! a step of each.

use std::io;

use super::drive::Options;
use super::outcome::{Outcome, RunFailure};
use super::scenario::Scenario;
use super::simulation::{Next, Simulation};
use super::view::SimulationView;
use crate::worker::remote::{Fleet, Loss};
use crate::worker::{Host, Payload};

/// The most runs that advance side by side. More would save nothing: the cost of an exchange is
/// spread thin already.
const WIDTH: usize = 256;

/// Runs each scenario with its seed, many side by side, and returns what each came to, in the same
/// order. An outcome is the same as that of [`Simulation::run`] with the nodes in one process.
///
/// When a process is lost, nobody knows which of the runs it was serving is to blame. Those are
/// started anew, each alone, in fresh processes; only a run that loses its process then is said to
/// have lost it. A run that is too slow even alone ends the whole: it and what was still to be run
/// come out, the first as failed, the others as `None`.
///
/// # Errors
/// When a process could not be started: no fault of the submission's.
pub fn lockstep(
    runs: &[(&Scenario, u64)],
    fleet: &mut Fleet<'_>,
) -> io::Result<Vec<Option<Outcome>>> {
    let mut outcomes = vec![None; runs.len()];
    let mut lost = Vec::new();
    let mut next = 0;
    let mut live: Vec<Option<Live>> = Vec::new();
    while lost.is_empty() {
        // Places of finished runs go to new ones, so that the frames stay full to the end.
        for place in 0..WIDTH {
            if live.len() == place {
                live.push(None);
            }
            if live[place].is_none() && next < runs.len() {
                let (scenario, seed) = runs[next];
                let simulation = Simulation::new(scenario.clone(), seed);
                live[place] = Some(Live { run: next, simulation, next: Next::Finished });
                next += 1;
            }
        }
        // Checks are exchanges of their own, so they come before any question is gathered.
        for (place, running) in live.iter_mut().enumerate() {
            let Some(simulated) = running else { continue };
            if fleet.loss().is_none()
                && let Some(outcome) = simulated.advance(place, fleet)
            {
                outcomes[simulated.run] = Some(outcome);
                *running = None;
            }
        }
        if fleet.loss().is_none() {
            exchange(&mut live, fleet);
        }
        fleet.check()?;
        if fleet.loss().is_some() {
            lost = live.iter().flatten().map(|running| running.run).collect();
            lost.extend(next..runs.len());
        } else if next == runs.len() && live.iter().all(Option::is_none) {
            break;
        }
    }
    if lost.is_empty() {
        fleet.forget(0..live.len());
    } else {
        alone(runs, &lost, fleet, &mut outcomes)?;
    }
    Ok(outcomes)
}

/// One of the runs under way.
struct Live {
    /// Its index among all runs.
    run: usize,
    simulation: Simulation,
    /// What it needs next.
    next: Next,
}

impl Live {
    /// Advances to the next need of a node, looking at properties on the way, or to the end.
    fn advance(&mut self, place: usize, fleet: &mut Fleet<'_>) -> Option<Outcome> {
        loop {
            self.next = self.simulation.advance();
            match self.next {
                Next::Finished => return Some(self.simulation.outcome()),
                Next::Make(_) | Next::Step(_) => return None,
                Next::Check => {
                    let property = self.simulation.property().clone();
                    let mut host = fleet.host_among(place, self.kinds());
                    let checked =
                        property.check(&mut SimulationView::new(&self.simulation, &mut host));
                    if fleet.loss().is_some() {
                        return None;
                    }
                    self.simulation.checked(checked);
                }
            }
        }
    }

    /// The kinds of the nodes, by slot.
    fn kinds(&self) -> Vec<String> {
        self.simulation.participants.iter().map(|node| node.spec.kind.clone()).collect()
    }
}

/// Asks what all runs need, and gives them the answers. A place in the table is the number that its
/// run has in the processes.
fn exchange(live: &mut [Option<Live>], fleet: &mut Fleet<'_>) {
    for place in 0..live.len() {
        if let Some(Live { simulation, next, .. }) = &live[place] {
            match *next {
                Next::Make(slot) => fleet.ask_make(place, slot, simulation.spec(slot)),
                Next::Step(slot) => fleet.ask_step(place, slot, simulation.event()),
                Next::Check | Next::Finished => unreachable!("a run stops where it needs a node"),
            }
        }
        if fleet.is_full() {
            gather(live, fleet);
        }
    }
    gather(live, fleet);
}

/// Gives the runs the answers to what has been asked for them.
fn gather(live: &mut [Option<Live>], fleet: &mut Fleet<'_>) {
    let mut unknown = Vec::new();
    fleet.gather(|place, answered, output| {
        let running = live[place].as_mut().expect("only live runs ask");
        let Next::Step(slot) = running.next else { return running.simulation.made(answered) };
        if let Err((to, message)) = running.simulation.stepped(answered, output) {
            unknown.push((place, slot, to, output.get(message).to_vec()));
        }
    });
    for (place, slot, to, message) in unknown {
        let running = live[place].as_mut().expect("it has just been answered");
        let mut host = fleet.host_among(place, running.kinds());
        let shown = host.show(slot, Payload::Message, &message, false);
        let message = shown.unwrap_or_else(|failure| format!("<{failure}>"));
        let from = running.simulation.spec(slot).address;
        running.simulation.fail(RunFailure::UnknownAddress { from, to, message });
    }
}

/// Runs these one after the other, each in processes that no other run has harmed.
fn alone(
    runs: &[(&Scenario, u64)],
    lost: &[usize],
    fleet: &mut Fleet<'_>,
    outcomes: &mut [Option<Outcome>],
) -> io::Result<()> {
    fleet.restart();
    for &run in lost {
        let (scenario, seed) = runs[run];
        let simulation = Simulation::new(scenario.clone(), seed);
        let outcome = simulation.run(&mut fleet.host(0), Options::default());
        fleet.check()?;
        outcomes[run] = Some(outcome);
        let loss = fleet.loss().cloned();
        if loss.is_some() {
            fleet.restart();
        }
        if matches!(loss, Some(Loss::TooSlow(_))) {
            break;
        }
    }
    Ok(())
}
