//! Histories of a register as Jepsen logs them, and what makes some of them not linearizable.

use std::collections::BTreeSet;

use faultlab::random::Random;

use super::run::{self, Event, Object, Operation, Operations, Shape};

/// One value that is read, written, and compared and set.
pub struct Register;

#[derive(Clone, PartialEq)]
pub enum Command {
    Read,
    Write(i64),
    /// Sets the value to the second, if it is the first.
    CompareAndSet(i64, i64),
}

#[derive(Clone, PartialEq)]
pub enum Result {
    Value(Option<i64>),
    Done,
    NotEqual,
}

impl Object for Register {
    type Command = Command;
    type Result = Result;
    type State = Option<i64>;

    fn execute(state: &mut Option<i64>, command: &Command) -> Result {
        match *command {
            Command::Read => return Result::Value(*state),
            Command::CompareAndSet(from, _) if *state != Some(from) => return Result::NotEqual,
            Command::Write(value) | Command::CompareAndSet(_, value) => *state = Some(value),
        }
        Result::Done
    }

    fn only_reads(command: &Command) -> bool {
        *command == Command::Read
    }

    fn key(_: &Command) -> &str {
        ""
    }

    fn line(process: u64, command: &Command, event: &Event<Result>) -> String {
        let (function, asked) = match command {
            Command::Read => (":read", "nil".to_owned()),
            Command::Write(value) => (":write", value.to_string()),
            Command::CompareAndSet(from, to) => (":cas", format!("[{from} {to}]")),
        };
        let (kind, value) = match event {
            Event::Call => (":invoke", asked),
            Event::Return(Result::Value(Some(value))) => (":ok", value.to_string()),
            Event::Return(Result::Value(None)) => (":ok", "nil".to_owned()),
            Event::Return(Result::Done) => (":ok", asked),
            Event::Return(Result::NotEqual) => (":fail", asked),
            // A read that timed out changed nothing for certain, so Jepsen says that it failed.
            Event::TimeOut if *command == Command::Read => (":fail", ":timed-out".to_owned()),
            Event::TimeOut => (":info", ":timed-out".to_owned()),
        };
        format!("INFO  jepsen.util - {process}\t{kind}\t{function}\t{value}")
    }
}

/// Which values are written.
#[derive(Clone, Copy, PartialEq)]
pub enum Values {
    /// From 0 to 4, as Jepsen does.
    Few,
    /// Each once.
    Unique,
}

/// A linearizable history.
pub fn good(shape: &Shape, values: Values, random: &mut Random) -> Operations<Register> {
    let mut last = 0;
    run::run::<Register>(shape, random, |random, _| {
        let function = random.below(3);
        let mut value = |random: &mut Random| match values {
            Values::Few => random.below(5) as i64,
            Values::Unique => {
                last += 1;
                last
            }
        };
        match (function, values) {
            (0, _) => Command::Read,
            (1, _) => Command::Write(value(random)),
            (_, Values::Few) => Command::CompareAndSet(value(random), value(random)),
            (_, Values::Unique) => {
                let to = value(random);
                // One of the last values, so that it may be the right one.
                Command::CompareAndSet((to - 1 - random.below(4) as i64).max(0), to)
            }
        }
    })
}

/// Why no order explains a history.
#[derive(Clone)]
pub enum Flaw {
    /// `observer` found a value that was gone.
    ///
    /// `observer` is a read that returned `value`, or a cas from `value` that succeeded. `setter` set another value,
    /// and returned before `observer` was called. All else that may have set `value` returned before `setter` was
    /// called, or was called after `observer` returned. So in any order each of those comes before `setter` or after
    /// `observer`, and `setter` comes before `observer`. Then the value is another one after `setter`, and nothing
    /// sets `value` until `observer`.
    Gone { value: i64, setter: usize, observer: usize },
    /// A value was gone and came back.
    ///
    /// Three reads followed each other. The first and the last returned `value`, the second another one. At most one
    /// operation that was called before the last of them returned may have set `value`. So in any order it comes
    /// before the first read, the value is another one at the second, and nothing sets `value` again before the last.
    Back { value: i64, reads: [usize; 3] },
    /// A cas failed although the value was the right one.
    ///
    /// `cas` is a cas from `value` that failed. `setter` set `value` and returned before `cas` was called. All else
    /// that may have set another value returned before `setter` was called, or was called after `cas` returned. So in
    /// any order each of those comes before `setter` or after `cas`, and the value is `value` at `cas`.
    Held { value: i64, setter: usize, cas: usize },
}

