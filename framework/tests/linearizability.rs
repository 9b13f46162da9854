//! The checker on larger histories: linearizable runs with known damage, many concurrent clients, limits,
//! and impossible histories.

use std::time::Duration;

use faultlab::Address;
use faultlab::linearizability::models::{
    KeyValue, KeyValueCommand, Register, RegisterCommand, RegisterResult,
};
use faultlab::linearizability::{
    CheckResult, Checker, History, Limit, Model, Operation, SequentialCheckResult, check, explain,
    page,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Store = Operation<KeyValueCommand, String>;

fn client(number: usize) -> Address {
    Address::numbered("client", number + 1)
}

fn below(random: &mut ChaCha8Rng, end: u64) -> u64 {
    random.next_u64() % end
}

fn get(key: &str) -> KeyValueCommand {
    KeyValueCommand::Get { key: key.to_owned() }
}

fn put(key: &str, value: &str) -> KeyValueCommand {
    KeyValueCommand::Put { key: key.to_owned(), value: value.to_owned() }
}

fn append(key: &str, value: &str) -> KeyValueCommand {
    KeyValueCommand::Append { key: key.to_owned(), value: value.to_owned() }
}

fn operation<C, R>(
    number: usize,
    command: C,
    result: R,
    called: u64,
    returned: u64,
) -> Operation<C, R> {
    Operation {
        client: client(number),
        command,
        result: Some(result),
        called,
        returned: Some(returned),
    }
}

/// A run of a store that executes each command at one instant between call and return: linearizable
/// by construction. The values are all different. Some of the last commands are never answered.
fn real_run(seed: u64, clients: usize, commands: usize, keys: u64) -> Vec<Store> {
    real_run_of(&KeyValue, true, seed, clients, commands, keys)
}

fn real_run_of(
    model: &impl Model<Command = KeyValueCommand, Result = String>,
    puts: bool,
    seed: u64,
    clients: usize,
    commands: usize,
    keys: u64,
) -> Vec<Store> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut made = Vec::new();
    for number in 0..clients {
        let mut now = below(&mut random, 50);
        for index in 0..commands {
            let key = format!("k{}", below(&mut random, keys));
            let value = format!("{number}.{index} ");
            let command = match below(&mut random, 4) {
                0 if puts => put(&key, &value),
                0 | 1 => append(&key, &value),
                _ => get(&key),
            };
            let called = now + 1 + below(&mut random, 30);
            let effect = called + below(&mut random, 40);
            let returned = effect + below(&mut random, 40);
            let answered = index + 1 < commands || number % 3 > 0;
            now = returned;
            made.push((
                effect,
                Operation {
                    client: client(number),
                    command,
                    result: None,
                    called,
                    returned: answered.then_some(returned),
                },
            ));
        }
    }
    let mut by_effect: Vec<usize> = (0..made.len()).collect();
    by_effect.sort_by_key(|&at| made[at].0);
    let mut state = model.init();
    for at in by_effect {
        let result = model.step(&mut state, &made[at].1.command);
        made[at].1.result = made[at].1.returned.map(|_| result);
    }
    made.into_iter().map(|(_, operation)| operation).collect()
}

fn verdict(operations: Vec<Store>) -> CheckResult {
    check(&KeyValue, &History::new(operations).expect("a history"))
}

#[test]
fn real_runs_are_linearizable() {
    for seed in 0..30 {
        let operations = real_run(seed, 6, 30, 3);
        assert!(verdict(operations).is_linearizable(), "seed {seed}");
    }
}

/// The reads of a run that saw a value.
fn reads(operations: &[Store]) -> impl Iterator<Item = usize> {
    let saw = |operation: &Store| {
        matches!(operation.command, KeyValueCommand::Get { .. })
            && operation.result.as_ref().is_some_and(|result| !result.is_empty())
    };
    (0..operations.len()).filter(move |&at| saw(&operations[at]))
}

#[test]
fn a_value_that_was_never_written_is_found() {
    for seed in 0..30 {
        let mut operations = real_run(seed, 6, 30, 3);
        let reads: Vec<usize> = reads(&operations).collect();
        let damaged = reads[seed as usize % reads.len()];
        operations[damaged].result = Some("never written".to_owned());
        let CheckResult::NotLinearizable(violation) = verdict(operations) else {
            panic!("seed {seed}: not found")
        };
        assert_eq!(violation.operation, damaged, "seed {seed}");
    }
}

