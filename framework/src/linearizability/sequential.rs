//! Sequential consistency: the same search with each client's program order instead of real time.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::Address;

use super::check_result::{Limit, SequentialCheckResult};
use super::history::History;
use super::model::Model;
use super::problem::{ANY, UNSEEN};
use super::search::{Bounds, Cost};
use super::table::{Interner, RowSet, StepMemo};

/// The limits are checked once per this many configurations.
const CONFIGURATIONS_PER_CHECK: u64 = 256;

struct Step {
    number: usize,
    command: u32,
    result: u32,
    called: u64,
    answered: bool,
    only_observes: bool,
}

struct Frame {
    row: u32,
    placed: Option<usize>,
    // The clients whose next operation can be placed, and the state after it; the best last.
    candidates: Vec<(usize, u32)>,
}

/// Decides whether these operations of a history are sequentially consistent.
///
/// A configuration is the number of operations placed per client, and the model's state.
pub(super) fn search<M: Model>(
    model: &M,
    history: &History<M::Command, M::Result>,
    members: &[usize],
    bounds: &Bounds<'_>,
) -> (SequentialCheckResult, Cost) {
    let mut commands = Interner::new();
    let mut results = Interner::new();
    let mut by_client: BTreeMap<Address, Vec<Step>> = BTreeMap::new();
    let mut in_order = members.to_vec();
    history.sort_by_client(&mut in_order);
    for number in in_order {
        let operation = &history.operations()[number];
        let result = operation.result.as_ref();
        by_client.entry(operation.client).or_default().push(Step {
            number,
            command: commands.intern(&operation.command),
            result: result.map_or(ANY, |result| results.intern(result)),
            called: operation.called,
            answered: operation.returned.is_some(),
            only_observes: result
                .is_some_and(|result| model.only_observes(&operation.command, result)),
        });
    }
    let clients: Vec<Vec<Step>> = by_client.into_values().collect();
    let steps = clients.iter().map(Vec::len).sum::<usize>();
    let must_be_placed = clients.iter().flatten().filter(|step| step.answered).count();

    let mut states: Interner<M::State> = Interner::new();
    let mut memo = StepMemo::default();
    let mut heap_bytes = 0;
    let mut seen = RowSet::new(1 + clients.len(), 0);
    let mut row = vec![0; 1 + clients.len()];
    row[0] = states.intern(model.init());
    let first = seen.insert(&row).expect("the first row is new");

    let mut gather = |row: &[u32], states: &mut Interner<M::State>| {
        let state = row[0];
        let mut candidates = Vec::new();
        for (client, steps) in clients.iter().enumerate() {
            let Some(step) = steps.get(row[1 + client] as usize) else { continue };
            let (next, result) = memo.find(state, step.command).unwrap_or_else(|| {
                let mut next = states.value(state).clone();
                let result = model.step(&mut next, commands.value(step.command));
                heap_bytes += model.heap_bytes(&next);
                let result = results.find(&&result).unwrap_or(UNSEEN);
                let next = states.intern(next);
                memo.insert(state, step.command, next, result);
                (next, result)
            });
            if step.result != ANY && step.result != result {
                continue;
            }
            if step.only_observes {
                assert!(
                    next == state,
                    "the model says that {:?} only observes, but it changes the state",
                    commands.value(step.command)
                );
                return (vec![(client, next)], memo.bytes() + heap_bytes);
            }
            // An unanswered operation that changes nothing need not be placed.
            if step.answered || next != state {
                candidates.push((client, next));
            }
        }
        candidates.sort_by_key(|&(client, _)| {
            let step = &clients[client][row[1 + client] as usize];
            (step.answered, std::cmp::Reverse(step.called))
        });
        (candidates, memo.bytes() + heap_bytes)
    };

    let mut cost = Cost::default();
    let (candidates, mut bytes) = gather(&row, &mut states);
    let mut frames = vec![Frame { row: first, placed: None, candidates }];
    let mut placed = 0;
    let mut checks = 0;
    let verdict = loop {
        if placed == must_be_placed {
            let order = frames.iter().filter_map(|frame| frame.placed).collect();
            break SequentialCheckResult::SequentiallyConsistent { order };
        }
        let Some(frame) = frames.last_mut() else {
            break SequentialCheckResult::NotSequentiallyConsistent;
        };
        let Some((client, next)) = frame.candidates.pop() else {
            let frame = frames.pop().expect("there is a frame");
            let answered = |number: usize| history.operations()[number].returned.is_some();
            placed -= usize::from(frame.placed.is_some_and(answered));
            continue;
        };
        row.copy_from_slice(seen.row(frame.row));
        let step = &clients[client][row[1 + client] as usize];
        row[0] = next;
        row[1 + client] += 1;
        let Some(id) = seen.insert(&row) else { continue };
        placed += usize::from(step.answered);
        let candidates;
        (candidates, bytes) = gather(&row, &mut states);
        frames.push(Frame { row: id, placed: Some(step.number), candidates });
        checks += 1;
        if checks % CONFIGURATIONS_PER_CHECK == 0 {
            cost.memory_bytes = bytes + states.bytes() + seen.bytes();
            if cost.memory_bytes > bounds.memory_bytes_max {
                break SequentialCheckResult::Unknown(Limit::Memory);
            }
            if seen.len() as u64 > bounds.configurations_max {
                break SequentialCheckResult::Unknown(Limit::Configurations);
            }
            if bounds.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                break SequentialCheckResult::Unknown(Limit::Time);
            }
        }
    };
    debug_assert!(frames.len() <= steps + 1);
    cost.configurations = seen.len() as u64;
    cost.states = states.len() as u64;
    cost.memory_bytes = cost.memory_bytes.max(bytes + states.bytes() + seen.bytes());
    (verdict, cost)
}
