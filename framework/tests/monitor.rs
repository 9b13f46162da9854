//! The monitor agrees with the checker, adds no states to a search where it should not, and finds
//! violations in any order of exploration.

use std::collections::{BTreeMap, BTreeSet};

use faultlab::linearizability::models::{Register, RegisterCommand, RegisterResult};
use faultlab::linearizability::{
    CheckResult, History, Monitor, MonitorError, Recorder, Sequential, check,
};
use faultlab::{Address, Application};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A list. Each append returns the whole list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Appends {
    list: Vec<(usize, usize)>,
}

impl Application for Appends {
    type Command = (usize, usize);
    type Result = Vec<(usize, usize)>;

    fn execute(&mut self, command: (usize, usize)) -> Vec<(usize, usize)> {
        self.list.push(command);
        self.list.clone()
    }
}

fn client(number: usize) -> Address {
    Address::numbered("client", number + 1)
}

/// A state of lab 1's protocol with appends to one key: the clients of the executed appends, in order, and
/// how many answers each client has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AppendRun {
    executed: Vec<usize>,
    answered: Vec<usize>,
}

/// Explores all runs of `clients` with `appends` each. Returns the number of states without and with the
/// monitor.
fn count_append_runs(clients: usize, appends: usize) -> (usize, usize) {
    let mut monitor = Monitor::new(Sequential::new(Appends { list: Vec::new() }));
    let mut start = Monitor::<Sequential<Appends>>::INITIAL;
    for number in 0..clients {
        let call = monitor.call(client(number), (number, 0));
        start = monitor.next(start, call).expect("a call");
    }
    let run = AppendRun { executed: Vec::new(), answered: vec![0; clients] };
    let mut seen = BTreeSet::from([(run.clone(), start)]);
    let mut open = vec![(run, start)];
    while let Some((run, state)) = open.pop() {
        for number in 0..clients {
            let executed = run.executed.iter().filter(|&&by| by == number).count();
            let answered = run.answered[number];
            let mut next = (run.clone(), state);
            if executed == answered && answered < appends {
                next.0.executed.push(number);
            } else if executed > answered {
                let mut counts = BTreeMap::new();
                let list: Vec<(usize, usize)> = run
                    .executed
                    .iter()
                    .map(|&by| {
                        let count = counts.entry(by).or_insert(0);
                        *count += 1;
                        (by, *count - 1)
                    })
                    .collect();
                let end = list.iter().position(|&entry| entry == (number, answered));
                let answer = list[..=end.expect("it was executed")].to_vec();
                let answer = monitor.answer(client(number), answer);
                next.1 = monitor.next(next.1, answer).expect("a right answer");
                assert_eq!(monitor.configurations(next.1), 1);
                next.0.answered[number] += 1;
                if answered + 1 < appends {
                    let call = monitor.call(client(number), (number, answered + 1));
                    next.1 = monitor.next(next.1, call).expect("a call");
                }
            } else {
                continue;
            }
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    let without: BTreeSet<&AppendRun> = seen.iter().map(|(run, _)| run).collect();
    (without.len(), seen.len())
}

#[test]
fn appends_to_one_key_cost_a_search_no_states() {
    for (clients, appends) in [(1, 5), (2, 3), (2, 5), (3, 2), (3, 3), (4, 2)] {
        let (without, with) = count_append_runs(clients, appends);
        assert!(without > clients * appends);
        assert_eq!(with, without, "{clients} x {appends}");
    }
}

/// A store of two replicas that answers writes before the backup has them, and reads from the backup. No
/// single state is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Replicated {
    primary: i64,
    backup: Option<i64>,
    // How many of its three writes the writer has completed, and how many reads the reader has.
    written: i64,
    reads: usize,
    writing: bool,
    reading: bool,
}

/// Explores all runs. `order` is the permutation in which steps are tried. Returns the first violation, if
/// there is one.
fn explore_replicated(stale: bool, order: &[usize; 5]) -> Option<MonitorError> {
    let mut monitor = Monitor::new(Register::new());
    let (writer, reader) = (client(0), client(1));
    let start = Replicated {
        primary: 0,
        backup: None,
        written: 0,
        reads: 0,
        writing: false,
        reading: false,
    };
    let mut seen = BTreeSet::from([(start.clone(), Monitor::<Register>::INITIAL)]);
    let mut open = vec![(start, Monitor::<Register>::INITIAL)];
    while let Some((run, state)) = open.pop() {
        for step in order {
            let mut next = run.clone();
            let event = match step {
                0 if !run.writing && run.written < 3 => {
                    next.writing = true;
                    Some(monitor.call(writer, RegisterCommand::Write(run.written + 1)))
                }
                1 if run.writing && run.primary == run.written => {
                    next.primary += 1;
                    None
                }
                2 if run.writing
                    && run.primary == run.written + 1
                    && (stale || run.backup == Some(run.primary)) =>
                {
                    next.writing = false;
                    next.written += 1;
                    Some(monitor.answer(writer, RegisterResult::Done))
                }
                3 if run.backup.unwrap_or(0) < run.primary => {
                    next.backup = Some(run.primary);
                    None
                }
                4 if !run.reading && run.reads < 2 => {
                    next.reading = true;
                    Some(monitor.call(reader, RegisterCommand::Read))
                }
                4 if run.reading => {
                    next.reading = false;
                    next.reads += 1;
                    Some(monitor.answer(reader, RegisterResult::Value(run.backup)))
                }
                _ => continue,
            };
            let mut after = state;
            if let Some(event) = event {
                after = match monitor.next(state, event) {
                    Ok(after) => after,
                    Err(error) => return Some(error),
                };
            }
            if seen.insert((next.clone(), after)) {
                open.push((next, after));
            }
        }
    }
    None
}

#[test]
fn stale_reads_are_found_in_any_order_of_exploration() {
    let mut orders = 0;
    for code in 0..5_usize.pow(5) {
        let order = [0, 1, 2, 3, 4].map(|place| code / 5_usize.pow(place) % 5);
        if order.iter().collect::<BTreeSet<_>>().len() < 5 {
            continue;
        }
        orders += 1;
        let error = explore_replicated(true, &order).expect("a stale read is in there");
        assert!(matches!(error, MonitorError::NotLinearizable { .. }), "{error}");
        // If the backup has the write before the writer gets its answer, all reads are right.
        assert_eq!(explore_replicated(false, &order), None);
    }
    assert_eq!(orders, 120);
}

#[test]
fn impossible_events_are_rejected() {
    let mut monitor = Monitor::new(Register::<i64>::new());
    let initial = Monitor::<Register>::INITIAL;
    let (call, answer) = (
        monitor.call(client(0), RegisterCommand::Read),
        monitor.answer(client(0), RegisterResult::Value(None)),
    );
    let error = monitor.next(initial, answer).expect_err("no call");
    assert_eq!(error.to_string(), "client1 got the answer nil without a pending call");
    let called = monitor.next(initial, call).expect("a call");
    let error = monitor.next(called, call).expect_err("a second call");
    assert_eq!(
        error.to_string(),
        "client1 calls read while its last call is pending: a client has one operation at a time"
    );
}

#[test]
fn too_many_configurations_are_undecided_not_passed() {
    let mut monitor = Monitor::new(Register::new()).configuration_limit(1000);
    let mut state = Monitor::<Register>::INITIAL;
    for number in 0..50 {
        let call = monitor.call(client(number), RegisterCommand::Write(number as i64));
        state = monitor.next(state, call).expect("a call");
    }
    let read = monitor.call(client(50), RegisterCommand::Read);
    state = monitor.next(state, read).expect("a call");
    let answer = monitor.answer(client(50), RegisterResult::Value(Some(7)));
    assert_eq!(monitor.next(state, answer), Err(MonitorError::TooMany(1000)));
}

/// One turn of a random run: the client, and its command or result.
type Turn = (usize, RegisterCommand, RegisterResult);

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let value = 0..2_i64;
    let command = prop_oneof![
        Just(RegisterCommand::Read),
        value.clone().prop_map(RegisterCommand::Write),
        (value.clone(), value.clone())
            .prop_map(|(from, to)| RegisterCommand::CompareAndSet(from, to)),
    ];
    prop::collection::vec((0..4_usize, command, any::<u8>()), 1..24).prop_map(|turns| {
        turns
            .into_iter()
            .map(|(client, command, seed)| (client, command, result_of(seed)))
            .collect()
    })
}

