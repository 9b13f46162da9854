//! Compares the checker with brute force, which tries every order of small histories.

use std::collections::{BTreeSet, HashSet};

use faultlab::linearizability::models::{
    KeyValue, KeyValueCommand, Register, RegisterCommand, RegisterResult,
};
use faultlab::linearizability::{
    CheckResult, Checker, Explanation, History, Model, Operation, Sequential,
    SequentialCheckResult, explain,
};
use faultlab::{Address, Application};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

type Operations<M> = Vec<Operation<<M as Model>::Command, <M as Model>::Result>>;

/// The order that operations must respect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    RealTime,
    EachClient,
}

/// Whether the model gives the recorded results in some order of the operations. Tries all orders.
fn brute_force<M: Model>(model: &M, operations: &Operations<M>, order: Order) -> bool {
    fn go<M: Model>(
        model: &M,
        operations: &Operations<M>,
        order: Order,
        placed: &mut Vec<bool>,
        state: &M::State,
    ) -> bool {
        if (0..operations.len()).all(|at| placed[at] || operations[at].returned.is_none()) {
            return true;
        }
        for next in 0..operations.len() {
            let free = !placed[next]
                && (0..operations.len())
                    .all(|at| placed[at] || !is_before(operations, at, next, order));
            if !free {
                continue;
            }
            let mut after = state.clone();
            let result = model.step(&mut after, &operations[next].command);
            if operations[next].result.as_ref().is_some_and(|recorded| *recorded != result) {
                continue;
            }
            placed[next] = true;
            let found = go(model, operations, order, placed, &after);
            placed[next] = false;
            if found {
                return true;
            }
        }
        false
    }
    go(model, operations, order, &mut vec![false; operations.len()], &model.init())
}

fn is_before<C, R>(operations: &[Operation<C, R>], a: usize, b: usize, order: Order) -> bool {
    if a == b {
        return false;
    }
    // At equal times, the list has each client's operations in their order.
    let times = |at: usize| {
        let operation = &operations[at];
        (operation.called, operation.returned.unwrap_or(u64::MAX), at)
    };
    let client_order = times(a) < times(b);
    let (a, b) = (&operations[a], &operations[b]);
    let Some(returned) = a.returned else { return false };
    (a.client == b.client && client_order) || (order == Order::RealTime && returned < b.called)
}

/// The operation at whose return a history stops being linearizable. Tries every cut.
fn first_failing<M: Model>(model: &M, operations: &Operations<M>) -> Option<usize> {
    let mut returns: Vec<usize> =
        (0..operations.len()).filter(|&at| operations[at].returned.is_some()).collect();
    returns
        .sort_by_key(|&at| (operations[at].returned, operations[at].called, operations[at].client));
    (1..=returns.len()).map(|count| &returns[..count]).find_map(|over| {
        let last = *over.last()?;
        let cut = cut(operations, over);
        (!brute_force(model, &cut, Order::RealTime)).then_some(last)
    })
}

/// The order in which operations return, including those that return at the same time.
fn return_order<C, R>(operations: &[Operation<C, R>], at: usize) -> impl Ord + use<C, R> {
    let operation = &operations[at];
    (operation.returned, operation.called, operation.client, at)
}

/// The operations called by the last of these returns. Those that did not return by then are unanswered.
/// If a client called again at exactly that time, its previous operation has returned with an unknown
/// result.
fn cut<C: Clone, R: Clone>(operations: &[Operation<C, R>], over: &[usize]) -> Vec<Operation<C, R>> {
    let end = over.last().and_then(|&last| operations[last].returned).unwrap_or(0);
    let mut clients = BTreeSet::new();
    let mut kept = Vec::new();
    let mut in_order: Vec<usize> = (0..operations.len()).collect();
    in_order
        .sort_by_key(|&at| (operations[at].called, operations[at].returned.unwrap_or(u64::MAX)));
    for &at in &in_order {
        let operation = operations[at].clone();
        // A waiting client makes no further calls.
        if operation.called > end || clients.contains(&operation.client) {
            continue;
        }
        let called_again = operation.returned == Some(end)
            && in_order.iter().skip_while(|&&earlier| earlier != at).skip(1).any(|&later| {
                operations[later].client == operation.client && operations[later].called == end
            });
        if over.contains(&at) {
            kept.push(operation);
        } else if called_again {
            kept.push(Operation { result: None, ..operation });
        } else {
            clients.insert(operation.client);
            kept.push(Operation { result: None, returned: None, ..operation });
        }
    }
    kept
}