type Call = Operation<Command, Result>;

/// The value that an operation set for certain.
fn set(operation: &Call) -> Option<i64> {
    match (&operation.command, operation.result()?) {
        (Command::Write(value) | Command::CompareAndSet(_, value), Result::Done) => Some(*value),
        _ => None,
    }
}

/// The value that an operation set, if it set one.
fn may_set(operation: &Call) -> Option<i64> {
    match operation.command {
        Command::Write(to) | Command::CompareAndSet(_, to) => {
            (operation.result() != Some(&Result::NotEqual)).then_some(to)
        }
        Command::Read => None,
    }
}

/// Whether all operations that may have set one of these values are before `setter` or after `observer` in any order.
fn none_sets_between(
    operations: &Operations<Register>,
    values: impl Fn(i64) -> bool,
    [setter, observer]: [usize; 2],
) -> bool {
    let Some((end, _)) = operations[observer].returned() else { return false };
    let from = operations[setter].called;
    operations.iter().enumerate().all(|(at, other)| {
        at == setter
            || at == observer
            || !may_set(other).is_some_and(&values)
            || other.returned_before(from)
            || other.called > end
    })
}

/// The value that an operation found for certain.
fn found(operation: &Call) -> Option<i64> {
    match (&operation.command, operation.result()?) {
        (Command::Read, Result::Value(value)) => *value,
        (Command::CompareAndSet(from, _), Result::Done) => Some(*from),
        _ => None,
    }
}

impl Flaw {
    /// Whether the history has it: every condition of the argument, one by one.
    pub fn is_in(&self, operations: &Operations<Register>) -> bool {
        match *self {
            Self::Gone { value, setter, observer } => {
                let none_sets_it =
                    none_sets_between(operations, |to| to == value, [setter, observer]);
                let [setter, observer] = [setter, observer].map(|at| &operations[at]);
                found(observer) == Some(value)
                    && set(setter).is_some_and(|to| to != value)
                    && setter.returned_before(observer.called)
                    && none_sets_it
            }
            Self::Held { value, setter, cas } => {
                let none_sets_another =
                    none_sets_between(operations, |to| to != value, [setter, cas]);
                let [setter, cas] = [setter, cas].map(|at| &operations[at]);
                matches!(cas.command, Command::CompareAndSet(from, _) if from == value)
                    && cas.result() == Some(&Result::NotEqual)
                    && set(setter) == Some(value)
                    && setter.returned_before(cas.called)
                    && none_sets_another
            }
            Self::Back { value, reads } => {
                let [first, second, last] = reads.map(|read| &operations[read]);
                let all_read = reads.iter().all(|&read| operations[read].command == Command::Read);
                let Some((end, _)) = last.returned() else { return false };
                let setters = operations
                    .iter()
                    .filter(|other| other.called < end && may_set(other) == Some(value))
                    .count();
                all_read
                    && first.returned_before(second.called)
                    && second.returned_before(last.called)
                    && found(first) == Some(value)
                    && found(second).is_some_and(|other| other != value)
                    && found(last) == Some(value)
                    && setters <= 1
            }
        }
    }

