//! Drives many simulations together over nodes in other processes, so that one exchange carries
//! steps of many runs.
//!
//! An exchange costs about the same for one step as for hundreds. So a run that needs a node waits
//! until many runs need the same process, or have waited long: the next exchange goes to the
//! process whose requests have the largest total waiting time. A run also prefetches the steps it
//! is certain to need soon ([`Simulation::for_each_certain_step`]), unless it runs alone.
//! it runs alone.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::ops::Range;

use super::log::{RecordingHost, RunLog};
use super::lookahead::LookaheadStep;
use super::outcome::{Outcome, RunFailure};
use super::scenario::Scenario;
use super::simulation::{Next, Simulation};
use super::view::SimulationView;
use crate::Address;
use crate::hosting::remote::{Answered, FollowUp, FollowUpAnswer, ProcessFailure, ProcessPool};
use crate::hosting::{Host, NodeFailure, Output, Payload};

/// The most runs that advance together: all runs of a lab's suite.
const RUNS_AT_ONCE: usize = 1024;

/// The most runs that advance together after a process failure, to find the run at fault.
const RUNS_AT_ONCE_AFTER_FAILURE: usize = 16;

/// How a batched run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunCompletion {
    /// It finished, with the same outcome as [`Simulation::run`] in process.
    Finished(Outcome),
    /// A process failed during it, and again when nothing else ran.
    ProcessFailed(ProcessFailure),
}

/// What is logged of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logging {
    /// Nothing.
    #[default]
    Nothing,
    /// What its nodes were asked and what they answered.
    Log,
    /// That, and each node's state after each step.
    States,
}

impl Logging {
    /// What is piggybacked on a step after which a client may get this command.
    fn then(self, command: Option<&[u8]>) -> FollowUp<'_> {
        match (self, command) {
            (Self::States, _) => FollowUp::State,
            (Self::Nothing | Self::Log, Some(command)) => FollowUp::Command(command),
            (Self::Nothing | Self::Log, None) => FollowUp::Nothing,
        }
    }
}

/// Runs each scenario with its seed, many at a time, and returns how each ended, in the same order.
///
/// When a process fails, any of the active runs may be at fault. They are restarted, a few at a
/// time and, if a process fails again, each alone. A run is blamed only if a process fails that no
/// run had used before, or if it then takes too long in any process. `lost` is called, and returns
/// which runs to skip, since each might take as long; those stay `None`.
///
/// `keep` says which runs to log. A run whose process failed has no log.
///
/// # Errors
/// If a process could not be started; that is an infrastructure error.
pub fn run_batched(
    runs: &[(&Scenario, u64)],
    keep: &dyn Fn(usize) -> Logging,
    pool: &mut ProcessPool<'_>,
    lost: &mut dyn FnMut(usize, &ProcessFailure) -> Range<usize>,
) -> io::Result<Vec<(Option<RunCompletion>, RunLog)>> {
    let ended = runs.iter().map(|_| (None, RunLog::default())).collect();
    let mut wanted = RunQueue { runs, keep, ended, dropped: BTreeSet::new(), lost };
    wanted.run((0..runs.len()).collect(), RUNS_AT_ONCE, pool)?;
    Ok(wanted.ended)
}

/// The runs to do, and what is known of them.
struct RunQueue<'a> {
    runs: &'a [(&'a Scenario, u64)],
    keep: &'a dyn Fn(usize) -> Logging,
    ended: Vec<(Option<RunCompletion>, RunLog)>,
    /// Those that need not be run any more.
    dropped: BTreeSet<usize>,
    lost: &'a mut dyn FnMut(usize, &ProcessFailure) -> Range<usize>,
}

