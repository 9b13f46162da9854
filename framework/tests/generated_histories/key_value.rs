//! Histories of a key-value store in EDN, and what makes some of them not linearizable.

use std::collections::BTreeMap;

use faultlab::random::Random;

use super::run::{self, Event, Object, Operations, Shape};

/// A store of texts. A key that is not there reads as the empty text.
pub struct KeyValue;

#[derive(Clone, PartialEq)]
pub enum Command {
    Get { key: String },
    Put { key: String, value: String },
    Append { key: String, value: String },
}

impl Object for KeyValue {
    type Command = Command;
    // What is not a get returns the empty text.
    type Result = String;
    type State = BTreeMap<String, String>;

    fn execute(state: &mut BTreeMap<String, String>, command: &Command) -> String {
        match command {
            Command::Get { key } => return state.get(key).cloned().unwrap_or_default(),
            Command::Put { key, value } => {
                state.insert(key.clone(), value.clone());
            }
            Command::Append { key, value } => {
                state.entry(key.clone()).or_default().push_str(value);
            }
        }
        String::new()
    }

    fn only_reads(command: &Command) -> bool {
        matches!(command, Command::Get { .. })
    }

    fn key(command: &Command) -> &str {
        match command {
            Command::Get { key } | Command::Put { key, .. } | Command::Append { key, .. } => key,
        }
    }

    fn line(process: u64, command: &Command, event: &Event<String>) -> String {
        let (function, asked) = match command {
            Command::Get { .. } => (":get", "nil".to_owned()),
            Command::Put { value, .. } => (":put", format!("\"{value}\"")),
            Command::Append { value, .. } => (":append", format!("\"{value}\"")),
        };
        let (kind, value) = match event {
            Event::Call => (":invoke", asked),
            Event::Return(result) if Self::only_reads(command) => (":ok", format!("\"{result}\"")),
            Event::Return(_) => (":ok", asked),
            Event::TimeOut if Self::only_reads(command) => (":fail", ":timed-out".to_owned()),
            Event::TimeOut => (":info", ":timed-out".to_owned()),
        };
        let key = Self::key(command);
        format!(
            "{{:process {process}, :type {kind}, :f {function}, :key \"{key}\", :value {value}}}"
        )
    }
}

/// A history in which no two commands write the same text, and no text is part of another.
pub fn run(shape: &Shape, keys: u64, random: &mut Random) -> Operations<KeyValue> {
    let mut called: BTreeMap<u64, u64> = BTreeMap::new();
    run::run::<KeyValue>(shape, random, |random, process| {
        let key = random.below(keys).to_string();
        let number = called.entry(process).or_default();
        *number += 1;
        let value = format!("({process}.{number})");
        match random.below(100) {
            0..5 => Command::Put { key, value },
            5..52 => Command::Append { key, value },
            _ => Command::Get { key },
        }
    })
}

/// Why no order explains a history. Every text is written by one command only.
#[derive(Clone)]
pub enum Flaw {
    /// `get` did not return what was appended before.
    ///
    /// `append` returned before `get` was called, and every put to the key was called after `get` returned, or
    /// returned before `append` was called. So in any order `append` comes before `get` and no put between them, and
    /// `get` returns a text with that of `append` in it. It did not.
    Lacks { append: usize, get: usize },
    /// Two gets disagree about the order of two appends.
    ///
    /// `gets` returned texts that have both appended texts in them, in different orders. A text has what was appended
    /// since the last put in the order of the appends. So in any order each append comes before the other.
    Disagree { appends: [usize; 2], gets: [usize; 2] },
}

/// The key and the text of an append.
fn appended(command: &Command) -> Option<(&str, &str)> {
    match command {
        Command::Append { key, value } => Some((key, value)),
        _ => None,
    }
}

/// The key and the result of a get that returned.
fn got(operations: &Operations<KeyValue>, at: usize) -> Option<(&str, &str)> {
    match &operations[at].command {
        Command::Get { key } => Some((key, operations[at].result()?)),
        _ => None,
    }
}

impl Flaw {
    /// Whether the history has it: every condition of the argument, one by one.
    pub fn is_in(&self, operations: &Operations<KeyValue>) -> bool {
        match *self {
            Self::Lacks { append, get: at } => {
                let (before, get) = (&operations[append], &operations[at]);
                let (Some((key, value)), Some((of, text)), Some((end, _))) =
                    (appended(&before.command), got(operations, at), get.returned())
                else {
                    return false;
                };
                let mut puts = operations.iter().filter(
                    |one| matches!(&one.command, Command::Put { key: other, .. } if other == key),
                );
                key == of
                    && before.returned_before(get.called)
                    && puts.all(|put| put.returned_before(before.called) || put.called > end)
                    && !text.contains(value)
            }
            Self::Disagree { appends, gets } => {
                let [Some((key, first)), Some((other_key, second))] =
                    appends.map(|append| appended(&operations[append].command))
                else {
                    return false;
                };
                let [Some((of, one)), Some((other_of, other))] =
                    gets.map(|get| got(operations, get))
                else {
                    return false;
                };
                let places = [one.find(first), one.find(second)];
                let others = [other.find(first), other.find(second)];
                let ([Some(a), Some(b)], [Some(c), Some(d)]) = (places, others) else {
                    return false;
                };
                [other_key, of, other_of].iter().all(|one| *one == key) && (a < b) != (c < d)
            }
        }
    }