#[test]
fn a_stale_read_is_found() {
    let mut found = 0;
    for seed in 0..60 {
        let mut operations = real_run(seed, 6, 30, 2);
        // An answered put, then a get that starts later and sees the previous value.
        let pair = reads(&operations).find_map(|read| {
            let key = operations[read].command.key();
            let put = (0..operations.len()).find(|&put| {
                matches!(&operations[put].command, KeyValueCommand::Put { key: of, .. } if of == key)
                    && operations[put].returned.is_some_and(|returned| returned < operations[read].called)
            })?;
            Some((read, put))
        });
        let Some((read, _)) = pair else { continue };
        operations[read].result = Some(String::new());
        found += 1;
        let CheckResult::NotLinearizable(violation) = verdict(operations) else {
            panic!("seed {seed}: not found")
        };
        assert_eq!(violation.operation, read, "seed {seed}");
    }
    assert!(found > 30, "{found} runs had such a pair");
}

#[test]
fn a_duplicate_append_is_found() {
    let mut found = 0;
    for seed in 0..40 {
        let mut operations = real_run(seed, 6, 30, 2);
        // From some read on, all clients see one append twice, as with a server without at-most-once.
        let Some(first) = reads(&operations).nth(seed as usize % 5) else { continue };
        let seen = operations[first].result.clone().expect("it saw something");
        let twice = format!("{seen}{}", seen.split_inclusive(' ').next_back().expect("a value"));
        let after = operations[first].called;
        let key = operations[first].command.key().to_owned();
        for operation in &mut operations {
            let sees = operation.called >= after && operation.command.key() == key;
            if let (true, KeyValueCommand::Get { .. }, Some(result)) =
                (sees, &operation.command, &mut operation.result)
            {
                *result = result.replacen(&seen, &twice, 1);
            }
        }
        found += 1;
        assert!(verdict(operations).is_violation(), "seed {seed}");
    }
    assert!(found > 30);
}

#[test]
fn two_swapped_results_are_found() {
    let mut found = 0;
    for seed in 0..40 {
        let mut operations = real_run(seed, 6, 30, 2);
        // Two reads of one key, one completely before the other. The first saw less.
        let pair = reads(&operations).find_map(|early| {
            let early_end = operations[early].returned?;
            reads(&operations)
                .find(|&late| {
                    let (first, second) = (&operations[early], &operations[late]);
                    second.called > early_end + 200
                        && first.command == second.command
                        && first.result != second.result
                })
                .map(|late| (early, late))
        });
        let Some((early, late)) = pair else { continue };
        let result = operations[early].result.take();
        operations[early].result = operations[late].result.replace(result.expect("a read"));
        found += 1;
        assert!(verdict(operations).is_violation(), "seed {seed}");
    }
    assert!(found > 20, "{found} runs had such a pair");
}

/// A check that each client's appends form a prefix cannot see this: two clients append the same text,
/// and one of the two was executed twice.
#[test]
fn equal_values_do_not_hide_a_duplicate() {
    let operations = vec![
        operation(0, append("k", "x"), String::new(), 0, 1),
        operation(1, append("k", "x"), String::new(), 2, 3),
        operation(0, get("k"), "xxx".to_owned(), 4, 5),
    ];
    let CheckResult::NotLinearizable(violation) = verdict(operations.clone()) else {
        panic!("not found")
    };
    let history = History::new(operations).expect("a history");
    let explanation = explain(&KeyValue, &history, &violation);
    assert_eq!(
        explanation.sentence(),
        r#"client1's get k returned "xxx", but it could only have returned "xx""#
    );
}