impl RunQueue<'_> {
    /// Runs these, so many side by side.
    fn run(
        &mut self,
        indices: Vec<usize>,
        width: usize,
        pool: &mut ProcessPool<'_>,
    ) -> io::Result<()> {
        let mut waiting = VecDeque::from(indices);
        loop {
            waiting.retain(|index| !self.dropped.contains(index));
            if waiting.is_empty() {
                return Ok(());
            }
            let suspects = self.run_until_failure(&mut waiting, width, pool)?;
            let Some(failure) = pool.failure().cloned() else { continue };
            let used = pool.replace_lost();
            // Dropping nodes may end a process too; that is not the next run's fault.
            pool.forget(0..width);
            pool.replace_lost();
            // A timeout costs as much time again, so confirming it is left to the caller.
            let is_slow = matches!(failure, ProcessFailure::TimedOut(_));
            match suspects[..] {
                [index] if width == 1 && used && !is_slow => waiting.push_front(index),
                [index] if width == 1 => {
                    self.dropped.extend((self.lost)(index, &failure));
                    self.ended[index].0 = Some(RunCompletion::ProcessFailed(failure));
                }
                _ => {
                    let narrower = if width > RUNS_AT_ONCE_AFTER_FAILURE {
                        RUNS_AT_ONCE_AFTER_FAILURE
                    } else {
                        1
                    };
                    for few in suspects.chunks(narrower) {
                        self.run(few.to_vec(), narrower, pool)?;
                    }
                }
            }
        }
    }

    /// Runs the queued runs until none is left or a process fails, and returns those that were
    /// active then.
    fn run_until_failure(
        &mut self,
        waiting: &mut VecDeque<usize>,
        width: usize,
        pool: &mut ProcessPool<'_>,
    ) -> io::Result<Vec<usize>> {
        let mut table = ActiveRuns::default();
        loop {
            // Places of finished runs go to new ones, so that exchanges stay full until the end.
            while let Some(place) = table.free_place(width)
                && let Some(run) = waiting.pop_front()
            {
                let (scenario, seed) = self.runs[run];
                let simulation = Simulation::new(scenario.clone(), seed);
                // A single run prefetches nothing: if it fails a process, it does so with the step
                // that would do it anywhere.
                table.start(place, ActiveRun::new(run, simulation, (self.keep)(run), width > 1));
            }
            if table.is_empty() {
                return Ok(Vec::new());
            }
            table.go_on(pool);
            if pool.has_pending() {
                table.gather(pool);
            } else {
                table.check(pool);
            }
            pool.check()?;
            if pool.failure().is_some() {
                return Ok(table.live.iter().flatten().map(|running| running.run).collect());
            }
            for ActiveRun { run, simulation, log, .. } in table.take_over() {
                self.ended[run] = (Some(RunCompletion::Finished(simulation.outcome())), log);
                pool.mark_used();
            }
        }
    }
}

/// The runs under way. A run's place is the number that it has in the processes.
#[derive(Default)]
struct ActiveRuns {
    live: Vec<Option<ActiveRun>>,
    free: Vec<usize>,
    /// The places of runs that have what they needed.
    ready: Vec<usize>,
    /// The places of runs whose properties are to be checked.
    to_check: Vec<usize>,
    /// The places of runs that are over.
    over: Vec<usize>,
}

impl ActiveRuns {
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

    fn start(&mut self, place: usize, running: ActiveRun) {
        self.free.retain(|&free| free != place);
        self.live[place] = Some(running);
        self.ready.push(place);
    }

    /// Lets each ready run proceed to its next need, and requests it.
    fn go_on(&mut self, pool: &mut ProcessPool<'_>) {
        while let Some(&place) = self.ready.last()
            && !pool.is_full()
        {
            self.ready.pop();
            let Some(running) = &mut self.live[place] else { continue };
            match running.go_on(place, pool) {
                Need::Answers => {}
                Need::Check => self.to_check.push(place),
                Need::Nothing => self.over.push(place),
            }
        }
    }

    /// Delivers the answers of the process that has kept runs waiting most.
    fn gather(&mut self, pool: &mut ProcessPool<'_>) {
        let Self { live, ready, over, .. } = self;
        pool.receive_longest_waiting(|place, slot, answered| {
            let running = live[place].as_mut().expect("only live runs ask");
            match running.take(slot, answered) {
                AnswerUse::Needed => ready.push(place),
                AnswerUse::Last => over.push(place),
                AnswerUse::Kept => {}
            }
        });
    }

    /// Handles what needs an exchange of its own, with no requests pending: checks properties, and
    /// renders messages to unknown addresses.
    fn check(&mut self, pool: &mut ProcessPool<'_>) {
        for place in std::mem::take(&mut self.to_check) {
            let Some(running) = &mut self.live[place] else { continue };
            running.check(place, pool);
            if pool.failure().is_some() {
                return;
            }
            self.ready.push(place);
        }
    }

