//! Runs that a seed makes up: processes call, and each command is executed once between its call and its return.

use std::hash::Hash;

use faultlab::random::Random;

/// What the processes of a run share.
pub trait Object {
    /// What can be called.
    type Command: Clone;
    /// What a command returns.
    type Result: Clone + PartialEq;
    /// What the object remembers.
    type State: Clone + Default + Eq + Hash;

    /// Executes a command.
    fn execute(state: &mut Self::State, command: &Self::Command) -> Self::Result;

    /// Whether the command leaves every state as it is.
    fn only_reads(command: &Self::Command) -> bool;

    /// The key that the command is about. Commands on different keys have nothing to do with each other.
    fn key(command: &Self::Command) -> &str;

    /// How a file tells of an event.
    fn line(process: u64, command: &Self::Command, event: &Event<Self::Result>) -> String;
}

/// What a line of a file tells.
pub enum Event<R> {
    Call,
    Return(R),
    TimeOut,
}

/// An operation: what a process called, and how that ended. Lines are times, and count from one.
#[derive(Clone)]
pub struct Operation<C, R> {
    pub process: u64,
    pub command: C,
    pub called: usize,
    pub end: End<R>,
}

/// The operations on an object, in the order of their calls.
pub type Operations<O> = Vec<Operation<<O as Object>::Command, <O as Object>::Result>>;

#[derive(Clone)]
pub enum End<R> {
    Returned {
        line: usize,
        result: R,
    },
    /// The process waited no longer. Nobody knows whether the command was executed, or will be.
    TimedOut {
        line: usize,
    },
    /// The file ends before.
    Pending,
}

impl<C, R> Operation<C, R> {
    /// When it returned, and with what result.
    pub fn returned(&self) -> Option<(usize, &R)> {
        match &self.end {
            End::Returned { line, result } => Some((*line, result)),
            End::TimedOut { .. } | End::Pending => None,
        }
    }

    pub fn result(&self) -> Option<&R> {
        self.returned().map(|(_, result)| result)
    }

    /// Whether it returned before that line, so that it took effect before whatever was called there.
    pub fn returned_before(&self, line: usize) -> bool {
        self.returned().is_some_and(|(returned, _)| returned < line)
    }

    /// Whether both could have been executed in either order.
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.returned_before(other.called) && !other.returned_before(self.called)
    }

    /// Replaces the result of an operation that returned.
    pub fn returns_instead(&mut self, other: R) {
        if let End::Returned { result, .. } = &mut self.end {
            *result = other;
        }
    }

    /// Its lines in the file: `12-15`.
    pub fn lines(&self) -> String {
        match self.end {
            End::Returned { line, .. } | End::TimedOut { line } => {
                format!("{}-{line}", self.called)
            }
            End::Pending => self.called.to_string(),
        }
    }
}

/// How a run goes.
pub struct Shape {
    pub processes: u64,
    pub operations: usize,
    /// How many of a million operations time out.
    pub timeouts: u32,
    /// How many of a million steps are steps of the process that made the last one. The more, the fewer
    /// operations overlap.
    pub stays: u32,
    /// The file ends with the last call, and some operations are pending.
    pub ends_early: bool,
    /// This operation returns as if it had been executed, but is not.
    pub forgotten: Option<usize>,
}

/// How far a process is with its operation.
enum Progress<R> {
    Idle,
    Called(usize),
    Executed(usize, R),
    /// It will time out.
    Waiting(usize),
}

/// Makes a run up. `command` says what a process calls next.
///
/// It is linearizable, unless an operation is forgotten: there is one state, and each command is executed on it at
/// one instant between call and return. One that times out is executed at an instant after its call, which may be
/// long after its process gave up, or never.
pub fn run<O: Object>(
    shape: &Shape,
    random: &mut Random,
    mut command: impl FnMut(&mut Random, u64) -> O::Command,
) -> Operations<O> {
    const EXECUTED_AFTER_ALL: u32 = 600_000;
    const EXECUTED_NOW: u32 = 50_000;
    const GIVES_UP_NOW: u32 = 250_000;

    let mut state = O::State::default();
    let mut operations: Operations<O> = Vec::new();
    let mut processes: Vec<(u64, Progress<O::Result>)> =
        (0..shape.processes).map(|process| (process, Progress::Idle)).collect();
    // Operations that time out, and are still to be executed.
    let mut late: Vec<usize> = Vec::new();
    let mut lines = 0;
    let mut next_line = || {
        lines += 1;
        lines
    };
    let mut at = 0;
    loop {
        let all_called = operations.len() == shape.operations;
        let all_idle = processes.iter().all(|(_, progress)| matches!(progress, Progress::Idle));
        if all_called && (shape.ends_early || all_idle) {
            return operations;
        }
        if !late.is_empty() && random.chance_per_million(EXECUTED_NOW) {
            let operation = late.swap_remove(random.below(late.len() as u64) as usize);
            O::execute(&mut state, &operations[operation].command);
        }
        if !random.chance_per_million(shape.stays) {
            at = random.below(shape.processes) as usize;
        }
        let (process, progress) = &mut processes[at];
        *progress = match std::mem::replace(progress, Progress::Idle) {
            Progress::Idle if all_called => Progress::Idle,
            Progress::Idle => {
                let command = command(random, *process);
                let number = operations.len();
                let times_out = random.chance_per_million(shape.timeouts);
                if times_out && random.chance_per_million(EXECUTED_AFTER_ALL) {
                    late.push(number);
                }
                let called = next_line();
                operations.push(Operation {
                    process: *process,
                    command,
                    called,
                    end: End::Pending,
                });
                if times_out { Progress::Waiting(number) } else { Progress::Called(number) }
            }
            Progress::Called(number) => {
                let command = &operations[number].command;
                let result = if shape.forgotten == Some(number) {
                    O::execute(&mut state.clone(), command)
                } else {
                    O::execute(&mut state, command)
                };
                Progress::Executed(number, result)
            }
            Progress::Executed(number, result) => {
                operations[number].end = End::Returned { line: next_line(), result };
                Progress::Idle
            }
            Progress::Waiting(number) if random.chance_per_million(GIVES_UP_NOW) => {
                operations[number].end = End::TimedOut { line: next_line() };
                // A process whose operation may still be executed is done. Another takes its turns.
                if !O::only_reads(&operations[number].command) {
                    *process += shape.processes;
                }
                Progress::Idle
            }
            Progress::Waiting(number) => Progress::Waiting(number),
        };
    }
}

/// The file that tells of these operations.
pub fn text<O: Object>(operations: &Operations<O>) -> String {
    let mut lines = Vec::new();
    for Operation { process, command, called, end } in operations {
        lines.push((*called, O::line(*process, command, &Event::Call)));
        let (line, event) = match end {
            End::Returned { line, result } => (*line, Event::Return(result.clone())),
            End::TimedOut { line } => (*line, Event::TimeOut),
            End::Pending => continue,
        };
        lines.push((line, O::line(*process, command, &event)));
    }
    lines.sort_by_key(|(line, _)| *line);
    lines.into_iter().map(|(_, text)| text + "\n").collect()
}