/// Asserts that an order gives the recorded results, contains all answered operations, and respects real
/// time.
fn assert_explains<M: Model>(model: &M, operations: &Operations<M>, order: &[usize], by: Order) {
    let mut state = model.init();
    for (position, &at) in order.iter().enumerate() {
        let result = model.step(&mut state, &operations[at].command);
        if let Some(recorded) = &operations[at].result {
            assert_eq!(*recorded, result, "position {position} of {order:?}");
        }
        for &later in &order[position + 1..] {
            assert!(!is_before(operations, later, at, by), "{later} is before {at}: {order:?}");
        }
    }
    let mut all = order.to_vec();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), order.len(), "an operation is placed twice: {order:?}");
    let answered = (0..operations.len()).filter(|&at| operations[at].returned.is_some());
    assert!(answered.into_iter().all(|at| order.contains(&at)), "{order:?} is not all");
}

/// Compares all answers of the checker about a small history with brute force.
fn compare<M: Model>(model: &M, operations: &Operations<M>) -> Result<(), TestCaseError> {
    let history = History::in_client_order(operations.clone()).expect("a history");
    if let Ok(by_times) = History::new(operations.clone()) {
        assert_eq!(by_times, history, "the times give the client's order");
    }
    let expected = brute_force(model, operations, Order::RealTime);
    for partition in [false, true] {
        let checker = Checker::new(model).partition(partition);
        match checker.check(&history).verdict {
            CheckResult::Linearizable { order } => {
                prop_assert!(expected, "partition {}: {:?}", partition, order);
                assert_explains(model, operations, &order, Order::RealTime);
            }
            CheckResult::NotLinearizable(violation) => {
                prop_assert!(!expected, "partition {}: {:?}", partition, violation);
                let failing = first_failing(model, operations).expect("it fails somewhere");
                if partition {
                    // If several keys fail at the same time, any of them may be named.
                    let returned = |at: usize| operations[at].returned;
                    prop_assert_eq!(returned(violation.operation), returned(failing));
                } else {
                    prop_assert_eq!(violation.operation, failing);
                }
            }
            CheckResult::Unknown(limit) => prop_assert!(false, "{limit}"),
        }
        let sequential = brute_force(model, operations, Order::EachClient);
        match checker.check_sequential(&history).0 {
            SequentialCheckResult::SequentiallyConsistent { order } => {
                prop_assert!(sequential);
                assert_explains(model, operations, &order, Order::EachClient);
            }
            SequentialCheckResult::NotSequentiallyConsistent => prop_assert!(!sequential),
            SequentialCheckResult::Unknown(limit) => prop_assert!(false, "{limit}"),
        }
    }
    Ok(())
}

/// A random operation: its client, the pauses before and during it, when it takes effect between its call
/// and its return (in eighths), and its result.
#[derive(Clone, Debug)]
struct Draw<C> {
    client: usize,
    pause: u64,
    length: u64,
    effect: u64,
    command: C,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The model's result.
    Right,
    /// Another result.
    Wrong(u8),
    /// An unknown result.
    Forgotten,
    /// No return, and no further operations of this client.
    None,
}