    /// Takes out the runs that are over.
    fn take_over(&mut self) -> Vec<ActiveRun> {
        let over = std::mem::take(&mut self.over);
        self.free.extend(&over);
        over.into_iter().filter_map(|place| self.live[place].take()).collect()
    }
}

/// What a run needs before it can continue.
enum Need {
    /// Answers that are to come.
    Answers,
    /// A look at something, when no question is under way.
    Check,
    /// Nothing: it is over, and its nodes are gone.
    Nothing,
}

/// What an answer was for its run.
enum AnswerUse {
    /// What it waited for: it can go on.
    Needed,
    /// The last: it is over, and its nodes are gone.
    Last,
    /// It does not wait for this one yet, or any more.
    Kept,
}

/// A prefetched step: what the node did, and its state if that was requested.
struct PrefetchedStep {
    stepped: Result<(), NodeFailure>,
    output: Output,
    state: Option<Result<Vec<u8>, NodeFailure>>,
}

/// Prefetched steps of a node.
#[derive(Default)]
struct Prefetch {
    /// Whether it was asked for one.
    is_asked: bool,
    /// Those that it has taken, in order.
    taken: VecDeque<PrefetchedStep>,
}

/// One of the runs under way.
struct ActiveRun {
    /// Its index among all runs.
    run: usize,
    simulation: Simulation,
    /// What it needs now; `None` before the first need.
    next: Option<Next>,
    /// How many answers are to come.
    awaits: usize,
    /// By slot.
    ahead: Vec<Prefetch>,
    /// Outputs whose memory can be used again.
    spare: Vec<Output>,
    /// A message to an unknown address, and the slot of its sender; it must be rendered.
    undeliverable: Option<(usize, Address, Vec<u8>)>,
    keep: Logging,
    log: RunLog,
    /// Whether it prefetches steps.
    prefetches: bool,
}

impl ActiveRun {
    fn new(run: usize, simulation: Simulation, keep: Logging, foresees: bool) -> Self {
        Self {
            run,
            simulation,
            next: None,
            awaits: 0,
            ahead: Vec::new(),
            spare: Vec::new(),
            undeliverable: None,
            keep,
            log: RunLog::default(),
            prefetches: foresees,
        }
    }

    /// Proceeds to the next need that no prefetched answer meets, and requests it.
    fn go_on(&mut self, place: usize, pool: &mut ProcessPool<'_>) -> Need {
        loop {
            if self.undeliverable.is_some() {
                return Need::Check;
            }
            let next = self.simulation.advance();
            self.next = Some(next);
            self.ahead.resize_with(self.simulation.nodes.len(), Prefetch::default);
            match next {
                Next::Make(slot) => {
                    pool.ask_make(place, slot, &self.simulation.spec(slot).node);
                    self.awaits += 1;
                    return Need::Answers;
                }
                Next::Step(slot) => {
                    if let Some(PrefetchedStep { stepped, output, state }) =
                        self.ahead[slot].taken.pop_front()
                    {
                        self.step(slot, stepped, &output, state);
                        self.spare.push(output);
                        continue;
                    }
                    self.ask(place, slot, pool);
                    return Need::Answers;
                }
                Next::Finished => {
                    self.awaits += pool.ask_forget(place);
                    return if self.awaits == 0 { Need::Nothing } else { Need::Answers };
                }
                Next::Check => return Need::Check,
            }
        }
    }

    /// Requests the current step, unless that was done, and the steps that are certain to come.
    fn ask(&mut self, place: usize, slot: usize, pool: &mut ProcessPool<'_>) {
        let Self { simulation, ahead, awaits, keep, .. } = self;
        if !ahead[slot].is_asked {
            let command = self.prefetches.then(|| simulation.command_after_this()).flatten();
            let command = command.map(<[u8]>::to_vec);
            pool.ask_step(place, slot, simulation.event(), keep.then(command.as_deref()));
            ahead[slot].is_asked = true;
            *awaits += 1;
        }
        if self.prefetches {
            simulation.for_each_certain_step(&mut |LookaheadStep { slot, event, command }| {
                let ahead = &mut ahead[slot];
                if !ahead.is_asked && ahead.taken.is_empty() {
                    pool.ask_step(place, slot, event, keep.then(command));
                    ahead.is_asked = true;
                    *awaits += 1;
                }
            });
        }
    }