#[test]
fn an_unanswered_write_may_take_effect_or_not() {
    let lost = Operation {
        client: client(0),
        command: put("k", "x"),
        result: None,
        called: 0,
        returned: None,
    };
    // Before it took effect, after it took effect, never: all are possible.
    for seen in [["", ""], ["", "x"], ["x", "x"]] {
        let [first, second] = seen.map(str::to_owned);
        let reads = [operation(1, get("k"), first, 5, 6), operation(1, get("k"), second, 7, 8)];
        let operations = [lost.clone()].into_iter().chain(reads).collect();
        assert!(verdict(operations).is_linearizable(), "{seen:?}");
    }
    let reads =
        [operation(1, get("k"), "x".to_owned(), 5, 6), operation(1, get("k"), String::new(), 7, 8)];
    assert!(verdict([lost].into_iter().chain(reads).collect()).is_violation());
}

/// The store of the labs: an append returns the whole value.
struct TellingStore;

impl Model for TellingStore {
    type Command = KeyValueCommand;
    type Result = String;
    type State = <KeyValue as Model>::State;

    fn init(&self) -> Self::State {
        KeyValue.init()
    }

    fn step(&self, state: &mut Self::State, command: &KeyValueCommand) -> String {
        let result = KeyValue.step(state, command);
        match command {
            KeyValueCommand::Append { key, .. } => state.get(key).to_owned(),
            _ => result,
        }
    }

    fn only_observes(&self, command: &KeyValueCommand, result: &String) -> bool {
        KeyValue.only_observes(command, result)
    }
}

#[test]
fn fifty_clients_on_one_key_are_decided_if_results_reveal_the_order() {
    for seed in 0..3 {
        let mut operations = real_run_of(&TellingStore, false, seed, 50, 12, 1);
        let check = |operations: &[Store]| {
            let history = History::new(operations.to_vec()).expect("a history");
            Checker::new(&TellingStore).memory_limit(32 << 20).check(&history)
        };
        let report = check(&operations);
        assert!(report.verdict.is_linearizable(), "seed {seed}: {:?}", report.cost);
        let last = reads(&operations).last().expect("a read");
        operations[last].result = Some("never written".to_owned());
        let report = check(&operations);
        let CheckResult::NotLinearizable(violation) = report.verdict else {
            panic!("seed {seed}: {:?}", report.cost)
        };
        assert_eq!(violation.operation, last);
    }
}

#[test]
fn fifty_clients_on_one_key_stay_within_the_memory_bound() {
    const MEMORY: usize = 16 << 20;
    for seed in 0..3 {
        let mut operations = real_run(seed, 50, 20, 1);
        let check = |operations: &[Store]| {
            let history = History::new(operations.to_vec()).expect("a history");
            let report = Checker::new(&KeyValue).memory_limit(MEMORY).check(&history);
            // The limit is checked every 256 configurations, and a table may double in between.
            assert!(report.cost.memory_bytes <= 2 * MEMORY, "{:?}", report.cost);
            report.verdict
        };
        // These results reveal little, so there is much to try. The check may give up, but must not be
        // wrong.
        assert!(!check(&operations).is_violation());
        let last = reads(&operations).last().expect("a read");
        operations[last].result = Some("never written".to_owned());
        assert!(!check(&operations).is_linearizable());
    }
}

/// Fifty concurrent writes, and reads of their values in an order that only the last read forbids.
fn crowded() -> History<RegisterCommand, RegisterResult> {
    let mut operations: Vec<_> = (0..50)
        .map(|number| {
            operation(number, RegisterCommand::Write(number as i64), RegisterResult::Done, 0, 1000)
        })
        .collect();
    for read in 0..20 {
        let value = RegisterResult::Value(Some(read));
        let at = 10 + read as u64 * 10;
        operations.push(operation(60, RegisterCommand::Read, value, at, at + 5));
    }
    let stale = RegisterResult::Value(Some(0));
    operations.push(operation(61, RegisterCommand::Read, stale, 900, 905));
    History::new(operations).expect("a history")
}

#[test]
fn each_limit_is_named_and_gives_unknown() {
    let history = crowded();
    let register = Register::new();
    let checker = Checker::new(&register);
    let unknown = |report: faultlab::linearizability::Report| match report.verdict {
        CheckResult::Unknown(limit) => limit,
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown(checker.configuration_limit(1000).check(&history)), Limit::Configurations);
    assert_eq!(unknown(checker.memory_limit(1 << 16).check(&history)), Limit::Memory);
    assert_eq!(unknown(checker.time_limit(Duration::ZERO).check(&history)), Limit::Time);
    let sequential = checker.configuration_limit(1000).check_sequential(&history).0;
    assert!(
        matches!(
            sequential,
            SequentialCheckResult::Unknown(Limit::Configurations)
                | SequentialCheckResult::SequentiallyConsistent { .. }
        ),
        "{sequential:?}"
    );
}

