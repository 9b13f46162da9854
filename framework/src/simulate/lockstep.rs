//! Drives many simulations side by side over nodes in other processes, so that one exchange carries
//! steps of many.
//!
//! An exchange costs about the same whether it carries one step or hundreds. So a run that needs a node
//! waits until enough others need one in the same process: always the process with the most questions
//! is asked next.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::ops::Range;

use super::outcome::{Outcome, RunFailure};
use super::scenario::Scenario;
use super::simulation::{Next, Simulation};
use super::view::SimulationView;
use crate::worker::remote::{Fleet, Loss};
use crate::worker::{Host, Payload};

/// The most runs that advance side by side: all that the suite of a lab has.
const WIDTH: usize = 1024;

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
        let mut table = Table::default();
        loop {
            // Places of finished runs go to new ones, so that there is much to ask to the end.
            while let Some(place) = table.free_place(width)
                && let Some(run) = waiting.pop_front()
            {
                let (scenario, seed) = self.runs[run];
                table.start(place, Live::new(run, Simulation::new(scenario.clone(), seed)));
            }
            if table.is_empty() {
                return Ok(Vec::new());
            }
            table.go_on(fleet);
            if table.awaits > 0 {
                table.gather(fleet);
            } else {
                table.check(fleet);
            }
            fleet.check()?;
            if fleet.loss().is_some() {
                return Ok(table.live.iter().flatten().map(|running| running.run).collect());
            }
            for Live { run, simulation, .. } in table.take_over() {
                self.ended[run] = Some(Ended::Over(simulation.outcome()));
                fleet.note_use();
            }
        }
    }
}

/// The runs under way. A run's place is the number that it has in the processes.
#[derive(Default)]
struct Table {
    live: Vec<Option<Live>>,
    free: Vec<usize>,
    /// The places of runs that have what they needed.
    ready: Vec<usize>,
    /// The places of runs whose properties are to be checked.
    to_check: Vec<usize>,
    /// The places of runs that are over.
    over: Vec<usize>,
    /// How many answers are to come.
    awaits: usize,
}

impl Table {
    fn is_empty(&self) -> bool {
        self.free.len() == self.live.len()
    }

    /// A place for one more run, if there are fewer than `width`.
    fn free_place(&mut self, width: usize) -> Option<usize> {
        if self.free.is_empty() && self.live.len() < width {
            self.live.push(None);
            self.free.push(self.live.len() - 1);
        }
        self.free.last().copied()
    }

    fn start(&mut self, place: usize, running: Live) {
        self.free.retain(|&free| free != place);
        self.live[place] = Some(running);
        self.ready.push(place);
    }

    /// Lets each run that can go on to its next need, and asks for it.
    fn go_on(&mut self, fleet: &mut Fleet<'_>) {
        while let Some(&place) = self.ready.last()
            && !fleet.is_full()
        {
            self.ready.pop();
            let Some(running) = &mut self.live[place] else { continue };
            match running.go_on(place, fleet) {
                Next::Check => self.to_check.push(place),
                // A run is over when its nodes are gone: dropping them is the submission's code, too.
                Next::Finished if running.awaits == 0 => self.over.push(place),
                _ => self.awaits += running.awaits,
            }
        }
    }

    /// Gives runs the answers of the process that has been asked most for them.
    fn gather(&mut self, fleet: &mut Fleet<'_>) {
        let Self { live, ready, over, awaits, .. } = self;
        let mut unknown = Vec::new();
        fleet.gather_most(|place, answered, output| {
            let running = live[place].as_mut().expect("only live runs ask");
            running.awaits -= 1;
            *awaits -= 1;
            match running.next {
                Some(Next::Step(slot)) => {
                    if let Err((to, message)) = running.simulation.stepped(answered, output) {
                        unknown.push((place, slot, to, output.get(message).to_vec()));
                    }
                    ready.push(place);
                }
                Some(Next::Make(_)) => {
                    running.simulation.made(answered);
                    ready.push(place);
                }
                Some(Next::Finished) if running.awaits == 0 => over.push(place),
                Some(Next::Finished | Next::Check) | None => {}
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

    /// Looks at all properties that are to be checked. Each look is an exchange of its own, so this is
    /// for when no question is under way.
    fn check(&mut self, fleet: &mut Fleet<'_>) {
        for place in std::mem::take(&mut self.to_check) {
            let Some(running) = &mut self.live[place] else { continue };
            running.check(place, fleet);
            if fleet.loss().is_some() {
                return;
            }
            self.ready.push(place);
        }
    }

    /// Takes out the runs that are over.
    fn take_over(&mut self) -> Vec<Live> {
        let over = std::mem::take(&mut self.over);
        self.free.extend(&over);
        over.into_iter().filter_map(|place| self.live[place].take()).collect()
    }
}

/// One of the runs under way.
struct Live {
    /// Its index among all runs.
    run: usize,
    simulation: Simulation,
    /// What it needs now; `None` before the first need.
    next: Option<Next>,
    /// How many answers are to come for that.
    awaits: usize,
}

impl Live {
    fn new(run: usize, simulation: Simulation) -> Self {
        Self { run, simulation, next: None, awaits: 0 }
    }

    /// Goes on to the next need, and asks for it.
    fn go_on(&mut self, place: usize, fleet: &mut Fleet<'_>) -> Next {
        let next = self.simulation.advance();
        self.next = Some(next);
        self.awaits = match next {
            Next::Make(slot) => {
                fleet.ask_make(place, slot, self.simulation.spec(slot));
                1
            }
            Next::Step(slot) => {
                fleet.ask_step(place, slot, self.simulation.event());
                1
            }
            Next::Finished => fleet.ask_forget(place),
            Next::Check => 0,
        };
        next
    }

    /// Looks at the property that is to be checked.
    fn check(&mut self, place: usize, fleet: &mut Fleet<'_>) {
        let property = self.simulation.property().clone();
        let mut host = fleet.host_among(place, self.kinds());
        let checked = property.check(&mut SimulationView::new(&self.simulation, &mut host));
        if fleet.loss().is_none() {
            self.simulation.checked(checked);
        }
    }

    /// The kinds of the nodes, by slot.
    fn kinds(&self) -> Vec<String> {
        self.simulation.participants.iter().map(|node| node.spec.kind.clone()).collect()
    }
}