fn result_of(seed: u8) -> RegisterResult {
    match seed % 6 {
        0 => RegisterResult::NotEqual,
        1 | 2 => RegisterResult::Value(Some(i64::from(seed % 2))),
        _ => RegisterResult::Done,
    }
}

/// Feeds turns to the monitor and to a recorder: a client calls and gets a result in alternation. Reads
/// return values and writes return `Done`, so that not all violations are trivial.
fn feed(turns: &[Turn]) -> (Option<usize>, History<RegisterCommand, RegisterResult>) {
    let mut monitor = Monitor::new(Register::new());
    let mut state = Monitor::<Register>::INITIAL;
    let mut recorder = Recorder::new();
    let mut failed = None;
    let mut order = Vec::new();
    let mut pending = BTreeMap::new();
    for (number, command, result) in turns {
        let address = client(*number);
        let event = match pending.remove(&address) {
            None => {
                order.push(address);
                pending.insert(address, command.clone());
                recorder.call(address, command.clone()).expect("no pending call");
                monitor.call(address, command.clone())
            }
            Some(asked) => {
                let result = match (&asked, result) {
                    (RegisterCommand::Read, RegisterResult::Value(value)) => {
                        RegisterResult::Value(*value)
                    }
                    (RegisterCommand::Read, _) => RegisterResult::Value(None),
                    (RegisterCommand::Write(_), _) => RegisterResult::Done,
                    (_, RegisterResult::NotEqual) => RegisterResult::NotEqual,
                    _ => RegisterResult::Done,
                };
                recorder.answer(address, result.clone()).expect("a pending call");
                monitor.answer(address, result)
            }
        };
        match monitor.next(state, event) {
            Ok(next) => state = next,
            Err(_) => {
                // The failing operation is the last one of this client.
                failed = order.iter().rposition(|&of| of == address);
                break;
            }
        }
    }
    (failed, recorder.finish())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The monitor stops at exactly the answer at which the history stops being linearizable.
    #[test]
    fn the_monitor_agrees_with_the_checker(turns in turns()) {
        let (failed, history) = feed(&turns);
        match (failed, check(&Register::new(), &history)) {
            (None, CheckResult::Linearizable { .. }) => {}
            (Some(operation), CheckResult::NotLinearizable(violation)) => {
                prop_assert_eq!(violation.operation, operation);
            }
            (failed, verdict) => {
                prop_assert!(false, "monitor: {:?}, checker: {:?}", failed, verdict);
            }
        }
    }
}
