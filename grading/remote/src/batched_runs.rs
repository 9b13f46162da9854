//! Batched runs: drives many simulations together over nodes out of process, so that one exchange
//! contains steps of many runs.
//!
//! An exchange takes about the same time for one step as for hundreds. So a run that needs a step
//! waits until many runs need the same process, or have waited long: the next exchange goes to the
//! process whose requests have the largest total waiting time. A run also prefetches the steps that it
//! is certain to need soon ([`Simulation::for_each_certain_step`]), unless it runs alone.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::ops::Range;

use faultlab::Address;
use faultlab::hosting::{Host, NodeFailure, Output, Payload};
use faultlab::simulate::{LookaheadStep, Next, Outcome, Question, Scenario, Simulation};
use serde::{Deserialize, Serialize};

use crate::exchange::{Answered, FollowUpAnswer, Then};
use crate::exit::ProcessFailure;
use crate::process_pool::ProcessPool;
use crate::run_log::{RecordingHost, RunLog};

/// The most runs that advance together: all runs of a lab's suite.
const RUNS_AT_ONCE: usize = 1024;

/// The most runs that advance together after a process failure, to find the run at fault.
const RUNS_AT_ONCE_AFTER_FAILURE: usize = 16;

/// How a batched run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunCompletion {
    /// It finished, with the same outcome as [`Simulation::run`] in process.
    Finished(Outcome),
    /// A process failed during it, and again when it ran alone.
    ProcessFailed(ProcessFailure),
}

/// How much of a run is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logging {
    /// Nothing.
    #[default]
    Nothing,
    /// The requests to its nodes, and their answers.
    Log,
    /// The same, and each node's state after each step.
    States,
}

impl Logging {
    /// What to piggyback on a step after which these questions will likely be asked, or a client may get this command.
    fn then<'a>(asked: &'a [Question], command: Option<&'a [u8]>) -> Then<'a> {
        match (asked, command) {
            ([], Some(command)) => Then::Command(command),
            ([], None) => Then::Nothing,
            (questions, _) => Then::Ask(questions),
        }
    }

    /// The questions to ask a node with its next step.
    fn questions(self, simulation: &Simulation, slot: usize) -> Vec<Question> {
        let mut questions = self.questions_of_every_step();
        questions.extend(simulation.questions(slot).cloned());
        questions.dedup();
        questions
    }

    /// The questions to ask every node with every step.
    fn questions_of_every_step(self) -> Vec<Question> {
        match self {
            Self::States => vec![Question::State],
            Self::Nothing | Self::Log => Vec::new(),
        }
    }
}

/// Runs each scenario with its seed, many at a time, and returns how each ended, in the same order.
///
/// When a process fails, any of the active runs may be at fault. They are restarted, a few at a
/// time and, if a process fails again, each alone. A run that runs alone is at fault if a process fails
/// that no run had used before, or if the run then times out in any process. `lost` is called, and
/// returns which runs to skip, since each might take as long; those stay `None`.
///
/// After each exchange, `is_over` is asked whether to stop; unfinished runs stay `None`.
///
/// `keep` decides what to log of each run. A run whose process failed has no log.
///
/// # Errors
/// If a process could not be started; that is an infrastructure error.
pub fn run_batched(
    runs: &[(&Scenario, u64)],
    keep: &dyn Fn(usize) -> Logging,
    pool: &mut ProcessPool<'_>,
    lost: &mut dyn FnMut(usize, &ProcessFailure) -> Range<usize>,
    is_over: &mut dyn FnMut() -> bool,
) -> io::Result<Vec<(Option<RunCompletion>, RunLog)>> {
    let ended = runs.iter().map(|_| (None, RunLog::default())).collect();
    let mut wanted =
        RunQueue { runs, keep, ended, dropped: BTreeSet::new(), lost, is_over, stopped: false };
    wanted.run((0..runs.len()).collect(), RUNS_AT_ONCE, pool)?;
    Ok(wanted.ended)
}

/// The runs to execute, and their results so far.
struct RunQueue<'a> {
    runs: &'a [(&'a Scenario, u64)],
    keep: &'a dyn Fn(usize) -> Logging,
    ended: Vec<(Option<RunCompletion>, RunLog)>,
    /// The runs to skip.
    dropped: BTreeSet<usize>,
    lost: &'a mut dyn FnMut(usize, &ProcessFailure) -> Range<usize>,
    is_over: &'a mut dyn FnMut() -> bool,
    /// Whether it said yes.
    stopped: bool,
}