    pub fn sentence(&self, operations: &Operations<KeyValue>) -> String {
        let lines = |at: usize| operations[at].lines();
        match *self {
            Self::Lacks { append, get } => format!(
                "the get of lines {} lacks what lines {} had appended, and no put was between them",
                lines(get),
                lines(append)
            ),
            Self::Disagree { appends: [a, b], gets: [one, other] } => format!(
                "the gets of lines {} and {} disagree about the order of what lines {} and {} appended",
                lines(one),
                lines(other),
                lines(a),
                lines(b)
            ),
        }
    }
}

/// What went wrong.
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    /// A get returned what an earlier one had returned.
    StaleGet,
    /// An append returned and was not executed.
    LostAppend,
    /// A get returned two appends that overlapped in the wrong order.
    Swapped,
}

/// A history with this fault, and why no order explains it.
pub fn bad(
    shape: &Shape,
    keys: u64,
    fault: Fault,
    random: &mut Random,
) -> (Operations<KeyValue>, Flaw) {
    loop {
        let flaws = match fault {
            Fault::StaleGet => stale_gets(&run(shape, keys, random)),
            Fault::LostAppend => {
                let forgotten = Some(random.below(shape.operations as u64) as usize);
                lost_appends(&run(&Shape { forgotten, ..*shape }, keys, random), forgotten)
            }
            Fault::Swapped => swapped(&run(shape, keys, random)),
        };
        if !flaws.is_empty() {
            return random.pick(&flaws).clone();
        }
    }
}

type Flawed = (Operations<KeyValue>, Flaw);

fn late(operations: &Operations<KeyValue>) -> std::ops::Range<usize> {
    operations.len() / 2..operations.len()
}

/// All ways to have a late get return what an earlier one returned.
fn stale_gets(operations: &Operations<KeyValue>) -> Vec<Flawed> {
    let mut flaws = Vec::new();
    for get in late(operations) {
        let Some((key, right)) = got(operations, get) else { continue };
        let earlier = (0..get).filter_map(|earlier| got(operations, earlier));
        for (_, stale) in earlier.filter(|&(of, text)| of == key && text != right) {
            let mut changed = operations.clone();
            changed[get].returns_instead(stale.to_owned());
            let flaw = (0..operations.len())
                .rev()
                .map(|append| Flaw::Lacks { append, get })
                .find(|flaw| flaw.is_in(&changed));
            flaws.extend(flaw.map(|flaw| (changed, flaw)));
        }
    }
    flaws
}

/// The first get that lacks an append which was not executed, if it is a late one.
fn lost_appends(operations: &Operations<KeyValue>, forgotten: Option<usize>) -> Vec<Flawed> {
    let flaw = forgotten.and_then(|append| {
        let get =
            (0..operations.len()).find(|&get| Flaw::Lacks { append, get }.is_in(operations))?;
        late(operations).contains(&get).then_some(Flaw::Lacks { append, get })
    });
    flaw.map(|flaw| (operations.clone(), flaw)).into_iter().collect()
}

/// All ways to swap two neighbours in what a late get returned, which another get returned in their order.
fn swapped(operations: &Operations<KeyValue>) -> Vec<Flawed> {
    let appends: Vec<usize> =
        (0..operations.len()).filter(|&at| appended(&operations[at].command).is_some()).collect();
    let mut flaws = Vec::new();
    for get in late(operations) {
        let Some((_, right)) = got(operations, get) else { continue };
        let in_it = appends.iter().filter_map(|&at| {
            appended(&operations[at].command).filter(|(_, text)| right.contains(text)).map(|_| at)
        });
        let pairs = in_it.flat_map(|a| appends.iter().map(move |&b| [a, b]));
        for pair in pairs.filter(|[a, b]| operations[*a].overlaps(&operations[*b])) {
            let [first, second] =
                pair.map(|at| appended(&operations[at].command).map_or("", |(_, text)| text));
            let in_order = format!("{first}{second}");
            if !right.contains(&in_order) {
                continue;
            }
            let mut changed = operations.clone();
            changed[get].returns_instead(right.replace(&in_order, &format!("{second}{first}")));
            let flaw = (0..operations.len())
                .map(|other| Flaw::Disagree { appends: pair, gets: [other, get] })
                .find(|flaw| flaw.is_in(&changed));
            flaws.extend(flaw.map(|flaw| (changed, flaw)));
        }
    }
    flaws
}