    /// Takes in an answer.
    fn take(&mut self, slot: usize, answered: Answered<'_>) -> AnswerUse {
        self.awaits -= 1;
        match answered {
            _ if self.next == Some(Next::Finished) => {
                if self.awaits == 0 {
                    AnswerUse::Last
                } else {
                    AnswerUse::Kept
                }
            }
            Answered::Forgotten => AnswerUse::Kept,
            Answered::Made(made) => {
                if self.keep != Logging::Nothing {
                    self.log.made(slot, self.simulation.spec(slot), &made);
                }
                self.simulation.made(made);
                AnswerUse::Needed
            }
            Answered::Stepped(stepped, followed) => {
                self.ahead[slot].is_asked = false;
                let (state, command) = match followed {
                    FollowUpAnswer::Nothing => (None, None),
                    FollowUpAnswer::State(state) => (Some(state.map(<[u8]>::to_vec)), None),
                    FollowUpAnswer::Command(stepped) => (None, Some(stepped)),
                };
                let is_needed = self.next == Some(Next::Step(slot));
                let mut nothing = Output::new();
                let (stepped, output) = apart(stepped, &mut nothing);
                if is_needed {
                    self.step(slot, stepped, output, state);
                } else {
                    self.store_prefetched(slot, stepped, output, state);
                }
                if let Some(command) = command {
                    let (stepped, output) = apart(command, &mut nothing);
                    self.store_prefetched(slot, stepped, output, None);
                }
                if is_needed { AnswerUse::Needed } else { AnswerUse::Kept }
            }
        }
    }

    /// Stores a prefetched step until its turn.
    fn store_prefetched(
        &mut self,
        slot: usize,
        stepped: Result<(), NodeFailure>,
        output: &mut Output,
        state: Option<Result<Vec<u8>, NodeFailure>>,
    ) {
        let room = self.spare.pop().unwrap_or_default();
        let output = std::mem::replace(output, room);
        self.ahead[slot].taken.push_back(PrefetchedStep { stepped, output, state });
    }

    /// Takes in the step under way.
    fn step(
        &mut self,
        slot: usize,
        stepped: Result<(), NodeFailure>,
        output: &Output,
        state: Option<Result<Vec<u8>, NodeFailure>>,
    ) {
        if self.keep != Logging::Nothing {
            let stepped = stepped.as_ref().map(|()| output);
            self.log.stepped(slot, self.simulation.event(), stepped, state);
        }
        if let Err((to, message)) = self.simulation.stepped(stepped, output) {
            self.undeliverable = Some((slot, to, output.get(message).to_vec()));
        }
    }

    /// Looks at the message to nobody, or the property that is to be checked.
    fn check(&mut self, place: usize, pool: &mut ProcessPool<'_>) {
        let mut host = pool.host_for_run(place, self.kinds());
        if let Some((slot, to, message)) = self.undeliverable.take() {
            let shown = host.show(slot, Payload::Message, &message, false);
            let message = shown.unwrap_or_else(|failure| format!("<{failure}>"));
            let from = self.simulation.spec(slot).address();
            self.simulation.fail(RunFailure::UnknownAddress { from, to, message });
            return;
        }
        let property = self.simulation.property().clone();
        let mut host = RecordingHost { host: &mut host, log: &mut self.log };
        let checked = property.check(&mut SimulationView::new(&self.simulation, &mut host));
        if pool.failure().is_none() {
            self.simulation.checked(checked);
        }
    }

    /// The kinds of the nodes, by slot.
    fn kinds(&self) -> Vec<String> {
        self.simulation.nodes.iter().map(|node| node.spec.node.kind.clone()).collect()
    }
}

/// Whether a step was taken, and what the node did in it.
fn apart<'o>(
    stepped: Result<&'o mut Output, NodeFailure>,
    nothing: &'o mut Output,
) -> (Result<(), NodeFailure>, &'o mut Output) {
    match stepped {
        Ok(output) => (Ok(()), output),
        Err(failure) => (Err(failure), nothing),
    }
}