#[test]
fn sequentially_consistent_but_not_linearizable() {
    let history = History::new(vec![
        operation(0, RegisterCommand::Write(1), RegisterResult::Done, 0, 1),
        operation(1, RegisterCommand::Read, RegisterResult::Value(None), 2, 3),
    ])
    .expect("a history");
    let register = Register::new();
    let checker = Checker::new(&register);
    assert!(checker.check(&history).verdict.is_violation());
    let (sequential, _) = checker.check_sequential(&history);
    assert_eq!(sequential, SequentialCheckResult::SequentiallyConsistent { order: vec![1, 0] });
}

/// The classic counterexample: sequential consistency of each key does not imply that of the whole.
#[test]
fn sequential_consistency_does_not_partition() {
    let operations = vec![
        operation(0, put("x", "1"), String::new(), 0, 1),
        operation(0, get("y"), String::new(), 2, 3),
        operation(1, put("y", "1"), String::new(), 10, 11),
        operation(1, get("x"), String::new(), 12, 13),
    ];
    let history = History::new(operations.clone()).expect("a history");
    let (whole, _) = Checker::new(&KeyValue).check_sequential(&history);
    assert_eq!(whole, SequentialCheckResult::NotSequentiallyConsistent);
    for key in ["x", "y"] {
        let of_key = operations.iter().filter(|operation| operation.command.key() == key);
        let of_key = History::new(of_key.cloned().collect()).expect("a history");
        let (verdict, _) = Checker::new(&KeyValue).check_sequential(&of_key);
        assert!(matches!(verdict, SequentialCheckResult::SequentiallyConsistent { .. }), "{key}");
    }
}

/// Clients return and call at one instant, each on two keys, so that the orders of the keys and of the
/// clients form a cycle. Each key alone is linearizable, but the whole is not.
#[test]
fn cycles_at_one_instant_are_found() {
    let operations = vec![
        operation(0, get("y"), "1".to_owned(), 0, 10),
        operation(0, put("x", "1"), String::new(), 10, 20),
        operation(1, get("x"), "1".to_owned(), 0, 10),
        operation(1, put("y", "1"), String::new(), 10, 20),
    ];
    let history = History::new(operations.clone()).expect("a history");
    for partition in [true, false] {
        let report = Checker::new(&KeyValue).partition(partition).check(&history);
        assert!(report.verdict.is_violation(), "partition {partition}");
    }
    for key in ["x", "y"] {
        let of_key = operations.iter().filter(|operation| operation.command.key() == key);
        let of_key = History::new(of_key.cloned().collect()).expect("a history");
        assert!(check(&KeyValue, &of_key).is_linearizable(), "{key}");
    }
}

/// If results reveal the order, a violation after ten thousand operations is shown with a few of them,
/// and one state replaces the others.
#[test]
fn explanations_of_long_histories_start_late() {
    let mut operations = Vec::new();
    let mut list = String::new();
    for index in 0..5000_u64 {
        let value = format!("{index} ");
        let number = index as usize % 2;
        operations.push(operation(
            number,
            append("k", &value),
            String::new(),
            index * 10,
            index * 10 + 5,
        ));
        list.push_str(&value);
        let reader = 2 + index as usize % 3;
        operations.push(operation(
            reader,
            get("k"),
            list[list.len().saturating_sub(200)..].to_owned(),
            index * 10 + 6,
            index * 10 + 9,
        ));
    }
    // The reads saw only the last 200 characters, so use a store that keeps only these.
    let model = LastCharacters;
    let last = operations.len() - 1;
    operations[last].result = Some("4998 ".to_owned());
    let history = History::new(operations).expect("a history");
    let CheckResult::NotLinearizable(violation) = check(&model, &history) else {
        panic!("not found")
    };
    assert_eq!(violation.operation, last);
    let explanation = explain(&model, &history, &violation);
    assert!(explanation.operations.len() <= 16, "{}", explanation.operations.len());
    assert!(explanation.before > 9000);
    let text = explanation.to_text(80, false);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let page = page(&model, &history, &CheckResult::NotLinearizable(violation), None, "long");
    assert!(page.len() < 8 << 20, "{} bytes", page.len());
}