    pub fn sentence(&self, operations: &Operations<Register>) -> String {
        let lines = |at: usize| operations[at].lines();
        match *self {
            Self::Gone { value, setter, observer } => {
                let what = match operations[observer].command {
                    Command::Read => format!("the read of lines {} returned", lines(observer)),
                    _ => format!("the cas of lines {} succeeded from", lines(observer)),
                };
                let other = set(&operations[setter]).unwrap_or_default();
                format!(
                    "{what} {value}, but lines {} had set {other}, and nothing set {value} since",
                    lines(setter)
                )
            }
            Self::Held { value, setter, cas } => format!(
                "the cas of lines {} failed, but lines {} had set {value}, and nothing set another value since",
                lines(cas),
                lines(setter)
            ),
            Self::Back { value, reads } => {
                let [first, second, last] = reads.map(lines);
                format!(
                    "the reads of lines {first} and {last} returned {value}, that of lines {second} between them did not, and only one operation may have set it"
                )
            }
        }
    }
}

/// Which operation is wrong.
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    /// A read found a value that was gone.
    StaleRead,
    /// A cas did.
    StaleCas,
    /// A cas failed that could not.
    FailedCas,
    /// A read found a value that was gone, as only another read tells.
    Back,
}

/// A history that was linearizable before one result was changed, and why it is not now.
pub fn bad(
    shape: &Shape,
    values: Values,
    fault: Fault,
    random: &mut Random,
) -> (Operations<Register>, Flaw) {
    loop {
        let operations = good(shape, values, random);
        let mut flaws = Vec::new();
        // What is wrong is late.
        for observer in operations.len() / 2..operations.len() {
            for value in wrong_values(&operations, observer, fault) {
                let mut changed = operations.clone();
                changed[observer].returns_instead(match fault {
                    Fault::StaleRead | Fault::Back => Result::Value(Some(value)),
                    Fault::StaleCas => Result::Done,
                    Fault::FailedCas => Result::NotEqual,
                });
                let gone = gone(&changed, value, observer);
                let flaw = match fault {
                    Fault::FailedCas => held(&changed, value, observer),
                    Fault::StaleRead | Fault::StaleCas => gone,
                    // Nothing but the reads tells that the value was gone.
                    Fault::Back if gone.is_some() => None,
                    Fault::Back => back(&changed, value, observer),
                };
                flaws.extend(flaw.map(|flaw| (changed, flaw)));
            }
        }
        if !flaws.is_empty() {
            return random.pick(&flaws).clone();
        }
    }
}

/// The values about which the operation might be wrong.
fn wrong_values(operations: &Operations<Register>, observer: usize, fault: Fault) -> BTreeSet<i64> {
    let observer = &operations[observer];
    match (fault, &observer.command, observer.result()) {
        (Fault::StaleRead | Fault::Back, Command::Read, Some(_)) => {
            let earlier = operations.iter().filter(|one| one.returned_before(observer.called));
            earlier.filter_map(found).collect()
        }
        (Fault::StaleCas, Command::CompareAndSet(from, _), Some(Result::NotEqual))
        | (Fault::FailedCas, Command::CompareAndSet(from, _), Some(Result::Done)) => {
            BTreeSet::from([*from])
        }
        _ => BTreeSet::new(),
    }
}

/// That the value was gone, if it was: set to another by the last operation that shows it.
fn gone(operations: &Operations<Register>, value: i64, observer: usize) -> Option<Flaw> {
    let setters = (0..operations.len()).rev();
    let mut flaws = setters.map(|setter| Flaw::Gone { value, setter, observer });
    flaws.find(|flaw| flaw.is_in(operations))
}

/// That the value was the right one for a cas, if it was.
fn held(operations: &Operations<Register>, value: i64, cas: usize) -> Option<Flaw> {
    let setters = (0..operations.len()).rev();
    let mut flaws = setters.map(|setter| Flaw::Held { value, setter, cas });
    flaws.find(|flaw| flaw.is_in(operations))
}

/// That the value came back, if it did.
fn back(operations: &Operations<Register>, value: i64, last: usize) -> Option<Flaw> {
    let reads = || (0..last).filter(|&at| operations[at].command == Command::Read);
    let firsts = reads().filter(|&first| found(&operations[first]) == Some(value));
    let mut flaws = firsts.flat_map(|first| {
        reads().map(move |second| Flaw::Back { value, reads: [first, second, last] })
    });
    flaws.find(|flaw| flaw.is_in(operations))
}