impl RunQueue<'_> {
    /// Executes these runs, at most `width` at a time.
    fn run(
        &mut self,
        indices: Vec<usize>,
        width: usize,
        pool: &mut ProcessPool<'_>,
    ) -> io::Result<()> {
        let mut waiting = VecDeque::from(indices);
        loop {
            waiting.retain(|index| !self.dropped.contains(index));
            if waiting.is_empty() || self.stopped {
                return Ok(());
            }
            let suspects = self.run_until_failure(&mut waiting, width, pool)?;
            let Some(failure) = pool.failure().cloned() else { continue };
            let used = pool.replace_lost();
            // Dropping nodes may make a process fail too, which is not the next run's fault.
            pool.forget(0..width);
            pool.replace_lost();
            match suspects[..] {
                // Whether a timeout is confirmed is left to the caller.
                [index] if width == 1 && used && failure.is_quick() => waiting.push_front(index),
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
            // New runs reuse the numbers of finished ones, so that exchanges stay full until the end.
            while let Some(number) = table.free_number(width)
                && let Some(run) = waiting.pop_front()
            {
                let (scenario, seed) = self.runs[run];
                let simulation = Simulation::new(scenario.clone(), seed);
                // A single run prefetches nothing, so that it makes a process fail with the same step as
                // in any other host.
                table.start(number, ActiveRun::new(run, simulation, (self.keep)(run), width > 1));
            }
            if table.is_empty() {
                return Ok(Vec::new());
            }
            table.advance(pool);
            if pool.has_pending() {
                table.gather(pool);
            } else {
                table.check(pool);
            }
            pool.check()?;
            if (self.is_over)() {
                self.stopped = true;
                // The nodes of unfinished runs end with their processes.
                pool.restart();
                return Ok(Vec::new());
            }
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

/// The active runs. Each has a number, which identifies it in the processes.
#[derive(Default)]
struct ActiveRuns {
    live: Vec<Option<ActiveRun>>,
    free: Vec<usize>,
    /// The numbers of runs that can continue.
    ready: Vec<usize>,
    /// The numbers of runs whose properties must be checked.
    to_check: Vec<usize>,
    /// The numbers of finished runs.
    over: Vec<usize>,
}

impl ActiveRuns {
    fn is_empty(&self) -> bool {
        self.free.len() == self.live.len()
    }

    /// A number for one more run, if there are fewer than `width`.
    fn free_number(&mut self, width: usize) -> Option<usize> {
        if self.free.is_empty() && self.live.len() < width {
            self.live.push(None);
            self.free.push(self.live.len() - 1);
        }
        self.free.last().copied()
    }

    fn start(&mut self, number: usize, running: ActiveRun) {
        self.free.retain(|&free| free != number);
        self.live[number] = Some(running);
        self.ready.push(number);
    }

    /// Advances each ready run until it needs something, and requests that.
    fn advance(&mut self, pool: &mut ProcessPool<'_>) {
        while let Some(&number) = self.ready.last()
            && !pool.is_full()
        {
            self.ready.pop();
            let Some(running) = &mut self.live[number] else { continue };
            match running.advance(number, pool) {
                Need::Answers => {}
                Need::Check => self.to_check.push(number),
                Need::Nothing => self.over.push(number),
            }
        }
    }

    /// Delivers the answers of the process whose requests have waited longest.
    fn gather(&mut self, pool: &mut ProcessPool<'_>) {
        let Self { live, ready, over, .. } = self;
        pool.receive_longest_waiting(|number, slot, answered| {
            let running = live[number].as_mut().expect("only live runs ask");
            match running.take(slot, answered) {
                AnswerUse::Needed => ready.push(number),
                AnswerUse::Last => over.push(number),
                AnswerUse::Kept => {}
            }
        });
    }

    /// Executes tasks that need their own exchanges, while no requests are pending: checks properties,
    /// and renders messages to unknown addresses.
    fn check(&mut self, pool: &mut ProcessPool<'_>) {
        for number in std::mem::take(&mut self.to_check) {
            let Some(running) = &mut self.live[number] else { continue };
            running.check(number, pool);
            if pool.failure().is_some() {
                return;
            }
            self.ready.push(number);
        }
    }

    /// Removes and returns the finished runs.
    fn take_over(&mut self) -> Vec<ActiveRun> {
        let over = std::mem::take(&mut self.over);
        self.free.extend(&over);
        over.into_iter().filter_map(|number| self.live[number].take()).collect()
    }
}

/// What a run needs before it can continue.
enum Need {
    /// Pending answers.
    Answers,
    /// A check, while no requests are pending.
    Check,
    /// Nothing: it has finished, and its nodes are dropped.
    Nothing,
}

/// The effect of an answer on its run.
enum AnswerUse {
    /// The run waited for it and can continue.
    Needed,
    /// It was the last: the run has finished, and its nodes are dropped.
    Last,
    /// The run does not need it yet, or no longer needs it.
    Kept,
}

/// A prefetched step: the node's output, and its answers to the questions that came with the step.
struct PrefetchedStep {
    stepped: Result<(), NodeFailure>,
    output: Output,
    answers: Answers,
}

/// Questions to a node, with its answers.
type Answers = Vec<(Question, Result<Vec<u8>, NodeFailure>)>;

/// Prefetched steps of a node.
#[derive(Default)]
struct Prefetch {
    /// Whether a step is requested.
    is_asked: bool,
    /// The questions that came with that request.
    questions: Vec<Question>,
    /// The steps that it has taken, in order.
    taken: VecDeque<PrefetchedStep>,
}

impl Prefetch {
    /// Takes in that a step is requested, together with these questions.
    fn ask(&mut self, questions: Vec<Question>) {
        self.is_asked = true;
        self.questions = questions;
    }
}

/// An active run.
struct ActiveRun {
    /// Its index among all runs.
    run: usize,
    simulation: Simulation,
    /// The task for which it waits; `None` at first.
    next: Option<Next>,
    /// The number of pending answers.
    pending: usize,
    /// Prefetched steps, by slot.
    prefetched: Vec<Prefetch>,
    /// Outputs whose memory can be reused.
    spare: Vec<Output>,
    /// A message to an unknown address, which must be rendered, and the slot of its sender.
    undeliverable: Option<(usize, Address, Vec<u8>)>,
    keep: Logging,
    log: RunLog,
    /// Whether it prefetches steps.
    prefetches: bool,
}

impl ActiveRun {
    fn new(run: usize, simulation: Simulation, keep: Logging, prefetches: bool) -> Self {
        Self {
            run,
            simulation,
            next: None,
            pending: 0,
            prefetched: Vec::new(),
            spare: Vec::new(),
            undeliverable: None,
            keep,
            log: RunLog::default(),
            prefetches,
        }
    }

    /// Advances until it needs something that is not prefetched, and requests that.
    fn advance(&mut self, number: usize, pool: &mut ProcessPool<'_>) -> Need {
        loop {
            if self.undeliverable.is_some() {
                return Need::Check;
            }
            let next = self.simulation.advance();
            self.next = Some(next);
            self.prefetched.resize_with(self.simulation.specs().len(), Prefetch::default);
            match next {
                Next::Make(slot) => {
                    pool.ask_make(number, slot, self.simulation.spec(slot).descriptor());
                    self.pending += 1;
                    return Need::Answers;
                }
                Next::Step(slot) => {
                    if let Some(PrefetchedStep { stepped, output, answers }) =
                        self.prefetched[slot].taken.pop_front()
                    {
                        self.step(slot, stepped, &output, answers);
                        self.spare.push(output);
                        continue;
                    }
                    self.ask(number, slot, pool);
                    return Need::Answers;
                }
                Next::Finished => {
                    self.pending += pool.ask_forget(number);
                    return if self.pending == 0 { Need::Nothing } else { Need::Answers };
                }
                Next::Check => match self.simulation.check_known() {
                    Some(checked) => self.simulation.checked(checked),
                    None => return Need::Check,
                },
            }
        }
    }

    /// Requests the current step, unless it is already requested, and the steps that are certain to
    /// follow.
    fn ask(&mut self, number: usize, slot: usize, pool: &mut ProcessPool<'_>) {
        let Self { simulation, prefetched, pending, keep, .. } = self;
        if !prefetched[slot].is_asked {
            let command = self.prefetches.then(|| simulation.command_after_this()).flatten();
            let command = command.map(<[u8]>::to_vec);
            let questions = keep.questions(simulation, slot);
            let then = Logging::then(&questions, command.as_deref());
            pool.ask_step(number, slot, simulation.event(), then);
            prefetched[slot].ask(questions);
            *pending += 1;
        }
        // While properties must always hold, no step is certain. So the only question here is about states to log.
        let states = keep.questions_of_every_step();
        if self.prefetches {
            simulation.for_each_certain_step(&mut |LookaheadStep { slot, event, command }| {
                let prefetched = &mut prefetched[slot];
                if !prefetched.is_asked && prefetched.taken.is_empty() {
                    pool.ask_step(number, slot, event, Logging::then(&states, command));
                    prefetched.ask(states.clone());
                    *pending += 1;
                }
            });
        }
    }

    /// Takes in an answer.
    fn take(&mut self, slot: usize, answered: Answered<'_>) -> AnswerUse {
        self.pending -= 1;
        match answered {
            _ if self.next == Some(Next::Finished) => {
                if self.pending == 0 {
                    AnswerUse::Last
                } else {
                    AnswerUse::Kept
                }
            }
            Answered::Forgotten => AnswerUse::Kept,
            Answered::Made(made) => {
                if self.keep != Logging::Nothing {
                    self.log.made(slot, self.simulation.spec(slot).descriptor(), &made);
                }
                self.simulation.made(made);
                AnswerUse::Needed
            }
            Answered::Stepped(stepped, followed) => {
                self.prefetched[slot].is_asked = false;
                let questions = std::mem::take(&mut self.prefetched[slot].questions);
                let (answers, command) = match followed {
                    FollowUpAnswer::Nothing => (Vec::new(), None),
                    FollowUpAnswer::Answers(answers) => {
                        (questions.into_iter().zip(answers).collect(), None)
                    }
                    FollowUpAnswer::Command(stepped) => (Vec::new(), Some(stepped)),
                };
                let is_needed = self.next == Some(Next::Step(slot));
                let mut nothing = Output::new();
                let (stepped, output) = split_step(stepped, &mut nothing);
                if is_needed {
                    self.step(slot, stepped, output, answers);
                } else {
                    self.store_prefetched(slot, stepped, output, answers);
                }
                if let Some(command) = command {
                    let (stepped, output) = split_step(command, &mut nothing);
                    self.store_prefetched(slot, stepped, output, Vec::new());
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
        answers: Answers,
    ) {
        let room = self.spare.pop().unwrap_or_default();
        let output = std::mem::replace(output, room);
        self.prefetched[slot].taken.push_back(PrefetchedStep { stepped, output, answers });
    }

    /// Takes in the current step.
    fn step(
        &mut self,
        slot: usize,
        stepped: Result<(), NodeFailure>,
        output: &Output,
        answers: Answers,
    ) {
        if self.keep != Logging::Nothing {
            let stepped = stepped.as_ref().map(|()| output);
            self.log.stepped(slot, self.simulation.event(), stepped);
        }
        if let Err((to, message)) = self.simulation.stepped(stepped, output) {
            self.undeliverable = Some((slot, to, output.get(message).to_vec()));
        }
        for (question, answer) in answers {
            if self.keep != Logging::Nothing {
                self.log.answered(slot, question.clone(), answer.clone());
            }
            self.simulation.answered(slot, question, answer);
        }
    }

    /// Renders the message to an unknown address, or checks the current property.
    fn check(&mut self, number: usize, pool: &mut ProcessPool<'_>) {
        let mut host = pool.host_for_run(number, self.kinds());
        if let Some((slot, to, message)) = self.undeliverable.take() {
            let shown = host.show(slot, Payload::Message, &message, false);
            let message = shown.unwrap_or_else(|failure| format!("<{failure}>"));
            self.simulation.sent_to_unknown_address(slot, to, message);
            return;
        }
        let checked = if self.keep == Logging::Nothing {
            self.simulation.check(&mut host)
        } else {
            let mut host = RecordingHost { host: &mut host, log: &mut self.log };
            self.simulation.check(&mut host)
        };
        if pool.failure().is_none() {
            self.simulation.checked(checked);
        }
    }

    /// The kinds of the nodes, by slot.
    fn kinds(&self) -> Vec<String> {
        self.simulation.specs().map(|spec| spec.descriptor().kind.clone()).collect()
    }
}

/// Splits a step into its success and its output.
fn split_step<'o>(
    stepped: Result<&'o mut Output, NodeFailure>,
    nothing: &'o mut Output,
) -> (Result<(), NodeFailure>, &'o mut Output) {
    match stepped {
        Ok(output) => (Ok(()), output),
        Err(failure) => (Err(failure), nothing),
    }
}
