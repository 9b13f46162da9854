//! Drives many simulations side by side over nodes in other processes, so that one exchange carries
//! a step of each.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::ops::Range;

use super::outcome::{Outcome, RunFailure};
use super::scenario::Scenario;
use super::simulation::{Next, Simulation};
use super::view::SimulationView;
use crate::worker::remote::{Fleet, Loss};
use crate::worker::{Host, Payload};

/// The most runs that advance side by side. More would save nothing: the cost of an exchange is
/// spread thin already.
const WIDTH: usize = 256;

/// The most runs that advance side by side when one of them has lost a process, to find out which.
const NARROW: usize = 16;

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end, with the outcome of [`Simulation::run`] with the nodes in one process.
    Over(Outcome),
    /// It lost a process, and did so again when nothing else ran.
    Lost(Loss),
}

/// Runs each scenario with its seed, many side by side, and returns what became of each, in the same
/// order.
///
/// When a process is lost, nobody knows which of the runs under way is to blame. Those are started anew,
/// a few at a time, and where one is lost again, each alone; only a run that then loses a process in
/// which no run was before is said to have lost it. `lost` is told, and returns which runs need not be
/// run any more, since each might cost as much time: they stay `None`.
///
/// # Errors
/// When a process could not be started: no fault of the submission's.
pub fn lockstep(
    runs: &[(&Scenario, u64)],
    fleet: &mut Fleet<'_>,
    lost: &mut dyn FnMut(usize, &Loss) -> Range<usize>,
) -> io::Result<Vec<Option<Ended>>> {
    let mut wanted = Wanted { runs, ended: vec![None; runs.len()], dropped: BTreeSet::new(), lost };
    wanted.run((0..runs.len()).collect(), WIDTH, fleet)?;
    Ok(wanted.ended)
}

/// The runs that are wanted, and what is known of them.
struct Wanted<'a> {
    runs: &'a [(&'a Scenario, u64)],
    ended: Vec<Option<Ended>>,
    /// Those that need not be run any more.
    dropped: BTreeSet<usize>,
    lost: &'a mut dyn FnMut(usize, &Loss) -> Range<usize>,
}

impl Wanted<'_> {
    /// Runs these, so many side by side.
    fn run(&mut self, indices: Vec<usize>, width: usize, fleet: &mut Fleet<'_>) -> io::Result<()> {
        let mut waiting = VecDeque::from(indices);
        loop {
            waiting.retain(|index| !self.dropped.contains(index));
            if waiting.is_empty() {
                return Ok(());
            }
            let suspects = self.together(&mut waiting, width, fleet)?;
            let Some(loss) = fleet.loss().cloned() else { continue };
            let used = fleet.replace_lost();
            // Dropping nodes may end a process, too, and that is no fault of the next run's.
            fleet.forget(0..width);
            fleet.replace_lost();
            match suspects[..] {
                [index] if width == 1 && used => waiting.push_front(index),
                [index] if width == 1 => {
                    self.dropped.extend((self.lost)(index, &loss));
                    self.ended[index] = Some(Ended::Lost(loss));
                }
                _ => {
                    let narrower = if width > NARROW { NARROW } else { 1 };
                    for few in suspects.chunks(narrower) {
                        self.run(few.to_vec(), narrower, fleet)?;
                    }
                }
            }
        }
    }

    /// Runs those that wait until none is left or a process is lost, and returns those that were under
    /// way then.
    fn together(
        &mut self,
        waiting: &mut VecDeque<usize>,
        width: usize,
        fleet: &mut Fleet<'_>,
    ) -> io::Result<Vec<usize>> {
        let mut live: Vec<Option<Live>> = Vec::new();
        loop {
            // Places of finished runs go to new ones, so that the frames stay full to the end.
            for place in 0..width {
                if live.len() == place {
                    live.push(None);
                }
                if live[place].is_none()
                    && let Some(run) = waiting.pop_front()
                {
                    let (scenario, seed) = self.runs[run];
                    let simulation = Simulation::new(scenario.clone(), seed);
                    live[place] = Some(Live { run, simulation, next: Next::Finished });
                }
            }
            if live.iter().all(Option::is_none) {
                return Ok(Vec::new());
            }
            // Checks are exchanges of their own, so they come before any question is gathered.
            for (place, running) in live.iter_mut().enumerate() {
                if let Some(running) = running
                    && fleet.loss().is_none()
                {
                    running.advance(place, fleet);
                }
            }
            if fleet.loss().is_none() {
                exchange(&mut live, fleet);
            }
            fleet.check()?;
            if fleet.loss().is_some() {
                return Ok(live.iter().flatten().map(|running| running.run).collect());
            }
            // A run is over when its nodes are gone: dropping them is the submission's code, too.
            for place in &mut live {
                if let Some(Live { run, simulation, next: Next::Finished }) = place {
                    self.ended[*run] = Some(Ended::Over(simulation.outcome()));
                    *place = None;
                    fleet.note_use();
                }
            }
        }
    }
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
    fn advance(&mut self, place: usize, fleet: &mut Fleet<'_>) {
        loop {
            self.next = self.simulation.advance();
            match self.next {
                Next::Finished | Next::Make(_) | Next::Step(_) => return,
                Next::Check => {
                    let property = self.simulation.property().clone();
                    let mut host = fleet.host_among(place, self.kinds());
                    let checked =
                        property.check(&mut SimulationView::new(&self.simulation, &mut host));
                    if fleet.loss().is_some() {
                        return;
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
                Next::Finished => fleet.ask_forget(place),
                Next::Check => unreachable!("a run goes on after a check"),
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
        let slot = match running.next {
            Next::Step(slot) => slot,
            Next::Make(_) => return running.simulation.made(answered),
            Next::Check | Next::Finished => return,
        };
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