fn draws<C: Clone + std::fmt::Debug>(
    command: impl Strategy<Value = C>,
    wrong_weight: u32,
    length: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Draw<C>>> {
    draws_at(0..3_u64, 0..5_u64, command, wrong_weight, length)
}

/// Operations of which many happen at one instant.
fn crowded<C: Clone + std::fmt::Debug>(
    command: impl Strategy<Value = C>,
    wrong_weight: u32,
    length: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Draw<C>>> {
    let pause = prop_oneof![6 => Just(0_u64), 1 => Just(1)];
    let length_of_one = prop_oneof![3 => Just(0_u64), 1 => 1..3_u64];
    draws_at(pause, length_of_one, command, wrong_weight, length)
}

fn draws_at<C: Clone + std::fmt::Debug>(
    pause: impl Strategy<Value = u64>,
    length_of_one: impl Strategy<Value = u64>,
    command: impl Strategy<Value = C>,
    wrong_weight: u32,
    length: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Draw<C>>> {
    let answer = prop_oneof![
        12 => Just(Answer::Right),
        wrong_weight => any::<u8>().prop_map(Answer::Wrong),
        1 => Just(Answer::Forgotten),
        2 => Just(Answer::None),
    ];
    let draw = (0..4_usize, pause, length_of_one, 0..8_u64, command, answer).prop_map(
        |(client, pause, length, effect, command, answer)| Draw {
            client,
            pause,
            length,
            effect,
            command,
            answer,
        },
    );
    prop::collection::vec(draw, length)
}

/// The operations of a run that was linearizable before some results were changed. `wrong` makes a result
/// from a number.
fn operations<M: Model>(
    model: &M,
    draws: &[Draw<M::Command>],
    wrong: impl Fn(&M::Command, u8) -> M::Result,
) -> Operations<M> {
    let mut free_at = [Some(0); 4];
    let mut made = Vec::new();
    for draw in draws {
        let Some(free) = free_at[draw.client] else { continue };
        let called = free + draw.pause;
        let returned = called + draw.length;
        let answered = draw.answer != Answer::None;
        free_at[draw.client] = answered.then_some(returned);
        let operation = Operation {
            client: Address::numbered("client", draw.client + 1),
            command: draw.command.clone(),
            result: None,
            called,
            returned: answered.then_some(returned),
        };
        made.push((called * 8 + draw.length * draw.effect, draw.answer, operation));
    }
    let mut by_effect: Vec<usize> = (0..made.len()).collect();
    by_effect.sort_by_key(|&at| made[at].0);
    let mut state = model.init();
    for at in by_effect {
        let (_, answer, operation) = &mut made[at];
        let result = model.step(&mut state, &operation.command);
        operation.result = match *answer {
            _ if operation.returned.is_none() => None,
            Answer::Right => Some(result),
            Answer::Wrong(seed) => Some(wrong(&operation.command, seed)),
            Answer::Forgotten | Answer::None => None,
        };
    }
    made.into_iter().map(|(.., operation)| operation).collect()
}

fn register_command() -> impl Strategy<Value = RegisterCommand> {
    let value = 0..3_i64;
    prop_oneof![
        3 => Just(RegisterCommand::Read),
        2 => value.clone().prop_map(RegisterCommand::Write),
        1 => (value.clone(), value)
            .prop_map(|(from, to)| RegisterCommand::CompareAndSet(from, to)),
    ]
}

fn wrong_register(command: &RegisterCommand, seed: u8) -> RegisterResult {
    match command {
        RegisterCommand::Read if seed % 4 == 3 => RegisterResult::Value(None),
        RegisterCommand::Read => RegisterResult::Value(Some(i64::from(seed % 4))),
        _ if seed.is_multiple_of(2) => RegisterResult::Done,
        _ => RegisterResult::NotEqual,
    }
}

fn key_value_command() -> impl Strategy<Value = KeyValueCommand> {
    let key = prop_oneof![Just("k".to_owned()), Just("l".to_owned())];
    let value = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just(String::new())];
    prop_oneof![
        key.clone().prop_map(|key| KeyValueCommand::Get { key }),
        (key.clone(), value.clone()).prop_map(|(key, value)| KeyValueCommand::Put { key, value }),
        (key, value).prop_map(|(key, value)| KeyValueCommand::Append { key, value }),
    ]
}

fn wrong_key_value(_: &KeyValueCommand, seed: u8) -> String {
    ["", "a", "b", "ab", "ba", "aa"][usize::from(seed) % 6].to_owned()
}

/// The register without observers. The result must be the same.
struct Plain(Register);

impl Model for Plain {
    type Command = RegisterCommand;
    type Result = RegisterResult;
    type State = RegisterResult;

    fn init(&self) -> RegisterResult {
        self.0.init()
    }

    fn step(&self, state: &mut RegisterResult, command: &RegisterCommand) -> RegisterResult {
        self.0.step(state, command)
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A regression test: a client called again at exactly the time of another client's return.
#[test]
fn a_client_that_calls_again_at_the_time_of_another_return() {
    let draw = |client, pause, length, command, answer| Draw {
        client,
        pause,
        length,
        effect: 0,
        command,
        answer,
    };
    let (read, write) = (RegisterCommand::Read, RegisterCommand::Write);
    let cas = RegisterCommand::CompareAndSet(1, 0);
    let histories = [
        vec![
            draw(3, 0, 4, read.clone(), Answer::Right),
            draw(3, 0, 1, write(1), Answer::Right),
            draw(3, 0, 0, read.clone(), Answer::Right),
            draw(0, 0, 4, cas.clone(), Answer::Wrong(74)),
        ],
        vec![
            draw(2, 2, 2, read.clone(), Answer::Wrong(0)),
            draw(2, 0, 0, write(1), Answer::Right),
            draw(0, 0, 4, cas, Answer::Wrong(84)),
        ],
        // All of a client's operations between two shown ones are left out, all at the same time.
        vec![
            draw(1, 0, 0, read.clone(), Answer::Right),
            Draw {
                effect: 4,
                ..draw(3, 0, 2, RegisterCommand::CompareAndSet(0, 2), Answer::Right)
            },
            draw(1, 0, 2, read.clone(), Answer::Right),
            draw(0, 0, 0, read.clone(), Answer::Right),
            draw(3, 0, 0, read.clone(), Answer::Right),
            draw(3, 0, 1, RegisterCommand::CompareAndSet(0, 1), Answer::Right),
            draw(3, 0, 0, write(2), Answer::None),
            draw(1, 2, 0, read, Answer::Wrong(28)),
            draw(0, 0, 0, write(0), Answer::Forgotten),
            draw(2, 0, 2, write(0), Answer::Right),
        ],
    ];
    for draws in histories {
        let operations = operations(&Register::new(), &draws, wrong_register);
        compare(&Register::new(), &operations).expect("as brute force says");
        compare(&Plain(Register::new()), &operations).expect("as brute force says");
        check_reduction(&Register::new(), operations, 0).expect("a sound reduction");
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn registers_agree_with_brute_force(draws in draws(register_command(), 3, 1..8)) {
        let operations = operations(&Register::new(), &draws, wrong_register);
        compare(&Register::new(), &operations)?;
        compare(&Plain(Register::new()), &operations)?;
    }

    #[test]
    fn stores_agree_with_brute_force(draws in draws(key_value_command(), 3, 1..8)) {
        let operations = operations(&KeyValue, &draws, wrong_key_value);
        compare(&KeyValue, &operations)?;
    }
}

proptest! {
    #![proptest_config(config(800))]

    #[test]
    fn many_operations_at_one_instant_agree_with_brute_force(
        draws in crowded(register_command(), 2, 1..8),
    ) {
        let operations = operations(&Register::new(), &draws, wrong_register);
        compare(&Register::new(), &operations)?;
        compare(&Plain(Register::new()), &operations)?;
    }

    #[test]
    fn many_operations_on_keys_at_one_instant_agree_with_brute_force(
        draws in crowded(key_value_command(), 2, 1..8),
    ) {
        let operations = operations(&KeyValue, &draws, wrong_key_value);
        compare(&KeyValue, &operations)?;
    }

    /// The interleaving of different clients in the list does not matter.
    #[test]
    fn the_order_of_the_list_does_not_matter(
        draws in draws(register_command(), 2, 1..16),
        seed in any::<u64>(),
    ) {
        shuffling_does_not_matter(&operations(&Register::new(), &draws, wrong_register), seed)?;
    }

    #[test]
    fn the_order_of_a_list_of_operations_at_one_instant_does_not_matter(
        draws in crowded(register_command(), 2, 1..16),
        seed in any::<u64>(),
    ) {
        shuffling_does_not_matter(&operations(&Register::new(), &draws, wrong_register), seed)?;
    }

    /// The result, and the operations it names, do not depend on the number of threads.
    #[test]
    fn threads_do_not_matter(draws in draws(key_value_command(), 1, 1..40), repeat in 20..40_u64) {
        // Many copies, one after another, so that the checker uses threads.
        let once = operations(&KeyValue, &draws, wrong_key_value);
        let mut operations = Vec::new();
        for copy in 0..repeat {
            operations.extend(once.iter().filter(|operation| operation.returned.is_some()).map(|operation| {
                let mut operation = operation.clone();
                operation.called += copy * 1000;
                operation.returned = operation.returned.map(|at| at + copy * 1000);
                operation
            }));
        }
        let history = History::in_client_order(operations).expect("a history");
        let verdict = |threads| Checker::new(&KeyValue).threads(threads).check(&history).verdict;
        prop_assert_eq!(verdict(1), verdict(3));
    }

    /// A reduction never creates a violation: with any of the dropped operations restored, the history still
    /// fails, and the explanation fails at the same operation for the same reason.
    #[test]
    fn reductions_are_sound(
        draws in draws(register_command(), 2, 4..20),
        back in any::<u64>(),
    ) {
        let operations = operations(&Register::new(), &draws, wrong_register);
        check_reduction(&Register::new(), operations, back)?;
    }

    #[test]
    fn reductions_at_one_instant_are_sound(
        draws in crowded(register_command(), 2, 4..20),
        back in any::<u64>(),
    ) {
        let operations = operations(&Register::new(), &draws, wrong_register);
        check_reduction(&Register::new(), operations, back)?;
    }

    #[test]
    fn reductions_of_stores_are_sound(
        draws in draws(key_value_command(), 2, 4..20),
        back in any::<u64>(),
    ) {
        let operations = operations(&KeyValue, &draws, wrong_key_value);
        check_reduction(&KeyValue, operations, back)?;
    }
}

/// All results that an operation could have returned, given everything up to its return. Tries all orders.
fn possible_results<M: Model>(
    model: &M,
    operations: &Operations<M>,
    failing: usize,
) -> BTreeSet<String> {
    type Seen<M> = HashSet<(Vec<bool>, <M as Model>::State, Option<String>)>;

    fn go<M: Model>(
        model: &M,
        operations: &Operations<M>,
        before: &[Vec<usize>],
        failing: usize,
        at: (Vec<bool>, M::State, Option<String>),
        seen: &mut Seen<M>,
        possible: &mut BTreeSet<String>,
    ) {
        if !seen.insert(at.clone()) {
            return;
        }
        let (placed, state, returned) = at;
        if (0..operations.len()).all(|at| placed[at] || operations[at].returned.is_none()) {
            possible.extend(returned.clone());
        }
        for next in 0..operations.len() {
            if placed[next] || before[next].iter().any(|&earlier| !placed[earlier]) {
                continue;
            }
            let mut after = state.clone();
            let result = model.step(&mut after, &operations[next].command);
            let is_open = next == failing;
            if !is_open && operations[next].result.as_ref().is_some_and(|one| *one != result) {
                continue;
            }
            let returned = if is_open { Some(format!("{result:?}")) } else { returned.clone() };
            let mut placed = placed.clone();
            placed[next] = true;
            let at = (placed, after, returned);
            go(model, operations, before, failing, at, seen, possible);
        }
    }

    let mut over: Vec<usize> = (0..operations.len())
        .filter(|&at| operations[at].returned.is_some())
        .filter(|&at| return_order(operations, at) <= return_order(operations, failing))
        .collect();
    over.sort_by_key(|&at| return_order(operations, at));
    let client = operations[failing].client;
    let position = operations[..failing].iter().filter(|one| one.client == client).count();
    let cut = cut(operations, &over);
    let failing =
        (0..cut.len()).filter(|&at| cut[at].client == client).nth(position).expect("kept");
    let before: Vec<Vec<usize>> = (0..cut.len())
        .map(|at| {
            let all = 0..cut.len();
            all.filter(|&earlier| is_before(&cut, earlier, at, Order::RealTime)).collect()
        })
        .collect();
    let mut possible = BTreeSet::new();
    let start = (vec![false; cut.len()], model.init(), None);
    go(model, &cut, &before, failing, start, &mut HashSet::new(), &mut possible);
    possible
}

/// A sum that each command returns. A missing operation changes all later results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Sum(u64);

impl Application for Sum {
    type Command = u64;
    type Result = u64;

    fn execute(&mut self, amount: u64) -> u64 {
        self.0 += amount;
        self.0
    }
}

/// Operations of one client, from pauses, durations and amounts.
fn sums(steps: impl IntoIterator<Item = (u64, u64, u64)>) -> Operations<Sequential<Sum>> {
    let (mut time, mut sum) = (0, Sum::default());
    let operation = |(pause, length, amount)| {
        let called = time + pause;
        time = called + length;
        Operation {
            client: Address::new("chain"),
            command: amount,
            result: Some(sum.execute(amount)),
            called,
            returned: Some(time),
        }
    };
    steps.into_iter().map(operation).collect()
}

/// A regression test: the explanation started after the call of the failing operation, so it missed earlier
/// possible results.
#[test]
fn an_explanation_starts_before_the_call_of_the_failing_operation() {
    let mut operations = sums((0..100).map(|at| (0, 1, u64::from(at < 75))));
    operations.push(Operation {
        client: Address::new("reader"),
        command: 0,
        result: Some(999),
        called: 62,
        returned: Some(100),
    });
    let model = Sequential::new(Sum::default());
    let history = History::in_client_order(operations.clone()).expect("a history");
    let CheckResult::NotLinearizable(violation) = Checker::new(&model).check(&history).verdict
    else {
        panic!("the sum is never 999")
    };
    let explanation = explain(&model, &history, &violation);
    assert!(explanation.expected_is_all);
    let values: Vec<String> = (61..=75).map(|value| value.to_string()).collect();
    assert_eq!(explanation.expected, values);
    check_possible(&model, &operations).expect("as brute force says");
}

/// The possible results in an explanation are exactly those that brute force finds.
fn check_possible<M: Model>(model: &M, operations: &Operations<M>) -> Result<bool, TestCaseError> {
    let history = History::in_client_order(operations.clone()).expect("a history");
    let CheckResult::NotLinearizable(violation) = Checker::new(model).check(&history).verdict
    else {
        return Ok(false);
    };
    let explanation = explain(model, &history, &violation);
    let named: BTreeSet<String> = explanation.expected.iter().cloned().collect();
    // Operations on other keys may fail independently.
    let failing = &operations[violation.operation];
    let on_key = |one: &Operation<M::Command, M::Result>| {
        violation.key.is_none() || model.key(&one.command) == violation.key
    };
    let position = operations[..violation.operation].iter().filter(|one| on_key(one)).count();
    assert!(on_key(failing));
    let on_key: Operations<M> = operations.iter().filter(|one| on_key(one)).cloned().collect();
    let possible = possible_results(model, &on_key, position);
    if explanation.expected_is_all {
        prop_assert_eq!(&named, &possible, "{} of {:?}", explanation.sentence(), operations);
    } else {
        prop_assert!(!explanation.sentence().contains("only"), "{}", explanation.sentence());
        prop_assert!(named.is_subset(&possible), "{} of {:?}", explanation.sentence(), operations);
    }
    Ok(true)
}

/// A random order of the operations that keeps each client's order.
fn shuffled<C, R>(operations: &[Operation<C, R>], seed: u64) -> Vec<usize> {
    let key = |at: usize| (at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17);
    let mut places: Vec<usize> = (0..operations.len()).collect();
    places.sort_by_key(|&at| key(at));
    // The positions of each client's operations, in the client's order.
    let mut order = vec![0; operations.len()];
    let clients: BTreeSet<Address> = operations.iter().map(|one| one.client).collect();
    for client in clients {
        let of_client = |at: &usize| operations[*at].client == client;
        let mine: Vec<usize> = (0..operations.len()).filter(of_client).collect();
        let held = (0..operations.len()).filter(|&position| of_client(&places[position]));
        for (position, at) in held.zip(mine) {
            order[position] = at;
        }
    }
    order
}

/// The result, the operation it names and the explanation are the same for any interleaving.
fn shuffling_does_not_matter(
    operations: &Operations<Register>,
    seed: u64,
) -> Result<(), TestCaseError> {
    let checked = |order: &[usize], by_times: bool| {
        let list: Vec<_> = order.iter().map(|&at| operations[at].clone()).collect();
        let history = match by_times {
            true => History::new(list).ok()?,
            false => History::in_client_order(list).expect("a history"),
        };
        Some(match Checker::new(&Register::new()).check(&history).verdict {
            CheckResult::Linearizable { .. } => None,
            CheckResult::NotLinearizable(violation) => {
                let explanation = explain(&Register::new(), &history, &violation);
                let text =
                    format!("{}\n{}", explanation.sentence(), explanation.to_text(80, false));
                Some((order[violation.operation], text))
            }
            CheckResult::Unknown(limit) => panic!("{limit}"),
        })
    };
    let straight: Vec<usize> = (0..operations.len()).collect();
    let expected = checked(&straight, false).expect("a history");
    prop_assert_eq!(&checked(&shuffled(operations, seed), false).expect("a history"), &expected);
    // If the times give each client's order, the list may be in any order.
    let mut any_order = straight;
    any_order.sort_by_key(|&at| (at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
    if let Some(by_times) = checked(&any_order, true) {
        prop_assert_eq!(&by_times, &expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn possible_results_are_named(draws in draws(register_command(), 2, 8..15)) {
        check_possible(&Register::new(), &operations(&Register::new(), &draws, wrong_register))?;
    }

    #[test]
    fn possible_results_at_one_instant_are_named(
        draws in crowded(register_command(), 2, 8..15),
    ) {
        check_possible(&Register::new(), &operations(&Register::new(), &draws, wrong_register))?;
    }

    #[test]
    fn possible_results_of_a_store_are_named(draws in draws(key_value_command(), 2, 8..15)) {
        check_possible(&KeyValue, &operations(&KeyValue, &draws, wrong_key_value))?;
    }
}

proptest! {
    #![proptest_config(config(300))]

    /// Long enough that the explanation starts late. The failing operation takes long, and may touch others.
    #[test]
    fn possible_results_in_a_long_history_are_named(
        steps in prop::collection::vec((0..2_u64, 0..2_u64), 40..110),
        adding in 0..100_usize,
        called in 0..100_usize,
        others in prop::collection::vec((0..100_u64, 0..6_u64, 0..2_u64, 0..110_u64), 0..2),
        late in 0..3_u64,
    ) {
        let adding = adding * steps.len() / 100;
        let amount = |at: usize| u64::from(at < adding && !at.is_multiple_of(3) || at + 2 == adding);
        let steps = steps.iter().enumerate();
        let mut operations = sums(steps.map(|(at, &(pause, length))| (pause, length, amount(at))));
        let called = operations[called * operations.len() / 100].called;
        let end = operations.last().map_or(0, |last| last.called);
        operations.push(Operation {
            client: Address::new("reader"),
            command: 0,
            result: Some(999),
            called,
            returned: Some(end.max(called) + late),
        });
        for (number, (called, length, amount, result)) in others.into_iter().enumerate() {
            operations.push(Operation {
                client: Address::numbered("other", number),
                command: amount,
                result: Some(result).filter(|_| number == 0),
                called,
                returned: Some(called + length).filter(|_| number == 0),
            });
        }
        check_possible(&Sequential::new(Sum::default()), &operations)?;
    }
}

fn check_reduction<M: Model>(
    model: &M,
    operations: Operations<M>,
    back: u64,
) -> Result<(), TestCaseError> {
    let history = History::in_client_order(operations.clone()).expect("a history");
    let CheckResult::NotLinearizable(violation) = Checker::new(model).check(&history).verdict
    else {
        return Ok(());
    };
    let explanation: Explanation = explain(model, &history, &violation);
    prop_assert_eq!(explanation.before, 0);
    prop_assert_eq!(explanation.operations[explanation.failing].number, violation.operation);
    let as_shown = |number: usize| {
        let shown = explanation.operations.iter().find(|shown| shown.number == number)?;
        let operation = operations[number].clone();
        Some(Operation {
            result: operation.result.filter(|_| shown.result.is_some()),
            returned: operation.returned.filter(|_| shown.returned.is_some()),
            ..operation
        })
    };
    let shown: Operations<M> =
        explanation.operations.iter().filter_map(|shown| as_shown(shown.number)).collect();
    let verdict = |operations: Operations<M>| {
        let history = History::in_client_order(operations).expect("a history");
        Checker::new(model).partition(false).check(&history).verdict
    };

    // The explanation fails at the marked operation.
    match verdict(shown.clone()) {
        CheckResult::NotLinearizable(again) => {
            prop_assert_eq!(again.operation, explanation.failing)
        }
        other => prop_assert!(false, "{:?}", other),
    }
    // The shown order explains everything before its return.
    let mut others = shown.clone();
    let failing = &mut others[explanation.failing];
    failing.result = None;
    let client = failing.client;
    // If its client called again, it has returned, with an unknown result.
    if others[explanation.failing + 1..].iter().all(|other| other.client != client) {
        others[explanation.failing].returned = None;
    }
    let order: Vec<usize> = explanation.order.iter().map(|placed| placed.operation).collect();
    assert_explains(model, &others, &order, Order::RealTime);
    // With any of the possible results, the history would be linearizable.
    for expected in &explanation.expected {
        let mut right = shown.clone();
        let mut state = model.init();
        // Find the result with this text in all reachable states.
        let mut found = None;
        for step in 0..=order.len() {
            let result = model.step(&mut state.clone(), &right[explanation.failing].command);
            if format!("{result:?}") == *expected {
                found = Some(result);
            }
            if let Some(&next) = order.get(step) {
                model.step(&mut state, &others[next].command);
            }
        }
        if let Some(result) = found {
            right[explanation.failing].result = Some(result);
            prop_assert!(
                verdict(right).is_linearizable(),
                "it could not have returned {}",
                expected
            );
        }
    }
    // With any of the dropped operations restored, it still fails.
    let end = return_order(&operations, violation.operation);
    let mut number = 0;
    let mut with_some_back = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        let kept = explanation.operations.iter().any(|shown| shown.number == at);
        let answered = operation.returned.is_some() && return_order(&operations, at) <= end;
        if kept {
            with_some_back.extend(as_shown(at));
        } else if answered {
            number += 1;
            if back >> (number % 64) & 1 == 1 {
                with_some_back.push(operation.clone());
            }
        }
    }
    prop_assert!(verdict(with_some_back).is_violation());
    Ok(())
}