/// A store that keeps only the last 200 characters of a value.
struct LastCharacters;

impl Model for LastCharacters {
    type Command = KeyValueCommand;
    type Result = String;
    type State = String;

    fn init(&self) -> String {
        String::new()
    }

    fn step(&self, state: &mut String, command: &KeyValueCommand) -> String {
        if let KeyValueCommand::Append { value, .. } = command {
            state.push_str(value);
            state.drain(..state.len().saturating_sub(200));
            return String::new();
        }
        state.clone()
    }
}

#[test]
fn an_append_that_was_read_is_not_dropped() {
    let operations = vec![
        operation(0, append("k", "a"), String::new(), 0, 1),
        operation(1, append("k", "b"), String::new(), 2, 3),
        operation(2, get("k"), "ab".to_owned(), 4, 5),
        operation(0, append("k", "c"), String::new(), 6, 7),
        operation(2, get("k"), "ab".to_owned(), 8, 9),
    ];
    let history = History::new(operations).expect("a history");
    let CheckResult::NotLinearizable(violation) = check(&KeyValue, &history) else {
        panic!("not found")
    };
    let explanation = explain(&KeyValue, &history, &violation);
    let shown: Vec<usize> = explanation.operations.iter().map(|shown| shown.number).collect();
    // The read in the middle does not matter; the last read saw the appends.
    assert_eq!(shown, [0, 1, 3, 4]);
    assert_eq!(explanation.expected, [r#""abc""#]);
}

#[test]
fn impossible_histories_are_rejected() {
    let read = |number, called, returned| {
        operation(
            number,
            RegisterCommand::<i64>::Read,
            RegisterResult::<i64>::Value(None),
            called,
            returned,
        )
    };
    let error = |operations| History::new(operations).expect_err("impossible").to_string();
    assert_eq!(
        error(vec![read(0, 0, 1), read(1, 5, 3)]),
        "operation 2 (client2: read, called at 5, returned at 3) returned before it was called: swap the times"
    );
    assert_eq!(
        error(vec![read(0, 0, 5), read(1, 0, 1), read(0, 3, 9)]),
        "operation 3 (client1: read, called at 3, returned at 9) was called while operation 1 (client1: read, called at 0, returned at 5) of the same client was pending: a client has one operation at a time; give the clients different names"
    );
    let unanswered = Operation { result: None, returned: None, ..read(0, 0, 1) };
    assert_eq!(
        error(vec![unanswered.clone(), read(0, 3, 9)]),
        "operation 2 (client1: read, called at 3, returned at 9) was called while operation 1 (client1: read, called at 0, never answered) of the same client was pending: a client has one operation at a time; give the clients different names"
    );
    assert_eq!(
        error(vec![read(0, 4, 4), read(0, 4, 4)]),
        "operation 1 (client1: read, called at 4, returned at 4) and operation 2 (client1: read, called at 4, returned at 4) of the same client both start and end at time 4, so their order is unknown; is one a duplicate?"
    );
    let result_only = Operation { returned: None, ..read(0, 0, 1) };
    assert_eq!(
        error(vec![result_only]),
        "operation 1 (client1: read, called at 0, never answered) has a result but no return time: add the time, or remove the result"
    );
}

#[test]
#[should_panic(expected = "the model says that write 1 only observes, but it changes the state")]
fn a_model_with_wrong_observers_is_detected() {
    struct Liar;
    impl Model for Liar {
        type Command = RegisterCommand;
        type Result = RegisterResult;
        type State = RegisterResult;
        fn init(&self) -> RegisterResult {
            Register::<i64>::new().init()
        }
        fn step(&self, state: &mut RegisterResult, command: &RegisterCommand) -> RegisterResult {
            Register::new().step(state, command)
        }
        fn only_observes(&self, _: &RegisterCommand, _: &RegisterResult) -> bool {
            true
        }
    }
    let write = operation(0, RegisterCommand::Write(1), RegisterResult::Done, 0, 1);
    check(&Liar, &History::new(vec![write]).expect("a history"));
}
